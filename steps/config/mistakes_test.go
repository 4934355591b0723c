package config

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the golden files anew")

// with returns the minimal file with one text in place of another.
func with(old, replacement string) string {
	if !strings.Contains(minimal, old) {
		return "no such text: " + old
	}
	return strings.Replace(minimal, old, replacement, 1)
}

const hex64 = "3f9a0c4177deb210a5c6d7e8f90112233445566778899aabbccddeeff0a1b2c3"

// mistakes are files with what is said of each; the messages are in
// testdata/mistakes.txt.
func mistakes() []struct{ name, text string } {
	return []struct{ name, text string }{
		{"an empty file", ""},
		{"no operator", with("operator = \"alice@example.com\"\n", "")},
		{"no targets", "service = \"orders\"\noperator = \"alice\"\n"},
		{"targets is an empty list", "service = \"orders\"\noperator = \"alice\"\ntargets = []\n"},
		{"an empty target", minimal + "\n[[targets]]\n"},
		{"targets is one table", "service = \"orders\"\noperator = \"alice\"\n[targets]\nproject = \"x\"\n"},
		{"a target without probe URLs", with("probe = { staging", "# probe = { staging")},
		{"a probe with staging only", with(`, production = "https://example.com/api/test"`, "")},
		{"a probe that is one URL", with(`probe = { staging = "https://staging.example.com/api/test", production = "https://example.com/api/test" }`, `probe = "https://example.com/api/test"`)},
		{"a misspelt field", with("operator", "operater")},
		{"a misspelt table", minimal + "[vercell]\nteam = \"acme\"\n"},
		{"an unknown field of a target", with("project = ", "region = \"iad1\"\nproject = ")},
		{"an unknown table with fields", minimal + "[slack]\nchannel = \"#security\"\nretries = 3\n"},
		{"a field in the wrong table", with("service = ", "team = \"acme\"\nservice = ")},
		{"a table's field as one name in quotes", "\"vercel.team\" = \"acme\"\n" + minimal},
		{"a key without a name", "\"\" = 1\n" + minimal},
		{"an upper-case field", with("service", "Service")},
		{"a number where text belongs", with(`"orders"`, "12")},
		{"text where a number belongs", "rotation_days = \"90\"\n" + minimal},
		{"a fraction of a day", "rotation_days = 90.5\n" + minimal},
		{"days out of range", "rotation_days = 0\ndual_key_days = 1000\n" + minimal},
		{"a number that is too large", "rotation_days = 99999999999999999999999\n" + minimal},
		{"a dual-key period as long as the rotation", "rotation_days = 14\ndual_key_days = 14\n" + minimal},
		{"a table where text belongs", "[service]\nname = \"orders\"\n"},
		{"text where a table belongs", "vercel = \"acme\"\n" + minimal},
		{"an unknown vault", "vault = \"1password\"\n" + minimal},
		{"a service with blanks", with(`"orders"`, `"the orders"`)},
		{"an operator with capitals", with("alice@example.com", "Alice@Example.com")},
		{"an operator with a blank", with("alice@example.com", "Alice Adams")},
		{"an operator with a percent sign", with("alice@example.com", "alice%example.com")},
		{"an operator with a wildcard", with("alice@example.com", "*@example.com")},
		{"a team that is a URL", minimal + "[vercel]\nteam = \"https://vercel.com/acme\"\n"},
		{"an API without TLS", minimal + "[vercel]\napi = \"http://api.vercel.com\"\n"},
		{"an API that is no URL", minimal + "[vercel]\napi = \"api.vercel.com\"\n"},
		{"an API with a query", minimal + "[vercel]\napi = \"https://api.vercel.com?teamId=x\"\n"},
		{"an unknown mode", minimal + "[vercel]\nmode = \"browser\"\n"},
		{"dashboard mode without a team", minimal + "[vercel]\nmode = \"dashboard\"\n"},
		{"dashboard mode with a team's id", minimal + "[vercel]\nmode = \"dashboard\"\nteam = \"team_abc123\"\n"},
		{"dashboard mode with an API", minimal + "[vercel]\nmode = \"dashboard\"\nteam = \"acme\"\napi = \"https://api.vercel.com\"\n"},
		{"dashboard mode with a project's id", with("orders-api", "prj_abc123") + "[vercel]\nmode = \"dashboard\"\nteam = \"acme\"\n"},
		{"a project that climbs", with("orders-api", "../orders")},
		{"the same project twice", minimal + strings.SplitAfterN(minimal, "\n\n", 2)[1]},
		{"the same URL twice", with("https://example.com/api/test", "https://staging.example.com/api/test")},
		{"a probe without path", with("https://staging.example.com/api/test", "https://staging.example.com")},
		{"a probe without TLS", with("https://staging.example.com", "http://staging.example.com")},
		{"a probe with a fragment", with("staging.example.com/api/test", "staging.example.com/api/test#x")},
		{"an unknown role", with("project = ", "role = \"client\"\nproject = ")},
		{"signers only", with("project = ", "role = \"signer\"\nproject = ")},
		{"a signer with half a probe that is wrong", minimal + "[[targets]]\nproject = \"checkout\"\nrole = \"signer\"\nprobe.staging = \"ftp://x\"\n"},
		{"a signer by an unknown role", minimal + "[[targets]]\nproject = \"checkout\"\nrole = \"sender\"\n"},
		{"an unknown slot", with("project = ", "staging = [\"preview\", \"qa\"]\nproject = ")},
		{"a branch of production", with("project = ", "production = [\"production:main\"]\nproject = ")},
		{"a branch that git refuses", with("project = ", "staging = [\"preview:a..b\"]\nproject = ")},
		{"a custom environment without a slug", with("project = ", "staging = [\"custom:\"]\nproject = ")},
		{"slots that are one text", with("project = ", "staging = \"preview\"\nproject = ")},
		{"slots that are the URL", with("project = ", "production = \"https://example.com\"\nproject = ")},
		{"no slot", with("project = ", "staging = []\nproject = ")},
		{"a slot twice", with("project = ", "staging = [\"preview\", \"preview\"]\nproject = ")},
		{"production in staging", with("project = ", "staging = [\"preview\", \"production\"]\nproject = ")},
		{"preview in production", with("project = ", "production = [\"production\", \"preview\"]\nproject = ")},
		{"a slot of both environments", with("project = ", "staging = [\"preview\", \"custom:qa\"]\nproduction = [\"production\", \"custom:qa\"]\nproject = ")},
		{"nothing but development", with("project = ", "staging = [\"development\"]\nproject = ")},
		{"an unknown type", with("project = ", "type = \"plain\"\nproject = ")},
		{"sensitive in development", with("project = ", "type = \"sensitive\"\nproject = ")},
		{"protected that is not true or false", with("project = ", "protected = \"yes\"\nproject = ")},
		{"a bypass secret in a field", with("project = ", "protection_bypass = \"hunter2hunter2\"\nproject = ")},
		{"a header that is none", minimal + "[profile]\nkey_id_header = \"X HMAC\"\n"},
		{"an empty separator", minimal + "[profile]\nseparator = \"\"\n"},
		{"a field that is signed twice", minimal + "[profile]\nfields = [\"method\", \"path\", \"path\", \"nonce\", \"body\"]\n"},
		{"fields that are not a list", minimal + "[profile]\nfields = \"method|path\"\n"},
		{"fields that are numbers", minimal + "[profile]\nfields = [1, 2]\n"},
		{"unknown formats", minimal + "[profile]\ntimestamp = \"rfc3339\"\nbody = \"md5\"\nencoding = \"base32\"\nsign_query = \"yes\"\n"},
		{"nobody to approve", minimal + "[approval]\nrequired = 0\n"},
		{"a path with a tilde", minimal + "[approval]\nallowed_signers = \"~/allowed_signers\"\n"},
		{"a template without a path", minimal + "[paper]\ndecisions = \"\"\nincident = true\n"},
		{"an unknown template", minimal + "[paper]\npostmortem = \"templates/post_mortem.md\"\nminutes = \"m.md\"\n"},
		{"a template's text in the file", minimal + "[paper.decisions]\ntext = \"# {{.Title}}\"\n"},
		{"an empty path", "documents = \"\"\n" + minimal},
		{"a Vercel token", minimal + "[vercel]\ntoken = \"AbCdEf0123456789AbCdEf01\"\n"},
		{"a Vercel token in another field", minimal + "[vercel]\nteam = \"vcp_AbCdEf0123456789AbCdEf01\"\n"},
		{"a log token", minimal + "[request_log]\nurl = \"https://logs.example.com\"\napi_token = \"abc\"\n"},
		{"a webhook", minimal + "[slack]\nurl = \"https://hooks.slack.com/services/T00000000/B00000000/hunter2\"\n"},
		{"a password in a URL", minimal + "[request_log]\nurl = \"https://keyturn:hunter2@logs.example.com\"\n"},
		{"a bypass secret in a URL", with("staging.example.com/api/test", "staging.example.com/api/test?x-vercel-protection-bypass=hunter2")},
		{"a key by its name", "HMAC_SECRET_V1 = \"" + hex64 + "\"\n" + minimal},
		{"a key in a harmless field", with("orders-api", hex64)},
		{"a key in a comment", minimal + "# old key: " + strings.ToUpper(hex64) + "\n"},
		{"a key without quotes", minimal + "[vercel]\nteam = " + hex64 + "\n"},
		{"a text without end", with(`"orders"`, `"orders`)},
		{"a field twice", minimal + "[vercel]\nteam = \"a\"\nteam = \"b\"\n"},
		{"a table twice", minimal + "[vercel]\nteam = \"a\"\n[vercel]\napi = \"https://a\"\n"},
		{"no value", with(`"orders"`, "")},
		{"not UTF-8", with("orders", "\xff")},
		{"YAML", "service: orders\noperator: alice\n"},
		{"terminal escapes", with(`"orders"`, `"\u001b[31morders\u202e"`)},
		{"many mistakes at once", "service = 1\nvault = \"x\"\nunknown = true\n[vercel]\nsecret = \"y\"\nteam = \"a b\"\n[[targets]]\nproject = \"\"\n[[targets]]\nprobe = { staging = \"ftp://x\", extra = 1 }\n[approval]\nrequired = -1\n"},
	}
}

// TestMistakes compares every message with the golden file; run it with
// -update after a change and read the difference.
func TestMistakes(t *testing.T) {
	t.Parallel()
	var got strings.Builder
	for _, m := range mistakes() {
		_, err := Parse("keyturn.toml", []byte(m.text))
		var problems Problems
		require.ErrorAs(t, err, &problems, m.name)
		fmt.Fprintf(&got, "## %s\n%s\n\n", m.name, err)
	}
	golden := filepath.Join("testdata", "mistakes.txt")
	if *update {
		require.NoError(t, os.MkdirAll("testdata", 0o755))
		require.NoError(t, os.WriteFile(golden, []byte(got.String()), 0o644))
	}
	want, err := os.ReadFile(golden)
	require.NoError(t, err)
	assert.Equal(t, strings.ReplaceAll(string(want), "\r\n", "\n"), got.String())
}

func TestMistakesQuoteNoSecret(t *testing.T) {
	t.Parallel()
	for _, m := range mistakes() {
		_, err := Parse("keyturn.toml", []byte(m.text))
		require.Error(t, err)
		for _, secret := range []string{hex64, strings.ToUpper(hex64), hex64[:24], "AbCdEf0123456789", "hunter2", "\x1b", "\u202e"} {
			assert.NotContains(t, err.Error(), secret, m.name)
		}
	}
}

func TestProblems(t *testing.T) {
	t.Parallel()
	_, err := Parse("conf/keyturn.toml", []byte(with(`"orders"`, "12")))
	var problems Problems
	require.ErrorAs(t, err, &problems)
	require.Len(t, problems, 1)
	assert.Equal(t, Problem{File: "conf/keyturn.toml", Line: 1, Field: "service", Found: "12", Fix: "want a text in quotes"}, problems[0])
	assert.Equal(t, "check configuration: one mistake\n  conf/keyturn.toml:1: service: found 12; want a text in quotes", err.Error())
	assert.NotEmpty(t, problems.Hint())
}
