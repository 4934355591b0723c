package checklisttest

import (
	"context"
	"fmt"
	"maps"
	"sync"

	"keyturn/checklist"
)

var _ checklist.Observer = (*Outside)(nil)

// Outside is a small world: things that are there or not, by name, each with
// how often it was made.
type Outside struct {
	mu   sync.Mutex
	made map[string]int
}

// Make makes a thing. It does not mind that it is there.
func (w *Outside) Make(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.made == nil {
		w.made = map[string]int{}
	}
	w.made[name]++
}

// Remove takes a thing away.
func (w *Outside) Remove(name string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	delete(w.made, name)
}

// Has reports whether a thing is there.
func (w *Outside) Has(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.made[name] > 0
}

// Made returns how often each thing that is there was made.
func (w *Outside) Made() map[string]int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return maps.Clone(w.made)
}

// Observe implements checklist.Observer.
func (w *Outside) Observe(ctx context.Context, _ *checklist.Session) (map[string]string, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	seen := map[string]string{}
	for name := range w.made {
		seen[name] = "there"
	}
	return seen, nil
}

// Thing is the effect that makes a thing.
func Thing(e checklist.Environment, name string) checklist.Effect {
	return checklist.Effect{Code: "thing.make", Target: Target, Environment: e, Object: name}
}

// things returns what an item makes: two things in each of its environments.
func things(sc *checklist.Scope) []checklist.Effect {
	var all []checklist.Effect
	for _, e := range sc.Environments() {
		for n := 1; n <= 2; n++ {
			all = append(all, Thing(e, fmt.Sprintf("%s/%s/%d", sc.Item.ID, e, n)))
		}
	}
	return all
}

// ItemStep returns a step that makes two things in each environment of its
// item, skips those that are there, and proves that all are. An item without
// environments only looks.
func ItemStep(w *Outside) *Step {
	return &Step{
		OnPlan: func(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
			plan := checklist.Plan{Summary: "Make the things of " + sc.Item.ID, Risk: checklist.Look}
			for _, e := range things(sc) {
				plan.Risk = checklist.Change
				plan.Actions = append(plan.Actions, checklist.Action{Target: e.Target, Environment: e.Environment, Words: e.Words()})
			}
			return plan, nil
		},
		OnCheck: func(_ context.Context, sc *checklist.Scope) (bool, error) {
			for _, e := range things(sc) {
				if !w.Has(e.Object) {
					return false, nil
				}
			}
			return true, nil
		},
		OnDo: func(ctx context.Context, sc *checklist.Scope) error {
			for _, e := range things(sc) {
				if w.Has(e.Object) {
					continue
				}
				if err := sc.Effect(ctx, e, func(context.Context) (checklist.Result, error) {
					w.Make(e.Object)
					return checklist.Result{}, nil
				}); err != nil {
					return err
				}
			}
			return nil
		},
		OnVerify: func(_ context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
			evidence := checklist.Evidence{Summary: sc.Item.ID + " is done", Facts: map[string]string{}}
			for _, e := range things(sc) {
				if !w.Has(e.Object) {
					return evidence, fmt.Errorf("%s is not there", e.Object)
				}
				for _, what := range []string{checklist.FactAccepted, checklist.FactRecoverable} {
					for _, r := range []checklist.Role{checklist.OldKey, checklist.NewKey} {
						evidence.Facts[checklist.Fact(what, e.Environment, r)] = "yes"
					}
				}
			}
			return evidence, nil
		},
	}
}
