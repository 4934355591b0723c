package checklist

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
)

// run is the life of one item, from its plan to its result.
type run struct {
	engine   *Engine
	item     Item
	step     Step
	operator Operator

	mu   sync.Mutex // a step may work on several targets at a time
	made []Effect   // in this run
	// unwritten are those of this run whose outcome is known, and could not be
	// written to the journal.
	unwritten []Effect
}

// progress tells the operator, one report at a time.
func (r *run) progress(p Progress) {
	p.Item = r.item.ID
	r.mu.Lock()
	defer r.mu.Unlock()
	r.operator.Progress(p)
}

// keep remembers an effect, in made or in unwritten.
func (r *run) keep(in *[]Effect, e Effect) {
	r.mu.Lock()
	defer r.mu.Unlock()
	*in = append(*in, e)
}

func (r *run) record(ctx context.Context, ev Event) error {
	ev.Item = r.item.ID
	return r.engine.record(ctx, r.operator, ev)
}

func (r *run) scope() *Scope {
	return &Scope{Item: r.item, Session: r.engine.Session(), run: r}
}

func (r *run) state() ItemState { return r.engine.Session().State(r.item.ID) }

func (r *run) do(ctx context.Context) error {
	ctx = context.WithValue(ctx, progressKey{}, r.progress)
	ctx = context.WithValue(ctx, journalKey{}, r.engine.cfg.Journal)
	// An item that was started before may be done already: look before asking for
	// consent to what needs none any more.
	if st := r.state(); st.Attempts > 0 && (st.Status == StatusUnknown || st.Status == StatusWaiting || st.Status == StatusFailed) {
		if done, err := r.step.Check(ctx, r.scope()); err == nil && done {
			return r.settle(ctx)
		}
	}
	plan, err := r.step.Plan(ctx, r.scope())
	if err != nil {
		return r.fail(ctx, fmt.Errorf("plan: %w", err))
	}
	if plan.Risk == Irreversible && plan.Confirm == "" { // a bare enter would agree to it
		return r.fail(ctx, errors.New("plan: it is irreversible and names nothing to be typed"))
	}
	if err := r.record(ctx, Event{Kind: Planned, Plan: &plan}); err != nil {
		return err
	}
	if plan.Risk != Look {
		if err := r.engine.checkDrift(ctx, r.operator, r.item); err != nil {
			return err
		}
		if err := r.consent(ctx, plan); err != nil {
			return err
		}
	}
	if err := r.record(ctx, Event{Kind: Started}); err != nil {
		return err
	}
	done, err := r.step.Check(ctx, r.scope())
	if err != nil {
		return r.fail(ctx, fmt.Errorf("check what is there: %w", err))
	}
	if !done {
		if err := r.step.Do(ctx, r.scope()); err != nil {
			return r.fail(ctx, err)
		}
	}
	return r.settle(ctx)
}

// consent asks for what the plan's risk demands.
func (r *run) consent(ctx context.Context, plan Plan) error {
	q := Question{Kind: Confirm, Item: r.item.ID, Title: plan.Summary + "?", Default: No}
	want := Yes
	if plan.Risk == Irreversible {
		want = plan.Confirm
		q = Question{Kind: Type, Item: r.item.ID, Title: plan.Summary, Expect: plan.Confirm,
			Body: "This cannot be undone by itself. Type " + plan.Confirm + " to go on."}
	}
	a, err := r.operator.Ask(ctx, q)
	if err == nil && a.Text == want {
		return r.record(ctx, Event{Kind: Agreed, Text: a.Text, Plans: []string{plan.Digest()}})
	}
	if err := r.record(ctx, Event{Kind: Declined}); err != nil {
		return err
	}
	if err != nil {
		return err
	}
	return ErrDeclined
}

// settle proves the result and writes how the item stands.
func (r *run) settle(ctx context.Context) error {
	if err := r.resolve(ctx); err != nil {
		return err
	}
	evidence, err := r.step.Verify(ctx, r.scope())
	var notYet *NotYet
	switch {
	case errors.As(err, &notYet):
		return r.wait(ctx, notYet)
	case err != nil:
		return r.failWith(ctx, fmt.Errorf("verify: %w", err), &evidence)
	}
	if err := r.observe(ctx); err != nil {
		return r.failWith(ctx, err, &evidence)
	}
	return r.record(ctx, Event{Kind: Passed, Evidence: &evidence})
}

// resolve writes that pending effects were made after all: Check, or Do without
// making them again, found the outside as it should be.
func (r *run) resolve(ctx context.Context) error {
	for _, e := range r.state().Pending {
		e.How = Found
		if err := r.record(ctx, Event{Kind: Done, Effect: &e}); err != nil {
			return err
		}
		r.keep(&r.made, e)
	}
	return nil
}

// wait writes that the item needs more time.
func (r *run) wait(ctx context.Context, notYet *NotYet) error {
	// Best effort: without it, nobody's changes are told apart until the next.
	observed := r.observe(ctx)
	ev := Event{Kind: Waiting, Text: notYet.Why, Evidence: &notYet.Evidence}
	if !notYet.Until.IsZero() {
		until := notYet.Until.UTC()
		ev.Until = &until
	}
	if err := r.record(ctx, ev); err != nil {
		return errors.Join(err, observed)
	}
	return notYet
}

// observe remembers what the outside looks like after our own changes, so that
// anybody else's can be told apart.
func (r *run) observe(ctx context.Context) error {
	e := r.engine
	s := e.Session()
	if e.cfg.Observer == nil || s.current {
		return nil
	}
	seen, err := e.cfg.Observer.Observe(ctx, s)
	if err != nil {
		return fmt.Errorf("look at the result: %w", err)
	}
	return r.record(ctx, Event{Kind: Observed, Seen: seen})
}

func (r *run) fail(ctx context.Context, cause error) error { return r.failWith(ctx, cause, nil) }

// failWith writes that the item failed and what was changed before it did.
func (r *run) failWith(ctx context.Context, cause error, evidence *Evidence) error {
	if lost := r.lost(); lost != nil {
		return errors.Join(lost, cause) // nothing can be written; stopped says what was changed
	}
	if evidence != nil && evidence.Summary == "" {
		evidence = nil
	}
	// Best effort: the cause matters more.
	observed := r.observe(ctx)
	// Where there is no way to the session's end, no other advice helps.
	if _, wayOut := r.engine.explain(ctx, nil); wayOut != "" && !left(ctx, cause) {
		cause = WithHint(cause, "%s", wayOut)
	}
	ev := Event{Kind: Failed, Text: cause.Error(), Changed: r.changes(), Hint: Hint(cause), Redo: redo(cause), Evidence: evidence}
	if left(ctx, cause) {
		// Leaving is no failure, and nothing for the next rotation to look at.
		if errors.Is(cause, context.Canceled) { // which is no word of the operator's
			ev.Text = "left before it was over"
		}
		ev = Event{Kind: Left, Text: ev.Text, Changed: ev.Changed}
	}
	if err := r.record(ctx, ev); err != nil {
		return errors.Join(cause, observed, err)
	}
	return fmt.Errorf("%s: %w", r.item.ID, cause)
}

// Redoer is an error that knows which item puts its cause right when it is done
// again.
type Redoer interface {
	error
	Redo() (itemID string)
}

func redo(err error) string {
	var r Redoer
	if errors.As(err, &r) {
		return r.Redo()
	}
	return ""
}

// left reports whether a run ended because the operator went away.
func left(ctx context.Context, cause error) bool {
	if errors.Is(context.Cause(ctx), errPatience) {
		return false
	}
	return ctx.Err() != nil || errors.Is(cause, ErrCancelled) || errors.Is(cause, ErrDeclined)
}

// changes says what this run has changed outside, and what it may have.
func (r *run) changes() string {
	var texts []string
	for _, e := range r.state().Pending {
		if e.Among(r.unwritten) {
			continue
		}
		texts = append(texts, "not known whether this was made: "+e.Words())
	}
	switch before := len(r.state().Effects) > len(r.made); {
	case len(r.made) > 0 || len(texts) == 0 && !before:
		texts = append([]string{Changes(r.made)}, texts...)
	case len(texts) == 0:
		texts = append(texts, "nothing more was changed")
	}
	return strings.Join(texts, "; ")
}

// effect journals an outside change before and after it is made.
func (r *run) effect(ctx context.Context, e Effect, act func(context.Context) (Result, error)) error {
	if err := ctx.Err(); err != nil {
		return err // left before it was begun
	}
	s := r.engine.Session()
	switch {
	case e.Environment != "" && !slices.Contains(s.Environments(), e.Environment):
		return fmt.Errorf("%s: the session may not touch %s", e.Words(), e.Environment)
	case e.Target != "" && !slices.Contains(s.Setup().TargetNames(), e.Target):
		return fmt.Errorf("%s: the session is not about %s", e.Words(), e.Target)
	case r.item.Step == StepManual:
		return fmt.Errorf("%s: step %s makes no change", e.Words(), StepManual)
	}
	if err := r.record(ctx, Event{Kind: Intended, Effect: &e}); err != nil {
		return err
	}
	// The journal was looked at when the event was on the disk, a moment ago, so
	// that another look here would find nothing new. It cannot be held in place
	// either: one change may be under way when it goes, and no other is begun. But
	// an act may wait for minutes before its change, for a rate limit or between
	// two tries; it then looks again with MayChange.
	result, err := act(ctx)
	if err != nil {
		return r.unmade(ctx, e, err)
	}
	e.How, e.Result, e.Note = cmp.Or(result.How, Made), result.ID, result.Note
	r.keep(&r.made, e)
	if err := r.record(ctx, Event{Kind: Done, Effect: &e}); err != nil {
		r.keep(&r.unwritten, e)
		return err
	}
	return nil
}

// unmade writes what an error says of an effect. Nobody knows whether it was
// made when its answer was lost, or when the operator left before it came.
func (r *run) unmade(ctx context.Context, e Effect, cause error) error {
	ev := Event{Kind: Unmade, Effect: &e, Text: cause.Error()}
	if ctx.Err() != nil || errors.Is(cause, ErrUnknown) {
		ev.Kind = Unknown
	}
	err := fmt.Errorf("%s: %w", e.Words(), cause)
	if recordErr := r.record(ctx, ev); recordErr != nil {
		if ev.Kind == Unmade {
			r.keep(&r.unwritten, e)
		}
		return errors.Join(err, recordErr)
	}
	return err
}

func (r *run) ask(ctx context.Context, q Question) (Answer, error) {
	if q.Asked.ID == "" {
		return Answer{}, fmt.Errorf("ask %q: the question has no id", q.Title)
	}
	a, err := r.operator.Ask(ctx, q)
	if err != nil {
		return Answer{}, err
	}
	return a, r.record(ctx, Event{Kind: Answered, Question: &q.Asked, Text: a.Text})
}
