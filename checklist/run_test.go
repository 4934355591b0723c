package checklist_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/checklist/journal"
)

var (
	changing     = checklisttest.Planning(checklist.Plan{Summary: "Add v2", Risk: checklist.Change})
	irreversible = checklisttest.Planning(checklist.Plan{Summary: "Remove v1", Risk: checklist.Irreversible, Confirm: "v1"})
	errVercel    = checklist.WithHint(errors.New("vercel says 429"), "wait a minute")
)

// doing returns an OnDo that makes effects, the last of which ends in err.
func doing(err error, words ...string) func(context.Context, *checklist.Scope) error {
	return func(ctx context.Context, sc *checklist.Scope) error {
		for i, w := range words {
			if actErr := sc.Effect(ctx, *effect(w), func(context.Context) (checklist.Result, error) {
				if i == len(words)-1 && err != nil {
					return checklist.Result{}, err
				}
				return checklist.Result{ID: "id " + w}, nil
			}); actErr != nil {
				return actErr
			}
		}
		return nil
	}
}

func TestRun(t *testing.T) {
	t.Parallel()
	is := func(done bool, err error) func(context.Context, *checklist.Scope) (bool, error) {
		return func(context.Context, *checklist.Scope) (bool, error) { return done, err }
	}
	until := checklisttest.Morning().Add(time.Hour)
	for name, tc := range map[string]struct {
		step    *checklisttest.Step
		replies []checklisttest.Reply
		err     string // of Run; empty for none
		is      error  // of Run
		kinds   []checklist.Kind
		calls   []string
		status  checklist.Status
		text    string // of the item
	}{
		"a look asks nothing": {
			step:   &checklisttest.Step{},
			kinds:  []checklist.Kind{checklist.Planned, checklist.Started, checklist.Passed},
			calls:  []string{"plan", "check", "do", "verify"},
			status: checklist.StatusPassed,
		},
		"a change asks for a yes": {
			step:    &checklisttest.Step{OnPlan: changing, OnDo: doing(nil, "x", "y")},
			replies: []checklisttest.Reply{checklisttest.Agree("a")},
			kinds: []checklist.Kind{checklist.Planned, checklist.Agreed, checklist.Started,
				checklist.Intended, checklist.Done, checklist.Intended, checklist.Done, checklist.Passed},
			calls:  []string{"plan", "check", "do", "verify"},
			status: checklist.StatusPassed,
		},
		"what is there already is not done again": {
			step:    &checklisttest.Step{OnPlan: changing, OnCheck: is(true, nil)},
			replies: []checklisttest.Reply{checklisttest.Agree("a")},
			kinds:   []checklist.Kind{checklist.Planned, checklist.Agreed, checklist.Started, checklist.Passed},
			calls:   []string{"plan", "check", "verify"},
			status:  checklist.StatusPassed,
		},
		"a no changes nothing": {
			step:    &checklisttest.Step{OnPlan: changing},
			replies: []checklisttest.Reply{checklisttest.Refuse("a")},
			err:     "did not agree", is: checklist.ErrDeclined,
			kinds:  []checklist.Kind{checklist.Planned, checklist.Declined},
			calls:  []string{"plan"},
			status: checklist.StatusOpen,
		},
		"a question left changes nothing": {
			step:    &checklisttest.Step{OnPlan: changing},
			replies: []checklisttest.Reply{checklisttest.Leave("a")},
			err:     "cancelled by the operator", is: checklist.ErrCancelled,
			kinds:  []checklist.Kind{checklist.Planned, checklist.Declined},
			calls:  []string{"plan"},
			status: checklist.StatusOpen,
		},
		"the irreversible asks for the key id": {
			step:    &checklisttest.Step{OnPlan: irreversible, OnDo: doing(nil, "x")},
			replies: []checklisttest.Reply{checklisttest.Type("a", "v1")},
			kinds:   []checklist.Kind{checklist.Planned, checklist.Agreed, checklist.Started, checklist.Intended, checklist.Done, checklist.Passed},
			calls:   []string{"plan", "check", "do", "verify"},
			status:  checklist.StatusPassed,
		},
		"another key id changes nothing": {
			step:    &checklisttest.Step{OnPlan: irreversible},
			replies: []checklisttest.Reply{checklisttest.Type("a", "v2")},
			err:     "did not agree", is: checklist.ErrDeclined,
			kinds:  []checklist.Kind{checklist.Planned, checklist.Declined},
			calls:  []string{"plan"},
			status: checklist.StatusOpen,
		},
		"a yes is not the key id": {
			step:    &checklisttest.Step{OnPlan: irreversible},
			replies: []checklisttest.Reply{checklisttest.Type("a", checklist.Yes)},
			err:     "did not agree", is: checklist.ErrDeclined,
			kinds:  []checklist.Kind{checklist.Planned, checklist.Declined},
			calls:  []string{"plan"},
			status: checklist.StatusOpen,
		},
		"an irreversible plan must say what to type": {
			step:   &checklisttest.Step{OnPlan: checklisttest.Planning(checklist.Plan{Risk: checklist.Irreversible})},
			err:    "names nothing to be typed",
			kinds:  []checklist.Kind{checklist.Failed},
			calls:  []string{"plan"},
			status: checklist.StatusFailed, text: "plan: it is irreversible and names nothing to be typed; nothing was changed",
		},
		"a plan that cannot be made": {
			step: &checklisttest.Step{OnPlan: func(context.Context, *checklist.Scope) (checklist.Plan, error) {
				return checklist.Plan{}, errVercel
			}},
			err:    "a: plan: vercel says 429",
			kinds:  []checklist.Kind{checklist.Failed},
			calls:  []string{"plan"},
			status: checklist.StatusFailed, text: "plan: vercel says 429; nothing was changed",
		},
		"an outside that cannot be read": {
			step:   &checklisttest.Step{OnCheck: is(false, errVercel)},
			err:    "a: check what is there: vercel says 429",
			kinds:  []checklist.Kind{checklist.Planned, checklist.Started, checklist.Failed},
			calls:  []string{"plan", "check"},
			status: checklist.StatusFailed, text: "check what is there: vercel says 429; nothing was changed",
		},
		"a refused effect": {
			step:   &checklisttest.Step{OnDo: doing(errVercel, "x")},
			err:    "a: thing.make x: vercel says 429",
			kinds:  []checklist.Kind{checklist.Planned, checklist.Started, checklist.Intended, checklist.Unmade, checklist.Failed},
			calls:  []string{"plan", "check", "do"},
			status: checklist.StatusFailed, text: "thing.make x: vercel says 429; nothing was changed",
		},
		"a refused second effect": {
			step: &checklisttest.Step{OnDo: doing(errVercel, "x", "y")},
			err:  "a: thing.make y: vercel says 429",
			kinds: []checklist.Kind{checklist.Planned, checklist.Started,
				checklist.Intended, checklist.Done, checklist.Intended, checklist.Unmade, checklist.Failed},
			calls:  []string{"plan", "check", "do"},
			status: checklist.StatusFailed, text: "thing.make y: vercel says 429; changed so far: thing.make x (id x)",
		},
		"an effect whose answer was lost": {
			step:   &checklisttest.Step{OnDo: doing(errors.Join(checklist.ErrUnknown, errVercel), "x")},
			err:    "outcome unknown",
			kinds:  []checklist.Kind{checklist.Planned, checklist.Started, checklist.Intended, checklist.Unknown, checklist.Failed},
			calls:  []string{"plan", "check", "do"},
			status: checklist.StatusFailed, text: "thing.make x: outcome unknown\nvercel says 429; not known whether this was made: thing.make x",
		},
		"a proof that fails": {
			step:   &checklisttest.Step{OnDo: doing(nil, "x"), OnVerify: checklisttest.Proving(checklist.Evidence{Summary: "v2 was refused"}, errVercel)},
			err:    "a: verify: vercel says 429",
			kinds:  []checklist.Kind{checklist.Planned, checklist.Started, checklist.Intended, checklist.Done, checklist.Failed},
			calls:  []string{"plan", "check", "do", "verify"},
			status: checklist.StatusFailed, text: "verify: vercel says 429; changed so far: thing.make x (id x)",
		},
		"a proof that needs time": {
			step:   &checklisttest.Step{OnVerify: checklisttest.Proving(checklist.Evidence{}, &checklist.NotYet{Why: "2 of 7 days are over", Until: until})},
			err:    "not yet: 2 of 7 days are over",
			kinds:  []checklist.Kind{checklist.Planned, checklist.Started, checklist.Waiting},
			calls:  []string{"plan", "check", "do", "verify"},
			status: checklist.StatusWaiting, text: "2 of 7 days are over",
		},
		"a step's question that is left": {
			step: &checklisttest.Step{OnDo: func(ctx context.Context, sc *checklist.Scope) error {
				_, err := sc.Ask(ctx, checklist.Question{Asked: checklist.Asked{ID: "noticed"}, Kind: checklist.Write, Title: "What was noticed?"})
				return err
			}},
			replies: []checklisttest.Reply{checklisttest.Leave("a")},
			err:     "cancelled by the operator", is: checklist.ErrCancelled,
			kinds:  []checklist.Kind{checklist.Planned, checklist.Started, checklist.Left},
			calls:  []string{"plan", "check", "do"},
			status: checklist.StatusOpen, text: "cancelled by the operator; nothing was changed",
		},
		"a step's question that is left after a change": {
			step: &checklisttest.Step{OnDo: func(ctx context.Context, sc *checklist.Scope) error {
				err := doing(nil, "x")(ctx, sc)
				_, left := sc.Ask(ctx, checklist.Question{Asked: checklist.Asked{ID: "noticed"}, Kind: checklist.Write, Title: "What was noticed?"})
				return errors.Join(err, left)
			}},
			replies: []checklisttest.Reply{checklisttest.Leave("a")},
			err:     "cancelled by the operator", is: checklist.ErrCancelled,
			kinds:  []checklist.Kind{checklist.Planned, checklist.Started, checklist.Intended, checklist.Done, checklist.Left},
			calls:  []string{"plan", "check", "do"},
			status: checklist.StatusUnknown, text: "cancelled by the operator; changed so far: thing.make x (id x)",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := checklisttest.NewWorld(t, list([]checklist.Item{item("a")}))
			w.Config.Steps = checklisttest.Steps{"a": tc.step}
			e := w.Engine(t)
			op := checklisttest.NewScript(t, tc.replies...)
			err := e.Run(t.Context(), "a", op)
			if tc.err == "" {
				require.NoError(t, err)
			} else {
				require.ErrorContains(t, err, tc.err)
			}
			if tc.is != nil {
				require.ErrorIs(t, err, tc.is)
			}
			st := e.Session().State("a")
			assert.Equal(t, tc.kinds, op.Kinds())
			assert.Equal(t, tc.calls, tc.step.Calls())
			assert.Equal(t, tc.status, st.Status)
			assert.Equal(t, tc.text, st.Words())
			if st.Status == checklist.StatusFailed {
				assert.Equal(t, checklist.Hint(err), st.Hint)
				assert.NotEmpty(t, e.Session().Issues())
			} else {
				assert.Empty(t, e.Session().Issues(), "only a failure is something to look at")
			}
			folded, err := checklist.Fold(w.Config.Journal.Events())
			require.NoError(t, err)
			assert.Equal(t, folded, e.Session(), "the session is the fold of the journal")
		})
	}
}

func TestRunRefuses(t *testing.T) {
	t.Parallel()
	w := checklisttest.NewWorld(t, list([]checklist.Item{item("a"), item("b"), item("c")}))
	steps := w.Config.Steps.(checklisttest.Steps)
	delete(steps, "b")
	e := w.Engine(t)
	op := checklisttest.NewScript(t)
	require.ErrorContains(t, e.Run(t.Context(), "other", op), `no item "other"`)
	require.ErrorContains(t, e.Run(t.Context(), "b", op), `this build has no step "b"`)
	var gate *checklist.GateError
	require.ErrorAs(t, e.Run(t.Context(), "c", op), &gate)
	assert.Equal(t, "c", gate.Item.ID)
	assert.Equal(t, "wait, or override the gate with a written reason", gate.Hint())
	assert.Empty(t, op.Events(), "nothing of it is journalled")
	require.NoError(t, e.Run(t.Context(), "a", op))
	require.ErrorContains(t, e.Run(t.Context(), "a", op), `"Do a" is settled already`)
}

func TestAWaitingItemIsLookedAtWithoutAskingAgain(t *testing.T) {
	t.Parallel()
	ready := false
	step := &checklisttest.Step{
		OnPlan: changing, OnDo: doing(nil, "x"),
		OnVerify: func(_ context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
			if !ready {
				return checklist.Evidence{}, &checklist.NotYet{Why: "still building"}
			}
			return checklist.Evidence{Summary: "built"}, nil
		},
	}
	w := checklisttest.NewWorld(t, list([]checklist.Item{item("a")}))
	step.OnCheck = func(_ context.Context, sc *checklist.Scope) (bool, error) {
		return len(sc.Session.State("a").Effects) > 0, nil
	}
	w.Config.Steps = checklisttest.Steps{"a": step}
	e := w.Engine(t)
	op := checklisttest.NewScript(t, checklisttest.Agree("a"))
	var notYet *checklist.NotYet
	require.ErrorAs(t, e.Run(t.Context(), "a", op), &notYet)
	require.ErrorAs(t, e.Run(t.Context(), "a", op), &notYet)
	assert.Zero(t, e.Session().State("a").Until, "nobody knows until when")
	ready = true
	require.NoError(t, e.Run(t.Context(), "a", op))
	assert.Equal(t, []checklist.Kind{
		checklist.Planned, checklist.Agreed, checklist.Started, checklist.Intended, checklist.Done,
		checklist.Waiting, checklist.Waiting, checklist.Passed,
	}, op.Kinds())
}

func TestALostEffectIsResolvedByLooking(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		made  bool // although its answer was lost
		kinds []checklist.Kind
	}{
		"it was made": {true, []checklist.Kind{checklist.Done, checklist.Passed}},
		"it was not made": {false, []checklist.Kind{
			checklist.Planned, checklist.Agreed, checklist.Started, checklist.Intended, checklist.Done, checklist.Passed}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			there, lose := false, true
			step := &checklisttest.Step{
				OnPlan:  changing,
				OnCheck: func(context.Context, *checklist.Scope) (bool, error) { return there, nil },
				OnDo: func(ctx context.Context, sc *checklist.Scope) error {
					return sc.Effect(ctx, *effect("x"), func(context.Context) (checklist.Result, error) {
						if lose {
							lose, there = false, tc.made
							return checklist.Result{}, checklist.ErrUnknown
						}
						require.False(t, there, "made twice")
						there = true
						return checklist.Result{ID: "id"}, nil
					})
				},
			}
			w := checklisttest.NewWorld(t, list([]checklist.Item{item("a")}))
			w.Config.Steps = checklisttest.Steps{"a": step}
			require.ErrorIs(t, w.Engine(t).Run(t.Context(), "a", checklisttest.NewScript(t, checklisttest.Agree("a"))), checklist.ErrUnknown)
			op := checklisttest.NewScript(t)
			if !tc.made {
				op.Expect(checklisttest.Agree("a"))
			}
			e := w.Engine(t)
			require.NoError(t, e.Run(t.Context(), "a", op))
			assert.Equal(t, tc.kinds, op.Kinds())
			st := e.Session().State("a")
			assert.Empty(t, st.Pending)
			require.Len(t, st.Effects, 1)
			if tc.made {
				assert.Equal(t, "thing.make x (found done)", st.Effects[0].String())
			}
		})
	}
}

func TestAnItemThatDiedWhenAllWasDoneIsProvedWithoutAsking(t *testing.T) {
	t.Parallel()
	a := item("a")
	a.Environments = []checklist.Environment{checklist.Staging}
	outside := &checklisttest.Outside{}
	step := checklisttest.ItemStep(outside)
	prove := step.OnVerify
	step.OnVerify = func(context.Context, *checklist.Scope) (checklist.Evidence, error) { panic(errKilled) }
	w := checklisttest.NewWorld(t, list([]checklist.Item{a}))
	w.Config.Steps, w.Config.Observer = checklisttest.Steps{"a": step}, outside
	assert.Panics(t, func() { _ = w.Engine(t).Run(t.Context(), "a", checklisttest.NewScript(t, checklisttest.Agree("a"))) })

	step.OnVerify = prove
	e, op := w.Engine(t), checklisttest.NewScript(t)
	require.NoError(t, e.Resume(t.Context(), op))
	require.NoError(t, e.Run(t.Context(), "a", op))
	assert.Equal(t, []checklist.Kind{checklist.Resumed, checklist.Observed, checklist.Passed}, op.Kinds())
}

// heedful is a journal that writes nothing under a context that has ended.
type heedful struct{ checklist.Journal }

func (j heedful) Append(ctx context.Context, e checklist.Event) (checklist.Event, error) {
	if err := ctx.Err(); err != nil {
		return checklist.Event{}, err
	}
	return j.Journal.Append(ctx, e)
}

func TestCancellation(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		cancelIn string // the words of the effect during which it is cancelled, or "between"
		kinds    []checklist.Kind
		effects  int
		pending  int
		status   checklist.Status
	}{
		"before the first effect": {"before", []checklist.Kind{checklist.Planned, checklist.Started, checklist.Left}, 0, 0, checklist.StatusOpen},
		"between two effects":     {"between", []checklist.Kind{checklist.Planned, checklist.Started, checklist.Intended, checklist.Done, checklist.Left}, 1, 0, checklist.StatusUnknown},
		"during an effect":        {"during", []checklist.Kind{checklist.Planned, checklist.Started, checklist.Intended, checklist.Unknown, checklist.Left}, 0, 1, checklist.StatusUnknown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			step := &checklisttest.Step{OnDo: func(ctx context.Context, sc *checklist.Scope) error {
				if tc.cancelIn == "before" {
					cancel()
				}
				for _, words := range []string{"x", "y"} {
					err := sc.Effect(ctx, *effect(words), func(ctx context.Context) (checklist.Result, error) {
						if tc.cancelIn == "during" {
							cancel()
							return checklist.Result{}, ctx.Err() // as an HTTP client does
						}
						return checklist.Result{ID: "id"}, nil
					})
					if err != nil {
						return err
					}
					if tc.cancelIn == "between" {
						cancel()
					}
				}
				return nil
			}}
			outside := &checklisttest.Outside{}
			w := checklisttest.NewWorld(t, list([]checklist.Item{item("a")}))
			w.Config.Steps, w.Config.Observer = checklisttest.Steps{"a": step}, outside
			w.Config.Journal = heedful{w.Config.Journal}
			e := w.Engine(t)
			op := checklisttest.NewScript(t)
			require.ErrorIs(t, e.Run(ctx, "a", op), context.Canceled)
			assert.Equal(t, tc.kinds, op.Kinds(), "what has happened is written although the context has ended")
			st := e.Session().State("a")
			assert.Equal(t, tc.status, st.Status)
			assert.Len(t, st.Effects, tc.effects)
			assert.Len(t, st.Pending, tc.pending)
			assert.Empty(t, e.Session().Issues(), "leaving is no failure")

			step.OnDo = nil
			require.NoError(t, e.Run(t.Context(), "a", op), "the engine is free, and the item can be taken up again")
			assert.Empty(t, e.Session().State("a").Pending)
		})
	}
}

// failingJournal fails to write events of one kind.
type failingJournal struct {
	checklist.Journal
	kind checklist.Kind
}

var errDiskFull = errors.New("no space left on device")

func (j *failingJournal) Append(ctx context.Context, e checklist.Event) (checklist.Event, error) {
	if e.Kind == j.kind {
		return checklist.Event{}, errDiskFull
	}
	return j.Journal.Append(ctx, e)
}

func TestNothingIsDoneThatCannotBeWritten(t *testing.T) {
	t.Parallel()
	for _, kind := range []checklist.Kind{
		checklist.Planned, checklist.Agreed, checklist.Started, checklist.Intended, checklist.Done, checklist.Observed, checklist.Passed,
	} {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			outside := &checklisttest.Outside{}
			a := item("a")
			a.Environments = []checklist.Environment{checklist.Staging}
			w := checklisttest.NewWorld(t, list([]checklist.Item{a}))
			w.Config.Steps = checklisttest.Steps{"a": checklisttest.ItemStep(outside)}
			w.Config.Observer = outside
			whole := w.Config.Journal
			w.Config.Journal = &failingJournal{whole, kind}
			op := checklisttest.NewScript(t)
			if kind != checklist.Planned {
				op.Expect(checklisttest.Agree("a"))
			}
			e := w.Engine(t)
			require.ErrorIs(t, e.Run(t.Context(), "a", op), errDiskFull)
			made := map[checklist.Kind]int{checklist.Done: 1, checklist.Observed: 2, checklist.Passed: 2}[kind]
			assert.Len(t, outside.Made(), made)
			folded, err := checklist.Fold(whole.Events())
			require.NoError(t, err)
			assert.Equal(t, folded, e.Session(), "what was not written did not happen")

			w.Config.Journal = whole
			require.NoError(t, w.Engine(t).Run(t.Context(), "a", &agreeing{t: t}))
			for thing, times := range outside.Made() {
				assert.Equal(t, 1, times, thing)
			}
		})
	}
}

func TestEventsAreDurableBeforeTheyAreShown(t *testing.T) {
	t.Parallel()
	w := checklisttest.NewWorld(t, list([]checklist.Item{item("a")}))
	op := &watching{Script: checklisttest.NewScript(t), journal: w.Config.Journal.(*journal.Memory)}
	e := w.Engine(t)
	op.engine = e
	require.NoError(t, e.Run(t.Context(), "a", op))
	require.NoError(t, e.Note(t.Context(), "", "done", op))
	assert.Equal(t, 4, op.shown)
}

// watching checks that what it is shown is in the journal and in the session.
type watching struct {
	*checklisttest.Script
	journal *journal.Memory
	engine  *checklist.Engine
	shown   int
}

func (w *watching) Show(e checklist.Event) {
	w.shown++
	events := w.journal.Events()
	if last := events[len(events)-1]; last.Seq != e.Seq || w.engine.Session().LastEvent.Seq != e.Seq {
		panic("shown before it was written and folded")
	}
}

func TestScope(t *testing.T) {
	t.Parallel()

	t.Run("reaches only what the checklist may touch", func(t *testing.T) {
		t.Parallel()
		a := item("a")
		a.Environments = []checklist.Environment{checklist.Production, checklist.Staging}
		c := list([]checklist.Item{a})
		c.Environments = []checklist.Environment{checklist.Staging}
		require.Error(t, c.Validate(), "it is wrong as data already")
		acted := false
		step := &checklisttest.Step{OnDo: func(ctx context.Context, sc *checklist.Scope) error {
			assert.Equal(t, []checklist.Environment{checklist.Staging}, sc.Environments())
			return sc.Effect(ctx, checklist.Effect{Code: checklist.VariableCreate, Environment: checklist.Production, Key: "v2"}, func(context.Context) (checklist.Result, error) {
				acted = true
				return checklist.Result{}, nil
			})
		}}
		w := checklisttest.NewWorld(t, c)
		w.Config.Steps = checklisttest.Steps{"a": step}
		op := checklisttest.NewScript(t)
		require.ErrorContains(t, w.Engine(t).Run(t.Context(), "a", op), "acts in production, which the checklist may not touch")
		assert.Empty(t, op.Kinds())

		c.Environments, c.Phases[0].Items[0].Environments = a.Environments, a.Environments
		w = checklisttest.NewWorld(t, c)
		w.Config.Steps = checklisttest.Steps{"a": step}
		w.Config.Journal = journal.NewMemory()
		o := checklisttest.Opening(c)
		o.Environments = []checklist.Environment{checklist.Staging}
		require.NoError(t, checklist.Open(t.Context(), w.Config.Journal, o, "run-1", checklisttest.Morning()))
		require.ErrorContains(t, w.Engine(t).Run(t.Context(), "a", op), "the session may not touch production")
		assert.False(t, acted)
		assert.NotContains(t, op.Kinds(), checklist.Intended)
	})

	t.Run("acts in the order of the item", func(t *testing.T) {
		t.Parallel()
		a := item("a")
		a.Environments = []checklist.Environment{checklist.Production, checklist.Staging}
		w := checklisttest.NewWorld(t, list([]checklist.Item{a}))
		w.Config.Steps = checklisttest.Steps{"a": &checklisttest.Step{OnDo: func(_ context.Context, sc *checklist.Scope) error {
			assert.Equal(t, a.Environments, sc.Environments())
			return nil
		}}}
		require.NoError(t, w.Engine(t).Run(t.Context(), "a", checklisttest.NewScript(t)))
	})

	t.Run("journals answers, reports progress, and tells the engine's time", func(t *testing.T) {
		t.Parallel()
		w := checklisttest.NewWorld(t, list([]checklist.Item{item("a")}))
		w.Clock.Advance(time.Hour + time.Microsecond)
		w.Config.Steps = checklisttest.Steps{"a": &checklisttest.Step{OnDo: func(ctx context.Context, sc *checklist.Scope) error {
			assert.Equal(t, checklisttest.Morning().Add(time.Hour), sc.Now(), "in whole milliseconds, as the journal tells it")
			sc.Progress("%d of %d", 1, 2)
			sc.Report(checklist.Progress{Item: "other", Words: "2 of 2"})
			_, err := sc.Ask(ctx, checklist.Question{Kind: checklist.Write, Title: "Nameless?"})
			require.ErrorContains(t, err, "the question has no id")
			answer, err := sc.Ask(ctx, checklist.Question{Asked: checklist.Asked{ID: "noticed"}, Kind: checklist.Write, Title: "Noticed?"})
			assert.Equal(t, "nothing", answer.Text)
			return err
		}}}
		e := w.Engine(t)
		op := checklisttest.NewScript(t, checklisttest.Reply{Item: "a", Contains: "Noticed?", Say: "nothing"})
		require.NoError(t, e.Run(t.Context(), "a", op))
		assert.Equal(t, []checklist.Progress{{Item: "a", Words: "1 of 2"}, {Item: "a", Words: "2 of 2"}}, op.Reports())
		answers := e.Session().State("a").Answers
		require.Len(t, answers, 1)
		assert.Equal(t, &checklist.Asked{ID: "noticed"}, answers[0].Question)
		assert.Equal(t, "nothing", answers[0].Text)
	})
}

func TestHints(t *testing.T) {
	t.Parallel()
	assert.NoError(t, checklist.WithHint(nil, "nothing"))
	err := checklist.WithHint(context.Canceled, "run %s again", "a")
	assert.Equal(t, "run a again", checklist.Hint(errors.Join(errors.New("other"), err)))
	require.ErrorIs(t, err, context.Canceled)
	assert.Empty(t, checklist.Hint(context.Canceled))
}
