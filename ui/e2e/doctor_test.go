package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/steps/config"
)

// requireFixes asserts that the doctor says what to do where, and only where,
// something is wrong.
func requireFixes(t *testing.T, said string) {
	t.Helper()
	lines := strings.Split(strings.TrimSpace(said), "\n")
	for i, line := range lines {
		fixed := i+1 < len(lines) && strings.HasPrefix(lines[i+1], "       fix: ")
		switch {
		case strings.HasPrefix(line, "ok     "):
			require.False(t, fixed, "%s", said)
		case strings.HasPrefix(line, "wrong  "):
			require.True(t, fixed, "%s", said)
		}
	}
}

// requireFinding asserts that a thing is wrong as it is said, with what to do.
func requireFinding(t *testing.T, said, wrong, fix string) {
	t.Helper()
	lines := strings.Split(said, "\n")
	for i, line := range lines {
		if strings.HasPrefix(line, "wrong  ") && strings.Contains(line, wrong) {
			require.Contains(t, lines[i+1], fix, "%s", said)
			return
		}
	}
	require.Fail(t, "not found", "%s\n%s", wrong, said)
}

// The doctor of the real binary, on a configuration as a company has it: one
// mistake at a time, each in a configuration file of its own.
func TestDoctorOfACompany(t *testing.T) {
	t.Parallel()
	c := newCompany(t, nil)
	c.movesIn()

	t.Run("nothing is wrong", func(t *testing.T) {
		t.Parallel()
		r := c.runs("", nil, "--vault", "file", "doctor", "--config", c.file())
		require.Zero(t, r.code, "%s%s", r.stdout, r.stderr)
		require.NotContains(t, r.stdout, "wrong")
		require.NotContains(t, r.stdout, "fix:")
		for _, line := range []string{
			"state folder: " + c.live(),
			"vault: age file vault in " + filepath.Join(c.live(), "vault") + ": a test item was written, read and deleted",
			"vercel api: is " + c.world.VercelURL() + " and not https://api.vercel.com",
			"vercel token: ", "clock: ",
			"target orders-api: is the project orders-api (prj_", "target payments-api: ", "target storefront: ",
			"protection of payments-api: the vault has its bypass secret",
			"keys of orders-api in staging: HMAC_SECRET_V1, each in preview, development",
			"keys of storefront in production: HMAC_SECRET_V1, each in production",
			"keys in the vault: production/v1, staging/v1 can be put back",
			"request log of staging: ", "request log of production: ",
			"trail: ", "roster: " + c.roster() + " lets alice@example.com sign with SHA256:", "ssh-keygen: ",
		} {
			assert.Contains(t, "\n"+r.stdout, "\nok     "+line, "%s", r.stdout)
		}
		for _, token := range []string{c.world.VercelToken(), c.world.LogToken(), c.world.BypassSecret("payments-api"), passphrase} {
			assert.False(t, strings.Contains(r.stdout+r.stderr, token), "a secret is said")
		}
	})

	wrongPassphrase := filepath.Join(c.hidden, "wrong")
	require.NoError(t, os.WriteFile(wrongPassphrase, []byte("incorrect"), 0o600))
	for name, tt := range map[string]struct {
		old, replacement string // of the configuration
		flags            []string
		env              []string
		wrong, fix       string
	}{
		"a token that is refused": {
			env:   []string{config.EnvVercelToken + "=vcp_thisIsNotTheTokenOfTheAccount"},
			wrong: "vercel token: ", fix: "check that the token",
		},
		"no token": {
			env:   []string{config.EnvVercelToken + "="},
			wrong: "vercel token: no vercel token is known", fix: " login vercel, or export it as VERCEL_TOKEN",
		},
		"a team that the token does not reach": {
			old: `team = "acme"`, replacement: `team = "acne"`,
			flags: []string{"--state", t.TempDir()}, // the other folder is of the team acme
			wrong: "does not reach the team acne", fix: "set team under [vercel] to acme or other",
		},
		"an API that does not answer": {
			old: c.world.VercelURL(), replacement: "http://127.0.0.1:1",
			wrong: "vercel token: read the token's user: no answer from vercel", fix: "check the network",
		},
		"a project that is not there": {
			old: `project = "storefront"`, replacement: `project = "storefrond"`,
			wrong: "target storefrond: ", fix: "a token of another team sees the project as not found",
		},
		"a slot without a variable": {
			old: `project = "orders-api"`, replacement: "project = \"orders-api\"\nstaging = [\"preview\", \"development\", \"preview:feat/one\"]",
			wrong: "keys of orders-api in staging: HMAC_SECRET_V1 is in development, preview and not in preview:feat/one", fix: "leave that slot out of staging",
		},
		"a vault that does not open": {
			env:   []string{"KEYTURN_VAULT_PASSPHRASE_FILE=" + wrongPassphrase},
			wrong: "vault: ", fix: "the passphrase is the one typed when this vault was made",
		},
		"protection that cannot be passed": {
			old: `project = "orders-api"`, replacement: "project = \"orders-api\"\nprotected = true",
			wrong: "protection of orders-api: no bypass secret of orders-api is known", fix: "login bypass orders-api",
		},
		"no token of the request log": {
			env:   []string{config.EnvRequestLogToken + "="},
			wrong: "request log: read KEYTURN_LOG_TOKEN", fix: "export the token of the request log",
		},
		"another operator than the roster has": {
			old: "alice@example.com", replacement: "carol@example.com",
			wrong: "has your key as alice@example.com, and you are carol@example.com", fix: "set operator in the configuration file",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			text, err := os.ReadFile(c.file())
			require.NoError(t, err)
			require.Contains(t, string(text), tt.old)
			file := filepath.Join(t.TempDir(), config.FileName)
			require.NoError(t, os.WriteFile(file, []byte(strings.Replace(string(text), tt.old, tt.replacement, 1)), 0o600))
			r := c.runs("", tt.env, append(tt.flags, "--vault", "file", "doctor", "--config", file)...)
			require.Equal(t, 1, r.code, "%s%s", r.stdout, r.stderr)
			require.Contains(t, r.stderr, "not as a session needs")
			requireFixes(t, r.stdout)
			requireFinding(t, r.stdout, tt.wrong, tt.fix)
		})
	}
}

// What the doctor says before anything is prepared, on a machine whose clock is
// behind.
func TestDoctorOfANewCompany(t *testing.T) {
	t.Parallel()
	c := newCompany(t, func() time.Time { return time.Now().Add(2 * time.Minute) })
	r := c.runs("", nil, "--vault", "file", "doctor", "--config", c.file())
	require.Equal(t, 1, r.code, "%s%s", r.stdout, r.stderr)
	requireFixes(t, r.stdout)
	login := "keyturn --config " + checklist.ShellWord(c.file()) + " --vault file login "
	requireFinding(t, r.stdout, "clock: this machine is 2m0s behind Vercel", "NTP")
	requireFinding(t, r.stdout, "keys in the vault: production/v1 is at Vercel and not in the vault", "store its value with "+login+"key production/v1")
	requireFinding(t, r.stdout, "keys in the vault: staging/v1 is at Vercel", login+"key staging/v1")
	requireFinding(t, r.stdout, "protection of payments-api: no bypass secret", login+"bypass payments-api")
	requireFinding(t, r.stdout, "roster: ", "let the roster's owner add this line to "+c.roster())
}
