package checklist

import (
	"fmt"
	"strings"
	"time"
)

// GateKind says what a gate waits for.
type GateKind string

// The kinds of gate. Order and day need no entry in an item's Gates: every
// item waits for the ones before it, and for its phase's day.
const (
	GateOrder    GateKind = "order"    // the items before it
	GateDay      GateKind = "day"      // the phase's day
	GateSoak     GateKind = "soak"     // a time since another item passed
	GateApproval GateKind = "approval" // a second person
	GateMetric   GateKind = "metric"   // a reading at or under a limit
	GateProof    GateKind = "proof"    // a fact that no reason can replace
)

// approvalValid is how long after its acceptance an approval lets the approved
// items start. It covers a working day; an older one is asked for again.
const approvalValid = 24 * time.Hour

// readingFresh is how old a reading may be when a gate relies on it.
const readingFresh = 15 * time.Minute

// Gate is a reason why an item may not be done yet.
type Gate struct {
	Kind   GateKind `json:"kind"`
	Item   string   `json:"item,omitempty"`   // approval, soak: the item that opens it
	Days   int      `json:"days,omitempty"`   // soak: days since Item passed
	Metric Metric   `json:"metric,omitempty"` // metric
	Limit  float64  `json:"limit,omitempty"`  // metric: the highest value that passes
	Fact   string   `json:"fact,omitempty"`   // proof
	Words  string   `json:"words,omitempty"`  // proof: what must be proved
}

// id identifies the gate within its item, for overrides.
func (g Gate) id() string {
	switch g.Kind {
	case GateSoak, GateApproval:
		return string(g.Kind) + ":" + g.Item
	case GateMetric:
		return string(g.Kind) + ":" + string(g.Metric)
	case GateProof:
		return string(g.Kind) + ":" + g.Fact
	}
	return string(g.Kind)
}

// Closed is a gate that keeps an item from being done now.
type Closed struct {
	Gate Gate
	// ID names the gate to Engine.Override.
	ID  string
	Why string
	// Until is when time alone opens the gate; zero when time will not.
	Until time.Time
	// CanOverride reports whether a written reason may stand in for it.
	CanOverride bool
}

// GateError says that an item may not be done yet.
type GateError struct {
	Item   Item
	Closed []Closed
}

func (e *GateError) Error() string {
	whys := make([]string, len(e.Closed))
	for i, c := range e.Closed {
		whys[i] = c.Why
	}
	return fmt.Sprintf("%s cannot be done yet: %s", e.Item.ID, strings.Join(whys, "; "))
}

// Hint says what opens the gate.
func (e *GateError) Hint() string {
	for _, c := range e.Closed {
		switch {
		case c.Gate.Kind == GateProof:
			return "this gate takes no override; run the probe again until it passes"
		case c.Gate.Metric == FailuresPerHour:
			return "find the cause, then wait or override the gate with a written reason; keyturn rollback puts the old key back"
		case c.Gate.Kind == GateApproval:
			return "ask for the approval again, or override the gate with a written reason"
		}
	}
	return "wait, or override the gate with a written reason"
}

// Closed returns the gates that keep the item from being done at now, and
// nothing when it may be done.
func (s *Session) Closed(item Item, now time.Time) []Closed {
	var closed []Closed
	add := func(g Gate, until time.Time, override bool, why string, args ...any) {
		id := g.id()
		if override && s.overrides(item, g) {
			return
		}
		closed = append(closed, Closed{Gate: g, ID: id, Why: fmt.Sprintf(why, args...), Until: until, CanOverride: override})
	}
	if before, open := s.firstUnsettled(item.ID); open {
		add(Gate{Kind: GateOrder}, time.Time{}, false, "%q comes first", before.Title)
	}
	if _, phase, ok := s.Checklist.Item(item.ID); ok {
		if opens := s.DayOpens(phase.Day); now.Before(opens) {
			add(Gate{Kind: GateDay}, opens, true, "day %d opens %s", phase.Day, opens.Format("Mon 2 Jan 15:04 MST"))
		}
	}
	for _, g := range item.Gates {
		s.checkGate(g, now, add)
	}
	return closed
}

// overrides reports whether a reason stands in for a gate of an item. One that
// stands in for an approval does so for the mandate that it was given for.
func (s *Session) overrides(item Item, g Gate) bool {
	o, ok := s.state(item.ID).Overrides[g.id()]
	if !ok || g.Kind != GateApproval {
		return ok
	}
	return o.mandate == s.overrideMandate(item.ID, g.id(), o.Reason)
}

func (s *Session) overrideMandate(item, gate, reason string) string {
	return s.Mandate(Consent{Item: item, Deviation: Overridden, Gate: gate, Reason: reason}).Digest()
}

func (s *Session) checkGate(g Gate, now time.Time, add func(Gate, time.Time, bool, string, ...any)) {
	switch g.Kind {
	case GateSoak:
		since := s.state(g.Item)
		title := s.title(g.Item)
		if since.Status != StatusPassed {
			add(g, time.Time{}, true, "%q has not passed", title)
		} else if opens := since.PassedAt.AddDate(0, 0, g.Days); now.Before(opens) {
			add(g, opens, true, "%d days have not passed since %q", g.Days, title)
		}
	case GateApproval:
		s.checkApproval(g, now, add)
	case GateMetric:
		r, ok := s.Readings[g.Metric]
		switch {
		case !ok:
			add(g, time.Time{}, true, "%s has not been read", g.Metric)
		case now.Sub(r.At) > readingFresh:
			add(g, time.Time{}, true, "the last reading of %s is from %s", g.Metric, r.At.Format("2 Jan 15:04"))
		case r.Value > g.Limit:
			add(g, time.Time{}, true, "%s is %g, over %g%s", g.Metric, r.Value, g.Limit, Suffix(": ", r.Detail))
		}
	case GateProof:
		if s.Facts[g.Fact] == "" {
			add(g, time.Time{}, false, "not proved: %s", g.Words)
		}
	}
}

func (s *Session) checkApproval(g Gate, now time.Time, add func(Gate, time.Time, bool, string, ...any)) {
	consent := Consent{Item: g.Item}
	agreed, required := s.Agreed(consent, now), s.Required()
	if len(agreed) >= required {
		return
	}
	mandate := s.Mandate(consent).Digest()
	var last *Approval
	for i, a := range s.Approvals {
		if a.Item == g.Item {
			last = &s.Approvals[i]
		}
	}
	refusal, refused := s.lastRefusal(consent)
	switch {
	case refused:
		add(g, time.Time{}, true, "%s refused it%s; ask again", refusal.By, Suffix(": ", refusal.Reason))
	case last == nil:
		add(g, time.Time{}, true, "%q is missing", s.title(g.Item))
	case last.Mandate != mandate:
		add(g, time.Time{}, true, "what %s approved has changed since; ask again", last.By)
	case now.Sub(last.At) > approvalValid:
		add(g, time.Time{}, true, "the approval by %s ran out at %s; ask again", last.By, last.At.Add(approvalValid).Format("2 Jan 15:04"))
	default:
		add(g, time.Time{}, true, "%d of %d people have approved it", len(agreed), required)
	}
}

// Suffix returns a text behind a separator, and nothing for no text.
func Suffix(sep, text string) string {
	if text == "" {
		return ""
	}
	return sep + text
}
