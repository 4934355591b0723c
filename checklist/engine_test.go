package checklist_test

import (
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/checklist/journal"
)

// acts returns every way to write to a session.
func acts(ctx context.Context, e *checklist.Engine, op checklist.Operator) map[string]func() error {
	return map[string]func() error{
		"run":       func() error { return e.Run(ctx, "a", op) },
		"resume":    func() error { return e.Resume(ctx, op) },
		"note":      func() error { return e.Note(ctx, "a", "a remark", op) },
		"pass over": func() error { return e.PassOver(ctx, "a", "no need", op) },
		"override":  func() error { return e.Override(ctx, "b", "day", "no need", op) },
		"reopen":    func() error { return e.Reopen(ctx, "a", "no need", op) },
		"turn":      func() error { return e.Turn(ctx, checklisttest.Morning(), op) },
		"finish":    func() error { return e.Finish(ctx, op) },
		"abandon":   func() error { return e.Abandon(ctx, "no need", op) },
	}
}

func TestReadOnly(t *testing.T) {
	t.Parallel()
	w := checklisttest.NewWorld(t, list([]checklist.Item{item("a")}, []checklist.Item{item("b")}))
	w.Config.Journal = w.Config.Journal.(*journal.Memory).ReadOnly("pid 7 on host by grace@example.com")
	e := w.Engine(t)
	before := len(w.Config.Journal.Events())
	assert.Equal(t, "pid 7 on host by grace@example.com", e.Holder())
	for name, act := range acts(t.Context(), e, checklisttest.NewScript(t)) {
		err := act()
		require.ErrorIs(t, err, checklist.ErrReadOnly, name)
		require.ErrorContains(t, err, "grace@example.com", name)
	}
	assert.Len(t, w.Config.Journal.Events(), before)
	assert.Equal(t, checklist.StatusOpen, e.Session().State("a").Status, "it can be looked at")
	require.NoError(t, e.Close())
}

func TestNothingIsWrittenAfterTheEnd(t *testing.T) {
	t.Parallel()
	e, w := checklisttest.Open(t, list([]checklist.Item{item("a")}, []checklist.Item{item("b")}))
	op := checklisttest.NewScript(t)
	require.ErrorContains(t, e.Abandon(t.Context(), " ", op), "a reason is needed")
	require.NoError(t, e.Abandon(t.Context(), "the vendor is down", op))
	before := len(w.Config.Journal.Events())
	for name, act := range acts(t.Context(), e, op) {
		require.ErrorContains(t, act(), "session session-1 is abandoned", name)
	}
	assert.Len(t, w.Config.Journal.Events(), before)
}

func TestFinish(t *testing.T) {
	t.Parallel()
	e, _ := checklisttest.Open(t, list([]checklist.Item{item("a"), item("b")}))
	op := checklisttest.NewScript(t)
	require.NoError(t, e.Run(t.Context(), "a", op))
	require.ErrorContains(t, e.Finish(t.Context(), op), `"Do b" is still to be done`)
	require.NoError(t, e.PassOver(t.Context(), "b", "not needed", op))
	require.NoError(t, e.Finish(t.Context(), op))
	assert.Equal(t, checklist.Finished, e.Session().Outcome)
	settled, total := e.Session().Settled()
	assert.Equal(t, []int{2, 2}, []int{settled, total})
}

// blocking is an operator whose first answer waits.
type blocking struct {
	*checklisttest.Script
	asked, answer chan struct{}
}

func (b *blocking) Ask(ctx context.Context, q checklist.Question) (checklist.Answer, error) {
	close(b.asked)
	select {
	case <-b.answer:
		return b.Script.Ask(ctx, q)
	case <-ctx.Done():
		return checklist.Answer{}, ctx.Err()
	}
}

func TestBusy(t *testing.T) {
	t.Parallel()
	w := checklisttest.NewWorld(t, list([]checklist.Item{item("a")}, []checklist.Item{item("b")}))
	w.Config.Steps = checklisttest.Steps{"a": &checklisttest.Step{OnPlan: changing}, "b": &checklisttest.Step{}}
	e := w.Engine(t)
	op := &blocking{checklisttest.NewScript(t, checklisttest.Agree("a")), make(chan struct{}), make(chan struct{})}
	ran := make(chan error)
	go func() { ran <- e.Run(context.Background(), "a", op) }()
	<-op.asked
	other := checklisttest.NewScript(t)
	for name, act := range acts(t.Context(), e, other) {
		switch name {
		case "note", "turn": // may be done meanwhile
			require.NoError(t, act(), name)
		default:
			require.ErrorIs(t, act(), checklist.ErrBusy, name)
		}
	}
	close(op.answer)
	require.NoError(t, <-ran)
	require.ErrorContains(t, e.Run(t.Context(), "a", other), "settled already", "it is free again")

	t.Run("never for ever: a cancelled question frees it", func(t *testing.T) {
		w := checklisttest.NewWorld(t, list([]checklist.Item{item("a")}))
		w.Config.Steps = checklisttest.Steps{"a": &checklisttest.Step{OnPlan: changing}}
		e := w.Engine(t)
		op := &blocking{checklisttest.NewScript(t), make(chan struct{}), make(chan struct{})}
		ctx, cancel := context.WithCancel(t.Context())
		go func() { ran <- e.Run(ctx, "a", op) }()
		<-op.asked
		cancel()
		require.ErrorIs(t, <-ran, context.Canceled)
		require.NoError(t, e.Run(t.Context(), "a", checklisttest.NewScript(t, checklisttest.Agree("a"))))
	})
	t.Run("never for ever: a panic in a step frees it", func(t *testing.T) {
		w := checklisttest.NewWorld(t, list([]checklist.Item{item("a")}))
		w.Config.Steps = checklisttest.Steps{"a": &checklisttest.Step{OnDo: func(context.Context, *checklist.Scope) error { panic("a defect") }}}
		e := w.Engine(t)
		assert.PanicsWithValue(t, "a defect", func() { _ = e.Run(t.Context(), "a", checklisttest.NewScript(t)) })
		assert.Equal(t, checklist.StatusUnknown, e.Session().State("a").Status)
		require.NoError(t, e.Note(t.Context(), "a", "it panicked", checklisttest.NewScript(t)))
		require.NoError(t, e.PassOver(t.Context(), "a", "a defect in Keyturn", checklisttest.NewScript(t)))
	})
}

func TestNotes(t *testing.T) {
	t.Parallel()
	e, w := checklisttest.Open(t, list([]checklist.Item{item("a")}))
	op := checklisttest.NewScript(t)
	require.ErrorContains(t, e.Note(t.Context(), "a", "\n ", op), "note is empty")
	require.ErrorContains(t, e.Note(t.Context(), "other", "hello", op), `no item "other"`)
	require.NoError(t, e.Note(t.Context(), "a", "checkout is slow today", op))
	require.NoError(t, e.Note(t.Context(), "", "a holiday in Berlin", op))
	again := w.Engine(t).Session() // a refused note has not spoiled the journal
	assert.Len(t, again.Notes, 2)
	require.Len(t, again.State("a").Notes, 1)
	assert.Equal(t, "checkout is slow today", again.State("a").Notes[0].Text)
	assert.Equal(t, checklisttest.Operator, again.Notes[0].By)
}

// slow is a journal that lets others go first when it has written.
type slow struct{ checklist.Journal }

func (j slow) Append(ctx context.Context, e checklist.Event) (checklist.Event, error) {
	e, err := j.Journal.Append(ctx, e)
	runtime.Gosched()
	return e, err
}

func TestNotesOfManyKeepTheJournalAndTheSessionAlike(t *testing.T) {
	t.Parallel()
	w := checklisttest.NewWorld(t, list([]checklist.Item{item("a")}))
	w.Config.Journal = slow{w.Config.Journal}
	e, op := w.Engine(t), checklisttest.NewScript(t)
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			for range 20 {
				assert.NoError(t, e.Note(context.Background(), "a", "at once", op))
			}
		})
	}
	group.Wait()
	folded, err := checklist.Fold(w.Config.Journal.Events())
	require.NoError(t, err)
	assert.Equal(t, folded, e.Session())
	for i, shown := range op.Events() {
		assert.Equal(t, i+2, shown.Seq, "shown in the order of the journal")
	}
}

func TestTurn(t *testing.T) {
	t.Parallel()
	e, w := checklisttest.Open(t, list([]checklist.Item{item("a")}))
	require.NoError(t, e.Turn(t.Context(), checklisttest.Morning().AddDate(0, 0, 1), checklisttest.NewScript(t)))
	events := w.Config.Journal.Events()
	assert.Equal(t, checklist.Turned, events[1].Kind)
	assert.Equal(t, checklisttest.Morning().AddDate(0, 0, 1), *events[1].Until)
	assert.Equal(t, checklisttest.Morning(), e.Now())
}

// meter is a meter whose reading a test sets.
type meter struct {
	value float64
	err   error
	reads int
	now   func() time.Time
}

func (m *meter) Measure(_ context.Context, _ *checklist.Session, metric checklist.Metric) (checklist.Reading, error) {
	m.reads++
	return checklist.Reading{Metric: metric, Value: m.value, At: m.now()}, m.err
}

func TestMetricsAreReadWhenAnItemIsRun(t *testing.T) {
	t.Parallel()
	gate := checklist.Gate{Kind: checklist.GateMetric, Metric: checklist.OldKeyRequests}
	newWorld := func(t *testing.T) (*checklisttest.World, *meter) {
		w := checklisttest.NewWorld(t, list([]checklist.Item{item("a", gate)}))
		m := &meter{now: w.Clock.Now}
		w.Config.Meter = m
		return w, m
	}

	t.Run("and the reading decides", func(t *testing.T) {
		t.Parallel()
		w, m := newWorld(t)
		e, op := w.Engine(t), checklisttest.NewScript(t)
		m.value = 3
		var closed *checklist.GateError
		require.ErrorAs(t, e.Run(t.Context(), "a", op), &closed)
		assert.Equal(t, "old-key-requests is 3, over 0", closed.Closed[0].Why)
		m.value = 0
		require.NoError(t, e.Run(t.Context(), "a", op))
		assert.Equal(t, []checklist.Kind{checklist.Measured, checklist.Measured, checklist.Planned, checklist.Started, checklist.Passed}, op.Kinds())
	})
	t.Run("a meter that is gone can be overridden, and is left alone then", func(t *testing.T) {
		t.Parallel()
		w, m := newWorld(t)
		e, op := w.Engine(t), checklisttest.NewScript(t)
		m.err = errVercel
		err := e.Run(t.Context(), "a", op)
		require.ErrorContains(t, err, "read old-key-requests: vercel says 429")
		assert.NotEmpty(t, checklist.Hint(err))
		require.NoError(t, e.Override(t.Context(), "a", "metric:old-key-requests", "the log is down, the vendor confirmed", op))
		reads := m.reads
		require.NoError(t, e.Run(t.Context(), "a", op))
		assert.Equal(t, reads, m.reads)
	})
	t.Run("without a meter the gate stays shut", func(t *testing.T) {
		t.Parallel()
		w, _ := newWorld(t)
		w.Config.Meter = nil
		var closed *checklist.GateError
		require.ErrorAs(t, w.Engine(t).Run(t.Context(), "a", checklisttest.NewScript(t)), &closed)
		assert.Equal(t, "old-key-requests has not been read", closed.Closed[0].Why)
	})
}

func kindsOf(events []checklist.Event) []checklist.Kind {
	kinds := make([]checklist.Kind, len(events))
	for i, e := range events {
		kinds[i] = e.Kind
	}
	return kinds
}

func TestDeviations(t *testing.T) {
	t.Parallel()
	production := item("a")
	production.Environments = []checklist.Environment{checklist.Staging, checklist.Production}
	required := item("a")
	required.Required = true
	proof := checklist.Gate{Kind: checklist.GateProof, Fact: "accepted/production/new", Words: "it is accepted"}
	metric := checklist.Gate{Kind: checklist.GateMetric, Metric: checklist.OldKeyRequests}
	gated := production
	gated.Gates = []checklist.Gate{metric, proof}
	passOver := func(id, reason string) func(context.Context, *checklist.Engine, checklist.Operator) error {
		return func(ctx context.Context, e *checklist.Engine, op checklist.Operator) error {
			return e.PassOver(ctx, id, reason, op)
		}
	}
	override := func(gate, reason string) func(context.Context, *checklist.Engine, checklist.Operator) error {
		return func(ctx context.Context, e *checklist.Engine, op checklist.Operator) error {
			return e.Override(ctx, "a", gate, reason, op)
		}
	}
	grace := []string{"grace@example.com"}
	asked := func(kind checklist.Kind, gate string) []checklist.Consent {
		reason := map[checklist.Kind]string{checklist.PassedOver: "no need", checklist.Overridden: "confirmed"}[kind]
		return []checklist.Consent{{Item: "a", Deviation: kind, Gate: gate, Reason: reason}}
	}
	for name, tc := range map[string]struct {
		item     checklist.Item
		approver *checklisttest.Second
		act      func(context.Context, *checklist.Engine, checklist.Operator) error
		err      string // empty: it is written
		what     string
		approved []string            // by whom
		asked    []checklist.Consent // of the second person
	}{
		"pass over in staging":              {item("a"), nil, passOver("a", "no need"), "", "passed over Do a", nil, nil},
		"pass over without a reason":        {item("a"), nil, passOver("a", " "), "a reason is needed", "", nil, nil},
		"pass over what must be done":       {required, nil, passOver("a", "no need"), `"Do a" cannot be passed over`, "", nil, nil},
		"pass over a later item":            {item("a"), nil, passOver("b", "no need"), `"Do b" is not the next item`, "", nil, nil},
		"pass over what is not there":       {item("a"), nil, passOver("x", "no need"), `no item "x"`, "", nil, nil},
		"pass over in production":           {production, &checklisttest.Second{}, passOver("a", "no need"), "", "passed over Do a", grace, asked(checklist.PassedOver, "")},
		"pass over in production alone":     {production, nil, passOver("a", "no need"), "a second person must agree", "", nil, nil},
		"pass over in production, refused":  {production, &checklisttest.Second{Err: errors.New("not today")}, passOver("a", "no need"), "ask a second person: not today", "", nil, asked(checklist.PassedOver, "")},
		"override a metric in production":   {gated, &checklisttest.Second{}, override("metric:old-key-requests", "confirmed"), "", "gate metric:old-key-requests overridden for Do a", grace, asked(checklist.Overridden, "metric:old-key-requests")},
		"override in production alone":      {gated, nil, override("metric:old-key-requests", "confirmed"), "a second person must agree", "", nil, nil},
		"override in production, left":      {gated, &checklisttest.Second{Err: checklist.ErrCancelled}, override("metric:old-key-requests", "confirmed"), "cancelled by the operator", "", nil, asked(checklist.Overridden, "metric:old-key-requests")},
		"override without a reason":         {gated, &checklisttest.Second{}, override("metric:old-key-requests", ""), "a reason is needed", "", nil, nil},
		"override a proof, with two people": {gated, &checklisttest.Second{}, override("proof:accepted/production/new", "trust me"), "takes no override", "", nil, nil},
		"override the order":                {gated, &checklisttest.Second{}, override("order", "now"), "has no closed gate order", "", nil, nil},
		"override what is open":             {gated, &checklisttest.Second{}, override("day", "now"), "has no closed gate day", "", nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := checklisttest.NewWorld(t, list([]checklist.Item{tc.item, item("b")}))
			if tc.approver != nil {
				w.Config.Approver = tc.approver
			}
			e := w.Engine(t)
			err := tc.act(t.Context(), e, checklisttest.NewScript(t))
			if tc.approver != nil {
				assert.Equal(t, tc.asked, tc.approver.Asked())
			}
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				kinds := []checklist.Kind{checklist.Opened}
				for range tc.asked {
					kinds = append(kinds, checklist.Requested)
				}
				assert.Equal(t, kinds, kindsOf(w.Config.Journal.Events()), "nothing else was written")
				return
			}
			require.NoError(t, err)
			s := w.Engine(t).Session()
			deviations := s.Deviations
			require.Len(t, deviations, 1)
			assert.Equal(t, tc.what, s.Words(deviations[0]))
			assert.Equal(t, tc.approved, deviations[0].Approved)
			assert.NotEmpty(t, deviations[0].Reason)
			assert.Equal(t, checklisttest.Operator, deviations[0].By)
		})
	}
}

func TestRequiredItemsOfTheRunbook(t *testing.T) {
	t.Parallel()
	e, _ := checklisttest.Open(t, checklist.Quarterly(7))
	op := checklisttest.NewScript(t)
	require.NoError(t, e.PassOver(t.Context(), "review", "the first rotation", op))
	err := e.PassOver(t.Context(), "generate", "no need", op)
	require.ErrorContains(t, err, `"Generate new key" cannot be passed over`)
	assert.NotEmpty(t, checklist.Hint(err))
}

func TestReopen(t *testing.T) {
	t.Parallel()
	newWorld := func(t *testing.T) *checklisttest.World {
		w := checklisttest.NewWorld(t, list([]checklist.Item{item("a"), item("b"), item("c")}))
		w.Config.Steps.(checklisttest.Steps)["b"] = &checklisttest.Step{OnPlan: irreversible}
		return w
	}

	t.Run("opens the item and all after it", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t)
		w.Config.Steps.(checklisttest.Steps)["b"] = &checklisttest.Step{}
		e, op := w.Engine(t), checklisttest.NewScript(t)
		for _, id := range []string{"a", "b", "c"} {
			require.NoError(t, e.Run(t.Context(), id, op))
		}
		require.ErrorContains(t, e.Reopen(t.Context(), "b", " ", op), "a reason is needed")
		require.NoError(t, e.Reopen(t.Context(), "b", "the value was wrong", op))
		s := e.Session()
		assert.Equal(t, checklist.StatusPassed, s.State("a").Status)
		assert.Equal(t, checklist.StatusOpen, s.State("b").Status)
		assert.Equal(t, checklist.StatusOpen, s.State("c").Status)
		assert.Equal(t, 1, s.State("b").Round)
		require.Len(t, s.Deviations, 1)
		assert.Equal(t, "done again from Do b", s.Words(s.Deviations[0]))
		require.NoError(t, e.Run(t.Context(), "b", op))
	})
	t.Run("is refused once something irreversible was done", func(t *testing.T) {
		t.Parallel()
		e, op := newWorld(t).Engine(t), checklisttest.NewScript(t, checklisttest.Type("b", "v1"))
		require.ErrorContains(t, e.Reopen(t.Context(), "a", "again", op), `"Do a" has not been done`)
		require.ErrorContains(t, e.Reopen(t.Context(), "x", "again", op), `no item "x"`)
		require.NoError(t, e.Run(t.Context(), "a", op))
		require.NoError(t, e.Run(t.Context(), "b", op))
		require.ErrorContains(t, e.Reopen(t.Context(), "a", "again", op), "cannot be undone")
	})
}

func TestRepeat(t *testing.T) {
	t.Parallel()
	staging := []checklist.Environment{checklist.Staging}
	add, prove, elsewhere, remove := item("add"), item("prove"), item("elsewhere"), item("remove")
	add.Environments, prove.Environments, remove.Environments = staging, staging, staging
	elsewhere.Environments = []checklist.Environment{checklist.Production}
	prove.Repeat = true
	c := list([]checklist.Item{add, prove, elsewhere, remove})
	outside := &checklisttest.Outside{}
	w := checklisttest.NewWorld(t, c)
	w.Config.Steps = checklisttest.OutsideSteps(c, outside)
	w.Config.Steps.(checklisttest.Steps)["prove"] = &checklisttest.Step{}
	e, op := w.Engine(t), &agreeing{t: t}
	run := func(id string) error { return e.Run(t.Context(), id, op) }
	require.NoError(t, run("add"))
	require.NoError(t, run("prove"))
	require.NoError(t, run("prove"), "a proof may be looked at again")
	require.ErrorContains(t, run("add"), "settled already", "a change may not")
	require.NoError(t, run("elsewhere"))
	require.NoError(t, run("prove"), "what was changed elsewhere does not matter")
	require.NoError(t, run("remove"))
	require.ErrorContains(t, run("prove"), `"Do prove" cannot be done again: "Do remove" has changed what it is about since`)
	assert.Equal(t, checklist.StatusPassed, e.Session().State("prove").Status, "it still counts as what it was then")
	require.ErrorContains(t, e.Session().CanRepeat("x"), `no item "x"`)

	t.Run("an approval may be given again while others wait for it", func(t *testing.T) {
		approve := item("approve")
		approve.Repeat, approve.Environments = true, staging
		first, then := add, remove
		first.Gates = []checklist.Gate{{Kind: checklist.GateApproval, Item: "approve"}}
		then.Gates = first.Gates
		w, c := (*checklisttest.World)(nil), list([]checklist.Item{approve, first, then})
		w = checklisttest.NewWorld(t, c)
		steps := checklisttest.OutsideSteps(c, &checklisttest.Outside{})
		steps["approve"] = checklisttest.ApproveStep()
		w.Config.Steps, w.Config.Approver = steps, &checklisttest.Second{}
		e := w.Engine(t)
		require.NoError(t, e.Run(t.Context(), "approve", op))
		require.NoError(t, e.Run(t.Context(), "add", op))
		w.Clock.Advance(25 * time.Hour)
		var closed *checklist.GateError
		require.ErrorAs(t, e.Run(t.Context(), "remove", op), &closed)
		require.NoError(t, e.Run(t.Context(), "approve", op))
		require.NoError(t, e.Run(t.Context(), "remove", op))
	})
}

func TestOpen(t *testing.T) {
	t.Parallel()
	c := list([]checklist.Item{item("a")})
	j := journal.NewMemory()
	at := time.Date(2026, 3, 2, 10, 0, 0, 123456789, time.FixedZone("", 3600))
	require.NoError(t, checklist.Open(t.Context(), j, checklisttest.Opening(c), "run-1", at))
	e := j.Events()[0]
	assert.Equal(t, time.Date(2026, 3, 2, 9, 0, 0, 123000000, time.UTC), e.At)
	assert.Equal(t, checklisttest.Operator, e.By)
	require.ErrorIs(t, checklist.Open(t.Context(), j.ReadOnly("pid 7"), checklisttest.Opening(c), "run-1", at), checklist.ErrReadOnly)
	_, err := checklist.NewEngine(checklist.Config{Journal: journal.NewMemory()})
	require.ErrorContains(t, err, `want an "opened" event first`)
}
