package program_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
	"keyturn/steps/sandbox"
)

// walk does the items of a session, turning the clock where only time is
// lacking, and returns the first error that time alone does not mend.
func walk(ctx context.Context, p *program.Program, e *checklist.Engine, op checklist.Operator) error {
	for {
		item, ok := e.Session().Next()
		if !ok {
			if e.Session().Outcome != "" {
				return nil
			}
			return e.Finish(ctx, op)
		}
		if opens := e.Session().NextOpens(e.Now()); opens.After(e.Now()) {
			if err := p.TurnClock(ctx, e, opens, op); err != nil {
				return err
			}
		}
		err := e.Run(ctx, item.ID, op)
		var notYet *checklist.NotYet
		if err != nil && !(errors.As(err, &notYet) && notYet.Until.After(e.Now())) {
			return err
		}
	}
}

// affliction is what a fault of the sandbox does to a session that nobody helps.
type affliction struct {
	fault     sandbox.Fault
	checklist string
	// item is where it stops; "" when it comes through by itself, and then the
	// operator is told of words on the way.
	item  string
	words []string // in the error
	hint  string   // in the hint
	// again is the item that is to be done again once the fault is lifted, as the
	// hint says.
	again string
}

func afflictions() []affliction {
	const (
		newline = `a newline (\n) after it`
		bypass  = "AUTHENTICATION BYPASS: the service accepts an empty key as key "
		stuck   = "is still BUILDING"
		broken  = "ended as ERROR"
		forged  = "tampered body was accepted, want refused"
	)
	return []affliction{
		{fault: sandbox.API429, checklist: "quarterly", words: []string{"waiting: ", "rate limit"}},
		{fault: sandbox.API429, checklist: "drill", words: []string{"waiting: ", "rate limit"}},
		{fault: sandbox.API500, checklist: "quarterly", words: []string{"waiting: ", "500"}},
		{fault: sandbox.API500, checklist: "drill", words: []string{"waiting: ", "500"}},
		{fault: sandbox.TimeoutAfterWrite, checklist: "quarterly", words: []string{"found after its answer was lost"}},
		{fault: sandbox.TimeoutAfterWrite, checklist: "drill", words: []string{"found after its answer was lost"}},
		{fault: sandbox.AliasLag, checklist: "quarterly", words: []string{"waiting for its address"}},
		{fault: sandbox.AliasLag, checklist: "drill", words: []string{"waiting for its address"}},
		{fault: sandbox.Straggler, checklist: "drill"}, // its clients are production's

		{fault: sandbox.TrailingNewline, checklist: "quarterly", item: "test-staging",
			words: []string{"orders-api staging", "HMAC_SECRET_V2", newline}, hint: `do "Add new key to staging" again`, again: "add-staging"},
		{fault: sandbox.TrailingNewline, checklist: "drill", item: "update-agent",
			words: []string{"orders-api staging", "HMAC_SECRET_TEST", newline}, hint: `do "Add as HMAC_SECRET_TEST" again`, again: "add-test"},
		{fault: sandbox.EmptyValue, checklist: "quarterly", item: "test-staging",
			words: []string{"orders-api staging", bypass + "v2"}, hint: `do "Add new key to staging" again`, again: "add-staging"},
		{fault: sandbox.EmptyValue, checklist: "drill", item: "update-agent",
			words: []string{"orders-api staging", bypass + "test"}, hint: `do "Add as HMAC_SECRET_TEST" again`, again: "add-test"},
		{fault: sandbox.DeploymentStuck, checklist: "quarterly", item: "redeploy-staging",
			words: []string{"orders-api staging", "dpl_", stuck}, hint: "checking again goes on waiting"},
		{fault: sandbox.DeploymentStuck, checklist: "drill", item: "redeploy-add",
			words: []string{"orders-api staging", "dpl_", stuck}, hint: "checking again goes on waiting"},
		{fault: sandbox.DeploymentFailed, checklist: "quarterly", item: "redeploy-staging",
			words: []string{"orders-api staging", "dpl_", broken}, hint: "the deployment before it still serves"},
		{fault: sandbox.DeploymentFailed, checklist: "drill", item: "redeploy-add",
			words: []string{"orders-api staging", "dpl_", broken}, hint: "the deployment before it still serves"},
		{fault: sandbox.AcceptEverything, checklist: "quarterly", item: "test-staging",
			words: []string{"orders-api staging", forged}, hint: "lets forged or revoked requests in: stop"},
		{fault: sandbox.AcceptEverything, checklist: "drill", item: "verify-test",
			words: []string{"orders-api staging", forged}, hint: "lets forged or revoked requests in: stop"},
		{fault: sandbox.Straggler, checklist: "quarterly", item: "remove-old",
			words: []string{"old-key-requests is", "partner-sync ("}, hint: "override the gate with a written reason"},
	}
}

func TestFaults(t *testing.T) {
	t.Parallel()
	tried := map[sandbox.Fault]bool{}
	for _, a := range afflictions() {
		tried[a.fault] = true
		t.Run(string(a.fault)+"/"+a.checklist, func(t *testing.T) {
			t.Parallel()
			p := open(t, program.Options{Fault: a.fault})
			var secrets programtest.Secrets
			op := &programtest.Operator{Answer: noDrift}
			e, err := p.Begin(t.Context(), a.checklist, op)
			require.NoError(t, err)
			id := e.Session().ID()
			err = walk(t.Context(), p, e, op)
			require.NoError(t, secrets.AddAll(t.Context(), p))
			if a.item == "" {
				require.NoError(t, err)
				for _, w := range a.words {
					assert.Contains(t, op.Heard(), w)
				}
				require.NoError(t, e.Close())
			} else {
				requireAfflicted(t, a, p, e, err)
				again := walk(t.Context(), p, e, op)
				requireAfflicted(t, a, p, e, again)
				op.Say("%v\n%v\n%s", err, again, checklist.Hint(err))
				requireMended(t, a, p, e, op)
			}
			s, _ := onlySession(t, p)
			assert.Equal(t, id, s.ID())
			requireMendedOutside(t, a, p, s)
			requireNoLeak(t, &secrets, p, op)
		})
	}
	for _, f := range sandbox.Faults() {
		assert.True(t, tried[f.Name], "nobody tries %s", f.Name)
	}
}

// requireAfflicted checks how a session stops: with words, with a hint, and so
// that it can go on.
func requireAfflicted(t *testing.T, a affliction, p *program.Program, e *checklist.Engine, err error) {
	t.Helper()
	require.Error(t, err)
	for _, w := range a.words {
		assert.ErrorContains(t, err, w)
	}
	assert.Contains(t, checklist.Hint(err), a.hint)
	s := e.Session()
	next, ok := s.Next()
	require.True(t, ok)
	assert.Equal(t, a.item, next.ID)
	if st := s.State(a.item); st.Status == checklist.StatusFailed {
		assert.Contains(t, st.Text, a.words[0], "the journal says the same")
		assert.Contains(t, st.Hint, a.hint)
	} else {
		assert.Equal(t, checklist.StatusOpen, st.Status, "a gate keeps it from being begun")
	}
	if a.again != "" {
		assert.NoError(t, s.CanReopen(a.again))
	}
	id, err := p.InProgress(a.checklist)
	require.NoError(t, err)
	assert.Equal(t, s.ID(), id, "the session can be resumed")
	o, err := p.Overview(t.Context())
	require.NoError(t, err)
	assert.Empty(t, o.Problems)
	require.Len(t, o.Sessions, 1)
	assert.Equal(t, next.Title, o.Sessions[0].Next)
}

// requireMended lifts the fault and lets the session go on to its end.
func requireMended(t *testing.T, a affliction, p *program.Program, e *checklist.Engine, op *programtest.Operator) {
	t.Helper()
	require.NoError(t, p.World().SetFault(sandbox.None))
	if a.again != "" {
		require.NoError(t, e.Reopen(t.Context(), a.again, "the stored value was corrupted", op))
	}
	require.NoError(t, e.Close())
	s := rehearse(t, p, a.checklist, op)
	assert.Equal(t, checklist.Finished, s.Outcome)
	for _, i := range s.Checklist.Items() {
		assert.Equal(t, checklist.StatusPassed, s.State(i.ID).Status, i.ID)
	}
	if a.again == "" {
		assert.Empty(t, s.Deviations)
		return
	}
	require.Len(t, s.Deviations, 1)
	assert.Equal(t, "the stored value was corrupted", s.Deviations[0].Reason)
}

// requireMendedOutside checks that a fault left nothing behind. A row that had
// to be added again says so.
func requireMendedOutside(t *testing.T, a affliction, p *program.Program, s *checklist.Session) {
	t.Helper()
	want := endings()[a.checklist]
	for row, item := range want.rows {
		if item == a.again && item != "" {
			want.rows[row] = item + " #2"
		}
	}
	requireRows(t, p, s, want)
	requireVault(t, p, s, want)
	requireService(t, p, want)
	requireRecord(t, p, s)
	report, err := os.ReadFile(filepath.Join(trailDir(p), onlyRecord(t, p), "report.md"))
	require.NoError(t, err)
	if a.again != "" {
		assert.Contains(t, string(report), "the stored value was corrupted", "the record says what was done otherwise")
	}
}

// onlyRecord returns the name of the only record.
func onlyRecord(t *testing.T, p *program.Program) string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(trailDir(p), "0*"))
	require.NoError(t, err)
	require.Len(t, dirs, 1)
	return filepath.Base(dirs[0])
}

// requireNoLeak looks for secrets in what an operator was told and in every file
// of a state folder. The vault's own files are no exception: what is in them is
// encrypted.
func requireNoLeak(t *testing.T, secrets *programtest.Secrets, p *program.Program, op *programtest.Operator) {
	t.Helper()
	require.Greater(t, len(secrets.Names()), 6, "%v", secrets.Names())
	assert.Empty(t, secrets.In([]byte(op.Heard())), "the operator was told")
	found, files, err := secrets.InFiles(p.Dir())
	require.NoError(t, err)
	assert.Empty(t, found)
	assert.Greater(t, files, 12)
	assert.False(t, strings.Contains(op.Heard(), "AGE-SECRET-KEY"))
}
