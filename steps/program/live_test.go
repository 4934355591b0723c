package program_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/record"
	"keyturn/keygen"
	"keyturn/keygen/sshsig"
	"keyturn/steps/approval"
	"keyturn/steps/config"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
	"keyturn/steps/sandbox"
	"keyturn/vault"
)

// weakWorkFactor keeps the tests from waiting for scrypt, which keeps others from
// guessing passphrases.
const weakWorkFactor = 4

// company is an account at Vercel as a configuration file sees it, played by a
// world in memory: nothing of the program knows that it is a sandbox.
type company struct {
	t      *testing.T
	world  *sandbox.World
	file   string
	second sshsig.Key // of bob, who approves
	// options are those of the company's realm.
	options program.Options
}

// threeProjects verify (one of them behind deployment protection) and sign.
func threeProjects() sandbox.Account {
	return sandbox.Account{
		Teams: []sandbox.Team{{Slug: "acme"}, {Slug: "other"}},
		Projects: []sandbox.ProjectOptions{
			{Name: "orders-api", Team: "acme"}, {Name: "payments-api", Team: "acme", Protected: true}, {Name: "storefront", Team: "acme"},
		},
	}
}

func newCompany(t *testing.T, account sandbox.Account) *company {
	t.Helper()
	world, err := sandbox.Open(t.Context(), sandbox.Options{Account: account, BuildTime: buildTime})
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, world.Close()) })
	dir := t.TempDir()
	c := &company{t: t, world: world, file: filepath.Join(dir, config.FileName)}
	c.options = program.Options{
		State: filepath.Join(dir, "state"), Vault: vault.BackendFile, WorkFactor: weakWorkFactor, RealNow: world.Clock().Now,
		Passphrase: func(context.Context, string) ([]byte, error) { return []byte("correct horse battery"), nil },
		Environ: func(name string) string {
			return map[string]string{config.EnvVercelToken: world.VercelToken(), config.EnvRequestLogToken: world.LogToken()}[name]
		},
	}
	seed, err := keygen.Generate(bytes.NewReader(bytes.Repeat([]byte("0123456789abcdefghijklmnopqrstuv"), 4)))
	require.NoError(t, err)
	c.second, err = sshsig.NewKey(seed)
	require.NoError(t, err)
	c.configure(fmt.Sprintf(`service = "orders"
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
`, world.VercelURL(), c.url("orders-api", "staging"), c.url("orders-api", "production"),
		c.url("payments-api", "staging"), c.url("payments-api", "production"), world.LogURL()))
	return c
}

func (c *company) url(project, environment string) string {
	return c.world.ServiceURL(project, environment) + "/api/test"
}

// configure writes the configuration file and reads it.
func (c *company) configure(text string) {
	c.t.Helper()
	require.NoError(c.t, os.WriteFile(c.file, []byte(text), 0o600))
	read, err := config.Load(c.file)
	require.NoError(c.t, err)
	c.options.Config = &read
}

// change configures with one text in place of another.
func (c *company) change(old, replacement string) {
	c.t.Helper()
	text, err := os.ReadFile(c.file)
	require.NoError(c.t, err)
	require.Contains(c.t, string(text), old)
	c.configure(strings.Replace(string(text), old, replacement, 1))
}

// moveIn does what people do before their first rotation: the secrets that are
// in service go into the vault, and the people into the roster.
func (c *company) moveIn() {
	c.t.Helper()
	answer := func(text string) func(context.Context) (keygen.Secret, error) {
		return func(context.Context) (keygen.Secret, error) { return keygen.NewCredential(text) }
	}
	for environment, secret := range c.world.Seeded() {
		_, err := program.StoreKey(c.t.Context(), c.options, environment+"/v1", program.ForeignKey{Made: c.world.SeededAt()}, answer(secret.Reveal()))
		require.NoError(c.t, err)
	}
	_, err := program.Login(c.t.Context(), c.options, program.Bypass("payments-api"), answer(c.world.BypassSecret("payments-api")))
	require.NoError(c.t, err)

	line := c.finding("roster").Fix
	_, line, _ = strings.Cut(line, "\n")
	bob, err := sshsig.Member{
		Principal: "bob@example.com", Namespaces: []string{sshsig.NamespaceApproval}, Key: c.second.Public(),
	}.RosterLine()
	require.NoError(c.t, err)
	roster := filepath.Join(c.options.State, "live", "orders", "allowed_signers")
	require.NoError(c.t, os.WriteFile(roster, []byte(line+"\n"+bob+"\n"), 0o600))
}

// open opens the company's service.
func (c *company) open() *program.Program {
	c.t.Helper()
	p, err := program.Open(c.t.Context(), c.options)
	require.NoError(c.t, err)
	c.t.Cleanup(func() { require.NoError(c.t, p.Close()) })
	return p
}

// findings is what the doctor says, but for a program that may be missing where
// the tests run.
func (c *company) findings() []program.Finding {
	c.t.Helper()
	all, err := program.Examine(c.t.Context(), c.options)
	require.NoError(c.t, err)
	var findings []program.Finding
	for _, f := range all {
		assert.NotEmpty(c.t, f.Said, f.What)
		assert.Equal(c.t, f.OK, f.Fix == "", "%s: a fix where something is wrong: %s", f.What, f.Said)
		if f.What != "ssh-keygen" {
			findings = append(findings, f)
		}
	}
	return findings
}

// finding returns the first finding of that name that is wrong.
func (c *company) finding(what string) program.Finding {
	c.t.Helper()
	all := c.findings()
	for _, f := range all {
		if f.What == what && !f.OK {
			return f
		}
	}
	require.Fail(c.t, "nothing is wrong", "with %s: %+v", what, all)
	return program.Finding{}
}

func (c *company) requireHealthy() {
	c.t.Helper()
	for _, f := range c.findings() {
		require.True(c.t, f.OK, "%s: %s; %s", f.What, f.Said, f.Fix)
	}
}

// operator agrees to everything, and passes requests on to bob, who signs them.
func (c *company) operator() *programtest.Operator {
	return &programtest.Operator{Answer: func(q checklist.Question) (string, bool) {
		if !strings.HasPrefix(q.Title, "Where is the second person's signature?") {
			return "", false
		}
		armor, err := sshsig.Sign(c.second, sshsig.NamespaceApproval, []byte(q.Copy))
		if err != nil || os.WriteFile(q.Default, []byte(armor), 0o600) != nil {
			return "", false
		}
		return q.Default, true
	}}
}

// rotate walks a quarterly rotation to its end. Time passes by itself: nobody
// but this test turns a clock.
func (c *company) rotate(p *program.Program, op checklist.Operator) *checklist.Session {
	c.t.Helper()
	e, err := p.Begin(c.t.Context(), "quarterly", op)
	require.NoError(c.t, err)
	return c.finish(e, op)
}

// goOn walks a session until an item is the next one; to its last item for "".
func (c *company) goOn(e *checklist.Engine, op checklist.Operator, until string) {
	c.t.Helper()
	for range 200 {
		item, ok := e.Session().Next()
		if !ok || item.ID == until {
			return
		}
		if opens := e.Session().NextOpens(e.Now()); opens.After(e.Now()) {
			require.NoError(c.t, c.world.Clock().AdvanceTo(opens))
		}
		err := e.Run(c.t.Context(), item.ID, op)
		var notYet *checklist.NotYet
		var gate *checklist.GateError
		switch {
		case err == nil:
		case errors.As(err, &notYet), errors.As(err, &gate) && metric(gate):
			require.NoError(c.t, c.world.Clock().AdvanceTo(e.Now().Add(26*time.Hour)))
		default:
			require.NoError(c.t, err, "%s: %s", item.ID, checklist.Hint(err))
		}
	}
}

// finish walks a session to its end.
func (c *company) finish(e *checklist.Engine, op checklist.Operator) *checklist.Session {
	c.t.Helper()
	c.goOn(e, op, "")
	if e.Session().Outcome == "" {
		require.NoError(c.t, e.Finish(c.t.Context(), op))
	}
	require.NoError(c.t, e.Close())
	return e.Session()
}

func metric(gate *checklist.GateError) bool {
	for _, closed := range gate.Closed {
		if closed.Gate.Kind == checklist.GateMetric {
			return true
		}
	}
	return false
}

// TestACompanyRotatesToItsRecord takes three projects, with two environments
// each, through a quarterly rotation as if the stand-in were Vercel.
func TestACompanyRotatesToItsRecord(t *testing.T) {
	t.Parallel()
	c := newCompany(t, threeProjects())
	c.moveIn()
	c.requireHealthy()

	p, err := program.Open(t.Context(), c.options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	require.Nil(t, p.World())
	require.False(t, p.Sandbox())
	op := c.operator()
	s := c.rotate(p, op)
	assert.Equal(t, checklist.Finished, s.Outcome)
	assert.False(t, s.Opening.Sandbox)
	assert.Equal(t, []string{"orders-api", "payments-api", "storefront"}, s.Setup().TargetNames())

	t.Run("the record verifies", func(t *testing.T) {
		data, err := os.ReadFile(p.RosterPath())
		require.NoError(t, err)
		roster, err := sshsig.ParseRoster(p.RosterPath(), data)
		require.NoError(t, err)
		report, err := record.VerifyTrail(t.Context(), []string{filepath.Join(p.Dir(), "trail")}, record.Options{Roster: roster, Requests: approval.Texts{}})
		require.NoError(t, err)
		assert.Len(t, report.Verified, 1)
	})
	t.Run("every project has the new key, and none has the old one", func(t *testing.T) {
		for _, f := range c.findings() {
			if strings.HasPrefix(f.What, "keys of") {
				assert.Contains(t, f.Said, "HMAC_SECRET_V2, each in", f.What)
				assert.NotContains(t, f.Said, "HMAC_SECRET_V1", f.What)
			}
		}
	})
	t.Run("the signer was deployed and not probed", func(t *testing.T) {
		for _, item := range s.Checklist.Items() {
			evidence := s.State(item.ID).Evidence
			if evidence == nil {
				continue
			}
			for _, table := range evidence.Tables {
				assert.False(t, strings.HasPrefix(table.Title, "storefront "), "%s probed a signer", item.ID)
			}
		}
		assert.NotEmpty(t, s.Facts["deployment/production/storefront"])
	})
	t.Run("the secret that passes protection stays in the vault", func(t *testing.T) {
		bypass := c.world.BypassSecret("payments-api")
		require.NotEmpty(t, bypass)
		assert.NotContains(t, op.Heard(), bypass)
		assert.Contains(t, op.Heard(), `x-vercel-protection-bypass: $BYPASS`)
		require.NoError(t, filepath.WalkDir(c.options.State, func(path string, d os.DirEntry, err error) error {
			if err != nil || d.IsDir() {
				return err
			}
			data, err := os.ReadFile(path)
			assert.NotContains(t, string(data), bypass, path)
			return err
		}))
	})
	c.requireHealthy()
}

// A secret that the probes of one target need keeps no rotation from being
// noticed before it begins, and no emergency from beginning.
func TestAMissingBypassSecretKeepsNoEmergencyFromBeginning(t *testing.T) {
	t.Parallel()
	c := newCompany(t, threeProjects())
	c.moveIn()
	_, err := program.Logout(t.Context(), c.options, program.Bypass("payments-api"))
	require.NoError(t, err)
	p, err := program.Open(t.Context(), c.options)
	require.NoError(t, err)
	t.Cleanup(func() { require.NoError(t, p.Close()) })
	o, err := p.Overview(t.Context())
	require.NoError(t, err)
	require.Len(t, o.Problems, 1)
	assert.Contains(t, o.Problems[0], "login bypass payments-api")
	_, err = p.Begin(t.Context(), "quarterly", c.operator())
	require.ErrorContains(t, err, "no bypass secret of payments-api is known")
	e, err := p.Begin(t.Context(), "emergency", c.operator())
	require.NoError(t, err)
	require.NoError(t, e.Close())
}
