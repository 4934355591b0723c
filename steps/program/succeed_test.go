package program_test

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/record"
	"keyturn/keygen/sshsig"
	"keyturn/steps/program"
)

// A record of 2099 keeps no later rotation from being recorded: two people let a
// new trail go on after it.
func TestATrailGoesOnAfterARecordOfAWrongTime(t *testing.T) {
	t.Parallel()
	c := newCompany(t, threeProjects())
	c.moveIn()
	roster := filepath.Join(c.options.State, "live", "orders", "allowed_signers")
	text, err := os.ReadFile(roster)
	require.NoError(t, err)
	// Bob may sign for a trail as well.
	require.NoError(t, os.WriteFile(roster, bytes.Replace(text, []byte(`"keyturn-approval" `), []byte(`"keyturn-approval,keyturn-head" `), 1), 0o600))
	giveUp := func() string {
		p, op := c.open(), c.operator()
		e, err := p.Begin(t.Context(), "drill", op)
		require.NoError(t, err)
		require.NoError(t, e.Abandon(t.Context(), "the clock is wrong", op))
		require.NoError(t, e.Close())
		return p.Dir()
	}
	now := c.options.RealNow
	c.options.RealNow = func() time.Time { return time.Date(2099, 1, 1, 0, 0, 0, 0, time.UTC) }
	dir := giveUp()
	c.options.RealNow = now

	_, err = c.open().Begin(t.Context(), "drill", c.operator())
	require.ErrorContains(t, err, "was made at 2099-01-01T00:00:00Z")
	assert.Contains(t, checklist.Hint(err), "keyturn trail succeed")

	var usage *program.UsageError
	_, err = program.SucceedTrail(t.Context(), c.options, "", "")
	require.ErrorAs(t, err, &usage)
	said, err := program.SucceedTrail(t.Context(), c.options, "the clock said 2099", "")
	require.NoError(t, err)
	request := filepath.Join(dir, "requests", "trail-successor.txt")
	assert.Contains(t, strings.Join(said, "\n"), request)
	asked, err := os.ReadFile(request)
	require.NoError(t, err)
	mine := filepath.Join(t.TempDir(), "mine.sig")
	require.NoError(t, os.WriteFile(mine, []byte("no signature"), 0o600))
	_, err = program.SucceedTrail(t.Context(), c.options, "", mine)
	require.Error(t, err)
	assert.NoDirExists(t, filepath.Join(dir, "trail-2"), "nobody else has signed")

	armor, err := sshsig.Sign(c.second, sshsig.NamespaceHead, asked)
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(request+".sig", []byte(armor), 0o600))
	_, err = program.SucceedTrail(t.Context(), c.options, "", request+".sig")
	require.NoError(t, err)

	giveUp()
	p := c.open()
	first, second := filepath.Join(dir, "trail"), filepath.Join(dir, "trail-2")
	records, err := filepath.Glob(filepath.Join(second, "0*"))
	require.NoError(t, err)
	assert.Len(t, records, 1, "what the first trail has is not recorded again")
	report, _, err := program.Verify(t.Context(), []string{first, second}, p.RosterPath())
	require.NoError(t, err)
	assert.Empty(t, report.Findings())
	report, _, err = program.Verify(t.Context(), []string{second}, p.RosterPath())
	require.NoError(t, err)
	require.Len(t, report.Findings(), 1)
	assert.Equal(t, record.ClassPredecessor, report.Findings()[0].Class)
}
