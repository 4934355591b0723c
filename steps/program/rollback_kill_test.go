package program_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
)

// counted counts the events of all journals together.
type counted struct {
	checklist.Journal
	events *atomic.Int64
}

func (j counted) Append(ctx context.Context, e checklist.Event) (checklist.Event, error) {
	j.events.Add(1)
	return j.Journal.Append(ctx, e)
}

// inTrouble leaves a rotation in a state folder whose old key is gone and
// missed.
func inTrouble(t testing.TB) (state string) {
	t.Helper()
	state = t.TempDir()
	p, err := program.Open(t.Context(), options(state))
	require.NoError(t, err)
	r, _ := rollBack(p, program.RemovalTrouble, "")
	require.NoError(t, errors.Join(r.IntoTrouble(t.Context()), p.Close()))
	return state
}

// requireRolledBack checks what a rollback must end in that somebody else had to
// finish: as if nothing had happened.
func requireRolledBack(t *testing.T, cut life) {
	t.Helper()
	rest := life{State: cut.State, Checklist: cut.Checklist, Decision: cut.Decision}
	require.False(t, rest.run(t))
	p := open(t, options(cut.State))
	s, events := session(t, p, "rollback")
	require.Equal(t, checklist.Finished, s.Outcome)
	require.Empty(t, s.Deviations)
	done := map[string]bool{}
	for _, e := range events {
		if e.Kind == checklist.Done {
			effect := fmt.Sprintf("%s: %s of %s", e.Item, e.Effect.Words(), e.Effect.Target)
			require.False(t, done[effect], "%s was made twice", effect)
			done[effect] = true
		}
	}
	for _, i := range s.Checklist.Items() {
		require.Equal(t, checklist.StatusPassed, s.State(i.ID).Status, i.ID)
		require.Empty(t, s.State(i.ID).Pending, i.ID)
	}
	requireOneDeploymentEach(t, p, s)
	if cut.Decision == checklist.Abandon {
		requireAbandoned(t, p)
		return
	}
	parent, _ := session(t, p, "quarterly")
	require.Equal(t, checklist.StatusOpen, parent.State("approve-removal").Status)
	requireKeys(t, p, "v1", "v2")
	requireAccepted(t, p, map[keygen.KeyID]bool{"v1": true, "v2": true})
	rehearse(t, p, "quarterly", &programtest.Operator{Answer: noDrift})
	requireResumed(t, p)
}

// requireOneDeploymentEach checks that no item of the session deployed a target
// twice.
func requireOneDeploymentEach(t testing.TB, p *program.Program, s *checklist.Session) {
	t.Helper()
	for _, project := range p.World().Projects() {
		all, err := api(t, p).Deployments(t.Context(), project.ID, "")
		require.NoError(t, err)
		seen := map[string]bool{}
		for _, d := range all {
			if item := made(s, d.Mark); d.Mark != "" && item != d.Mark {
				require.False(t, seen[item+d.Target], "%s deployed %s twice", item, project.Name)
				seen[item+d.Target] = true
			}
		}
	}
}

// TestKillRollbackAtEveryEvent kills a rollback right before and right behind
// each of its events is durable, those of the session that it writes to among
// them, and lets another process go on.
func TestKillRollbackAtEveryEvent(t *testing.T) {
	skipShort(t)
	t.Parallel()
	for _, decision := range []string{checklist.Resume, checklist.Abandon} {
		t.Run(decision, func(t *testing.T) {
			t.Parallel()
			var events atomic.Int64
			o := options(inTrouble(t))
			o.WrapJournal = func(j checklist.Journal) checklist.Journal { return counted{j, &events} }
			rehearse(t, open(t, o), "rollback", &programtest.Operator{Answer: decides(decision)})
			require.Greater(t, events.Load(), int64(50))
			for event := 1; event <= int(events.Load()); event++ {
				for _, durable := range []bool{false, true} {
					cut := 2*event + map[bool]int{true: 1}[durable]
					if !sampled(cut, rollbackSampled) {
						continue
					}
					t.Run(fmt.Sprintf("%d %s", event, map[bool]string{true: "behind", false: "before"}[durable]), func(t *testing.T) {
						t.Parallel()
						l := life{State: inTrouble(t), Checklist: "rollback", Decision: decision, Event: event, Durable: durable}
						require.True(t, l.run(t), "this life was to be cut")
						requireRolledBack(t, l)
					})
				}
			}
		})
	}
}

// TestKillRollbackInsideEffects kills a rollback whenever it draws random bytes:
// between a probe and its answer, while the vault is written, and while the
// sandbox itself does what it was asked.
func TestKillRollbackInsideEffects(t *testing.T) {
	skipShort(t)
	t.Parallel()
	for _, decision := range []string{checklist.Resume, checklist.Abandon} {
		t.Run(decision, func(t *testing.T) {
			t.Parallel()
			whole := life{State: inTrouble(t), Checklist: "rollback", Decision: decision, DrawsTo: filepath.Join(t.TempDir(), "draws")}
			require.False(t, whole.run(t))
			text, err := os.ReadFile(whole.DrawsTo)
			require.NoError(t, err)
			draws, err := strconv.Atoi(string(text))
			require.NoError(t, err)
			require.Greater(t, draws, 50)
			for draw := 1; draw < draws; draw++ {
				if !sampled(draw, rollbackDraws) {
					continue
				}
				t.Run(strconv.Itoa(draw), func(t *testing.T) {
					t.Parallel()
					l := life{State: inTrouble(t), Checklist: "rollback", Decision: decision, Draw: draw}
					if !l.run(t) {
						return // several targets at a time draw in no fixed number
					}
					requireRolledBack(t, l)
				})
			}
		})
	}
}
