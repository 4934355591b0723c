// Package record keeps the signed account of every finished session, in a form
// that outlives Keyturn: an auditor verifies it with ssh-keygen, jq and
// sha256sum (testdata/verify-trail.sh), or better with VerifyTrail.
//
// A trail is a folder:
//
//	id                                    the trail's id, a UUID
//	HEAD                                  one line that names the last record
//	000001-SESSION/record.json            what was done; its exact bytes are signed
//	000001-SESSION/record.json.sig        SSHSIG, namespace keyturn-record
//	000001-SESSION/report.md              the same for people, in the words of its day
//	000001-SESSION/journal.jsonl          the session's journal, byte for byte
//	000001-SESSION/approval-late.txt      an emergency's approval afterwards: see Late
//	predecessor                           of a trail that goes on after another: see Succession
//
// Each record names the digest of the one before it, of its journal and of its
// report. A record holds codes, parameters and recorded texts. It follows from its
// journal alone, and the verifier derives it again; words may change.
//
// What a session may have done is not taken from what it carries. The checklist
// must have every item of a released skeleton, allPermissions says which step
// makes which change and who must have agreed, and the gates of each item are asked
// again where it began. What could not be checked is told by class, and is no
// success.
//
// Start with OpenTrail and Trail.Append on one side, with VerifyTrail on the
// other.
package record
