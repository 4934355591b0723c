package record

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"

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

// readJournal reads a journal and checks its chain: every line names the
// SHA-256 of the line before it, line feed included.
func readJournal(text []byte) (copied, error) {
	if len(text) == 0 {
		return copied{}, errors.New("it is empty")
	}
	var c copied
	for line := range bytes.Lines(text) {
		number := len(c.events) + 1
		if line[len(line)-1] != '\n' {
			return copied{}, fmt.Errorf("line %d: the line feed is missing", number)
		}
		var e checklist.Event
		dec := json.NewDecoder(bytes.NewReader(line))
		dec.DisallowUnknownFields()
		if err := dec.Decode(&e); err != nil {
			return copied{}, fmt.Errorf("line %d: %w", number, err)
		}
		switch {
		case e.Seq != number:
			return copied{}, fmt.Errorf("line %d: its seq is %d", number, e.Seq)
		case e.Prev != c.head():
			return copied{}, fmt.Errorf("line %d: prev is not the digest of the line before it", number)
		}
		c.events = append(c.events, e)
		c.digests = append(c.digests, digestOf(line))
	}
	if c.events[0].Opening == nil {
		return copied{}, fmt.Errorf("line 1: want an %q event", checklist.Opened)
	}
	return c, nil
}

// approvals returns every consent that the journal holds, in order, whether it
// was asked for by an item or for a deviation.
func (c copied) approvals() []Approval {
	approvals := []Approval{}
	for _, e := range c.events {
		if a := approvalIn(e); a != nil {
			approvals = append(approvals, Approval{
				Item: a.Item, Principal: a.By, AcceptedAt: stamp(a.At), PlanSHA256: a.Action,
				Request: a.Request, Signature: a.Signature,
			})
		}
	}
	return approvals
}

func approvalIn(e checklist.Event) *checklist.Approval {
	if e.Evidence != nil && e.Evidence.Approval != nil {
		return e.Evidence.Approval
	}
	return e.Approval
}
