package cli_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
	"keyturn/ui/cli"
	"keyturn/ui/plain"
	"keyturn/vault"
)

// leakCase is a checklist, and the secrets that it must have had.
type leakCase struct {
	checklist string
	secrets   []string
	records   int
}

func leakCases() []leakCase {
	return []leakCase{
		{"quarterly", []string{"staging/v2", "production/v2"}, 1},
		{"drill", []string{"staging/test"}, 1},
		{"emergency", []string{"staging/v2", "production/v2", "staging/emergency", "production/emergency"}, 1},
		{"rollback", []string{"staging/v2", "production/v2"}, 1},
	}
}

// TestLeak looks for every secret of a whole rehearsal, in every disguise, in
// everything that leaves it: the transcript, what the commands print, and every
// file.
func TestLeak(t *testing.T) {
	t.Parallel()
	for _, c := range leakCases() {
		t.Run(c.checklist, func(t *testing.T) {
			t.Parallel()
			requireNothingLeaks(t, c, vault.BackendFile)
		})
	}
}

func TestLeakWithTheKeychain(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("the keychain of this system belongs to its user")
	}
	programtest.InSecretService(t, func(t *testing.T) {
		for _, c := range leakCases() {
			requireNothingLeaks(t, c, vault.BackendKeychain)
		}
	})
}

// requireNothingLeaks rehearses a checklist as the command does, and then runs
// the commands that look at what it left.
func requireNothingLeaks(t *testing.T, c leakCase, backend string) {
	t.Helper()
	state := t.TempDir()
	var seen bytes.Buffer
	transcript := plain.NewTranscript(&seen, plain.Unattended)
	p, err := program.Open(t.Context(), program.Options{
		State: state, Vault: backend, BuildTime: 5 * time.Millisecond, Explain: func(text string) { transcript.Say("%s", text) },
	})
	require.NoError(t, err)
	var secrets programtest.Secrets
	require.NoError(t, secrets.AddAll(t.Context(), p))
	require.NoError(t, walkThrough(t.Context(), p, c.checklist, transcript, &secrets))
	require.NoError(t, secrets.AddAll(t.Context(), p))
	assert.Subset(t, secrets.Names(), append([]string{
		"staging/v1", "production/v1", "signing/operator", "signing/approver", "sandbox/world", "vercel token", "log token",
	}, c.secrets...))
	require.NoError(t, p.Close())

	for _, args := range [][]string{
		{"status"}, {"status", "--json"}, {"doctor"}, {"verify", filepath.Join(p.Dir(), "trail")},
		{"verify", filepath.Join(p.Dir(), "no-trail")}, {"rehearse", "--fault", "no-fault"}, {c.checklist, "--plain"}, {"--plain"},
	} {
		args = append(args, "--state", state, "--vault", backend, "--sandbox")
		cli.Run(t.Context(), args, strings.NewReader("q\n"), &seen, &seen)
	}
	assert.Greater(t, seen.Len(), 10_000)
	assert.Contains(t, seen.String(), "checked:")
	assert.Empty(t, secrets.In(seen.Bytes()), "was printed")
	found, files, err := secrets.InFiles(state)
	require.NoError(t, err)
	assert.Empty(t, found, "is in a file")
	assert.Greater(t, files, 15)
	records, err := filepath.Glob(filepath.Join(p.Dir(), "trail", "0*", "record.json"))
	require.NoError(t, err)
	assert.Len(t, records, c.records, "the record was searched with the files")

	if backend == vault.BackendFile {
		// The one file that opens the vault of a sandbox is for its owner alone.
		info, err := os.Stat(filepath.Join(p.Dir(), "vault", "identity.txt"))
		require.NoError(t, err)
		if runtime.GOOS != "windows" {
			assert.EqualValues(t, 0o600, info.Mode().Perm())
		}
	}
}

// walkThrough rehearses a checklist, and gathers the secrets on the way: a key
// may be gone at the end, such as a drill's.
func walkThrough(ctx context.Context, p *program.Program, id string, op *plain.Transcript, secrets *programtest.Secrets) error {
	gather := func(string) error { return secrets.AddAll(ctx, p) }
	if id == "rollback" {
		r := program.RollbackRehearsal{Program: p, Trouble: program.RemovalTrouble, Decision: checklist.Resume, Operator: op, Say: op.Say}
		return errors.Join(r.IntoTrouble(ctx), gather(""), ended(r.RollBack(ctx)))
	}
	return ended((&program.Rehearsal{Program: p, Checklist: id, Operator: op, Say: op.Say, BetweenItems: gather}).Run(ctx))
}

func ended(s *checklist.Session, err error) error {
	if err == nil && s.Outcome != checklist.Finished {
		err = errors.New("the session has not ended")
	}
	return err
}
