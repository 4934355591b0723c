package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"keyturn/keygen/sshsig"
	"keyturn/steps/config"
	"keyturn/steps/program/programtest"
	"keyturn/steps/sandbox"
	"keyturn/vault"
)

// passphrase is of the company's file vault.
const passphrase = "correct horse battery"

// company is an account at Vercel with three projects, as the configuration
// file of a person sees it. A world in memory plays it, and nothing of the
// program knows that.
type company struct {
	person
	t     *testing.T
	world *sandbox.World
	// desk is the second person's: a key of OpenSSH, of which the first one has
	// only the public half.
	desk string
	// hidden has what the first person keeps in no folder of Keyturn's.
	hidden string
}

// newCompany opens the account and configures a person for it. The account's
// clock is the real one if now is nil.
func newCompany(t *testing.T, now func() time.Time) company {
	t.Helper()
	world, err := sandbox.Open(t.Context(), sandbox.Options{
		BuildTime: 5 * time.Millisecond, RealNow: now,
		Account: sandbox.Account{
			Teams: []sandbox.Team{{Slug: "acme"}, {Slug: "other"}},
			Projects: []sandbox.ProjectOptions{
				{Name: "orders-api", Team: "acme"},
				{Name: "payments-api", Team: "acme", Protected: true},
				{Name: "storefront", Team: "acme"},
			},
		},
	})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, world.Close()) })
	c := company{person: newPerson(t), t: t, world: world, desk: t.TempDir(), hidden: t.TempDir()}
	require.NoError(t, os.WriteFile(c.passphraseFile(), []byte(passphrase), 0o600))
	probe := func(project, environment string) string { return world.ServiceURL(project, environment) + "/api/test" }
	require.NoError(t, os.WriteFile(c.file(), fmt.Appendf(nil, `service = "orders"
operator = "alice@example.com"

[vercel]
team = "acme"
api = %q

[[targets]]
project = "orders-api"
probe = { staging = %q, production = %q }

[[targets]]
project = "payments-api"
role = "both"
protected = true
probe = { staging = %q, production = %q }

[[targets]]
project = "storefront"
role = "signer"

[request_log]
url = %q
`, world.VercelURL(), probe("orders-api", "staging"), probe("orders-api", "production"),
		probe("payments-api", "staging"), probe("payments-api", "production"), world.LogURL()), 0o600))
	return c
}

func (c company) file() string { return filepath.Join(c.work(), config.FileName) }

func (c company) live() string { return filepath.Join(c.state(), "live", "orders") }

func (c company) roster() string { return filepath.Join(c.live(), "allowed_signers") }

func (c company) passphraseFile() string { return filepath.Join(c.hidden, "passphrase") }

// tokens are what a person exports in a shell to reach the account.
func (c company) tokens() []string {
	return []string{config.EnvVercelToken + "=" + c.world.VercelToken(), config.EnvRequestLogToken + "=" + c.world.LogToken()}
}

// runs has the real binary do something at which nobody sits: its input is what
// a pipe brings, and the passphrase is in a file.
func (c company) runs(input string, env []string, args ...string) result {
	c.t.Helper()
	cmd := c.command(c.t.Context(), args...)
	cmd.Env = c.environ(append(append(c.tokens(), "KEYTURN_VAULT_PASSPHRASE_FILE="+c.passphraseFile()), env...)...)
	cmd.Stdin = strings.NewReader(input)
	return finish(c.t, cmd)
}

// stores puts a secret into the vault.
func (c company) stores(secret string, words ...string) {
	c.t.Helper()
	r := c.runs(secret+"\n", nil, append([]string{"--vault", "file", "login"}, words...)...)
	require.Zero(c.t, r.code, "%s%s", r.stdout, r.stderr)
}

// movesIn does what people do before their first rotation, as the doctor's
// fixes say it: the secrets in service go into the vault, and the two people
// into the roster.
func (c company) movesIn() {
	c.t.Helper()
	need(c.t, "ssh-keygen")
	for environment, secret := range c.world.Seeded() {
		c.stores(secret.Reveal(), "key", environment+"/v1")
	}
	c.stores(c.world.BypassSecret("payments-api"), "bypass", "payments-api")

	r := c.runs("", nil, "--vault", "file", "doctor")
	require.Equal(c.t, 1, r.code, "%s%s", r.stdout, r.stderr)
	require.Contains(c.t, r.stderr, "error: one thing is not as a session needs it")
	_, alice, found := strings.Cut(r.stdout, "fix: let the roster's owner add this line to "+c.roster()+":\n")
	require.True(c.t, found, r.stdout)
	alice, _, _ = strings.Cut(alice, "\n")

	key := filepath.Join(c.desk, "bob")
	out, err := exec.CommandContext(c.t.Context(), "ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "bob", "-f", key).CombinedOutput()
	require.NoError(c.t, err, "%s", out)
	line, err := os.ReadFile(key + ".pub")
	require.NoError(c.t, err)
	public, err := sshsig.ParsePublicKey(string(line))
	require.NoError(c.t, err)
	bob, err := sshsig.Member{Principal: "bob@example.com", Namespaces: []string{sshsig.NamespaceApproval}, Key: public}.RosterLine()
	require.NoError(c.t, err)
	require.NoError(c.t, os.WriteFile(c.roster(), []byte(strings.TrimSpace(alice)+"\n"+bob+"\n"), 0o600))
}

// signs has the second person sign a request with stock OpenSSH, and send the
// signature back to where the first one was asked for it.
func (c company) signs(request string) {
	c.t.Helper()
	text, err := os.ReadFile(filepath.Join(c.live(), "requests", request))
	require.NoError(c.t, err)
	received := filepath.Join(c.desk, request)
	require.NoError(c.t, os.WriteFile(received, text, 0o600))
	cmd := exec.CommandContext(c.t.Context(), "ssh-keygen", "-Y", "sign", "-f", "bob", "-n", sshsig.NamespaceApproval, request)
	cmd.Dir = c.desk
	out, err := cmd.CombinedOutput()
	require.NoError(c.t, err, "%s", out)
	armor, err := os.ReadFile(received + ".sig")
	require.NoError(c.t, err)
	require.NoError(c.t, os.WriteFile(filepath.Join(c.live(), "requests", request+".sig"), armor, 0o600))
}

// keys adds the secrets that are in the vault now and those with which the
// account began. The tokens are not among them: the person exports those, so
// that they are in the environment of every program.
func (c company) keys(s *programtest.Secrets) {
	c.t.Helper()
	v, err := vault.Open(c.t.Context(), vault.Options{
		Backend: vault.BackendFile, Dir: filepath.Join(c.live(), "vault"), Passphrase: vault.PassphraseFromFile(c.passphraseFile()),
	})
	require.NoError(c.t, err)
	keepVault(c.t, v, s)
	for environment, secret := range c.world.Seeded() { // it may have left the vault
		s.Add(environment+"/v1", secret.Reveal())
	}
	s.Add("passphrase", passphrase)
}
