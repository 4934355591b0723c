package checklisttest

import (
	"context"
	"fmt"
	"sync"
	"time"

	"keyturn/checklist"
)

var _ checklist.Approver = (*Second)(nil)

// Second is the second persons of a test: each request is answered by the next
// of them, without a signature.
type Second struct {
	People []string // the only one is grace@example.com if empty
	Err    error    // in place of every answer

	mu       sync.Mutex
	requests []checklist.Consent
}

// Request implements checklist.Approver.
func (p *Second) Request(_ context.Context, s *checklist.Session, c checklist.Consent) (checklist.Request, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.requests = append(p.requests, c)
	// A session that comes back after a crash asks anew, and no id is used twice.
	return checklist.Request{
		ID: fmt.Sprintf("request-%d", len(s.Requests)+1), Consent: c, Mandate: s.Mandate(c).Digest(), Text: "please agree",
		Expires: s.LastEvent.At.Add(24 * time.Hour),
	}, nil
}

// Answer implements checklist.Approver.
func (p *Second) Answer(_ context.Context, s *checklist.Session, r checklist.Request, _ checklist.Asker) (checklist.Reply, error) {
	if p.Err != nil {
		return checklist.Reply{}, p.Err
	}
	by := "grace@example.com"
	if len(p.People) > 0 {
		by = p.People[len(s.Approvals)%len(p.People)]
	}
	return checklist.Reply{Approval: &checklist.Approval{Request: r.ID, Item: r.Consent.Item, By: by, Mandate: r.Mandate, At: s.LastEvent.At}}, nil
}

// Asked returns what was asked for, in order.
func (p *Second) Asked() []checklist.Consent {
	p.mu.Lock()
	defer p.mu.Unlock()
	return append([]checklist.Consent(nil), p.requests...)
}

// ApproveStep returns a step that gets the consent of the second persons.
func ApproveStep() *Step {
	return &Step{OnVerify: func(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
		_, err := sc.Approve(ctx, checklist.Consent{})
		return checklist.Evidence{Summary: "approved"}, err
	}}
}
