package record

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"keyturn/checklist"
)

// deviation checks that something was done otherwise as it may be, and that those
// who must agree to it did.
func (k *course) deviation(s *checklist.Session, i int, e checklist.Event, r *itemRun) error {
	item, _, _ := s.Checklist.Item(e.Item)
	switch e.Kind {
	case checklist.Configured:
		return k.configured(s, e)
	case checklist.Reopened:
		if err := s.CanReopen(e.Item); err != nil {
			return err
		}
		k.reset(e.Item)
	case checklist.RolledBack:
		if e.Session == "" {
			return errors.New("it does not say which session put the old key back")
		}
		if s.State(e.Item).Status != checklist.StatusOpen {
			k.reset(e.Item)
		}
	case checklist.Deferred:
		r.going, r.tried = false, false
		return deferred(s, item, e)
	case checklist.PassedOver:
		r.going, r.tried = false, false
		if err := passedOver(s, item); err != nil || item.BreakGlass {
			return err
		}
		return k.agreed(i, s, item.In(checklist.Production), e)
	case checklist.Overridden:
		if kind, _, _ := strings.Cut(e.Gate, ":"); item.ID == "" || !slices.Contains(overridable, checklist.GateKind(kind)) {
			return fmt.Errorf("gate %q of item %q takes no override", e.Gate, e.Item)
		}
		return k.agreed(i, s, item.In(checklist.Production), e)
	case checklist.Narrowed:
		return k.narrowed(i, s, e)
	}
	return nil
}

// overridable are the kinds of gate for which a reason may stand.
var overridable = []checklist.GateKind{checklist.GateDay, checklist.GateSoak, checklist.GateApproval, checklist.GateMetric}

func passedOver(s *checklist.Session, item checklist.Item) error {
	next, ok := s.Next()
	switch {
	case item.Required:
		return fmt.Errorf("item %q was passed over, and is required", item.ID)
	case !ok || next.ID != item.ID:
		return fmt.Errorf("item %q was passed over, and was not the next one", item.ID)
	}
	return nil
}

// deferred checks that the others had waited for an item as long as they must.
func deferred(s *checklist.Session, item checklist.Item, e checklist.Event) error {
	switch until := s.PutOffAt(item); {
	case item.Required || until.IsZero():
		return fmt.Errorf("item %q was deferred, and the others do not go on without it", item.ID)
	case e.At.Before(until):
		return fmt.Errorf("item %q was deferred, and the others were to wait for it until %s", item.ID, stamp(until))
	}
	return nil
}

// configured checks that another configuration is told of as it differs, and takes
// no target out: that is for second persons to agree to.
func (k *course) configured(s *checklist.Session, e checklist.Event) error {
	bound, now := s.Setup(), *e.Setup
	if missing := bound.Missing(now); len(missing) > 0 {
		return fmt.Errorf("the other configuration takes %s out of the session", strings.Join(missing, " and "))
	}
	if s.Opening.Sandbox {
		bound, now = bound.WithoutPorts(), now.WithoutPorts()
	}
	if !slices.Equal(bound.Diff(now), e.Drift) {
		return errors.New("what it says of the other configuration is not how that differs")
	}
	return k.idle()
}

// narrowed checks that a target was taken out with the consent that it takes.
// Nobody waits for one in an emergency or a rollback.
func (k *course) narrowed(i int, s *checklist.Session, e checklist.Event) error {
	names := s.Setup().TargetNames()
	if !slices.Contains(names, e.Target) || len(names) == 1 {
		return fmt.Errorf("%q was taken out, and is no target, or the last one", e.Target)
	}
	urgent := s.Checklist.ID == kindEmergency || s.Checklist.ID == kindRollback
	if err := k.agreed(i, s, !urgent, e); err != nil {
		return err
	}
	return k.idle()
}

// idle checks that no item is under way: what a session is bound to changes only
// between items.
func (k *course) idle() error {
	for id, r := range k.runs {
		if r.going {
			return fmt.Errorf("what the session is bound to changed while item %q was under way", id)
		}
	}
	return nil
}

// agreed checks the consent of second persons to a deviation: to exactly this one.
func (k *course) agreed(i int, s *checklist.Session, demanded bool, e checklist.Event) error {
	c := checklist.Consent{Item: e.Item, Deviation: e.Kind, Gate: e.Gate, Target: e.Target, Reason: e.Text}
	demanded = demanded && slices.Contains(s.Environments(), checklist.Production)
	if !demanded && len(e.Approvals) == 0 {
		return nil
	}
	var people int
	for _, at := range []time.Time{e.At, k.journal.events[i-1].At} {
		agreed := s.Agreed(c, at)
		for _, id := range e.Approvals {
			if !slices.ContainsFunc(agreed, func(a checklist.Approval) bool { return a.Request == id }) {
				agreed = nil
			}
		}
		agreed = slices.DeleteFunc(agreed, func(a checklist.Approval) bool { return !slices.Contains(e.Approvals, a.Request) })
		people = max(people, len(agreed))
	}
	if want := max(k.required, s.Required()); people < want {
		return fmt.Errorf("it deviates in production with the consent of %d second persons to exactly this, want %d", people, want)
	}
	k.overrides[[2]string{e.Item, e.Gate}] = agreement{c, s.Mandate(c).Digest()}
	return nil
}
