package config

import (
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const minimal = `service = "orders"
operator = "alice@example.com"

[[targets]]
project = "orders-api"
probe = { staging = "https://staging.example.com/api/test", production = "https://example.com/api/test" }
`

const full = `service = "orders"
vault = "keychain"
operator = "alice@example.com"
rotation_days = 60
dual_key_days = 5
documents = "docs"

[vercel]
team = "team_abc"
api = "http://127.0.0.1:4000"
mode = "api"

[[targets]]
project = "orders-api"
role = "both"
type = "encrypted"
protected = true
staging = ["development", "preview", "preview:feat/signing", "custom:qa"]
production = ["production", "custom:eu"]
[targets.probe]
staging = "https://staging.example.com/api/test?from=keyturn"
production = "https://example.com/api/test"

[[targets]]
project = "prj_Billing"
probe.staging = "https://staging.example.org/api/test"
probe.production = "https://example.org/api/test"

[[targets]]
project = "checkout"
role = "signer"

[request_log]
url = "https://logs.example.com/base"

[profile]
name = "orders-v1"
key_id_header = "X-Key"
timestamp_header = "X-Time"
nonce_header = "X-Nonce"
signature_header = "X-Signature"
separator = "\n"
fields = ["method", "path", "timestamp", "nonce", "body"]
timestamp = "unixms"
body = "sha256hex"
encoding = "base64"
sign_query = true

[approval]
required = 2
allowed_signers = "allowed_signers"

[paper]
decisions = "templates/decisions.md"
incident = "templates/incident.md"
post_mortem = "templates/post_mortem.md"
`

func TestParse(t *testing.T) {
	t.Parallel()

	t.Run("a minimal file gets the defaults", func(t *testing.T) {
		t.Parallel()
		c, err := Parse("keyturn.toml", []byte(minimal))
		require.NoError(t, err)
		c.file, c.lines = "", nil
		assert.Equal(t, Config{
			Service: "orders", Vault: "auto", Operator: "alice@example.com", RotationDays: 90, DualKeyDays: 7,
			Vercel: Vercel{API: "https://api.vercel.com", Mode: ModeAPI},
			Targets: []Target{{
				Project: "orders-api", Role: RoleVerifier, Staging: []string{"preview", "development"}, Production: []string{"production"},
				Probe: Probe{Staging: "https://staging.example.com/api/test", Production: "https://example.com/api/test"},
			}},
			Approval: Approval{Required: 1},
		}, c)
	})

	t.Run("a field's line is known later", func(t *testing.T) {
		t.Parallel()
		c, err := Parse("keyturn.toml", []byte(minimal+"[approval]\nrequired = 2\n"))
		require.NoError(t, err)
		line := strings.Count(minimal, "\n")
		assert.Equal(t, Problem{File: "keyturn.toml", Line: line + 2, Field: "approval.required", Found: "2", Fix: "less"}, c.Problem("approval.required", "2", "less"))
		assert.Equal(t, line+1, c.Problem("approval.allowed_signers", "", "").Line, "that of the table")
		assert.Equal(t, 1, c.Problem("paper.incident", "", "").Line)
	})

	t.Run("every field is read", func(t *testing.T) {
		t.Parallel()
		c, err := Parse("keyturn.toml", []byte(full))
		require.NoError(t, err)
		c.file, c.lines = "", nil
		assert.Equal(t, Config{
			Service: "orders", Vault: "keychain", Operator: "alice@example.com", RotationDays: 60, DualKeyDays: 5,
			Documents: "docs", Vercel: Vercel{Team: "team_abc", API: "http://127.0.0.1:4000", Mode: ModeAPI},
			Targets: []Target{
				{
					Project: "orders-api", Role: RoleBoth, Type: TypeEncrypted, Protected: true,
					Staging: []string{"development", "preview", "preview:feat/signing", "custom:qa"}, Production: []string{"production", "custom:eu"},
					Probe: Probe{Staging: "https://staging.example.com/api/test?from=keyturn", Production: "https://example.com/api/test"},
				},
				{
					Project: "prj_Billing", Role: RoleVerifier, Staging: []string{"preview", "development"}, Production: []string{"production"},
					Probe: Probe{Staging: "https://staging.example.org/api/test", Production: "https://example.org/api/test"},
				},
				{Project: "checkout", Role: RoleSigner, Staging: []string{"preview", "development"}, Production: []string{"production"}},
			},
			RequestLog: RequestLog{URL: "https://logs.example.com/base"},
			Profile: Profile{
				Name: "orders-v1", KeyIDHeader: "X-Key", TimestampHeader: "X-Time", NonceHeader: "X-Nonce",
				SignatureHeader: "X-Signature", Separator: "\n", Fields: []string{"method", "path", "timestamp", "nonce", "body"},
				Timestamp: "unixms", Body: "sha256hex", Encoding: "base64", SignQuery: true,
			},
			Approval: Approval{Required: 2, AllowedSigners: "allowed_signers"},
			Paper:    Paper{Decisions: "templates/decisions.md", Incident: "templates/incident.md", PostMortem: "templates/post_mortem.md"},
		}, c)
	})

	t.Run("targets in one line, CRLF and a byte order mark are TOML too", func(t *testing.T) {
		t.Parallel()
		text := "\ufeffservice = 'orders'\r\noperator = 'alice'\r\n" +
			"targets = [ # all of them\r\n{ project = 'a', probe = { staging = 'https://s/x', production = 'https://p/x' } },\r\n" +
			"{ project = 'b', probe = { staging = 'https://s/y', production = 'https://p/y' } } ]\r\n"
		c, err := Parse("keyturn.toml", []byte(text))
		require.NoError(t, err)
		assert.Len(t, c.Targets, 2)
	})
}

// TestRulesMatchConfig holds the two descriptions of the file together.
func TestRulesMatchConfig(t *testing.T) {
	t.Parallel()
	var fields []string
	var visit func(prefix string, typ reflect.Type)
	visit = func(prefix string, typ reflect.Type) {
		for i := range typ.NumField() {
			if !typ.Field(i).IsExported() { // no field of the file
				continue
			}
			path := prefix + typ.Field(i).Tag.Get("toml")
			switch inner := typ.Field(i).Type; {
			case inner.Kind() == reflect.Struct:
				assert.Contains(t, tables, path)
				visit(path+".", inner)
			case inner.Kind() == reflect.Slice && inner.Elem().Kind() == reflect.Struct:
				assert.Contains(t, tables, path)
				visit(path+"[].", inner.Elem())
			default:
				fields = append(fields, path)
			}
		}
	}
	visit("", reflect.TypeFor[Config]())
	var ruled []string
	for _, r := range rules() {
		ruled = append(ruled, r.path)
	}
	assert.ElementsMatch(t, fields, ruled)
}

func TestFind(t *testing.T) {
	t.Parallel()
	write := func(t *testing.T, parts ...string) string {
		t.Helper()
		path := filepath.Join(parts...)
		require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o755))
		require.NoError(t, os.WriteFile(path, []byte(minimal), 0o600))
		return path
	}

	t.Run("the working folder comes first", func(t *testing.T) {
		t.Parallel()
		work, user := t.TempDir(), t.TempDir()
		want := write(t, work, FileName)
		write(t, user, "keyturn", FileName)
		got, err := Find(work, user)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	})

	t.Run("then the user's folder", func(t *testing.T) {
		t.Parallel()
		user := t.TempDir()
		want := write(t, user, "keyturn", FileName)
		got, err := Find(t.TempDir(), user)
		require.NoError(t, err)
		assert.Equal(t, want, got)
	})

	t.Run("a folder above is not searched", func(t *testing.T) {
		t.Parallel()
		work := t.TempDir()
		write(t, work, FileName)
		below := filepath.Join(work, "below")
		require.NoError(t, os.Mkdir(below, 0o755))
		_, err := Find(below, "")
		require.ErrorIs(t, err, ErrNotFound)
		assert.Equal(t, "find configuration: no keyturn.toml at "+filepath.Join(below, FileName), err.Error())
	})

	t.Run("none says where it looked", func(t *testing.T) {
		t.Parallel()
		_, err := Find("work", "user")
		var missing *NotFoundError
		require.ErrorAs(t, err, &missing)
		assert.Equal(t, "find configuration: no keyturn.toml at "+filepath.Join("work", FileName)+
			" or "+filepath.Join("user", "keyturn", FileName), err.Error())
		assert.Contains(t, missing.Hint(), "--sandbox")
	})

	t.Run("a folder of that name is an error", func(t *testing.T) {
		t.Parallel()
		work := t.TempDir()
		require.NoError(t, os.Mkdir(filepath.Join(work, FileName), 0o755))
		_, err := Find(work, "")
		require.ErrorContains(t, err, "is a folder")
	})
}

func TestLoad(t *testing.T) {
	t.Parallel()

	t.Run("paths are relative to the file", func(t *testing.T) {
		t.Parallel()
		folder := t.TempDir()
		file := filepath.Join(folder, FileName)
		require.NoError(t, os.WriteFile(file, []byte(full), 0o644))
		c, err := Load(file)
		require.NoError(t, err)
		assert.Equal(t, filepath.Join(folder, "docs"), c.Documents)
		assert.Equal(t, filepath.Join(folder, "allowed_signers"), c.Approval.AllowedSigners)
		assert.Equal(t, Paper{
			Decisions:  filepath.Join(folder, "templates", "decisions.md"),
			Incident:   filepath.Join(folder, "templates", "incident.md"),
			PostMortem: filepath.Join(folder, "templates", "post_mortem.md"),
		}, c.Paper)
	})

	t.Run("a missing file is told from a wrong one", func(t *testing.T) {
		t.Parallel()
		_, err := Load(filepath.Join(t.TempDir(), FileName))
		require.ErrorIs(t, err, os.ErrNotExist)
		var problems Problems
		assert.NotErrorAs(t, err, &problems)
	})

	t.Run("a file that everybody can write is refused", func(t *testing.T) {
		t.Parallel()
		if runtime.GOOS == "windows" {
			t.Skip("Windows has no such mode bits")
		}
		file := filepath.Join(t.TempDir(), FileName)
		require.NoError(t, os.WriteFile(file, []byte(minimal), 0o600))
		require.NoError(t, os.Chmod(file, 0o606))
		_, err := Load(file)
		require.ErrorContains(t, err, "writable by every user; chmod o-w "+file)
	})

	t.Run("a file that everybody can replace is refused", func(t *testing.T) {
		t.Parallel()
		if runtime.GOOS == "windows" {
			t.Skip("Windows has no such mode bits")
		}
		folder := filepath.Join(t.TempDir(), "shared")
		require.NoError(t, os.Mkdir(folder, 0o700))
		file := filepath.Join(folder, FileName)
		require.NoError(t, os.WriteFile(file, []byte(minimal), 0o600))
		require.NoError(t, os.Chmod(folder, 0o777))
		_, err := Load(file)
		require.ErrorContains(t, err, "writable by every user, which decides what is at "+file+"; chmod o-w "+folder)
	})

	t.Run("a huge file is refused", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), FileName)
		require.NoError(t, os.WriteFile(file, []byte(strings.Repeat("#\n", maxFile)), 0o600))
		_, err := Load(file)
		require.ErrorContains(t, err, "more than 1 MiB")
	})
}

func TestProbeURL(t *testing.T) {
	t.Parallel()
	p := Probe{Staging: "s", Production: "p"}
	assert.Equal(t, []string{"s", "p", ""}, []string{p.URL("staging"), p.URL("production"), p.URL("preview")})
}

func FuzzParse(f *testing.F) {
	for _, seed := range []string{
		"", minimal, full, "a.b.c = 1", "[a]\n[[a]]", "[[a]]\n[a]", "a = [[1], {b = 2}]", "targets = [{}, 1]",
		"[[targets]]\n[targets.probe.x]\ny = 1", "a = \"\\u0000\"", "a = '''\n", "= 1", "\"\" = 1", "[]", "x = 0x_1",
		"rotation_days = 99999999999999999999", "[[targets]]\n[[targets.probe]]", "service.x = {y.z = 1}", "\xff",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		c, err := Parse("keyturn.toml", data)
		if err == nil {
			assert.NotEmpty(t, c.Service)
			assert.NotEmpty(t, c.Targets)
			return
		}
		var problems Problems
		require.ErrorAs(t, err, &problems)
		require.NotEmpty(t, problems)
		lines := strings.Count(string(data), "\n") + 1
		for _, p := range problems {
			assert.True(t, p.Line >= 1 && p.Line <= lines, "line %d of %d", p.Line, lines)
			assert.NotEmpty(t, p.Field)
			assert.NotEmpty(t, p.Fix)
			assert.Equal(t, 1, len(strings.Split(p.String(), "\n")), "one line each: %q", p.String())
		}
		assert.True(t, slices.IsSortedFunc(problems, func(a, b Problem) int { return a.Line - b.Line }))
	})
}
