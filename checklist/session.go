package checklist

import (
	"fmt"
	"slices"
	"time"

	"keyturn/keygen"
)

// Status is where an item stands.
type Status string

// An item is settled once it has passed or was passed over.
const (
	StatusOpen       Status = "open"
	StatusUnknown    Status = "unknown" // started, and nobody said how it ended
	StatusWaiting    Status = "waiting"
	StatusFailed     Status = "failed"
	StatusPassed     Status = "passed"
	StatusPassedOver Status = "passed-over"
)

// Settled reports whether the checklist may go on behind the item.
func (s Status) Settled() bool { return s == StatusPassed || s == StatusPassedOver }

// Override is the reason that stands in for a gate.
type Override struct {
	Reason  string
	mandate string // what a second person agreed to, for a gate that waits for approval
}

// ItemState is what a session knows of one item.
type ItemState struct {
	Status Status
	At     time.Time // of the last change of Status
	// PassedAt is when the item passed first. Passing again does not move it;
	// failing in between does.
	PassedAt time.Time
	By       string
	Plan     *Plan
	// Effects were made and are known to have been. Pending were intended, and
	// nobody knows yet whether they were made.
	Effects  []Effect
	Pending  []Effect
	Evidence *Evidence
	Text     string // why it failed, waits or was passed over
	Changed  string // failed, left: what the run had changed, in words
	Hint     string
	Redo     string    // failed: the item that puts it right when it is done again
	Failure  string    // why it failed, until it passes
	Found    []string  // what its last look found for the next rotation
	Until    time.Time // waiting: when to look again
	Attempts int
	// Round counts how often the item was reopened. What a step made in an
	// earlier round is to be replaced, not trusted.
	Round     int
	Overrides map[string]Override // by gate id
	Answers   []Event             // what the operator answered to the step
	Notes     []Event
}

// Words says how the item stands in more than a word: why it failed or waits,
// and what was changed before.
func (st ItemState) Words() string { return st.Text + Suffix("; ", st.Changed) }

// Answer returns what the operator answered last to a question of the item; ok
// is false before that.
func (st ItemState) Answer(q Asked) (text string, ok bool) {
	for _, a := range st.Answers {
		if *a.Question == q {
			text, ok = a.Text, true
		}
	}
	return text, ok
}

// Issue is something that the next rotation should look at: that an item
// failed, and did not pass since, or what the last look at an item found.
type Issue struct {
	Item   string
	Failed bool
	Text   string // as recorded: what went wrong, or was found
}

// Session is the fold of a journal: everything that is known of one rotation,
// drill, revocation or rollback. It is derived, never stored.
type Session struct {
	Opening    Opening
	OpenedAt   time.Time
	Checklist  Checklist
	Facts      map[string]string
	Readings   map[Metric]Reading
	Requests   []Request  // in the order in which they were made
	Approvals  []Approval // that neither a reopening nor a refusal has taken back
	Refusals   []Refusal
	Seen       map[string]string // the last observation
	SeenAt     time.Time         // of Seen
	Deviations []Deviation
	Notes      []Event
	Outcome    Kind // Finished, Abandoned, or empty while in progress
	EndedAt    time.Time
	EndText    string
	// Leaves is what an abandoned session leaves in service, as far as it knew.
	// Undone says that another session has undone it, and knows.
	Leaves    []Presence
	Undone    bool
	LastEvent Event

	setup    Setup    // the opening's, or the last one that the operator agreed to
	narrowed []string // names of the targets that were taken out
	unseen   []string // names of targets that came after the last observation

	// reopenedAfter is how many requests there were when items were opened again
	// last: what was asked for before that is asked for anew.
	reopenedAfter int

	// current says that Seen was looked at after our last effect, so that any
	// difference from it is somebody else's.
	current bool
	items   map[string]*ItemState
}

// ID returns the session's id.
func (s *Session) ID() string { return s.Opening.Session }

// Setup returns what the session is bound to now: what it was opened with, and
// what the operator has agreed to since, without the targets that were taken
// out.
func (s *Session) Setup() Setup { return s.setup.Without(s.narrowed...) }

// NarrowedTargets returns the names of the targets that were taken out.
func (s *Session) NarrowedTargets() []string { return slices.Clone(s.narrowed) }

// Required returns how many second persons must agree to a change of
// production: as many as the session was opened with, also where a later
// configuration is content with fewer.
func (s *Session) Required() int {
	return max(1, s.Opening.Setup.Approval.Required, s.Setup().Approval.Required)
}

// Issues returns what the next rotation should look at. What a later attempt
// has settled is no issue any more.
func (s *Session) Issues() []Issue {
	var all []Issue
	for i := range s.Checklist.All() {
		st := s.state(i.ID)
		if st.Failure != "" {
			all = append(all, Issue{Item: i.ID, Failed: true, Text: st.Failure})
		}
		for _, text := range st.Found {
			// Several items may find the same, such as a door that is shut.
			if !slices.ContainsFunc(all, func(o Issue) bool { return o.Text == text }) {
				all = append(all, Issue{Item: i.ID, Text: text})
			}
		}
	}
	return all
}

// IssueWords says what an issue is, for people.
func (s *Session) IssueWords(i Issue) string {
	if i.Failed {
		return s.title(i.Item) + " failed: " + i.Text
	}
	return i.Text
}

// StepState returns the first item that a step does, and how it stands; ok is
// false where the checklist has none.
func (s *Session) StepState(step string) (item Item, st ItemState, ok bool) {
	for i := range s.Checklist.All() {
		if i.Step == step {
			return i, s.State(i.ID), true
		}
	}
	return Item{}, ItemState{Status: StatusOpen}, false
}

// State returns what is known of an item; the zero state for an unknown id.
func (s *Session) State(id string) ItemState { return *s.state(id) }

func (s *Session) state(id string) *ItemState {
	if st, ok := s.items[id]; ok {
		return st
	}
	return &ItemState{Status: StatusOpen}
}

func (s *Session) title(id string) string {
	i, _, _ := s.Checklist.Item(id)
	return i.Title
}

// firstUnsettled returns the first item before id that is not settled.
func (s *Session) firstUnsettled(id string) (Item, bool) {
	for _, p := range s.Checklist.Phases {
		for _, i := range p.Items {
			if i.ID == id {
				return Item{}, false
			}
			if !s.items[i.ID].Status.Settled() {
				return i, true
			}
		}
	}
	return Item{}, false
}

// Next returns the item to be done next; false when every item is settled or
// the session has ended.
func (s *Session) Next() (Item, bool) {
	if s.Outcome != "" {
		return Item{}, false
	}
	return s.firstUnsettled("")
}

// NextOpens returns when time alone would let the next item go on: the
// latest of its closed gates' times, or the time it waits for. Zero means that
// it may go on now, or that time will not help.
func (s *Session) NextOpens(now time.Time) time.Time {
	item, ok := s.Next()
	if !ok {
		return time.Time{}
	}
	var latest time.Time
	for _, c := range s.Closed(item, now) {
		if c.Until.After(latest) {
			latest = c.Until
		}
	}
	if st := s.state(item.ID); st.Status == StatusWaiting && st.Until.After(latest) && st.Until.After(now) {
		latest = st.Until
	}
	return latest
}

// Settled counts the items that are settled, and all items.
func (s *Session) Settled() (settled, total int) {
	for _, st := range s.items {
		total++
		if st.Status.Settled() {
			settled++
		}
	}
	return settled, total
}

// Day returns the session's day at a time: 0 on the day it was opened.
func (s *Session) Day(now time.Time) int {
	return int(now.Sub(s.DayOpens(0)) / (24 * time.Hour))
}

// DayOpens returns the first moment of a day, the operator's midnight.
func (s *Session) DayOpens(day int) time.Time {
	at := s.OpenedAt.In(time.FixedZone("", s.Opening.UTCOffset))
	return time.Date(at.Year(), at.Month(), at.Day(), 0, 0, 0, 0, at.Location()).AddDate(0, 0, day).UTC()
}

// Environments returns where the session may act: what it was opened for, of
// what its checklist may touch.
func (s *Session) Environments() []Environment {
	var in []Environment
	for _, e := range s.Checklist.Environments {
		if slices.Contains(s.Opening.Environments, e) {
			in = append(in, e)
		}
	}
	return in
}

// Milestone is something that a session with a limit has to reach.
type Milestone struct {
	Name  string
	Item  string
	At    time.Time     // when it was reached; zero while it was not
	After time.Duration // from the opening to At
	Late  time.Duration // over the limit; zero or less when it was met
}

// Milestones returns what the session has to reach, in order.
func (s *Session) Milestones() []Milestone {
	var all []Milestone
	for i := range s.Checklist.All() {
		if i.Milestone == "" {
			continue
		}
		m := Milestone{Name: i.Milestone, Item: i.ID}
		if at := s.state(i.ID).PassedAt; !at.IsZero() {
			m.At, m.After = at, at.Sub(s.OpenedAt).Truncate(time.Second) // whole seconds, wherever it is shown
			m.Late = m.After - s.Checklist.Limit
		}
		all = append(all, m)
	}
	return all
}

// PutOffAt returns when the item is put off, so that what comes behind it need
// not wait; zero when that does not happen or its time has not begun.
func (s *Session) PutOffAt(item Item) time.Time {
	from := s.state(item.PatienceFrom).PassedAt
	if item.Patience == 0 || from.IsZero() || s.state(item.ID).Status.Settled() {
		return time.Time{}
	}
	return from.Add(item.Patience)
}

// Deadline returns when the checklist's limit ends, and whether anything is
// still to be reached before it.
func (s *Session) Deadline() (time.Time, bool) {
	milestones := s.Milestones()
	pending := len(milestones) == 0 || slices.ContainsFunc(milestones, func(m Milestone) bool { return m.At.IsZero() })
	return s.OpenedAt.Add(s.Checklist.Limit), s.Checklist.Limit > 0 && pending && s.Outcome == ""
}

// Key returns the key id that has the role in this session.
func (s *Session) Key(r Role) keygen.KeyID {
	if r == BackupKey {
		return keygen.Emergency
	}
	if r == OldKey {
		return s.Opening.Old
	}
	return s.Opening.New
}

// Fingerprint returns the recorded fingerprint of a key in an environment.
func (s *Session) Fingerprint(e Environment, r Role) keygen.Fingerprint {
	return keygen.Fingerprint(s.Facts[Fact(FactFingerprint, e, r)])
}

// CanReopen returns nil when the item may be done again, or why not.
func (s *Session) CanReopen(itemID string) error {
	if _, _, ok := s.Checklist.Item(itemID); !ok {
		return fmt.Errorf("checklist %s has no item %q", s.Checklist.ID, itemID)
	}
	if s.state(itemID).Status == StatusOpen {
		return fmt.Errorf("%q has not been done", s.title(itemID))
	}
	from := false
	for i := range s.Checklist.All() {
		from = from || i.ID == itemID
		st := s.items[i.ID]
		if from && st.Plan != nil && st.Plan.Risk == Irreversible && st.Status != StatusOpen {
			return fmt.Errorf("%q cannot be done again: %q was done since, and cannot be undone", s.title(itemID), i.Title)
		}
	}
	return nil
}

// CanRepeat returns nil when an item may be done again although it is settled,
// or why not. A proof may not be repeated once a later item has changed what it
// is about: it would fail for good, and keep shut everything behind it.
func (s *Session) CanRepeat(itemID string) error {
	item, _, ok := s.Checklist.Item(itemID)
	switch {
	case !ok:
		return fmt.Errorf("checklist %s has no item %q", s.Checklist.ID, itemID)
	case !item.Repeat:
		return fmt.Errorf("%q is settled already", item.Title)
	case len(s.ApprovedBy(itemID)) > 0:
		return nil // an approval can run out between the items that need it
	}
	behind := false
	for later := range s.Checklist.All() {
		// What was opened again is to be done anew, or was undone by a rollback.
		st := s.state(later.ID)
		if behind && st.Status != StatusOpen && st.changed(item.Environments) {
			return fmt.Errorf("%q cannot be done again: %q has changed what it is about since", item.Title, later.Title)
		}
		behind = behind || later.ID == itemID
	}
	return nil
}

// changed reports whether the item changed, or may have, one of environments.
func (st *ItemState) changed(environments []Environment) bool {
	in := func(e Effect) bool { return slices.Contains(environments, e.Environment) }
	return slices.ContainsFunc(st.Effects, in) || slices.ContainsFunc(st.Pending, in)
}
