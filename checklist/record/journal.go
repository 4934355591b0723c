package record

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"keyturn/checklist"
)

// copied is a journal's copy, understood.
type copied struct {
	events  []checklist.Event
	digests []string // of each line with its line feed
}

func (c copied) head() string { return c.headAt(len(c.digests)) }

// headAt returns the head when the journal had that many events.
func (c copied) headAt(events int) string {
	if events < 1 {
		return noDigest
	}
	return c.digests[events-1]
}

func (c copied) opening() checklist.Opening { return *c.events[0].Opening }

// readJournal reads a journal exactly as Keyturn writes it. What another version
// wrote is a *checklist.NewerError, or wraps checklist.ErrPreRelease.
func readJournal(text []byte) (copied, error) {
	if len(text) == 0 {
		return copied{}, errors.New("it is empty")
	}
	lines := bytes.Count(text, []byte("\n"))
	c := copied{events: make([]checklist.Event, 0, lines), digests: make([]string, 0, lines)}
	chain := checklist.NewChain()
	for line := range bytes.Lines(text) {
		if line[len(line)-1] != '\n' {
			return copied{}, fmt.Errorf("line %d: the line feed is missing", chain.Seq+1)
		}
		c.events = append(c.events, checklist.Event{})
		next, err := chain.Follow(line, &c.events[len(c.events)-1])
		var newer *checklist.NewerError
		switch {
		case errors.As(err, &newer):
			return copied{}, &checklist.NewerError{What: "the journal", Reason: fmt.Sprintf("line %d: %s", chain.Seq+1, newer.Reason)}
		case errors.Is(err, checklist.ErrPreRelease):
			return copied{}, preRelease("the journal")
		case err != nil:
			return copied{}, fmt.Errorf("line %d: %w", chain.Seq+1, err)
		}
		chain = next
		c.digests = append(c.digests, chain.Head)
	}
	if c.events[0].Kind != checklist.Opened || c.events[0].Opening == nil {
		return copied{}, fmt.Errorf("line 1: want an %q event", checklist.Opened)
	}
	return c, nil
}

// requested returns the index of the event that made a request, and -1 where
// there is none.
func (c copied) requested(id string) int {
	return slices.IndexFunc(c.events, func(e checklist.Event) bool { return e.Request != nil && e.Request.ID == id })
}

// approvals returns every consent that the journal holds, in order.
func (c copied) approvals() []Approval {
	approvals := []Approval{}
	for _, e := range c.events {
		if e.Approval == nil {
			continue
		}
		a := Approval{
			ID: e.Approval.Request, Item: e.Approval.Item, Principal: e.Approval.By,
			AcceptedAt: stamp(e.Approval.At), Mandate: e.Approval.Mandate, Signature: e.Approval.Signature,
		}
		if i := c.requested(a.ID); i >= 0 {
			r := c.events[i].Request
			a.Request, a.Deviation, a.Gate, a.Target = r.Text, r.Consent.Deviation, r.Consent.Gate, r.Consent.Target
		}
		approvals = append(approvals, a)
	}
	return approvals
}

// refusals returns every refusal that the journal holds, in order.
func (c copied) refusals() []Refusal {
	var refusals []Refusal
	for _, e := range c.events {
		if e.Refusal == nil {
			continue
		}
		r := Refusal{
			ID: e.Refusal.Request, Item: e.Refusal.Item, Principal: e.Refusal.By,
			AcceptedAt: stamp(e.Refusal.At), Reason: e.Refusal.Reason, Signature: e.Refusal.Signature,
		}
		if i := c.requested(r.ID); i >= 0 {
			r.Request = c.events[i].Request.Text
		}
		refusals = append(refusals, r)
	}
	return refusals
}
