package checklist_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/checklist/journal"
)

// agreeing says yes to all and types what is asked for, but fails on drift: in
// these tests nobody else changes anything.
type agreeing struct {
	t     testing.TB
	asked int
}

func (a *agreeing) Show(checklist.Event)        {}
func (a *agreeing) Progress(checklist.Progress) {}
func (a *agreeing) Ask(_ context.Context, q checklist.Question) (checklist.Answer, error) {
	a.asked++
	if strings.Contains(q.Title, "changed outside") {
		a.t.Errorf("our own change was taken for somebody else's: %s", q.Body)
	}
	if q.Kind == checklist.Type {
		return checklist.Answer{Text: q.Expect}, nil
	}
	return checklist.Answer{Text: checklist.Yes}, nil
}

// errKilled is what a dying journal panics with: nothing of the engine's runs
// behind it, as nothing runs behind kill -9.
var errKilled = errors.New("killed")

// dyingJournal ends the process at an event: before it is durable, or after.
type dyingJournal struct {
	*journal.Memory
	event   int // counted from 1, from the beginning of this life
	durable bool
}

func (j *dyingJournal) Append(ctx context.Context, e checklist.Event) (checklist.Event, error) {
	if j.event--; j.event != 0 {
		return j.Memory.Append(ctx, e)
	}
	if j.durable {
		if _, err := j.Memory.Append(ctx, e); err != nil {
			return checklist.Event{}, err
		}
	}
	panic(errKilled)
}

// steady is a meter whose readings never keep a gate shut.
type steady struct{ now func() time.Time }

func (m steady) Measure(_ context.Context, _ *checklist.Session, metric checklist.Metric) (checklist.Reading, error) {
	return checklist.Reading{Metric: metric, At: m.now()}, nil
}

// quarterlyWorld returns a rotation with steps on a small outside, which waits
// once in a while, and its world.
func quarterlyWorld(t *testing.T) (*checklisttest.World, *checklisttest.Outside) {
	t.Helper()
	c := checklist.Quarterly(7)
	outside := &checklisttest.Outside{}
	w := checklisttest.NewWorld(t, c)
	steps := checklisttest.OutsideSteps(c, outside)
	steps["approve"], w.Config.Approver = checklisttest.ApproveStep(), &checklisttest.Second{}
	remove := checklisttest.ItemStep(outside)
	remove.OnPlan = irreversible
	steps["remove-old-key"] = remove
	monitor := checklisttest.ItemStep(outside)
	verify := monitor.OnVerify
	monitor.OnVerify = func(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
		if end := sc.Session.State("verify-production").At.AddDate(0, 0, 7); sc.Now().Before(end) {
			return checklist.Evidence{}, &checklist.NotYet{Why: "the days are not over", Until: end}
		}
		return verify(ctx, sc)
	}
	steps["monitor"] = monitor
	w.Config.Steps, w.Config.Observer, w.Config.Meter = steps, outside, steady{w.Clock.Now}
	return w, outside
}

// drive is one life of a driver: it comes back to the session, does items until
// the end, waiting as long as it is told to, and finishes. It returns errKilled
// when its journal killed it.
func drive(t *testing.T, w *checklisttest.World) (err error) {
	t.Helper()
	defer func() {
		if r := recover(); r != nil {
			require.Equal(t, errKilled, r)
			err = errKilled
		}
	}()
	e, op := w.Engine(t), &agreeing{t: t}
	require.NoError(t, e.Resume(t.Context(), op))
	for {
		next, ok := e.Session().Next()
		if !ok {
			return e.Finish(t.Context(), op)
		}
		err := e.Run(t.Context(), next.ID, op)
		var notYet *checklist.NotYet
		var gate *checklist.GateError
		switch {
		case err == nil:
		case errors.As(err, &notYet), errors.As(err, &gate):
			opens := e.Session().NextOpens(w.Clock.Now())
			require.NotZero(t, opens, "%v", err)
			w.Clock.Set(opens)
		default:
			return err
		}
	}
}

func TestAKillAtAnyEventLosesNothingAndDoesNothingTwice(t *testing.T) {
	t.Parallel()
	drill := func(t *testing.T) (*checklisttest.World, *checklisttest.Outside) {
		c := checklist.Drill()
		outside := &checklisttest.Outside{}
		w := checklisttest.NewWorld(t, c)
		w.Config.Steps, w.Config.Observer = checklisttest.OutsideSteps(c, outside), outside
		return w, outside
	}
	for name, build := range map[string]func(*testing.T) (*checklisttest.World, *checklisttest.Outside){"quarterly": quarterlyWorld, "drill": drill} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			whole, outside := build(t)
			require.NoError(t, drive(t, whole))
			want := whole.Engine(t).Session()
			events := whole.Config.Journal.Events()
			require.Greater(t, len(events), 50)
			for at := 1; at < len(events); at++ { // the first is the opening
				for _, durable := range []bool{false, true} {
					// A death behind an event is one before the next, unless
					// something is made outside in between.
					if durable && events[at].Kind != checklist.Intended {
						continue
					}
					w, out := build(t)
					memory := w.Config.Journal.(*journal.Memory)
					w.Config.Journal = &dyingJournal{Memory: memory, event: at, durable: durable}
					require.ErrorIs(t, drive(t, w), errKilled)
					w.Config.Journal = memory
					if last := memory.Events()[len(memory.Events())-1]; last.Kind != checklist.Finished {
						require.NoError(t, drive(t, w))
					}
					requireSameEnd(t, fmt.Sprintf("killed at event %d, durable %v", at, durable), w.Engine(t).Session(), want)
					require.Equal(t, outside.Made(), out.Made(), "each thing once")
					requireWrittenAhead(t, memory.Events(), out)
				}
			}
		})
	}
}

// A second kill while the first is being recovered from is no worse.
func TestTwoKillsLoseNothing(t *testing.T) {
	t.Parallel()
	for first := 3; first < 40; first += 5 {
		for second := 1; second < 12; second++ {
			w, out := quarterlyWorld(t)
			memory := w.Config.Journal.(*journal.Memory)
			for _, at := range []int{first, second} {
				w.Config.Journal = &dyingJournal{Memory: memory, event: at, durable: second%2 == 0}
				require.ErrorIs(t, drive(t, w), errKilled)
			}
			w.Config.Journal = memory
			require.NoError(t, drive(t, w))
			for thing, times := range out.Made() {
				require.Equal(t, 1, times, thing)
			}
			requireWrittenAhead(t, memory.Events(), out)
		}
	}
}

func requireSameEnd(t *testing.T, when string, got, want *checklist.Session) {
	t.Helper()
	require.Equal(t, want.Outcome, got.Outcome, when)
	require.Equal(t, want.Facts, got.Facts, when)
	require.Equal(t, want.Seen, got.Seen, when)
	require.Empty(t, got.Deviations, when)
	require.Empty(t, got.Issues(), when)
	for i := range want.Checklist.All() {
		require.Equal(t, want.State(i.ID).Status, got.State(i.ID).Status, "%s: %s", when, i.ID)
		require.Len(t, got.State(i.ID).Effects, len(want.State(i.ID).Effects), "%s: %s", when, i.ID)
		require.Empty(t, got.State(i.ID).Pending, "%s: %s", when, i.ID)
	}
}

// requireWrittenAhead checks that everything outside was written as intended,
// and after that as done, once.
func requireWrittenAhead(t *testing.T, events []checklist.Event, outside *checklisttest.Outside) {
	t.Helper()
	intended, done := map[string]bool{}, map[string]bool{}
	for _, e := range events {
		switch e.Kind {
		case checklist.Intended:
			intended[e.Effect.Object] = true
		case checklist.Done:
			require.True(t, intended[e.Effect.Object], "%s was done before it was intended", e.Effect)
			require.False(t, done[e.Effect.Object], "%s was done twice", e.Effect)
			done[e.Effect.Object] = true
		}
	}
	for thing := range outside.Made() {
		require.True(t, done[thing], "%s is outside, and not in the journal", thing)
	}
	assert.Len(t, done, len(outside.Made()))
}
