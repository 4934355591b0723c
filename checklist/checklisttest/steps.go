package checklisttest

import (
	"context"
	"sync"

	"keyturn/checklist"
)

var _ checklist.Step = (*Step)(nil)

// Step is a step that does what its functions say. Without them it looks, has
// nothing to do, and passes.
type Step struct {
	OnPlan   func(context.Context, *checklist.Scope) (checklist.Plan, error)
	OnCheck  func(context.Context, *checklist.Scope) (bool, error)
	OnDo     func(context.Context, *checklist.Scope) error
	OnVerify func(context.Context, *checklist.Scope) (checklist.Evidence, error)

	mu    sync.Mutex
	calls []string
}

// Calls returns which functions were called, in order: "plan", "check", "do"
// and "verify".
func (s *Step) Calls() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.calls...)
}

func (s *Step) called(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.calls = append(s.calls, what)
}

// Plan implements checklist.Step.
func (s *Step) Plan(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	s.called("plan")
	if s.OnPlan == nil {
		return checklist.Plan{Summary: "Look at " + sc.Item.ID, Risk: checklist.Look}, nil
	}
	return s.OnPlan(ctx, sc)
}

// Check implements checklist.Step.
func (s *Step) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	s.called("check")
	if s.OnCheck == nil {
		return false, nil
	}
	return s.OnCheck(ctx, sc)
}

// Do implements checklist.Step.
func (s *Step) Do(ctx context.Context, sc *checklist.Scope) error {
	s.called("do")
	if s.OnDo == nil {
		return nil
	}
	return s.OnDo(ctx, sc)
}

// Verify implements checklist.Step.
func (s *Step) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	s.called("verify")
	if s.OnVerify == nil {
		return checklist.Evidence{Summary: sc.Item.ID + " is done"}, nil
	}
	return s.OnVerify(ctx, sc)
}

// Planning returns a Step.OnPlan with this plan.
func Planning(p checklist.Plan) func(context.Context, *checklist.Scope) (checklist.Plan, error) {
	return func(context.Context, *checklist.Scope) (checklist.Plan, error) { return p, nil }
}

// Proving returns a Step.OnVerify with this evidence and error.
func Proving(e checklist.Evidence, err error) func(context.Context, *checklist.Scope) (checklist.Evidence, error) {
	return func(context.Context, *checklist.Scope) (checklist.Evidence, error) { return e, err }
}

var _ checklist.Catalog = Steps(nil)

// Steps is a catalog.
type Steps map[string]checklist.Step

// Step implements checklist.Catalog.
func (s Steps) Step(name string) (checklist.Step, bool) {
	step, ok := s[name]
	return step, ok
}

// StepsFor returns a catalog with a Step, without functions, for every item.
func StepsFor(c checklist.Checklist) Steps {
	s := Steps{}
	for _, i := range c.Items() {
		s[i.Step] = &Step{}
	}
	return s
}

// OutsideSteps returns a catalog with an ItemStep on w for every item.
func OutsideSteps(c checklist.Checklist, w *Outside) Steps {
	s := Steps{}
	for _, i := range c.Items() {
		s[i.Step] = ItemStep(w)
	}
	return s
}
