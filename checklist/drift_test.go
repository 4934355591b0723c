package checklist_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
)

// driftWorld returns a session whose first item has passed, with what it made
// outside, and whose second is next.
func driftWorld(t *testing.T) (*checklisttest.World, *checklisttest.Outside) {
	t.Helper()
	a, b := item("a"), item("b")
	a.Environments = []checklist.Environment{checklist.Staging}
	b.Environments = a.Environments
	c := list([]checklist.Item{a, b})
	outside := &checklisttest.Outside{}
	w := checklisttest.NewWorld(t, c)
	w.Config.Steps, w.Config.Observer = checklisttest.OutsideSteps(c, outside), outside
	require.NoError(t, w.Engine(t).Run(t.Context(), "a", checklisttest.NewScript(t, checklisttest.Agree("a"))))
	return w, outside
}

func TestDriftOnResume(t *testing.T) {
	t.Parallel()
	drifted := checklisttest.Reply{Item: "b", Kind: checklist.Confirm, Contains: "stranger appeared: there"}
	goOn, stop, leave := drifted, drifted, drifted
	goOn.Say, stop.Say, leave.Err = checklist.Yes, checklist.No, checklist.ErrCancelled

	t.Run("nothing changed, nothing asked", func(t *testing.T) {
		t.Parallel()
		w, _ := driftWorld(t)
		op := checklisttest.NewScript(t)
		require.NoError(t, w.Engine(t).Resume(t.Context(), op))
		assert.Equal(t, []checklist.Kind{checklist.Resumed}, op.Kinds())
	})
	t.Run("going on takes what is there", func(t *testing.T) {
		t.Parallel()
		w, outside := driftWorld(t)
		outside.Make("stranger")
		outside.Remove("a/staging/1")
		op := checklisttest.NewScript(t, goOn)
		e := w.Engine(t)
		require.NoError(t, e.Resume(t.Context(), op))
		assert.Equal(t, []checklist.Kind{checklist.Resumed, checklist.Drifted, checklist.Observed}, op.Kinds())
		assert.Equal(t, checklist.No, op.Asked()[0].Default, "a bare enter stops")
		assert.Len(t, e.Session().Deviations, 2)
		require.NoError(t, e.Resume(t.Context(), op), "it is not asked twice")
	})
	t.Run("stopping keeps what was believed", func(t *testing.T) {
		t.Parallel()
		w, outside := driftWorld(t)
		outside.Make("stranger")
		op := checklisttest.NewScript(t, stop)
		e := w.Engine(t)
		err := e.Resume(t.Context(), op)
		require.ErrorContains(t, err, "1 things changed outside this session: stranger appeared")
		assert.NotEmpty(t, checklist.Hint(err))
		assert.Equal(t, []checklist.Kind{checklist.Resumed, checklist.Drifted}, op.Kinds())
		assert.Len(t, e.Session().Deviations, 1)
		op.Expect(goOn, checklisttest.Agree("b"))
		require.NoError(t, e.Run(t.Context(), "b", op), "it is asked again before the next change")
	})
	t.Run("a question left open is written as well", func(t *testing.T) {
		t.Parallel()
		w, outside := driftWorld(t)
		outside.Make("stranger")
		e := w.Engine(t)
		require.ErrorIs(t, e.Resume(t.Context(), checklisttest.NewScript(t, leave)), checklist.ErrCancelled)
		assert.Len(t, e.Session().Deviations, 1)
	})
	t.Run("an outside that cannot be read", func(t *testing.T) {
		t.Parallel()
		w, _ := driftWorld(t)
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		require.ErrorContains(t, w.Engine(t).Resume(ctx, checklisttest.NewScript(t)), "look for drift: context canceled")
	})
}

func TestDriftBeforeAChange(t *testing.T) {
	t.Parallel()

	t.Run("is asked before consent, and a no starts nothing", func(t *testing.T) {
		t.Parallel()
		w, outside := driftWorld(t)
		outside.Make("stranger")
		op := checklisttest.NewScript(t, checklisttest.Refuse("b"))
		require.ErrorContains(t, w.Engine(t).Run(t.Context(), "b", op), "changed outside this session")
		assert.Equal(t, []checklist.Kind{checklist.Planned, checklist.Drifted}, op.Kinds())
		assert.False(t, outside.Has("b/staging/1"))
	})
	t.Run("is not asked before a mere look", func(t *testing.T) {
		t.Parallel()
		w, outside := driftWorld(t)
		outside.Make("stranger")
		w.Config.Steps.(checklisttest.Steps)["b"] = &checklisttest.Step{}
		e := w.Engine(t)
		require.NoError(t, e.Run(t.Context(), "b", checklisttest.NewScript(t)))
		assert.NotContains(t, e.Session().Seen, "stranger", "nor taken for ours by it")
	})
	t.Run("is told apart from what a failed item had made", func(t *testing.T) {
		t.Parallel()
		w, outside := driftWorld(t)
		fail := true
		step := checklisttest.ItemStep(outside)
		do := step.OnDo
		step.OnDo = func(ctx context.Context, sc *checklist.Scope) error {
			err := sc.Effect(ctx, checklisttest.Thing(checklist.Staging, "b/staging/1"), func(context.Context) (checklist.Result, error) {
				if !outside.Has("b/staging/1") {
					outside.Make("b/staging/1")
				}
				return checklist.Result{}, nil
			})
			if fail {
				return errors.Join(err, errVercel)
			}
			return errors.Join(err, do(ctx, sc))
		}
		w.Config.Steps.(checklisttest.Steps)["b"] = step
		e := w.Engine(t)
		require.ErrorContains(t, e.Run(t.Context(), "b", checklisttest.NewScript(t, checklisttest.Agree("b"))), "vercel says 429")
		require.NoError(t, e.Resume(t.Context(), checklisttest.NewScript(t)), "what it had made is ours")
		outside.Make("stranger")
		fail = false
		op := checklisttest.NewScript(t, checklisttest.Reply{Item: "b", Contains: "stranger appeared", Say: checklist.Yes}, checklisttest.Agree("b"))
		require.NoError(t, e.Run(t.Context(), "b", op), "what it had not, is not")
		require.Len(t, e.Session().Deviations, 1)
		assert.Contains(t, e.Session().Words(e.Session().Deviations[0]), "stranger")
	})
	t.Run("is told apart from what a waiting item had made", func(t *testing.T) {
		t.Parallel()
		w, outside := driftWorld(t)
		step := checklisttest.ItemStep(outside)
		step.OnVerify = checklisttest.Proving(checklist.Evidence{}, &checklist.NotYet{Why: "still building"})
		w.Config.Steps.(checklisttest.Steps)["b"] = step
		e := w.Engine(t)
		var notYet *checklist.NotYet
		require.ErrorAs(t, e.Run(t.Context(), "b", checklisttest.NewScript(t, checklisttest.Agree("b"))), &notYet)
		require.NoError(t, e.Resume(t.Context(), checklisttest.NewScript(t)))
		outside.Make("stranger")
		op := checklisttest.NewScript(t, checklisttest.Reply{Item: "b", Contains: "stranger appeared", Say: checklist.Yes})
		require.NoError(t, e.Resume(t.Context(), op), "what came while it waited, is not")
	})
	t.Run("without an observer nothing is compared", func(t *testing.T) {
		t.Parallel()
		w, outside := driftWorld(t)
		outside.Make("stranger")
		w.Config.Observer = nil
		require.NoError(t, w.Engine(t).Resume(t.Context(), checklisttest.NewScript(t)))
	})
}

func TestAnOutsideThatCannotBeSeenFailsTheItem(t *testing.T) {
	t.Parallel()
	w, _ := driftWorld(t)
	w.Config.Observer = blind{}
	e := w.Engine(t)
	step := w.Config.Steps.(checklisttest.Steps)["b"].(*checklisttest.Step)
	step.OnPlan = nil // a look is not compared before
	require.ErrorContains(t, e.Run(t.Context(), "b", checklisttest.NewScript(t)), "look at the result: vercel says 429")
	assert.Equal(t, checklist.StatusFailed, e.Session().State("b").Status)
}

type blind struct{}

func (blind) Observe(context.Context, *checklist.Session) (map[string]string, error) {
	return nil, errVercel
}
