package program_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
)

// A record that would not verify is never written: the session waits until the
// signer may sign, and ends then.
func TestASignerWhoseLineEnded(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	whole, err := os.ReadFile(p.RosterPath())
	require.NoError(t, err)
	lines := strings.Split(string(whole), "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "operator@") {
			lines[i] = strings.Replace(line, `-head"`, `-head",valid-before="20260101Z"`, 1)
		}
	}
	ended := strings.Join(lines, "\n")
	require.NotEqual(t, string(whole), ended)

	op := &programtest.Operator{}
	drill := program.Rehearsal{Program: p, Checklist: "drill", Operator: op, Say: op.Say, BetweenItems: func(item string) error {
		if item != "document-issues" {
			return nil
		}
		return os.WriteFile(p.RosterPath(), []byte(ended), 0o600)
	}}
	s, err := drill.Run(t.Context())
	require.ErrorContains(t, err, "valid")
	assert.Contains(t, checklist.Hint(err), "roster")
	assert.Empty(t, s.Outcome)
	records, err := filepath.Glob(filepath.Join(trailDir(p), "0*"))
	require.NoError(t, err)
	assert.Empty(t, records, "nothing was appended")

	require.NoError(t, os.WriteFile(p.RosterPath(), whole, 0o600))
	drill.BetweenItems = nil
	s, err = drill.Run(t.Context())
	require.NoError(t, err)
	assert.Equal(t, checklist.Finished, s.Outcome)
	requireTrail(t, p, s.ID())
}
