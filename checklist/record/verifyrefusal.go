package record

import (
	"fmt"

	"keyturn/checklist"
	"keyturn/keygen/sshsig"
)

// checkRefusal checks who refused a request, why, and when: a request that cannot
// be answered any more cannot be refused either.
func (v *verifier) checkRefusal(c *checked, at int, r checklist.Request) {
	field := fmt.Sprintf("event %d", at+1)
	e := c.journal.events[at]
	refusal := *e.Refusal
	text, err := v.Requests.Refusal(r.Text, refusal.Reason)
	if err != nil {
		c.failWith(journalFile, field+" reason", err)
		return
	}
	values, _ := v.Requests.Fields(r.Text) // it was read before
	member, err := v.Roster.Verify(refusal.Signature, sshsig.NamespaceApproval, []byte(text), refusal.At)
	switch {
	case err != nil:
		c.fail(journalFile, field+" signature", "%v", err)
	case member.Principal != refusal.By:
		c.fail(journalFile, field+" by", "it says %q, and the key is of %s", refusal.By, member.Principal)
	case e.Item != r.Consent.Item || refusal.Item != r.Consent.Item:
		c.fail(journalFile, field+" item", "it is a refusal for item %q, and the request was about %q", refusal.Item, r.Consent.Item)
	default:
		v.checkSecond(c, journalFile, field, "refused", member, values)
	}
	if why := outside(refusal.At, values); why != "" {
		c.fail(journalFile, field+" at", "%s", why)
	}
	if c.failure != nil {
		return
	}
	s, err := checklist.Fold(c.journal.events[:at])
	if err != nil {
		c.failWith(journalFile, field, err)
	} else if standing := s.Standing(r, refusal.At); standing != checklist.RequestOpen {
		c.fail(journalFile, field, "request %s could not be answered any more: %s", r.ID, standing)
	}
}
