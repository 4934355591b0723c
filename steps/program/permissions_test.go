package program_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
)

// exposure is a way to let others decide what a realm goes by.
type exposure struct {
	expose func(t *testing.T, state string)
	at     string // below the state folder
	found  string
	fix    string // its beginning
}

func exposures() map[string]exposure {
	open := func(path string) exposure {
		return exposure{func(t *testing.T, state string) {
			require.NoError(t, os.Chmod(filepath.Join(state, path), 0o777))
		}, path, "is writable by every user", "chmod o-w "}
	}
	given := func(path string) exposure {
		return exposure{func(t *testing.T, state string) {
			if os.Getuid() != 0 {
				t.Skip("only root can give a folder away")
			}
			require.NoError(t, os.Chown(filepath.Join(state, path), 12345, 12345))
		}, path, "belongs to user 12345", "run Keyturn as user 12345"}
	}
	all := map[string]exposure{
		"a folder like /tmp": {func(t *testing.T, state string) {
			require.NoError(t, os.Chmod(state, 0o777|fs.ModeSticky))
		}, ".", "every user can create files", "use a folder of your own"},
		"the roster is a link into a folder that everybody can write to": {func(t *testing.T, state string) {
			shared, roster := filepath.Join(state, "shared"), filepath.Join(state, "sandbox", "allowed_signers")
			require.NoError(t, os.Mkdir(shared, 0o700))
			require.NoError(t, os.Rename(roster, filepath.Join(shared, "roster")))
			require.NoError(t, os.Symlink(filepath.Join(shared, "roster"), roster))
			require.NoError(t, os.Chmod(shared, 0o777))
		}, "shared", "is writable by every user", "chmod o-w "},
	}
	for _, path := range []string{".", "sandbox", "sandbox/sessions", "sandbox/trail", "sandbox/vault", "sandbox/world", "sandbox/allowed_signers"} {
		all["everybody can write to "+path] = open(path)
		if path != "sandbox/allowed_signers" { // who may belong to whoever decides who may approve
			all["a stranger owns "+path] = given(path)
		}
	}
	return all
}

func TestAnExposedRealmIsNotOpened(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("file modes mean nothing on Windows")
	}
	for name, x := range exposures() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			root, err := filepath.EvalSymlinks(t.TempDir())
			require.NoError(t, err)
			state := filepath.Join(root, "state of mine")
			first, err := program.Open(t.Context(), options(state))
			require.NoError(t, err)
			require.NoError(t, first.Close())
			require.NoError(t, os.MkdirAll(filepath.Join(state, "sandbox", "sessions"), 0o700))
			at := filepath.Join(state, x.at)
			x.expose(t, state)

			_, err = program.Open(t.Context(), options(state))
			var usage *program.UsageError
			require.ErrorAs(t, err, &usage, "exit code 2")
			require.ErrorContains(t, err, at)
			require.ErrorContains(t, err, x.found)
			assert.Contains(t, checklist.Hint(err), x.fix)
			if x.fix == "chmod o-w " {
				assert.Equal(t, "chmod o-w '"+at+"'", checklist.Hint(err), "ready to be pasted")
			}

			findings, err := program.Examine(t.Context(), options(state))
			require.NoError(t, err)
			require.Len(t, findings, 2)
			assert.Equal(t, "permissions", findings[0].What)
			assert.False(t, findings[0].OK)
			assert.Contains(t, findings[0].Said, x.found)
			assert.Contains(t, findings[0].Fix, x.fix)
			assert.False(t, findings[1].OK)
			assert.Contains(t, findings[1].Said, "was not looked at")
		})
	}
}

func TestEveryExposureIsNamedOnce(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("file modes mean nothing on Windows")
	}
	state := t.TempDir()
	p, err := program.Open(t.Context(), options(state))
	require.NoError(t, err)
	require.NoError(t, p.Close())
	for _, path := range []string{p.Dir(), trailDir(p), p.RosterPath()} {
		require.NoError(t, os.Chmod(path, 0o777))
	}
	findings, err := program.Examine(t.Context(), options(state))
	require.NoError(t, err)
	require.Len(t, findings, 2, "a folder lets others at all that is in it: %v", findings)
	require.NoError(t, os.Chmod(p.Dir(), 0o700))
	findings, err = program.Examine(t.Context(), options(state))
	require.NoError(t, err)
	require.Len(t, findings, 3)
	assert.Contains(t, findings[0].Said, trailDir(p))
	assert.Contains(t, findings[1].Said, p.RosterPath())
}

// A group may be the user's own: the doctor names it, and nothing is refused.
func TestTheDoctorNamesWhereAGroupCanWrite(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("file modes mean nothing on Windows")
	}
	p := open(t, program.Options{})
	said := func() string {
		for _, f := range p.Doctor(t.Context()) {
			if f.What == "permissions" {
				assert.True(t, f.OK)
				return f.Said
			}
		}
		t.Fatal("the doctor says nothing of permissions")
		return ""
	}
	assert.Equal(t, "the state folder is yours alone, and not every user can write to the roster", said())
	require.NoError(t, os.Chmod(trailDir(p), 0o770))
	assert.Contains(t, said(), "a group can write to "+trailDir(p)+":")
}

// A roster that is opened to everybody while a session runs counts for nothing
// from then on.
func TestARosterThatIsExposedLaterIsNotRead(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("file modes mean nothing on Windows")
	}
	p := open(t, program.Options{})
	op := &programtest.Operator{}
	r := program.Rehearsal{Program: p, Checklist: "quarterly", Operator: op, Say: op.Say, BetweenItems: func(string) error {
		return os.Chmod(p.RosterPath(), 0o666)
	}}
	_, err := r.Run(t.Context())
	require.ErrorContains(t, err, p.RosterPath()+" is writable by every user")
}
