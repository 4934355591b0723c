package program

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
	"keyturn/keygen/sshsig"
)

// A signing key is made on first use, and not where another one is known.
func TestTheSigningKeyIsNotMadeAnew(t *testing.T) {
	t.Parallel()
	other, err := sshsig.NewKey(mustSecret(t))
	require.NoError(t, err)
	roster := func(principal string, namespaces ...string) func(t *testing.T, p *Program) {
		return func(t *testing.T, p *Program) {
			line, err := sshsig.Member{Principal: principal, Namespaces: namespaces, Key: other.Public()}.RosterLine()
			require.NoError(t, err)
			require.NoError(t, os.WriteFile(p.RosterPath(), []byte("# the team\n"+line+"\n"), 0o600))
		}
	}
	file := func(name, text string) func(t *testing.T, p *Program) {
		return func(t *testing.T, p *Program) {
			path := filepath.Join(p.dir, filepath.FromSlash(name))
			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
			require.NoError(t, os.WriteFile(path, []byte(text), 0o600))
		}
	}
	request := "Requester: alice@example.com\nRequester-Key: " + other.Fingerprint() + "\n"
	escaped := `{"kind":"requested","request":"` + strings.ReplaceAll(request, "\n", `\n`) + "\"}\n"
	signer := "{\n  \"signer\": {\n    \"principal\": \"%s\",\n    \"key\": \"" + other.Fingerprint() + "\"\n  }\n}\n"
	for name, tc := range map[string]struct {
		given func(t *testing.T, p *Program)
		says  string // "" where the key is made
	}{
		"a first start":                       {func(*testing.T, *Program) {}, ""},
		"a roster with the operator":          {roster("alice@example.com", sshsig.NamespaceRecord, sshsig.NamespaceApproval), "line 2 of "},
		"a roster with others":                {roster("bob@example.com", sshsig.NamespaceRecord, sshsig.NamespaceApproval), ""},
		"an operator who may only approve":    {roster("alice@example.com", sshsig.NamespaceApproval), ""},
		"a roster that cannot be read":        {file(rosterName, "alice@example.com\n"), "want: principal"},
		"a record of the operator":            {file("trail/000001-x/record.json", fmt.Sprintf(signer, "alice@example.com")), "record.json"},
		"a record of somebody else":           {file("trail/000001-x/record.json", fmt.Sprintf(signer, "carol@example.com")), ""},
		"a request in a journal":              {file("sessions/quarterly-1/journal.jsonl", escaped), "journal.jsonl"},
		"a request in a journal of old":       {file("old/sessions/quarterly-1/journal.jsonl", escaped), "journal.jsonl"},
		"a request in a journal that is torn": {file("sessions/quarterly-1/journal.jsonl", "\x00\x00\xff"+escaped[:len(escaped)-9]), "journal.jsonl"},
		"a request in a file":                 {file("requests/1.txt", request), "1.txt"},
		"a request of somebody else":          {file("requests/1.txt", strings.Replace(request, "alice", "malice", 1)), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := service(t.TempDir(), "orders")
			p := enterState(t, o)
			tc.given(t, p)
			key, err := p.signingKey(t.Context(), operatorKey)
			if tc.says == "" {
				require.NoError(t, err)
				again, err := p.signingKey(t.Context(), operatorKey)
				require.NoError(t, err)
				assert.Equal(t, key.Fingerprint(), again.Fingerprint())
				return
			}
			require.ErrorContains(t, err, tc.says)
			entries, err := p.vault.List(t.Context())
			require.NoError(t, err)
			assert.Empty(t, entries, "no key was made")

			said, err := NewSigningKey(t.Context(), o)
			if name == "a roster that cannot be read" {
				return
			}
			require.NoError(t, err)
			_, err = sshsig.ParseRoster("said", []byte(said[len(said)-1]+"\n"))
			require.NoError(t, err, "the last line is for the roster")
			_, err = p.signingKey(t.Context(), operatorKey)
			require.NoError(t, err, "it was asked for")
			said, err = NewSigningKey(t.Context(), o)
			require.NoError(t, err)
			assert.Contains(t, said[0], "already", "asking twice makes none")
		})
	}
}

func mustSecret(t *testing.T) keygen.Secret {
	t.Helper()
	secret, err := keygen.Generate(newProgram(Options{}).options.Random)
	require.NoError(t, err)
	return secret
}
