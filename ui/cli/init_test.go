package cli_test

import (
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/steps/config"
	"keyturn/steps/sandbox"
	"keyturn/ui/cli"
)

var update = flag.Bool("update", false, "write the golden files anew")

// newcomer is somebody without a configuration.
type newcomer struct {
	t    *testing.T
	dir  string
	file string
}

func newNewcomer(t *testing.T) newcomer {
	t.Helper()
	dir := t.TempDir()
	passphrase := filepath.Join(dir, "passphrase")
	require.NoError(t, os.WriteFile(passphrase, []byte("correct horse battery"), 0o600))
	t.Setenv("KEYTURN_VAULT_PASSPHRASE_FILE", passphrase)
	t.Setenv("VERCEL_TOKEN", "")
	t.Setenv("KEYTURN_LOG_TOKEN", "")
	return newcomer{t: t, dir: dir, file: filepath.Join(dir, "keyturn.toml")}
}

func (n newcomer) run(in string, args ...string) (code int, out, errOut string) {
	n.t.Helper()
	args = append([]string{"--config", n.file, "--state", filepath.Join(n.dir, "state"), "--vault", "file"}, args...)
	var stdout, stderr screen
	code = cli.Run(n.t.Context(), args, strings.NewReader(in), &stdout, &stderr)
	for _, name := range []string{"VERCEL_TOKEN", "KEYTURN_LOG_TOKEN"} {
		requireHidden(n.t, os.Getenv(name), stdout.String()+stderr.String(), "the output")
	}
	return code, stdout.String(), stderr.String()
}

// account is a team with three projects, one of them protected.
func account(t *testing.T) *sandbox.World {
	t.Helper()
	w, err := sandbox.Open(t.Context(), sandbox.Options{Account: sandbox.Account{
		Teams: []sandbox.Team{{Slug: "acme"}},
		Projects: []sandbox.ProjectOptions{
			{Name: "orders-api"}, {Name: "payments-api", Protected: true}, {Name: "storefront"}, {Name: "website", WithoutKey: true},
		},
	}})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, w.Close()) })
	return w
}

// TestANewcomer goes from nothing to a doctor who finds nothing wrong.
func TestANewcomer(t *testing.T) {
	n, w := newNewcomer(t), account(t)
	t.Setenv("VERCEL_TOKEN", w.VercelToken())
	t.Setenv("KEYTURN_LOG_TOKEN", w.LogToken())
	url := func(project, environment string) string { return w.ServiceURL(project, environment) + "/api/test" }

	answers := []string{
		"the orders", // no name: it is asked again
		"orders", "alice@example.com",
		"",      // the token's team
		"9",     // there are four
		"1-3,1", // all that hold keys
		"", url("orders-api", "staging"), url("orders-api", "staging"), url("orders-api", "production"), "",
		"both", url("payments-api", "staging"), url("payments-api", "production"), "yes",
		"signer",
		w.LogURL(),
	}
	code, out, errOut := n.run(strings.Join(answers, "\n"), "init", "--api", w.VercelURL())
	require.Zero(t, code, errOut)
	assert.Equal(t, n.file+" is written.\nNext: keyturn --config "+n.file+" login bypass payments-api\nNext: keyturn --config "+n.file+" login key staging/ID and production/ID, for the keys that are in service, such as staging/v1\nNext: keyturn --config "+n.file+" doctor\n", out)
	assert.Contains(t, errOut, "The Vercel token belongs to sandbox.\nIt reaches the teams acme.\n")
	assert.Contains(t, errOut, "  4. website\n")
	assert.Contains(t, errOut, "want a name of letters")
	assert.Contains(t, errOut, "want numbers from 1 to 4")
	assert.Contains(t, errOut, "want another address than that of staging")

	text, err := os.ReadFile(n.file)
	require.NoError(t, err)
	requireGolden(t, "init.toml", strings.NewReplacer(
		w.VercelURL(), "http://127.0.0.1:1", w.LogURL(), "http://127.0.0.1:2", strings.TrimSuffix(w.ServiceURL("", ""), "/p//"), "http://127.0.0.1:3",
	).Replace(string(text)))

	code, _, errOut = n.run("", "init")
	assert.Equal(t, 2, code, "nothing is replaced")
	assert.Contains(t, errOut, "is there already")
	again, err := os.ReadFile(n.file)
	require.NoError(t, err)
	assert.Equal(t, string(text), string(again))

	code, out, _ = n.run("", "doctor")
	assert.Equal(t, 1, code)
	assert.Contains(t, out, "wrong  protection of payments-api: no bypass secret of payments-api is known")
	assert.Contains(t, out, "login bypass payments-api")
	assert.Contains(t, out, "login key production/v1")
	code, _, errOut = n.run("tooShort\n", "login", "bypass", "payments-api")
	assert.Equal(t, 1, code)
	assert.Contains(t, errOut, "want 16 or more")
	code, _, errOut = n.run(w.BypassSecret("payments-api")+"\n", "login", "bypass", "orders-api")
	assert.Equal(t, 1, code)
	assert.Contains(t, errOut, "no target orders-api is protected")
	code, out, errOut = n.run(w.BypassSecret("payments-api")+"\n", "login", "bypass", "payments-api")
	require.Zero(t, code, errOut)
	assert.Contains(t, out, "It is stored as bypass/payments-api in the age file vault")

	seed := w.Seeded()["production"].Reveal()
	for in, says := range map[string]string{seed[:63]: "store production/v1", "": "nothing was entered", seed + "\n" + seed: "more than one line"} {
		code, _, errOut = n.run(in, "login", "key", "production/v1")
		assert.Equal(t, 1, code)
		assert.Contains(t, errOut, says)
	}
	code, _, errOut = n.run(seed, "login", "key", "v1")
	assert.Equal(t, 2, code)
	assert.Contains(t, errOut, "want its environment and id")
	for range 2 { // the same once more does no harm
		code, out, errOut = n.run(seed+"\n", "login", "key", "production/v1")
		require.Zero(t, code, errOut)
		assert.Contains(t, out, "It is stored as production/v1 in the age file vault")
	}
	code, _, errOut = n.run(w.Seeded()["staging"].Reveal()+"\n", "login", "key", "production/v1")
	assert.Equal(t, 1, code, "another value is not stored in its place: %s", errOut)
	code, _, _ = n.run("", "logout", "key", "production/v1")
	assert.Equal(t, 2, code, "keys are not deleted by a logout")

	code, out, errOut = n.run(seed+"\n", "login", "key", "staging/v1")
	require.Zero(t, code, errOut)
	assert.Contains(t, out, "Warning: it is the value of production/v1 too.")
	code, _, errOut = n.run(w.Seeded()["staging"].Reveal()+"\n", "login", "key", "staging/v1")
	assert.Equal(t, 1, code)
	assert.Contains(t, errOut, "add --replace")
	for given, says := range map[string]string{"yesterday": "want a day that is over", "2099-01-01": "want a day that is over"} {
		code, _, errOut = n.run("", "login", "key", "staging/v1", "--made", given)
		assert.Equal(t, 2, code)
		assert.Contains(t, errOut, says)
	}
	code, _, errOut = n.run("", "login", "slack", "--replace")
	assert.Equal(t, 2, code, errOut)
	code, out, errOut = n.run(w.Seeded()["staging"].Reveal()+"\n", "login", "key", "staging/v1", "--replace")
	require.Zero(t, code, errOut)
	assert.Contains(t, out, "When it was made is not known")
	code, out, errOut = n.run(w.Seeded()["staging"].Reveal()+"\n", "login", "key", "staging/v1", "--replace", "--made", "2026-08-27")
	require.Zero(t, code, errOut)
	assert.NotContains(t, out, "is not known")

	code, out, _ = n.run("", "doctor")
	assert.Equal(t, 1, code)
	_, line, found := strings.Cut(out, "allowed_signers:\n")
	require.True(t, found, "the doctor gives the line that is missing: %s", out)
	line, _, _ = strings.Cut(line, "\n")
	require.NoError(t, os.WriteFile(filepath.Join(n.dir, "state", "live", "orders", "allowed_signers"), []byte(line+"\n"), 0o600))

	code, out, errOut = n.run("", "doctor")
	if !strings.Contains(out, "wrong  ssh-keygen") { // may be missing where the tests run
		require.Zero(t, code, out+errOut)
	}
	for _, says := range []string{
		"ok     vault: age file vault",
		"ok     vercel api: is " + w.VercelURL() + " and not https://api.vercel.com",
		"ok     vercel token: belongs to sandbox and is used for the team acme (team_",
		"; it is that of VERCEL_TOKEN\n",
		"ok     clock: this machine is within ",
		"ok     target orders-api: is the project orders-api (prj_",
		"ok     keys of orders-api in staging: HMAC_SECRET_V1, each in preview, development",
		"ok     keys of storefront in production: HMAC_SECRET_V1, each in production",
		"ok     keys in the vault: production/v1, staging/v1 can be put back",
		"ok     protection of payments-api",
		"ok     request log of production: is complete up to",
		"ok     roster:",
	} {
		assert.Contains(t, out, says)
	}
	assert.Equal(t, 0, strings.Count(strings.ReplaceAll(out, "wrong  ssh-keygen", ""), "wrong"), out)

	// A token that was stored serves the next configuration.
	code, _, errOut = n.run(w.VercelToken()+"\n", "login", "vercel")
	require.Zero(t, code, errOut)
	t.Setenv("VERCEL_TOKEN", "")
	_, out, _ = n.run("", "doctor")
	assert.Zero(t, strings.Count(strings.ReplaceAll(out, "wrong  ssh-keygen", ""), "wrong"), out)
	assert.Contains(t, out, "; it is that of the vault\n")
	n.file = filepath.Join(n.dir, "second.toml")
	code, _, errOut = n.run("orders\nalice\n", "init", "--api", w.VercelURL())
	assert.Zero(t, code, errOut)
	assert.Contains(t, errOut, "The Vercel token belongs to sandbox.")
	c, err := config.Load(n.file)
	require.NoError(t, err)
	require.Len(t, c.Targets, 4)
	assert.Equal(t, "https://orders-api-git-staging-acme.vercel.app/api/test", c.Targets[0].Probe.Staging)
}

func TestInitWithoutAToken(t *testing.T) {
	n := newNewcomer(t)
	code, out, errOut := n.run("orders\nalice@example.com\n\n\norders-api\n\n\n\n", "init")
	require.Zero(t, code, errOut)
	assert.Contains(t, out, "Next: keyturn --config "+n.file+" login vercel\n")
	c, err := config.Load(n.file)
	require.NoError(t, err)
	assert.Equal(t, "", c.Vercel.Team)
	require.Len(t, c.Targets, 1)
	assert.Equal(t, config.Probe{
		Staging: "https://orders-api-git-staging.vercel.app/api/test", Production: "https://orders-api.vercel.app/api/test",
	}, c.Targets[0].Probe)
	assert.Empty(t, c.RequestLog.URL)
	if runtime.GOOS != "windows" {
		info, err := os.Stat(n.file)
		require.NoError(t, err)
		assert.Zero(t, info.Mode().Perm()&0o022, "who can write the file decides where the requests go")
	}
}

// Who has no access to the API needs no token.
func TestInitForTheDashboard(t *testing.T) {
	n := newNewcomer(t)
	answers := []string{
		"orders", "Alice@example.com", // which no roster holds
		"alice@example.com", "browser", "dashboard",
		"", // a team or an account there must be
		"acme", "orders-api", "", "https://staging.example.com/api/test", "https://example.com/api/test", "", "",
	}
	code, out, errOut := n.run(strings.Join(answers, "\n"), "init")
	require.Zero(t, code, errOut)
	assert.Equal(t, n.file+" is written.\nNext: keyturn --config "+n.file+" login key staging/ID and production/ID, for the keys that are in service, such as staging/v1\nNext: keyturn --config "+n.file+" doctor\n", out)
	assert.Contains(t, errOut, `want one lower-case word, as allowed_signers has it: write "alice@example.com"`)
	assert.Contains(t, errOut, `want "api" or "dashboard"`)
	assert.Contains(t, errOut, "behind vercel.com/")
	c, err := config.Load(n.file)
	require.NoError(t, err)
	assert.Equal(t, config.ModeDashboard, c.Vercel.Mode)
	assert.Equal(t, "https://vercel.com/acme", c.Vercel.Dashboard())

	code, _, errOut = n.run("token\n", "login", "vercel")
	assert.Equal(t, 2, code)
	assert.Contains(t, errOut, "no token is used")
}

func TestInitThatIsLeft(t *testing.T) {
	n := newNewcomer(t)
	for _, in := range []string{"", "orders\nalice\napi\nacme\n", "orders\nalice\n\nacme\norders-api\nsigner\n"} {
		code, out, errOut := n.run(in, "init")
		assert.Equal(t, 1, code, in)
		assert.Empty(t, out)
		assert.Contains(t, errOut, "nothing was written")
		assert.NoFileExists(t, n.file)
	}
	entries, err := os.ReadDir(n.dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1, "the passphrase alone")
}

func TestInitWithATokenThatIsRefused(t *testing.T) {
	n, w := newNewcomer(t), account(t)
	t.Setenv("VERCEL_TOKEN", "vcp_aTokenThatIsNotTheRightOne")
	code, _, errOut := n.run("orders\nalice\nacme\norders-api\n\n\n\n", "init", "--api", w.VercelURL())
	require.Zero(t, code, errOut)
	assert.Contains(t, errOut, "The Vercel token could not be used")
	assert.FileExists(t, n.file)
	code, _, errOut = n.run("", "init", "--api", "ftp://x")
	assert.Equal(t, 2, code)
	assert.Contains(t, errOut, "is there already")
}

func requireGolden(t *testing.T, name, got string) {
	t.Helper()
	golden := filepath.Join("testdata", name)
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(got), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, strings.ReplaceAll(string(want), "\r\n", "\n"), got)
}
