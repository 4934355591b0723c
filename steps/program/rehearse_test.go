package program_test

import (
	"fmt"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/steps/paperwork"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
	"keyturn/vault"
)

// nameless is what a rotation finds in the traffic of some sandboxes.
const nameless = "some requests to production name no key id: find out who sends them"

func TestRehearse(t *testing.T) {
	t.Parallel()
	for id := range endings() {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			op := &programtest.Operator{Answer: noDrift}
			var known checklist.Checklist
			done, err := program.Rehearse(t.Context(), program.RehearseOptions{
				Flags: program.Flags{State: t.TempDir(), Vault: vault.BackendFile}, Checklist: id,
				Operator: op, Say: op.Say, Know: func(c checklist.Checklist) { known = c },
				Explain: func(text string) { op.Say("%s", text) },
			})
			require.NoError(t, err)
			assert.Equal(t, id, known.ID)
			assert.Equal(t, checklist.Finished, done.Session.Outcome)
			assert.Subset(t, []string{nameless}, issuesOf(done.Session))
			assert.Positive(t, done.Took)

			p := open(t, options(filepath.Dir(done.Dir)))
			assert.False(t, p.World().Fresh(), "the world of the rehearsal")
			s := requireEnding(t, p, id)
			assert.Equal(t, done.Session.ID(), s.ID())
			requireOverview(t, p, s)
			requireStockTools(t, p)
		})
	}
}

// requireOverview checks what the home screen says after a rehearsal.
func requireOverview(t *testing.T, p *program.Program, s *checklist.Session) {
	t.Helper()
	o, err := p.Overview(t.Context())
	require.NoError(t, err)
	assert.True(t, o.Sandbox)
	assert.Empty(t, o.Problems)
	require.Len(t, o.Sessions, 1)
	assert.Equal(t, checklist.Finished, o.Sessions[0].Outcome)
	assert.Equal(t, o.Sessions[0].Total, o.Sessions[0].Settled)
	for _, offer := range o.Offers {
		assert.Empty(t, offer.WhyNot, "%s can be started again", offer.Checklist)
	}

	status := map[string]string{}
	for _, k := range o.Keys {
		status[string(k.Environment)+"/"+string(k.ID)] = k.Words()
		assert.NotEmpty(t, k.Fingerprint, "%s %s is in the vault", k.Environment, k.ID)
		if k.State == checklist.KeyInService {
			want := k.Created.AddDate(0, 0, 90)
			if k.ID == s.Key(checklist.NewKey) {
				want = paperwork.NextRotation(s) // the day that the record and the calendar have
			}
			assert.Equal(t, want, k.RotateBy)
		} else {
			assert.Zero(t, k.RotateBy)
		}
	}
	if s.Checklist.ID == "drill" {
		assert.Equal(t, map[string]string{
			"staging/v1": "in service", "production/v1": "in service",
			"staging/emergency": "in vault only", "production/emergency": "in vault only",
		}, status)
		assert.WithinDuration(t, s.OpenedAt.AddDate(0, 0, 2), o.NextRotation, time.Hour, "the sandbox begins two days before the rotation is due")
		return
	}
	assert.Equal(t, map[string]string{
		"staging/v1": "archived", "staging/v2": "in service", "production/v1": "archived", "production/v2": "in service",
		"staging/emergency": "in vault only", "production/emergency": "in vault only",
	}, status)
	assert.WithinDuration(t, s.OpenedAt.AddDate(0, 0, 1+90), o.NextRotation, 24*time.Hour, "90 days behind the new key")
}

// requireStockTools verifies the trail without anything of ours.
func requireStockTools(t *testing.T, p *program.Program) {
	t.Helper()
	needPrograms(t, "bash", "jq", "ssh-keygen", "sha256sum")
	script, err := filepath.Abs(filepath.Join("..", "..", "testdata", "verify-trail.sh"))
	require.NoError(t, err)
	report, _, err := program.Verify(t.Context(), []string{trailDir(p)}, p.RosterPath())
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "bash", script, trailDir(p), p.RosterPath())
	out, err := cmd.CombinedOutput()
	if len(report.Missing()) > 0 {
		require.Equal(t, 5, cmd.ProcessState.ExitCode(), "as keyturn verify: %s", out)
	} else {
		require.NoError(t, err, "%s", out)
	}
	v := report.Verified[0]
	assert.Contains(t, string(out), fmt.Sprintf("OK %d records\n%s\n", v.Records, v.Head.Line()))
}

// A second rotation goes on from where the first one ended, and reads its notes.
func TestTheNextRotationGoesOnFromTheLast(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	first := &programtest.Operator{Answer: func(q checklist.Question) (string, bool) {
		return "billing took three days to move", q.Kind == checklist.Write && q.Item == "review-meeting"
	}}
	s := rehearse(t, p, "quarterly", first)
	assert.Subset(t, []string{nameless, "billing took three days to move"}, issuesOf(s))

	second := &programtest.Operator{}
	s = rehearse(t, p, "quarterly", second)
	assert.EqualValues(t, "v2", s.Key(checklist.OldKey))
	assert.EqualValues(t, "v3", s.Key(checklist.NewKey))
	review := s.State("review").Evidence
	require.NotNil(t, review)
	require.Len(t, review.Tables, 1)
	assert.Contains(t, review.Tables[0].Rows, []string{"billing took three days to move"})

	drill := rehearse(t, p, "drill", &programtest.Operator{})
	assert.EqualValues(t, "test", drill.Key(checklist.NewKey))
	report, _, err := program.Verify(t.Context(), []string{trailDir(p)}, p.RosterPath())
	require.NoError(t, err)
	assert.Equal(t, 3, report.Verified[0].Records)
	o, err := p.Overview(t.Context())
	require.NoError(t, err)
	var inService []string
	for _, k := range o.Keys {
		if k.State == checklist.KeyInService {
			inService = append(inService, string(k.Environment)+"/"+string(k.ID))
		}
	}
	assert.ElementsMatch(t, []string{"staging/v3", "production/v3"}, inService)
}
