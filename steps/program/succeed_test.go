package program_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
)

// A trail goes on in another folder, once two people have signed that it may, and
// so do its sessions.
func TestSucceed(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	p := open(t, program.Options{State: state})
	_, err := p.ProposeSuccessor("the clock was ahead")
	require.ErrorContains(t, err, "has no record that another could go on after")
	_, err = p.Succeed(t.Context(), "")
	require.ErrorContains(t, err, "read what was signed")

	first := rehearse(t, p, "drill", &programtest.Operator{})
	path, err := p.ProposeSuccessor("the clock was ahead")
	require.NoError(t, err)
	assert.FileExists(t, path)
	_, err = p.Succeed(t.Context(), filepath.Join(state, "missing.sig"))
	require.ErrorContains(t, err, "read the second person's signature")
	dir, err := p.Succeed(t.Context(), "")
	require.NoError(t, err)
	assert.Equal(t, trailDir(p)+"-2", dir)

	second := rehearse(t, p, "drill", &programtest.Operator{})
	records, err := filepath.Glob(filepath.Join(dir, "0*"))
	require.NoError(t, err)
	assert.Equal(t, []string{filepath.Join(dir, "000002-"+second.ID())}, records)
	report, _, err := program.Verify(t.Context(), []string{trailDir(p)}, p.RosterPath())
	require.NoError(t, err)
	require.Len(t, report.Verified, 2, "the trail, and the one that goes on after it")
	assert.Empty(t, report.Findings())
	assert.Equal(t, []string{"operator@sandbox", "approver@sandbox"}, report.Verified[1].SucceededBy)

	o, err := p.Overview(t.Context())
	require.NoError(t, err)
	assert.Empty(t, o.Problems)
	assert.Len(t, o.Sessions, 2)
	assert.Contains(t, []string{o.Sessions[0].ID, o.Sessions[1].ID}, first.ID())
}
