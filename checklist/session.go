package checklist

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
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
	StatusPassedOver Status = "passed over"
)

// Settled reports whether the checklist may go on behind the item.
func (s Status) Settled() bool { return s == StatusPassed || s == StatusPassedOver }

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
	Hint     string
	Until    time.Time // waiting: when to look again
	Attempts int
	// Round counts how often the item was reopened. What a step made in an
	// earlier round is to be replaced, not trusted.
	Round     int
	Overrides map[string]string // gate id to reason
	Answers   []Event           // what the operator answered to the step
	Notes     []Event
}

// Deviation is something done otherwise than the checklist says.
type Deviation struct {
	At     time.Time
	By     string
	Item   string
	What   string
	Reason string
	// Approved names the second person, where one agreed.
	Approved string
}

// Session is the fold of a journal: everything that is known of one rotation,
// drill, revocation or rollback. It is derived, never stored.
type Session struct {
	Opening    Opening
	OpenedAt   time.Time
	Checklist  Checklist
	Facts      map[string]string
	Readings   map[Metric]Reading
	Approvals  map[string]Approval // by the approving item
	Seen       map[string]string   // the last observation
	SeenAt     time.Time           // of Seen
	Deviations []Deviation
	Issues     []string // open issues for the next rotation
	Notes      []Event
	Outcome    Kind // Finished, Abandoned, or empty while in progress
	EndedAt    time.Time
	EndText    string
	// Left is what an abandoned session leaves in service, as far as it knew; ""
	// where EndText says it.
	Left      string
	LastEvent Event

	// current says that Seen was looked at after our last effect, so that any
	// difference from it is somebody else's.
	current bool
	items   map[string]*ItemState
}

// ID returns the session's id.
func (s *Session) ID() string { return s.Opening.Session }

// Fold derives the session from its events. find returns the checklist that
// an opening names.
func Fold(events []Event, find func(Opening) (Checklist, error)) (*Session, error) {
	if len(events) == 0 || events[0].Kind != Opened || events[0].Opening == nil {
		return nil, fmt.Errorf("fold the journal: want an %q event first", Opened)
	}
	c, err := find(*events[0].Opening)
	if err != nil {
		return nil, fmt.Errorf("fold the journal: %w", err)
	}
	s := newSession(c)
	for _, e := range events {
		if err := s.apply(e); err != nil {
			return nil, fmt.Errorf("fold the journal: event %d: %w", e.Seq, err)
		}
	}
	return s, nil
}

func newSession(c Checklist) *Session {
	s := &Session{
		Checklist: c,
		Facts:     map[string]string{},
		Readings:  map[Metric]Reading{},
		Approvals: map[string]Approval{},
		items:     map[string]*ItemState{},
	}
	for _, i := range c.Items() {
		s.items[i.ID] = &ItemState{Status: StatusOpen, Overrides: map[string]string{}}
	}
	return s
}

// Clone returns a copy that later events do not change.
func (s *Session) Clone() *Session {
	c := *s
	c.Facts = maps.Clone(s.Facts)
	c.Readings = maps.Clone(s.Readings)
	c.Approvals = maps.Clone(s.Approvals)
	c.Deviations = slices.Clone(s.Deviations)
	c.Issues = slices.Clone(s.Issues)
	c.Notes = slices.Clone(s.Notes)
	c.items = make(map[string]*ItemState, len(s.items))
	for id, st := range s.items {
		copied := *st
		copied.Effects = slices.Clone(st.Effects)
		copied.Pending = slices.Clone(st.Pending)
		copied.Overrides = maps.Clone(st.Overrides)
		copied.Answers = slices.Clone(st.Answers)
		copied.Notes = slices.Clone(st.Notes)
		c.items[id] = &copied
	}
	return &c
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
	for _, i := range s.Checklist.Items() {
		if i.Milestone == "" {
			continue
		}
		m := Milestone{Name: i.Milestone, Item: i.ID}
		if at := s.state(i.ID).PassedAt; !at.IsZero() {
			m.At, m.After = at, at.Sub(s.OpenedAt)
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

// Action returns the text of what an approving item approves: the items whose
// gates name it, where they act, and on which keys. Any change of it voids the
// approval.
func (s *Session) Action(approving Item) string {
	var b strings.Builder
	fmt.Fprintf(&b, "session %s\nchecklist %s %s\n", s.ID(), s.Checklist.ID, s.Checklist.Digest())
	fmt.Fprintf(&b, "targets %s\n", strings.Join(s.Opening.Targets, " "))
	for _, i := range s.ApprovedBy(approving.ID) {
		fmt.Fprintf(&b, "item %s: %s %v\n", i.ID, i.Title, i.Environments)
	}
	for _, e := range s.Environments() {
		for _, r := range []Role{OldKey, NewKey} {
			fmt.Fprintf(&b, "%s %s key %s %s\n", e, r, s.Key(r), s.Fingerprint(e, r))
		}
	}
	return b.String()
}

// ActionDigest returns the SHA-256 of Action in hex.
func (s *Session) ActionDigest(approving Item) string {
	sum := sha256.Sum256([]byte(s.Action(approving)))
	return hex.EncodeToString(sum[:])
}

// ApprovedBy returns the items that wait for an approving item.
func (s *Session) ApprovedBy(approving string) []Item {
	var items []Item
	for _, i := range s.Checklist.Items() {
		if slices.ContainsFunc(i.Gates, func(g Gate) bool { return g.Kind == GateApproval && g.Item == approving }) {
			items = append(items, i)
		}
	}
	return items
}

// admit reports why an event cannot be one of this session's. The engine asks
// before it writes one, since a journal cannot take an event back.
func (s *Session) admit(e Event) error {
	if _, ok := s.items[e.Item]; e.Item != "" && !ok {
		return fmt.Errorf("checklist %s has no item %q", s.Checklist.ID, e.Item)
	}
	switch e.Kind {
	case Opened:
		if s.LastEvent.Seq != 0 || e.Opening == nil {
			return fmt.Errorf("want one %q event, the first, that says what the session is about", Opened)
		}
	case Intended, Done, Unmade, Unknown:
		return want(e, "an effect", e.Effect != nil)
	case Planned:
		return want(e, "a plan", e.Plan != nil)
	case Passed:
		return want(e, "evidence", e.Evidence != nil)
	}
	return nil
}

func want(e Event, what string, there bool) error {
	if !there {
		return fmt.Errorf("want %s in a %q event", what, e.Kind)
	}
	return nil
}

// apply changes the session by one event. It is the only place that does.
func (s *Session) apply(e Event) error {
	if err := s.admit(e); err != nil {
		return err
	}
	s.LastEvent = e
	st := s.state(e.Item)
	become := func(status Status) {
		st.Status, st.At, st.By = status, e.At, e.By
		st.Text, st.Hint, st.Until = e.Text, e.Hint, time.Time{}
	}
	switch e.Kind {
	case Opened:
		s.Opening, s.OpenedAt = *e.Opening, e.At
		if digest := s.Checklist.Digest(); s.Opening.Digest != "" && s.Opening.Digest != digest {
			s.deviate(e, fmt.Sprintf("the checklist is not the one that was opened: its digest was %.16s… and is %.16s…", s.Opening.Digest, digest))
		}
	case Planned:
		st.Plan = e.Plan
	case Started:
		become(StatusUnknown)
		st.Attempts++
	case Left:
		st.leave(e)
	case Intended:
		st.settle(*e.Effect)
		st.Pending = append(st.Pending, *e.Effect)
		s.current = false
	case Done:
		st.settle(*e.Effect)
		st.Effects = append(st.Effects, *e.Effect)
	case Unmade:
		st.settle(*e.Effect)
	case Answered:
		st.Answers = append(st.Answers, e)
	case Measured:
		s.learn(e)
	case Waiting:
		become(StatusWaiting)
		if e.Until != nil {
			st.Until = *e.Until
		}
		st.Evidence = e.Evidence
		s.learn(e)
	case Passed:
		become(StatusPassed)
		if st.PassedAt.IsZero() {
			st.PassedAt = e.At
		}
		st.Pending = nil
		st.Evidence = e.Evidence
		s.learn(e)
	case Failed:
		become(StatusFailed)
		st.PassedAt = time.Time{}
		st.Evidence = e.Evidence
		s.learn(e)
		s.Issues = append(s.Issues, fmt.Sprintf("%s failed: %s", s.title(e.Item), e.Text))
	case PassedOver:
		become(StatusPassedOver)
		s.deviate(e, "passed over "+s.title(e.Item))
	case Overridden:
		st.Overrides[e.Gate] = e.Text
		s.deviate(e, "gate "+e.Gate+" overridden for "+s.title(e.Item))
	case Reopened:
		s.reopen(e)
	case RolledBack:
		s.rollBack(e)
	case Noted:
		s.Notes = append(s.Notes, e)
		st.Notes = append(st.Notes, e)
	case Observed:
		s.look(e)
	case Drifted:
		for _, d := range e.Drift {
			s.Deviations = append(s.Deviations, Deviation{At: e.At, By: e.By, Item: e.Item, What: "changed outside the session: " + d.String(), Reason: e.Text})
		}
	case Finished, Abandoned:
		s.Outcome, s.EndedAt, s.EndText = e.Kind, e.At, e.Text
		if e.Kind == Abandoned {
			s.giveUp(e)
		}
	case Resumed, Recovered, Turned, Agreed, Declined, Unknown:
	default:
		return fmt.Errorf("kind %q is not known to this version", e.Kind)
	}
	return nil
}

// giveUp takes in that the session was given up, which is otherwise than the
// checklist says.
func (s *Session) giveUp(e Event) {
	what := "abandoned before its end"
	if e.Evidence != nil {
		s.Left = e.Evidence.Summary
		what += "; in service as far as the session knows: " + s.Left
	}
	s.deviate(e, what)
}

// leave puts an item that was left in the middle back to where it was, unless
// something was changed: then only another look can say how it stands.
func (st *ItemState) leave(e Event) {
	if st.Status != StatusUnknown {
		return
	}
	st.At, st.By, st.Text = e.At, e.By, e.Text
	switch {
	case len(st.Effects) > 0 || len(st.Pending) > 0:
	case st.PassedAt.IsZero():
		st.Status = StatusOpen
	default:
		st.Status = StatusPassed
	}
}

// reopen makes an item and all that were done after it open again.
func (s *Session) reopen(e Event) {
	from := false
	for _, i := range s.Checklist.Items() {
		from = from || i.ID == e.Item
		st := s.items[i.ID]
		if !from || st.Status == StatusOpen {
			continue
		}
		st.Status, st.At, st.By = StatusOpen, e.At, e.By
		st.Text, st.Hint, st.Until, st.Evidence, st.Pending = "", "", time.Time{}, nil, nil
		st.PassedAt = time.Time{}
		st.Overrides = map[string]string{} // a reason given for one round is none for the next
		st.Round++
		delete(s.Approvals, i.ID)
	}
	s.deviate(e, "done again from "+s.title(e.Item))
}

// rollBack takes in that another session put the old key back: what this one
// did to remove it is undone, so the items are open again, also those that
// could not be undone from here.
func (s *Session) rollBack(e Event) {
	if e.Item != "" && s.state(e.Item).Status != StatusOpen {
		s.reopen(e)
	} else {
		s.deviate(e, "rolled back")
	}
	if e.Seen != nil {
		s.look(e)
	}
}

// look takes in what the outside looks like.
func (s *Session) look(e Event) { s.Seen, s.SeenAt, s.current = e.Seen, e.At, true }

// CanReopen returns nil when the item may be done again, or why not.
func (s *Session) CanReopen(itemID string) error {
	if _, _, ok := s.Checklist.Item(itemID); !ok {
		return fmt.Errorf("checklist %s has no item %q", s.Checklist.ID, itemID)
	}
	if s.state(itemID).Status == StatusOpen {
		return fmt.Errorf("%q has not been done", s.title(itemID))
	}
	from := false
	for _, i := range s.Checklist.Items() {
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
	for _, later := range s.Checklist.Items() {
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

// settle takes an effect out of those whose outcome is not known.
func (st *ItemState) settle(e Effect) {
	st.Pending = slices.DeleteFunc(st.Pending, e.same)
}

// learn takes facts, readings, approvals and issues from an event's evidence.
func (s *Session) learn(e Event) {
	if e.Evidence == nil {
		return
	}
	for name, value := range e.Evidence.Facts {
		if value == "" {
			delete(s.Facts, name)
		} else {
			s.Facts[name] = value
		}
	}
	for _, r := range e.Evidence.Readings {
		s.Readings[r.Metric] = r
	}
	if e.Evidence.Approval != nil {
		s.Approvals[e.Item] = *e.Evidence.Approval
	}
	for _, issue := range e.Evidence.Issues {
		if !slices.Contains(s.Issues, issue) { // a reading repeats what it found
			s.Issues = append(s.Issues, issue)
		}
	}
}

func (s *Session) deviate(e Event, what string) {
	d := Deviation{At: e.At, By: e.By, Item: e.Item, What: what, Reason: e.Text}
	if e.Approval != nil {
		d.Approved = e.Approval.By
	}
	s.Deviations = append(s.Deviations, d)
}
