package checklist_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/checklist/journal"
)

// losable is a journal that is lost from an event on, or when a test says so.
type losable struct {
	*journal.Memory
	at   func(checklist.Event) bool
	lost bool
}

func (j *losable) Append(ctx context.Context, e checklist.Event) (checklist.Event, error) {
	if j.lost = j.lost || j.at != nil && j.at(e); j.lost {
		return checklist.Event{}, fmt.Errorf("append: %w", j.Check())
	}
	return j.Memory.Append(ctx, e)
}

func (j *losable) Check() error {
	if j.lost {
		return &checklist.LostError{Found: "the file was deleted", Next: "put it back"}
	}
	return nil
}

func TestALostJournalStopsTheItem(t *testing.T) {
	t.Parallel()
	const x, y = "x", "y"
	at := func(kind checklist.Kind, object string) func(checklist.Event) bool {
		return func(e checklist.Event) bool { return e.Kind == kind && (object == "" || e.Effect.Object == object) }
	}
	for name, c := range map[string]struct {
		lost    func(checklist.Event) bool
		during  func(*losable, context.Context) error // an act on x
		made    []string
		says    string
		without string
	}{
		"before it is planned":         {lost: at(checklist.Planned, ""), says: "nothing was changed"},
		"before the consent is kept":   {lost: at(checklist.Agreed, ""), says: "nothing was changed"},
		"before the first change":      {lost: at(checklist.Intended, x), says: "nothing was changed"},
		"when the first was made":      {lost: at(checklist.Done, x), made: []string{x}, says: "changed so far: thing.make", without: "not known"},
		"before the second change":     {lost: at(checklist.Intended, y), made: []string{x}, says: "changed so far: thing.make"},
		"when the second was made":     {lost: at(checklist.Done, y), made: []string{x, y}, says: "; thing.make", without: "not known"},
		"when all was made and proved": {lost: at(checklist.Passed, ""), made: []string{x, y}, says: "changed so far: thing.make"},
		"while the first waits": {
			during: func(j *losable, ctx context.Context) error { j.lost = true; return checklist.MayChange(ctx) },
			says:   "nothing was changed", without: "not known",
		},
		"while the answer to the first is lost": {
			during: func(j *losable, _ context.Context) error { j.lost = true; return checklist.ErrUnknown },
			says:   "not known whether this was made: thing.make", without: "nothing was changed",
		},
		"while the first is refused": {
			during: func(j *losable, _ context.Context) error { j.lost = true; return errVercel },
			says:   "nothing was changed", without: "not known",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := checklisttest.NewWorld(t, list([]checklist.Item{item("a")}))
			j := &losable{Memory: w.Config.Journal.(*journal.Memory), at: c.lost}
			w.Config.Journal = j
			outside := &checklisttest.Outside{}
			w.Config.Observer = outside
			w.Config.Steps = checklisttest.Steps{"a": &checklisttest.Step{OnPlan: changing, OnDo: func(ctx context.Context, sc *checklist.Scope) error {
				for _, object := range []string{x, y} {
					err := sc.Effect(ctx, checklisttest.Thing(checklist.Staging, object), func(ctx context.Context) (checklist.Result, error) {
						if c.during != nil {
							return checklist.Result{}, c.during(j, ctx)
						}
						outside.Make(object)
						return checklist.Result{}, nil
					})
					if err != nil {
						return err
					}
				}
				return nil
			}}}
			e := w.Engine(t)
			err := e.Run(t.Context(), "a", &agreeing{t: t})

			var lost *checklist.LostError
			require.ErrorAs(t, err, &lost)
			assert.Equal(t, "put it back", checklist.Hint(err))
			assert.Equal(t, 1, strings.Count(err.Error(), lost.Found), "it is said once: %v", err)
			assert.Contains(t, err.Error(), "a was stopped: ")
			assert.Contains(t, err.Error(), c.says)
			if c.without != "" {
				assert.NotContains(t, err.Error(), c.without)
			}
			var made []string
			for _, object := range []string{x, y} {
				if outside.Has(object) {
					made = append(made, object)
				}
			}
			assert.Equal(t, c.made, made)

			requireNothingMoreIsDone(t, w, e)
		})
	}
}

// requireNothingMoreIsDone tries every act on a session whose journal was lost.
func requireNothingMoreIsDone(t *testing.T, w *checklisttest.World, e *checklist.Engine) {
	t.Helper()
	step := &checklisttest.Step{}
	w.Config.Steps.(checklisttest.Steps)["a"] = step
	before := w.Config.Journal.Events()
	for name, act := range acts(t.Context(), e, checklisttest.NewScript(t)) {
		var lost *checklist.LostError
		require.ErrorAs(t, act(), &lost, name)
	}
	assert.Empty(t, step.Calls(), "not even a look is taken")
	assert.Equal(t, before, w.Config.Journal.Events())
}

// The journal of another session that an item writes to is not its own: the item
// fails, and its journal says so.
func TestAnotherSessionsLostJournalIsAFailure(t *testing.T) {
	t.Parallel()
	w := checklisttest.NewWorld(t, list([]checklist.Item{item("a")}))
	other := &checklist.LostError{Found: "the other file was deleted", Next: "put the other back"}
	w.Config.Steps = checklisttest.Steps{"a": &checklisttest.Step{OnPlan: changing, OnDo: func(context.Context, *checklist.Scope) error { return other }}}
	e := w.Engine(t)
	require.ErrorIs(t, e.Run(t.Context(), "a", &agreeing{t: t}), other)
	state := e.Session().State("a")
	assert.Equal(t, checklist.StatusFailed, state.Status)
	assert.Contains(t, state.Words(), other.Found)
}

func TestMayChangeOutsideAnItem(t *testing.T) {
	t.Parallel()
	assert.NoError(t, checklist.MayChange(t.Context()))
}
