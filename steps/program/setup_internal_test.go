package program

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
	"keyturn/keygen/sshsig"
	"keyturn/steps/config"
	"keyturn/steps/paper"
	"keyturn/steps/vercel"
)

// boundBase is a configuration of which every field is changed once.
const boundBase = `
service = "orders"
operator = "alice@example.com"
[[targets]]
project = "orders-api"
probe = { staging = "https://staging.example.com/api/test", production = "https://example.com/api/test" }
[request_log]
url = "https://log.example.com"
[approval]
allowed_signers = "allowed_signers"
`

// other is a value for each field, other than that of boundBase.
var other = map[string]func(*config.Config){
	"service":                  func(c *config.Config) { c.Service = "billing" },
	"vault":                    func(c *config.Config) { c.Vault = config.VaultFile },
	"operator":                 func(c *config.Config) { c.Operator = "carol@example.com" },
	"rotation_days":            func(c *config.Config) { c.RotationDays = 30 },
	"dual_key_days":            func(c *config.Config) { c.DualKeyDays = 2 },
	"documents":                func(c *config.Config) { c.Documents = "/papers" },
	"vercel.team":              func(c *config.Config) { c.Vercel.Team = "acme" },
	"vercel.api":               func(c *config.Config) { c.Vercel.API = "http://127.0.0.1:1" },
	"vercel.mode":              func(c *config.Config) { c.Vercel.Mode = config.ModeDashboard },
	"targets.project":          func(c *config.Config) { c.Targets[0].Project = "orders-web" },
	"targets.role":             func(c *config.Config) { c.Targets[0].Role = config.RoleBoth },
	"targets.type":             func(c *config.Config) { c.Targets[0].Type = config.TypeEncrypted },
	"targets.protected":        func(c *config.Config) { c.Targets[0].Protected = true },
	"targets.staging":          func(c *config.Config) { c.Targets[0].Staging = []string{"preview:feat"} },
	"targets.production":       func(c *config.Config) { c.Targets[0].Production = []string{"custom:eu"} },
	"targets.probe.staging":    func(c *config.Config) { c.Targets[0].Probe.Staging = "https://s.example.com/x" },
	"targets.probe.production": func(c *config.Config) { c.Targets[0].Probe.Production = "https://p.example.com/api/test" },
	"request_log.url":          func(c *config.Config) { c.RequestLog.URL = "https://other.example.com" },
	"profile.name":             func(c *config.Config) { c.Profile.Name = "ours" },
	"profile.key_id_header":    func(c *config.Config) { c.Profile.KeyIDHeader = "X-Key" },
	"profile.timestamp_header": func(c *config.Config) { c.Profile.TimestampHeader = "X-Time" },
	"profile.nonce_header":     func(c *config.Config) { c.Profile.NonceHeader = "X-Once" },
	"profile.signature_header": func(c *config.Config) { c.Profile.SignatureHeader = "X-Sig" },
	"profile.separator":        func(c *config.Config) { c.Profile.Separator = "\n" },
	"profile.fields":           func(c *config.Config) { c.Profile.Fields = []string{"path", "method", "timestamp", "nonce", "body"} },
	"profile.timestamp":        func(c *config.Config) { c.Profile.Timestamp = "unix" },
	"profile.body":             func(c *config.Config) { c.Profile.Body = "sha256hex" },
	"profile.encoding":         func(c *config.Config) { c.Profile.Encoding = "base64" },
	"profile.sign_query":       func(c *config.Config) { c.Profile.SignQuery = true },
	"approval.required":        func(c *config.Config) { c.Approval.Required = 2 },
	"approval.allowed_signers": func(c *config.Config) { c.Approval.AllowedSigners = "other_signers" },
	"paper.decisions":          func(c *config.Config) { c.Paper.Decisions = "decisions.md" },
	"paper.incident":           func(c *config.Config) { c.Paper.Incident = "incident.md" },
	"paper.post_mortem":        func(c *config.Config) { c.Paper.PostMortem = "post_mortem.md" },
}

// fieldsOf returns the names of all fields of the configuration.
func fieldsOf(t reflect.Type, prefix string) []string {
	var names []string
	for i := range t.NumField() {
		f := t.Field(i)
		if !f.IsExported() {
			continue
		}
		name := prefix + f.Tag.Get("toml")
		of := f.Type
		if of.Kind() == reflect.Slice {
			of = of.Elem()
		}
		if of.Kind() == reflect.Struct {
			names = append(names, fieldsOf(of, name+".")...)
		} else {
			names = append(names, name)
		}
	}
	return names
}

// boundRow is a row of the table in docs/formats.md.
var boundRow = regexp.MustCompile("(?m)^\\| `([a-z_.]+)` \\| (bound|free) \\| (.+) \\|$")

// The page that says what a session binds is held to the configuration and to
// the program: each field is there, and changes what it says.
func TestEveryFieldOfTheConfigurationIsBoundOrFree(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "..", "docs", "formats.md"))
	require.NoError(t, err)
	documented := map[string][]string{}
	for _, row := range boundRow.FindAllStringSubmatch(string(page), -1) {
		documented[row[1]] = row[2:]
	}
	for _, name := range fieldsOf(reflect.TypeFor[config.Config](), "") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			row, change := documented[name], other[name]
			require.NotNil(t, row, "docs/formats.md does not say whether it is bound")
			require.NotNil(t, change, "the test has no other value for it")
			dir := t.TempDir()
			before, after := wired(t, dir, func(*config.Config) {}), wired(t, dir, change)
			assert.NotEqual(t, before.visible(), after.visible(), "a setting that changes nothing")
			drift := before.setup().Diff(after.setup())
			if row[0] == "free" {
				assert.Empty(t, drift)
				return
			}
			require.NotEmpty(t, drift)
			fields := regexp.MustCompile("`([^`]+)`").FindAllStringSubmatch(row[1], -1)
			for _, d := range drift {
				assert.True(t, slices.ContainsFunc(fields, func(f []string) bool { return strings.HasPrefix(d.Subject, f[1]) }), "%s is not %s", d.Subject, row[1])
			}
		})
	}
}

// wired returns a program made of boundBase with a change. Nothing is reached.
func wired(t *testing.T, dir string, change func(*config.Config)) *Program {
	t.Helper()
	c, err := config.Parse("keyturn.toml", []byte(boundBase))
	require.NoError(t, err)
	for file, people := range map[string][]string{"allowed_signers": {"alice", "bob"}, "other_signers": {"alice", "bob", "carol"}} {
		writeRoster(t, filepath.Join(dir, file), people)
	}
	for _, name := range []string{"decisions.md", "incident.md", "post_mortem.md"} {
		require.NoError(t, os.WriteFile(filepath.Join(dir, name), []byte("another text\n"), 0o600))
	}
	change(&c)
	under := func(path *string) {
		if *path != "" {
			*path = filepath.Join(dir, *path)
		}
	}
	for _, path := range []*string{&c.Approval.AllowedSigners, &c.Paper.Decisions, &c.Paper.Incident, &c.Paper.PostMortem} {
		under(path)
	}
	p := newProgram(Options{State: filepath.Join(dir, "state"), Config: &c})
	p.service, p.rotationDays, p.dualKeyDays, p.operator, p.dir = c.Service, c.RotationDays, c.DualKeyDays, c.Operator, dir
	profile := filledProfile(c.Profile)
	templates, err := loadTemplates(c.Paper)
	require.NoError(t, err)
	p.wire(nil, noLog{}, nil, nil, vercel.Poll{}, profile, c.Documents)
	for _, target := range c.Targets {
		p.outside.Targets = append(p.outside.Targets, targetOf(target))
	}
	p.outside.Paper = templates
	return p
}

// visible is what a program is made of, for comparing.
func (p *Program) visible() []string {
	seen := []string{fmt.Sprintf("%+v", p.setup()), p.options.Config.Vault, p.operator, p.outside.Documents, p.RosterPath()}
	papers := p.outside.Paper
	for _, render := range []func(paper.Document) (string, error){papers.RenderDecision, papers.RenderIncident, papers.RenderPostMortem} {
		text, err := render(paper.Document{})
		seen = append(seen, text, fmt.Sprint(err))
	}
	return seen
}

func writeRoster(t *testing.T, path string, people []string) {
	t.Helper()
	var lines []string
	for i, name := range people {
		sum := sha256.Sum256([]byte{byte(i)})
		seed, err := keygen.ParseSecret(hex.EncodeToString(sum[:]))
		require.NoError(t, err)
		key, err := sshsig.NewKey(seed)
		require.NoError(t, err)
		line, err := sshsig.Member{
			Principal: name + "@example.com", Namespaces: []string{sshsig.NamespaceRecord, sshsig.NamespaceApproval}, Key: key.Public(),
		}.RosterLine()
		require.NoError(t, err)
		lines = append(lines, line)
	}
	require.NoError(t, os.WriteFile(path, []byte(strings.Join(lines, "\n")+"\n"), 0o600))
}
