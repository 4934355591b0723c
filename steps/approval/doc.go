// Package approval asks a second person for consent, in a text that is at once
// what the person reads and what the person signs.
//
// Issue makes a request and Request.Text its text; the approver answers with
// the armor of Sign, or of
//
//	ssh-keygen -Y sign -f KEY -n keyturn-approval request.txt
//
// or refuses by signing the RefusalText, in the same way. ParseAnswer, Find and
// Found.Check say which request was answered, how, and by whom. All texts survive
// mail and chat through sshsig.NormalizePasted.
//
// A request names the heads of the trail and of the session's journal. So every
// approval is also a witness: older records cannot be rewritten while an
// approval of them is kept anywhere.
package approval
