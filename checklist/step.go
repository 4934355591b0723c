package checklist

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Step does items. The engine calls Plan, then asks the operator, then calls
// Check, Do and Verify. A step never knows who drives it.
type Step interface {
	// Plan says what Do would do. It changes nothing.
	Plan(context.Context, *Scope) (Plan, error)
	// Check reports whether the outside is already as Do would make it, so that
	// nothing is done twice.
	Check(context.Context, *Scope) (done bool, err error)
	// Do acts, idempotently, each outside effect through Scope.Effect.
	Do(context.Context, *Scope) error
	// Verify proves the result from outside. It returns a *NotYet error when
	// only time is lacking.
	Verify(context.Context, *Scope) (Evidence, error)
}

// LookOnly is embedded by steps that only read: there is nothing to do, and all is
// in Verify.
type LookOnly struct{}

func (LookOnly) Check(context.Context, *Scope) (bool, error) { return true, nil }
func (LookOnly) Do(context.Context, *Scope) error            { return nil }

// AskOnly is embedded by steps whose work is a question to the operator, who may
// be asked again without harm.
type AskOnly struct{}

func (AskOnly) Check(context.Context, *Scope) (bool, error) { return false, nil }

// Catalog finds the step for an item.
type Catalog interface {
	// Step returns false when the step does not exist in this build.
	Step(name string) (Step, bool)
}

// Complete reports whether the catalog has a step for every item, so that the
// checklist can be offered.
func Complete(c Checklist, steps Catalog) bool {
	for i := range c.All() {
		if _, ok := steps.Step(i.Step); !ok {
			return false
		}
	}
	return true
}

// Meter reads metrics for gates.
type Meter interface {
	Measure(context.Context, *Session, Metric) (Reading, error)
}

// Observer says what the parts of the outside that a session relies on look
// like now, by subject. Two observations are compared to find drift.
type Observer interface {
	Observe(context.Context, *Session) (map[string]string, error)
}

// Asker asks the operator.
type Asker func(context.Context, Question) (Answer, error)

// Noting returns an asker whose next question begins with a note, if there is
// one.
func (ask Asker) Noting(note string) Asker {
	return func(ctx context.Context, q Question) (Answer, error) {
		if note != "" {
			q.Body, note = note+Suffix("\n\n", q.Body), ""
		}
		return ask(ctx, q)
	}
}

// NotYet says that an item needs more time. The item is then waiting, with
// Evidence as its interim result.
type NotYet struct {
	Why      string
	Until    time.Time // when to look again; zero if unknown
	Evidence Evidence
}

func (e *NotYet) Error() string { return "not yet: " + e.Why }

// Hinter is an error that knows what to do next.
type Hinter interface {
	error
	Hint() string
}

// Hint returns what to do next about err, and "" where nothing is known.
func Hint(err error) string {
	var h Hinter
	if errors.As(err, &h) {
		return h.Hint()
	}
	return ""
}

// WithHint attaches what to do next to an error.
func WithHint(err error, format string, args ...any) error {
	if err == nil {
		return nil
	}
	return &hinted{err, fmt.Sprintf(format, args...)}
}

type hinted struct {
	error
	hint string
}

func (h *hinted) Unwrap() error { return h.error }
func (h *hinted) Hint() string  { return h.hint }

// Scope is what a step may see and do while it works on one item.
type Scope struct {
	Item Item
	// Session is the state when the run began. A step must not change it.
	Session *Session
	run     *run
}

// Now returns the engine's time.
func (sc *Scope) Now() time.Time { return sc.run.engine.clock() }

// Environments returns where the item acts, limited to what the session may
// touch, so that no step of a staging checklist can reach production.
func (sc *Scope) Environments() []Environment {
	var in []Environment
	for _, e := range sc.Item.Environments {
		for _, allowed := range sc.Session.Environments() {
			if e == allowed {
				in = append(in, e)
			}
		}
	}
	return in
}

// EnvironmentWords names the item's environments for a sentence.
func (sc *Scope) EnvironmentWords() string {
	var names []string
	for _, e := range sc.Environments() {
		names = append(names, string(e))
	}
	return strings.Join(names, " and ")
}

// Made are the effects that the item has made, and Pending those that it began
// and of which nobody knows yet whether they were made.
func (sc *Scope) Made() []Effect    { return sc.Session.state(sc.Item.ID).Effects }
func (sc *Scope) Pending() []Effect { return sc.Session.state(sc.Item.ID).Pending }

// Round counts how often the item was reopened.
func (sc *Scope) Round() int { return sc.Session.state(sc.Item.ID).Round }

// As returns the scope of another item of the checklist, for a step that makes
// up for an item which was put off: what it makes is marked as that item's. What
// it does is journalled as this item's.
func (sc *Scope) As(itemID string) (*Scope, error) {
	item, _, ok := sc.Session.Checklist.Item(itemID)
	if !ok {
		return nil, fmt.Errorf("checklist %s has no item %q", sc.Session.Checklist.ID, itemID)
	}
	return &Scope{Item: item, Session: sc.Session, run: sc.run}, nil
}

// Ask asks the operator and journals the answer, which must not be a secret.
func (sc *Scope) Ask(ctx context.Context, q Question) (Answer, error) {
	q.Item = sc.Item.ID
	return sc.run.ask(ctx, q)
}

// Approve gets the consent of as many second persons as the session demands,
// asking those who are missing. Requests and approvals are journalled.
func (sc *Scope) Approve(ctx context.Context, c Consent) ([]Approval, error) {
	c.Item = sc.Item.ID
	return sc.run.engine.approve(ctx, sc.run.operator, c)
}

// Answer returns what the operator answered last to a question of the item; ""
// for nothing.
func (sc *Scope) Answer(q Asked) string {
	text, _ := sc.Session.state(sc.Item.ID).Answer(q)
	return text
}

// Progress reports how a long act goes on.
func (sc *Scope) Progress(format string, args ...any) {
	sc.run.progress(Progress{Words: fmt.Sprintf(format, args...)})
}

// Report is Progress with a count, a deadline or a table.
func (sc *Scope) Report(p Progress) {
	sc.run.progress(p)
}

// Effect makes one change to the outside world: it is journalled as intended,
// made, and journalled as done, or as unknown when act says ErrUnknown. Effects
// on several targets may be made at a time.
func (sc *Scope) Effect(ctx context.Context, e Effect, act func(context.Context) (Result, error)) error {
	return sc.run.effect(ctx, e, act)
}

// ErrUnknown marks an effect of which nobody knows whether it was made, such
// as a request whose answer was lost. A step wraps it, and resolves it by
// reading the outside.
var ErrUnknown = errors.New("outcome unknown")

// Changes lists the effects that were made, for an error's reader.
func Changes(effects []Effect) string {
	if len(effects) == 0 {
		return "nothing was changed"
	}
	words := make([]string, len(effects))
	for i, e := range effects {
		words[i] = e.String()
	}
	return "changed so far: " + strings.Join(words, "; ")
}
