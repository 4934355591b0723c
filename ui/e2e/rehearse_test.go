package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/steps/program/programtest"
	"keyturn/steps/sandbox"
	"keyturn/vault"
)

// rehearsalLimit is how long a newcomer may have to wait for the second
// command.
const rehearsalLimit = 15 * time.Second

// rehearsed is the folder of a person's only rehearsal.
func rehearsed(t *testing.T, p person) string {
	t.Helper()
	dirs, err := filepath.Glob(filepath.Join(p.state(), "rehearsals", "*", "sandbox"))
	require.NoError(t, err)
	require.Len(t, dirs, 1)
	return dirs[0]
}

var verifyCommand = regexp.MustCompile(`(?m)^  (keyturn verify .+)$`)

func TestRehearse(t *testing.T) {
	t.Parallel()
	for _, checklist := range []string{"quarterly", "drill"} {
		t.Run(checklist, func(t *testing.T) {
			t.Parallel()
			p := newPerson(t)
			start := time.Now()
			r := p.keyturn(t, "rehearse", checklist)
			require.Zero(t, r.code, "%s%s", r.stdout, r.stderr)
			assert.Less(t, time.Since(start), rehearsalLimit)
			assert.Empty(t, r.stderr)
			assert.Contains(t, r.stdout, "The rehearsal is over: session "+checklist+"-")
			dir := rehearsed(t, p)
			requireVerified(t, filepath.Join(dir, "trail"), filepath.Join(dir, "allowed_signers"))

			// The command that it prints can be run as it is.
			found := verifyCommand.FindStringSubmatch(r.stdout)
			require.NotNil(t, found, r.stdout)
			need(t, "sh")
			cmd := exec.CommandContext(t.Context(), "sh", "-c", found[1])
			cmd.Dir, cmd.Env = p.work(), p.environ()
			out, err := cmd.CombinedOutput()
			require.NoError(t, err, "%s", out)

			var secrets programtest.Secrets
			keepSecrets(t, dir, vault.BackendFile, &secrets)
			require.Greater(t, len(secrets.Names()), 4)
			assert.Empty(t, secrets.In([]byte(r.stdout+string(out))))
			leaks, files, err := secrets.InFiles(p.home)
			require.NoError(t, err)
			assert.Empty(t, leaks)
			assert.Greater(t, files, 10)
		})
	}
}

// One changed byte anywhere in what was exported is refused, with its place.
func TestChangedByteIsRefused(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	r := p.keyturn(t, "rehearse", "drill")
	require.Zero(t, r.code, r.stderr)
	dir := rehearsed(t, p)
	roster := filepath.Join(dir, "allowed_signers")
	var files []string
	for _, pattern := range []string{"*", "0*/*"} {
		found, err := filepath.Glob(filepath.Join(dir, "trail", pattern))
		require.NoError(t, err)
		for _, file := range found {
			if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Size() > 0 {
				name, err := filepath.Rel(filepath.Join(dir, "trail"), file)
				require.NoError(t, err)
				files = append(files, name)
			}
		}
	}
	require.Len(t, files, 6, "%v", files)
	for _, name := range files {
		for place, of := range map[string]int{"first": 0, "middle": 1, "last": 2} {
			t.Run(filepath.Base(name)+", "+place, func(t *testing.T) {
				t.Parallel()
				trail := filepath.Join(t.TempDir(), "trail")
				require.NoError(t, os.CopyFS(trail, os.DirFS(filepath.Join(dir, "trail"))))
				text, err := os.ReadFile(filepath.Join(trail, name))
				require.NoError(t, err)
				text[(len(text)-1)*of/2] ^= 1
				require.NoError(t, os.WriteFile(filepath.Join(trail, name), text, 0o600))

				r := p.keyturn(t, "verify", "--roster", roster, trail)
				assert.Equal(t, 1, r.code, "%s%s", r.stdout, r.stderr)
				assert.NotContains(t, r.stdout, "checked:")
				assert.Contains(t, r.stderr, "error: ")
				assert.Contains(t, r.stderr, filepath.Base(name))
			})
		}
	}
}

// What each fault must be heard saying, whatever line it is broken into.
var faultWords = map[sandbox.Fault]string{
	sandbox.API429:            "vercel answered 429",
	sandbox.API500:            "vercel answered 500",
	sandbox.TimeoutAfterWrite: "found after its answer was lost",
	sandbox.TrailingNewline:   `the service holds HMAC_SECRET_V2 with a newline (\n) after it`,
	sandbox.EmptyValue:        "AUTHENTICATION BYPASS: the service accepts an empty key",
	sandbox.DeploymentStuck:   "is still BUILDING after",
	sandbox.DeploymentFailed:  "ended as ERROR",
	sandbox.AliasLag:          "ready, waiting for its address",
	sandbox.Straggler:         "the fault straggler has struck: remove-old cannot be done yet: old-key-requests is",
	sandbox.AcceptEverything:  "tampered body was accepted, want refused",
}

func TestFaultsInRehearsal(t *testing.T) {
	t.Parallel()
	for _, f := range sandbox.Faults() {
		t.Run(string(f.Name), func(t *testing.T) {
			t.Parallel()
			want, known := faultWords[f.Name]
			require.True(t, known, "what does it say?")
			p := newPerson(t)
			r := p.keyturn(t, "rehearse", "--fault", string(f.Name))
			require.Zero(t, r.code, "%s%s", r.stdout, r.stderr)
			heard := strings.Join(strings.Fields(r.stdout), " ")
			assert.Contains(t, heard, want)
			assert.Contains(t, heard, " is finished in ")
			dir := rehearsed(t, p)
			v := p.keyturn(t, "verify", "--roster", filepath.Join(dir, "allowed_signers"), filepath.Join(dir, "trail"))
			assert.Zero(t, v.code, v.stderr)
		})
	}
}
