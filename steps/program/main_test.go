package program_test

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/journal"
	"keyturn/steps/httpclient"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
	"keyturn/steps/vercel"
	"keyturn/vault"
)

// TestMain lets the test binary be one life of a rehearsal instead of a test.
func TestMain(m *testing.M) {
	if l, ok := lifeFromEnvironment(); ok {
		os.Exit(l.live())
	}
	os.Exit(m.Run())
}

// buildTime is how long the sandbox's deployments take in tests. A deployment
// is given up after thirty of it, so that it must not be too short either.
const buildTime = 5 * time.Millisecond

// options returns the options of a sandbox in a state folder.
func options(state string) program.Options {
	return program.Options{State: state, Vault: vault.BackendFile, BuildTime: buildTime}
}

// open opens a sandbox, in a folder of its own when none is named.
func open(t testing.TB, o program.Options) *program.Program {
	t.Helper()
	if o.State == "" {
		o.State = t.TempDir()
	}
	if o.Vault == "" {
		o.Vault = vault.BackendFile
	}
	if o.BuildTime == 0 {
		o.BuildTime = buildTime
	}
	p, err := program.Open(context.Background(), o)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	return p
}

// memoryDir returns a folder in memory where the system has one: a process that
// is killed loses nothing that it wrote, so that no disk is needed to try it.
func memoryDir(t testing.TB) string {
	t.Helper()
	dir, err := os.MkdirTemp("/dev/shm", "keyturn-test-*")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { require.NoError(t, os.RemoveAll(dir)) })
	return dir
}

// rehearse walks a checklist to its end, or from where it stopped.
func rehearse(t testing.TB, p *program.Program, checklistID string, op *programtest.Operator) *checklist.Session {
	t.Helper()
	r := program.Rehearsal{Program: p, Checklist: checklistID, Operator: op, Say: op.Say}
	s, err := r.Run(t.Context())
	require.NoError(t, err)
	return s
}

// api returns a client of the sandbox's Vercel API.
func api(t testing.TB, p *program.Program) *vercel.Client {
	t.Helper()
	token, err := httpclient.ParseToken(p.World().VercelToken())
	require.NoError(t, err)
	c, err := vercel.New(vercel.Options{API: p.World().VercelURL(), Token: token})
	require.NoError(t, err)
	return c
}

func trailDir(p *program.Program) string { return filepath.Join(p.Dir(), "trail") }

// onlySession folds the journal of the only session that was opened.
func onlySession(t testing.TB, p *program.Program) (*checklist.Session, []checklist.Event) {
	t.Helper()
	dir := filepath.Join(p.Dir(), "sessions")
	ids, err := journal.List(dir)
	require.NoError(t, err)
	var opened [][]checklist.Event
	for _, id := range ids {
		events, err := journal.Read(dir, id)
		if err == nil {
			opened = append(opened, events)
			continue
		}
		require.ErrorIs(t, err, journal.ErrEmpty, id) // killed before it was opened
	}
	require.Len(t, opened, 1, "one session")
	s, err := checklist.Fold(opened[0])
	require.NoError(t, err)
	return s, opened[0]
}

// needPrograms skips a test where a program is missing, and fails it where
// nothing may be missing.
func needPrograms(t *testing.T, names ...string) {
	t.Helper()
	for _, name := range names {
		if _, err := exec.LookPath(name); err == nil {
			continue
		}
		if requireAll() {
			t.Fatalf("%s is required and not installed", name)
		}
		t.Skipf("%s is not installed", name)
	}
}

func requireAll() bool { return os.Getenv("KEYTURN_TEST_REQUIRE") == "all" }

// issuesOf returns what a session leaves for the next one, in words.
func issuesOf(s *checklist.Session) []string {
	var words []string
	for _, i := range s.Issues() {
		words = append(words, s.IssueWords(i))
	}
	return words
}
