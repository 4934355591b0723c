package record

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"keyturn/checklist"
)

// course follows a session from event to event: that each item began when it
// might, that each change is one that its step may make and to which those who
// must have agreed did, and that each deviation was agreed to.
type course struct {
	*checked
	failures // of the course alone
	v        *verifier
	runs     map[string]*itemRun
	made     []checklist.Effect // that were begun, and not refused
	// overrides are the consents to overridden gates, by item and gate, with the
	// mandate that was agreed to.
	overrides map[[2]string]agreement
}

type agreement struct {
	consent checklist.Consent
	mandate string
}

// itemRun is what the journal said of an item last.
type itemRun struct {
	planned int // index of the plan that was not begun yet; -1 for none
	tried   bool
	going   bool // it was begun, and did not end yet

	moments   []time.Time        // at which its gates may have been looked at
	consented bool               // those who must agree to a change of production did
	open      []checklist.Effect // that were begun, and did not end yet
}

func newCourse(v *verifier, c *checked) *course {
	return &course{
		checked: c, failures: failures{folder: c.name}, v: v,
		runs: map[string]*itemRun{}, overrides: map[[2]string]agreement{},
	}
}

// event checks one event, up to the first that does not hold; s is the session
// before it.
func (k *course) event(s *checklist.Session, e checklist.Event) {
	if k.failure != nil {
		return
	}
	if err := k.follow(s, e.Seq-1, e); err != nil {
		k.failWith(journalFile, eventField(e), err)
	}
}

// eventField names an event's place in a journal.
func eventField(e checklist.Event) string { return fmt.Sprintf("event %d", e.Seq) }

func (k *course) run(item string) *itemRun {
	if k.runs[item] == nil {
		k.runs[item] = &itemRun{planned: -1}
	}
	return k.runs[item]
}

func (k *course) follow(s *checklist.Session, i int, e checklist.Event) error {
	if err := k.shape(i, e); err != nil {
		return err
	}
	r := k.run(e.Item)
	switch e.Kind {
	case checklist.Planned:
		r.planned = i
	case checklist.Started:
		return k.start(s, i, e, r)
	case checklist.Intended:
		return k.intend(s, e, r)
	case checklist.Done, checklist.Unmade, checklist.Unknown:
		return k.settle(e, r)
	case checklist.Resumed: // what was under way ended with its process
		for _, r := range k.runs {
			r.going = false
		}
	case checklist.Passed:
		if !r.tried {
			return fmt.Errorf("item %q passed and was not begun", e.Item)
		}
		r.tried, r.going = false, false
	case checklist.Failed, checklist.Waiting, checklist.Left:
		r.going = false
	case checklist.Approved:
		return answerable(s, e.Approval.Request, e.Approval.At)
	case checklist.Refused:
		return answerable(s, e.Refusal.Request, e.Refusal.At)
	case checklist.Turned:
		if !k.journal.opening().Sandbox {
			return fmt.Errorf("the clock was turned, and only the sandbox's can be")
		}
	case checklist.PassedOver, checklist.Deferred, checklist.Overridden, checklist.Narrowed,
		checklist.Configured, checklist.Reopened, checklist.RolledBack:
		return k.deviation(s, i, e, r)
	}
	return nil
}

// shape checks what holds for events of every kind.
func (k *course) shape(i int, e checklist.Event) error {
	item, _, _ := k.journal.opening().Checklist.Item(e.Item)
	switch {
	case e.By == "":
		return fmt.Errorf("it does not say who wrote it")
	case i > 0 && ended(k.journal.events[i-1].Kind):
		return fmt.Errorf("it follows the session's end")
	case len(e.Approvals) > 0 && !slices.Contains([]checklist.Kind{checklist.PassedOver, checklist.Overridden, checklist.Narrowed}, e.Kind):
		return fmt.Errorf("an event of kind %q needs no approval", e.Kind)
	case e.Kind == checklist.Measured && e.Evidence != nil && len(e.Evidence.Facts) > 0:
		return fmt.Errorf("a reading proves no fact")
	case item.Step == checklist.StepManual && e.Evidence != nil && len(e.Evidence.Facts)+len(e.Evidence.Readings) > 0:
		return fmt.Errorf("item %q was added by people, and proves no fact", e.Item)
	}
	return nil
}

func ended(k checklist.Kind) bool { return k == checklist.Abandoned || k == checklist.Finished }

// answerable checks by the engine's own rule that a request could still be answered:
// nobody had refused it, and nothing that it binds had changed. That it was made is
// checked with the signatures.
func answerable(s *checklist.Session, request string, at time.Time) error {
	i := slices.IndexFunc(s.Requests, func(r checklist.Request) bool { return r.ID == request })
	if i < 0 {
		return nil
	}
	if standing := s.Standing(s.Requests[i], at); standing != checklist.RequestOpen {
		return fmt.Errorf("request %s could not be answered any more: %s", request, standing)
	}
	return nil
}

// start checks that an item might begin.
func (k *course) start(s *checklist.Session, i int, e checklist.Event, r *itemRun) error {
	item, _, ok := s.Checklist.Item(e.Item)
	switch {
	case !ok:
		return fmt.Errorf("it names no item")
	case r.planned < 0:
		return fmt.Errorf("item %q was begun without a plan", e.Item)
	case s.State(e.Item).Status.Settled():
		if err := s.CanRepeat(e.Item); err != nil {
			return err
		}
	}
	events := k.journal.events
	moments := []time.Time{e.At, events[r.planned].At, events[r.planned-1].At}
	if closed := shut(s, item, moments); closed != nil {
		return fmt.Errorf("item %q was begun although its gate %s was closed: %s", e.Item, closed.ID, closed.Why)
	}
	*r = itemRun{planned: -1, tried: true, going: true, moments: moments, open: r.open}
	return nil
}

// shut returns a gate of an item that was closed at each of the moments. The
// engine looked at the gates before it planned: a reading or an approval may have
// run out while the operator thought about the plan.
func shut(s *checklist.Session, item checklist.Item, moments []time.Time) *checklist.Closed {
	closed := s.Closed(item, moments[0])
	for _, at := range moments[1:] {
		if len(closed) == 0 {
			return nil
		}
		then := s.Closed(item, at)
		closed = slices.DeleteFunc(closed, func(c checklist.Closed) bool {
			return !slices.ContainsFunc(then, func(o checklist.Closed) bool { return o.ID == c.ID })
		})
	}
	if len(closed) == 0 {
		return nil
	}
	return &closed[0]
}

// intend checks a change that is about to be made.
func (k *course) intend(s *checklist.Session, e checklist.Event, r *itemRun) error {
	if !r.going {
		return fmt.Errorf("%s was begun while item %q was not", e.Effect.Code, e.Item)
	}
	item, _, _ := s.Checklist.Item(e.Item)
	if !k.v.permissions.know(e.Effect.Code) {
		return &checklist.NewerError{What: "the session", Reason: fmt.Sprintf("it makes an effect %q", e.Effect.Code)}
	}
	p, err := k.v.permissions.permit(s, item, *e.Effect)
	if err != nil {
		return err
	}
	if p.own && !k.isOwn(*e.Effect) {
		return fmt.Errorf("step %s may remove only what the session made itself, and it made no %s for %s %s of %s before",
			item.Step, e.Effect.Key.Variable(), e.Effect.Environment, e.Effect.Place, e.Effect.Target)
	}
	k.made, r.open = append(k.made, *e.Effect), append(r.open, *e.Effect)
	if !changesProduction(*e.Effect) {
		return nil
	}
	if k.changed == never || p.consent == before {
		k.changed = p.consent
	}
	if p.consent == before && !r.consented {
		if err := k.consentTo(s, item, r.moments); err != nil {
			return err
		}
		r.consented = true
	}
	return nil
}

// isOwn reports whether a removal takes back what the session made: in the same
// place nothing else can have been.
func (k *course) isOwn(removal checklist.Effect) bool {
	return slices.ContainsFunc(k.made, func(m checklist.Effect) bool {
		return m.Code == checklist.VariableCreate && m.Key == removal.Key && m.Target == removal.Target &&
			m.Environment == removal.Environment && m.Place == removal.Place
	})
}

// settle checks that what is said of an effect is said of one that was begun.
func (k *course) settle(e checklist.Event, r *itemRun) error {
	if !e.Effect.Among(r.open) {
		return fmt.Errorf("%s is said to be %s, and was not begun", e.Effect.Code, e.Kind)
	}
	if e.Kind != checklist.Unknown {
		r.open = slices.DeleteFunc(r.open, e.Effect.Same)
	}
	if e.Kind == checklist.Unmade {
		k.made = slices.DeleteFunc(k.made, e.Effect.Same)
	}
	if !slices.Contains([]checklist.How{"", checklist.Made, checklist.Found, checklist.Gone, checklist.Said}, e.Effect.How) {
		return &checklist.NewerError{What: "the session", Reason: fmt.Sprintf("an effect is known by %q", e.Effect.How)}
	}
	return nil
}

// consentTo checks that second persons had agreed to what an item does, before it
// was begun: to its approval, or to going on without one.
func (k *course) consentTo(s *checklist.Session, item checklist.Item, moments []time.Time) error {
	want := max(k.required, s.Required())
	most := 0
	for approving := range s.Checklist.All() {
		if approving.Step != approveStep {
			continue
		}
		c := checklist.Consent{Item: approving.ID}
		if !slices.ContainsFunc(s.ApprovedBy(approving.ID), func(i checklist.Item) bool { return i.ID == item.ID && i.Step == item.Step }) {
			continue
		}
		for _, at := range moments {
			if most = max(most, len(s.Agreed(c, at))); most >= want {
				return nil
			}
		}
	}
	for gate := range s.State(item.ID).Overrides {
		a, ok := k.overrides[[2]string{item.ID, gate}]
		if ok && strings.HasPrefix(gate, string(checklist.GateApproval)+":") && s.Mandate(a.consent).Digest() == a.mandate {
			return nil
		}
	}
	return fmt.Errorf("item %q changes production with the consent of %d second persons to this item, these targets and these keys, want %d", item.ID, most, want)
}

// The steps that ask second persons.
const (
	approveStep           = "approve"
	approveAfterwardsStep = "approve-afterwards"
)

// reset forgets how the items from one on stand: they are to be done again.
func (k *course) reset(from string) {
	items := k.journal.opening().Checklist.Items()
	at := slices.IndexFunc(items, func(i checklist.Item) bool { return i.ID == from })
	for _, i := range items[max(at, 0):] {
		if r := k.runs[i.ID]; r != nil {
			*r = itemRun{planned: -1}
		}
	}
	maps.DeleteFunc(k.overrides, func(of [2]string, _ agreement) bool {
		return slices.ContainsFunc(items[max(at, 0):], func(i checklist.Item) bool { return i.ID == of[0] })
	})
}
