package checklist

import (
	"fmt"
	"maps"
	"slices"
	"time"
)

// Fold derives the session from its events. The opening carries the checklist,
// so that a journal means the same to every later version.
func Fold(events []Event) (*Session, error) {
	return Walk(events, func(*Session, Event) error { return nil })
}

// Walk is Fold that shows the session as it was before each event, which is one that
// the session may have. What is shown holds until visit returns, and must not be
// changed; an error of visit ends the walk.
func Walk(events []Event, visit func(before *Session, e Event) error) (*Session, error) {
	if len(events) == 0 || events[0].Kind != Opened || events[0].Opening == nil {
		return nil, fmt.Errorf("fold the journal: want an %q event first", Opened)
	}
	s := newSession(events[0].Opening.Checklist)
	for _, e := range events {
		if err := s.admit(e); err != nil {
			return nil, fmt.Errorf("fold the journal: event %d: %w", e.Seq, err)
		}
		if err := visit(s, e); err != nil {
			return nil, err
		}
		if err := s.take(e); err != nil {
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
		items:     map[string]*ItemState{},
	}
	for i := range c.All() {
		s.items[i.ID] = &ItemState{Status: StatusOpen, Overrides: map[string]Override{}}
	}
	return s
}

// Clone returns a copy that later events do not change.
func (s *Session) Clone() *Session {
	c := *s
	c.Facts = maps.Clone(s.Facts)
	c.Readings = maps.Clone(s.Readings)
	c.Approvals = slices.Clone(s.Approvals)
	c.Requests = slices.Clone(s.Requests)
	c.Refusals = slices.Clone(s.Refusals)
	c.Deviations = slices.Clone(s.Deviations)
	c.Notes = slices.Clone(s.Notes)
	c.narrowed = slices.Clone(s.narrowed)
	c.items = make(map[string]*ItemState, len(s.items))
	for id, st := range s.items {
		copied := *st
		copied.Effects = slices.Clone(st.Effects)
		copied.Pending = slices.Clone(st.Pending)
		copied.Overrides = maps.Clone(st.Overrides)
		copied.Answers = slices.Clone(st.Answers)
		copied.Notes = slices.Clone(st.Notes)
		copied.Found = slices.Clone(st.Found)
		c.items[id] = &copied
	}
	return &c
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
	case Requested:
		return want(e, "a request", e.Request != nil)
	case Approved:
		return want(e, "an approval", e.Approval != nil)
	case Refused:
		return want(e, "a refusal", e.Refusal != nil)
	case Configured:
		return want(e, "a setup", e.Setup != nil)
	case Answered:
		return want(e, "a question", e.Question != nil)
	}
	return nil
}

func want(e Event, what string, there bool) error {
	if !there {
		return fmt.Errorf("want %s in a %q event", what, e.Kind)
	}
	return nil
}

// apply changes the session by one event, which it admits first.
func (s *Session) apply(e Event) error {
	if err := s.admit(e); err != nil {
		return err
	}
	return s.take(e)
}

// take changes the session by one event. It is the only place that does.
func (s *Session) take(e Event) error {
	s.LastEvent = e
	known := s.applyToItem(e) || s.applyToSession(e)
	switch e.Kind {
	case Resumed, Recovered, Turned, Agreed, Declined, Unknown:
		known = true
	}
	if known {
		s.watchApproval(e)
		return nil
	}
	return &NewerError{What: fmt.Sprintf("event %d", e.Seq), Reason: fmt.Sprintf("its kind is %q", e.Kind)}
}

// NewerError says that something was made by a newer Keyturn. It is no damage.
type NewerError struct {
	What   string // such as a journal's file
	Reason string // what this version does not know
}

func (e *NewerError) Error() string {
	return fmt.Sprintf("%s was made by a newer Keyturn: %s", e.What, e.Reason)
}

// Hint says what to do about it.
func (e *NewerError) Hint() string { return "use that version; nothing was changed" }

// applyToItem applies an event that says how an item stands; false for any
// other.
func (s *Session) applyToItem(e Event) bool {
	st := s.state(e.Item)
	switch e.Kind {
	case Planned:
		st.Plan = e.Plan
	case Started:
		st.become(StatusUnknown, e)
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
		st.become(StatusWaiting, e)
		if e.Until != nil {
			st.Until = *e.Until
		}
		st.find(e)
		s.learn(e)
	case Passed:
		st.become(StatusPassed, e)
		if st.PassedAt.IsZero() {
			st.PassedAt = e.At
		}
		st.Pending, st.Failure = nil, ""
		st.find(e)
		s.learn(e)
	case Failed:
		st.become(StatusFailed, e)
		st.PassedAt, st.Failure = time.Time{}, st.Words()
		if e.Evidence != nil { // a look that was cut off settles nothing
			st.Found = append(st.Found, e.Evidence.Issues...)
		}
		s.learn(e)
	case PassedOver, Deferred:
		evidence := st.Evidence
		st.become(StatusPassedOver, e)
		st.Evidence = evidence
		s.deviate(e)
	case Overridden:
		st.Overrides[e.Gate] = Override{Reason: e.Text, mandate: s.overrideMandate(e.Item, e.Gate, e.Text)}
		s.deviate(e)
	default:
		return false
	}
	return true
}

// applyToSession applies an event that is about the whole session; false for
// any other.
func (s *Session) applyToSession(e Event) bool {
	switch e.Kind {
	case Opened:
		s.Opening, s.OpenedAt, s.setup = *e.Opening, e.At, e.Opening.Setup
	case Configured:
		s.configure(e)
	case Narrowed:
		s.narrowed = append(s.narrowed, e.Target)
		s.Seen = maps.Clone(s.Seen)
		maps.DeleteFunc(s.Seen, func(subject, _ string) bool {
			target, _, _, _ := ParseVariable(subject)
			return target == e.Target
		})
		s.deviate(e)
	case Requested:
		if _, known := s.request(e.Request.ID); !known {
			s.Requests = append(s.Requests, *e.Request)
		}
	case Approved:
		s.Approvals = append(s.Approvals, *e.Approval)
	case Refused:
		s.Refusals = append(s.Refusals, *e.Refusal)
		s.Approvals = slices.DeleteFunc(s.Approvals, func(a Approval) bool { return a.Request == e.Refusal.Request })
	case Reopened:
		s.reopen(e)
	case RolledBack:
		s.rollBack(e)
	case Noted:
		s.Notes = append(s.Notes, e)
		st := s.state(e.Item)
		st.Notes = append(st.Notes, e)
	case Observed:
		s.look(e)
	case Drifted:
		s.deviateEach(e)
	case Finished, Abandoned:
		s.Outcome, s.EndedAt, s.EndText = e.Kind, e.At, e.Text
		s.Leaves, s.Undone = e.Leaves, e.Undone
		if e.Kind == Abandoned {
			s.deviate(e)
		}
	default:
		return false
	}
	return true
}

// become gives the item a status.
func (st *ItemState) become(status Status, e Event) {
	st.Status, st.At, st.By = status, e.At, e.By
	st.Text, st.Hint, st.Redo, st.Changed, st.Until = e.Text, e.Hint, e.Redo, e.Changed, time.Time{}
	if status != StatusUnknown {
		st.Evidence = e.Evidence
	}
}

// find takes in what a look at the item found, in place of what the one before
// did.
func (st *ItemState) find(e Event) {
	st.Found = nil
	if e.Evidence != nil {
		st.Found = slices.Clone(e.Evidence.Issues)
	}
}

// leave puts an item that was left in the middle back to where it was, unless
// something was changed: then only another look can say how it stands.
func (st *ItemState) leave(e Event) {
	if st.Status != StatusUnknown {
		return
	}
	st.At, st.By, st.Text, st.Changed = e.At, e.By, e.Text, e.Changed
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
	s.reopenedAfter = len(s.Requests)
	from := false
	for i := range s.Checklist.All() {
		from = from || i.ID == e.Item
		st := s.items[i.ID]
		if from { // also of an item that not enough people have agreed to yet
			s.Approvals = slices.DeleteFunc(s.Approvals, func(a Approval) bool { return a.Item == i.ID })
		}
		if !from || st.Status == StatusOpen {
			continue
		}
		st.become(StatusOpen, Event{At: e.At, By: e.By})
		st.Pending, st.PassedAt, st.Failure, st.Found = nil, time.Time{}, "", nil
		st.Overrides = map[string]Override{} // a reason given for one round is none for the next
		st.Round++
	}
	s.deviate(e)
}

// rollBack takes in that another session put the old key back: what this one
// did to remove it is undone, so the items are open again, also those that
// could not be undone from here.
func (s *Session) rollBack(e Event) {
	if e.Item != "" && s.state(e.Item).Status != StatusOpen {
		s.reopen(e)
	} else {
		s.reopenedAfter = len(s.Requests)
		s.deviate(e)
	}
	if e.Seen != nil {
		s.look(e)
	}
}

// look takes in what the outside looks like.
func (s *Session) look(e Event) { s.Seen, s.SeenAt, s.current, s.unseen = e.Seen, e.At, true, nil }

// configure takes in that the operator went on with another configuration.
// Targets that it adds were not looked at yet.
func (s *Session) configure(e Event) {
	s.unseen = append(s.unseen, e.Setup.Missing(s.Setup())...)
	s.setup = *e.Setup
	s.deviateEach(e)
}

// settle takes an effect out of those whose outcome is not known.
func (st *ItemState) settle(e Effect) {
	st.Pending = slices.DeleteFunc(st.Pending, e.Same)
}

// learn takes facts and readings from an event's evidence.
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
}

// deviateEach is deviate for each difference that an event names.
func (s *Session) deviateEach(e Event) {
	for _, d := range e.Drift {
		one := e
		one.Drift = []Drift{d}
		s.deviate(one)
	}
}

// deviate keeps what an event says was done otherwise.
func (s *Session) deviate(e Event) {
	d := Deviation{
		At: e.At, By: e.By, Kind: e.Kind, Item: e.Item, Gate: e.Gate, Session: e.Session, Target: e.Target,
		Leaves: e.Leaves, Reason: e.Text, Approved: s.Approvers(e.Approvals),
	}
	if len(e.Drift) > 0 {
		d.Drift = &e.Drift[0]
	}
	s.Deviations = append(s.Deviations, d)
}
