package record

import (
	"keyturn/checklist"
	"keyturn/keygen/sshsig"
)

// refusal checks who refused a request, why, and when: a request that cannot be
// answered any more cannot be refused either. s is the session before it.
func (a *answers) refusal(s *checklist.Session, e checklist.Event, q *asked) {
	field, refusal := eventField(e), *e.Refusal
	q.refused = true
	text, err := a.v.Requests.Refusal(q.Text, refusal.Reason)
	if err != nil {
		a.failWith(journalFile, field+" reason", err)
		return
	}
	member, err := a.v.Roster.Verify(refusal.Signature, sshsig.NamespaceApproval, []byte(text), refusal.At)
	switch {
	case err != nil:
		a.fail(journalFile, field+" signature", "%v", err)
	case member.Principal != refusal.By:
		a.fail(journalFile, field+" by", "it says %q, and the key is of %s", refusal.By, member.Principal)
	case e.Item != q.Consent.Item || refusal.Item != q.Consent.Item:
		a.fail(journalFile, field+" item", "it is a refusal for item %q, and the request was about %q", refusal.Item, q.Consent.Item)
	default:
		if err := a.v.checkSecond(a.record.Signer.Principal, "refused", member, q.values); err != nil {
			a.failWith(journalFile, field, err)
		}
	}
	if why := outside(refusal.At, q.values); why != "" {
		a.fail(journalFile, field+" at", "%s", why)
	}
	if standing := s.Standing(q.Request, refusal.At); standing != checklist.RequestOpen {
		a.fail(journalFile, field, "request %s could not be answered any more: %s", q.ID, standing)
	}
}
