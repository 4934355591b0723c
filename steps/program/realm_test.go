package program_test

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/journal"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
	"keyturn/vault"
)

// A second Keyturn on the same folder sees everything and changes nothing.
func TestASecondProcessOnlyWatches(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	p := open(t, program.Options{State: state})
	op := &programtest.Operator{}
	e, err := p.Begin(t.Context(), "drill", op)
	require.NoError(t, err)
	require.NoError(t, e.Run(t.Context(), "generate-test", op))
	before := e.Session().LastEvent

	second := open(t, program.Options{State: state})
	o, err := second.Overview(t.Context())
	require.NoError(t, err)
	require.Len(t, o.Problems, 1)
	assert.Contains(t, o.Problems[0], "sessions can only be watched here")
	for _, offer := range o.Offers {
		assert.Equal(t, "another Keyturn runs here", offer.WhyNot)
	}
	require.Len(t, o.Sessions, 1)
	assert.NotEmpty(t, o.Sessions[0].Holder)
	assert.Equal(t, 1, o.Sessions[0].Settled)
	_, err = second.Begin(t.Context(), "quarterly", op)
	require.Error(t, err)

	watching, err := second.Open(t.Context(), e.Session().ID())
	require.NoError(t, err)
	assert.NotEmpty(t, watching.Holder())
	require.ErrorIs(t, watching.Run(t.Context(), "add-test", op), checklist.ErrReadOnly)
	require.ErrorIs(t, watching.Note(t.Context(), "", "hello", op), checklist.ErrReadOnly)
	require.NoError(t, watching.Close())
	assert.Equal(t, before, e.Session().LastEvent)
	require.NoError(t, walk(t.Context(), p, e, op), "the first one goes on")
	require.NoError(t, e.Close())
}

func TestADamagedJournalIsNamedAndLeftAsItIs(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	op := &programtest.Operator{}
	e, err := p.Begin(t.Context(), "drill", op)
	require.NoError(t, err)
	require.NoError(t, e.Run(t.Context(), "generate-test", op))
	require.NoError(t, e.Close())
	path := filepath.Join(p.Dir(), "sessions", e.Session().ID(), "journal.jsonl")
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	damaged := bytes.Replace(text, []byte(`"kind":"agreed"`), []byte(`"kind":"Agreed"`), 1)
	require.NotEqual(t, text, damaged)
	require.NoError(t, os.WriteFile(path, damaged, 0o600))

	var why *journal.DamagedError
	_, err = p.Open(t.Context(), e.Session().ID())
	require.ErrorAs(t, err, &why)
	assert.Equal(t, path, why.File)
	assert.Equal(t, 4, why.Line, "the line behind the change does not follow it")
	_, err = p.Begin(t.Context(), "drill", op)
	require.ErrorAs(t, err, &why, "it may be the session in progress")
	o, err := p.Overview(t.Context())
	require.NoError(t, err)
	require.Len(t, o.Problems, 1)
	assert.Contains(t, o.Problems[0], path)
	assert.Contains(t, o.Problems[0], "line 4")
	assert.Contains(t, o.Problems[0], "put back a copy", "and what to do")
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, damaged, after)

	require.NoError(t, os.WriteFile(path, text, 0o600))
	rehearse(t, p, "drill", op)
}

func TestAStateFolderThatCannotBeMade(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	_, err := program.Open(t.Context(), program.Options{State: filepath.Join(file, "state"), Vault: vault.BackendFile})
	require.ErrorContains(t, err, "make the state folder")
	assert.Contains(t, checklist.Hint(err), "--state DIR")
}

func TestDoctor(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	found := map[string]bool{}
	for _, f := range p.Doctor(t.Context()) {
		found[f.What] = f.OK
		assert.NotEmpty(t, f.Said, f.What)
		if f.What != "ssh-keygen" { // may be missing where the tests run
			assert.True(t, f.OK, "%s: %s", f.What, f.Said)
			assert.Empty(t, f.Fix, f.What)
		}
	}
	for _, what := range []string{"state folder", "vault", "vercel token", "target orders-api", "request log of production", "trail", "roster"} {
		assert.True(t, found[what], what)
	}
}

// The world, the vault and the roster of a sandbox are the same after a restart.
func TestASandboxSurvivesARestart(t *testing.T) {
	t.Parallel()
	state := t.TempDir()
	first, err := program.Open(t.Context(), options(state))
	require.NoError(t, err)
	seeds := first.World().Seeded()
	roster, err := os.ReadFile(first.RosterPath())
	require.NoError(t, err)
	require.NoError(t, first.Close())
	second := open(t, options(state))
	assert.False(t, second.World().Fresh())
	for environment, seed := range seeds {
		assert.True(t, seed.Equal(second.World().Seeded()[environment]))
		kept, _, err := second.Vault().Get(t.Context(), vault.Name(environment+"/v1"))
		require.NoError(t, err)
		assert.True(t, kept.Equal(seed))
	}
	again, err := os.ReadFile(second.RosterPath())
	require.NoError(t, err)
	assert.Equal(t, string(roster), string(again))
}
