package program_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/record"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
)

const whyAbandoned = "the vendor is down"

// abandon walks a checklist until an item is settled, and gives it up there.
func abandon(ctx context.Context, p *program.Program, checklistID, behind string, op *programtest.Operator) error {
	enough := errors.New("far enough")
	r := program.Rehearsal{Program: p, Checklist: checklistID, Operator: op, Say: op.Say, BetweenItems: func(item string) error {
		if item == behind {
			return enough
		}
		return nil
	}}
	s, err := r.Run(ctx)
	if !errors.Is(err, enough) {
		return fmt.Errorf("walk to %s: %w", behind, err)
	}
	e, err := p.Open(ctx, s.ID())
	if err != nil {
		return err
	}
	return errors.Join(e.Abandon(ctx, whyAbandoned, op), e.Close())
}

// lastRecord reads the newest record of the trail.
func lastRecord(t testing.TB, p *program.Program) record.Record {
	t.Helper()
	trail, err := record.OpenTrail(trailDir(p))
	require.NoError(t, err)
	last, ok, err := trail.Last()
	require.NoError(t, err)
	require.True(t, ok, "a record")
	return last
}

// A session that is given up leaves a signed record: why, and what it leaves in
// service.
func TestAnAbandonedSessionHasItsRecord(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		checklist, behind string
		left              string
		unapproved        bool // production was changed and nobody approved
	}{
		"before anything was changed": {"quarterly", "review", "staging: v1; production: v1", false},
		"with a key in staging":       {"quarterly", "add-staging", "staging: v1, v2; production: v1", false},
		"with a key everywhere":       {"quarterly", "verify-production", "staging: v1, v2; production: v1, v2", false},
		"with a test key":             {"drill", "add-test", "staging: v1, test", false},
		"an emergency, only declared": {"emergency", "declare", "staging: v1; production: v1", false},
		"an emergency, revoked":       {"emergency", "remove-compromised", "staging: none of its keys; production: none of its keys", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := open(t, program.Options{})
			require.NoError(t, abandon(t.Context(), p, tc.checklist, tc.behind, &programtest.Operator{}))
			s, _ := onlySession(t, p)
			assert.Equal(t, tc.left, checklist.LeavesWords(s.Leaves))
			assert.NotEmpty(t, s.WayOn())
			requireTrail(t, p, s.ID())
			requireStockTools(t, p)
			last := lastRecord(t, p)
			assert.Equal(t, "abandoned", last.Rotation.Outcome)
			ends := last.Deviations
			assert.Len(t, ends, len(s.Deviations), "the record counts what the screens do")
			if tc.unapproved {
				require.NotEmpty(t, ends)
				assert.Equal(t, checklist.Unapproved, ends[0].Kind)
				ends = ends[1:]
			}
			require.Len(t, ends, 1)
			assert.Equal(t, checklist.Abandoned, ends[0].Kind)
			assert.Equal(t, whyAbandoned, ends[0].Reason)

			e, err := p.Open(t.Context(), s.ID())
			require.NoError(t, err)
			evidence, err := e.Record(t.Context())
			require.NoError(t, errors.Join(err, e.Close()))
			assert.Contains(t, evidence.Summary, filepath.Join(trailDir(p), "000001-"+s.ID()))
			requireTrail(t, p, s.ID())
		})
	}
}

// The next rotation reads what the one before was given up for.
func TestTheNextSessionReviewsTheAbandonedOne(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	require.NoError(t, abandon(t.Context(), p, "quarterly", "generate", &programtest.Operator{}))
	given, _ := onlySession(t, p)
	s := rehearse(t, p, "quarterly", &programtest.Operator{Answer: noDrift})
	assert.Contains(t, s.State("review").Evidence.Summary, given.ID()+" of acme by operator@sandbox, abandoned on")
	requireTrail(t, p, given.ID(), s.ID())
	requireStockTools(t, p)
}

// A process that dies between the end of a session and its record leaves that to
// the next one, whatever it was started for.
func TestKillBetweenTheEndAndItsRecord(t *testing.T) {
	t.Parallel()
	for checklistID, item := range map[string]string{"quarterly": "add-staging", "drill": "add-test", "emergency": "remove-compromised"} {
		for _, durable := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, the end in the journal %v", checklistID, durable), func(t *testing.T) {
				t.Parallel()
				l := life{State: memoryDir(t), Checklist: checklistID, Abandon: item, Event: 1, Kind: checklist.Abandoned, Durable: durable}
				require.True(t, l.run(t), "this life was to be cut")
				p, err := program.Open(t.Context(), options(l.State))
				require.NoError(t, err)
				s, _ := onlySession(t, p)
				require.NoError(t, p.Close())
				again := open(t, options(l.State))
				if durable {
					require.Equal(t, checklist.Abandoned, s.Outcome)
					requireTrail(t, again, s.ID())
					return
				}
				assert.Empty(t, s.Outcome, "the session goes on")
				records, err := filepath.Glob(filepath.Join(trailDir(again), "0*"))
				require.NoError(t, err)
				assert.Empty(t, records, "no record")
			})
		}
	}
}

// A rollback that dies there has its rotation recorded, once, and goes on.
func TestKillRollbackBetweenTheEndAndTheRecordOfItsRotation(t *testing.T) {
	t.Parallel()
	l := life{State: inTrouble(t), Checklist: "rollback", Decision: checklist.Abandon, Event: 1, Kind: checklist.Abandoned, Durable: true}
	require.True(t, l.run(t), "this life was to be cut")
	requireRolledBack(t, l)
}

func TestARecordThatCannotBeSigned(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	p, err := program.Open(t.Context(), options(state))
	require.NoError(t, err)
	require.NoError(t, os.Remove(p.RosterPath()))
	err = abandon(t.Context(), p, "drill", "generate-test", &programtest.Operator{})
	require.ErrorContains(t, err, "is abandoned, and its record is not signed yet: read the roster")
	assert.Contains(t, checklist.Hint(err), "it makes up for the record")
	require.NoError(t, p.Close())

	p = open(t, options(state))
	s, _ := onlySession(t, p)
	assert.Equal(t, checklist.Abandoned, s.Outcome)
	requireTrail(t, p, s.ID())
}
