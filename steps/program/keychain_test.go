//go:build linux

package program_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
	"keyturn/steps/probe"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
	"keyturn/steps/sandbox"
	"keyturn/vault"
)

// With a real Secret Service the generated keys are there and nowhere else: what
// secret-tool reads is exactly what the service verifies with.
func TestKeychainHoldsExactlyTheSecret(t *testing.T) {
	programtest.InSecretService(t, func(t *testing.T) {
		state := t.TempDir()
		p := open(t, program.Options{State: state, Vault: vault.BackendKeychain})
		assert.Contains(t, p.Vault().Describe(), "Secret Service")
		var secrets programtest.Secrets
		op := &programtest.Operator{Answer: noDrift}
		r := program.Rehearsal{Program: p, Checklist: "quarterly", Operator: op, Say: op.Say,
			BetweenItems: func(string) error { return secrets.AddAll(t.Context(), p) }}
		s, err := r.Run(t.Context())
		require.NoError(t, err)
		requireEnding(t, p, "quarterly")

		for _, environment := range []string{sandbox.Staging, sandbox.Production} {
			// secret-tool is the independent witness.
			out, err := exec.CommandContext(t.Context(), "secret-tool", "lookup",
				"service", "keyturn-sandbox-"+s.Opening.Trail, "username", environment+"/v2/1").Output()
			require.NoError(t, err)
			secret := string(out)
			require.Len(t, secret, 64)
			_, err = keygen.ParseSecret(secret)
			require.NoError(t, err)
			for _, project := range p.World().Projects() {
				url := p.World().ServiceURL(project.Name, environment) + "/api/test"
				assert.Equal(t, http.StatusOK, post(t, p, url, "v2", secret), "%s %s", project.Name, environment)
				wrong := strings.Map(func(r rune) rune { return map[bool]rune{true: '1', false: '0'}[r == '0'] }, secret)
				assert.Equal(t, http.StatusForbidden, post(t, p, url, "v2", wrong), "%s %s", project.Name, environment)
			}
			secrets.Add("what secret-tool reads of "+environment, secret)
		}
		requireNoLeak(t, &secrets, p, op)
		found, _, err := secrets.InFiles(state)
		require.NoError(t, err)
		assert.Empty(t, found, "nothing else on the disk holds a key")
	})
}

// Two services of one person, each in its own folder of one state folder, or in
// a state folder of its own, keep their keys under the same names in one
// keychain. A folder of version 1, whose items are under the name that all
// shared, finds them there.
func TestServicesShareAKeychain(t *testing.T) {
	programtest.InSecretService(t, func(t *testing.T) {
		store := func(c *company, secret keygen.Secret) error {
			_, err := program.StoreKey(t.Context(), c.options, "production/v1", program.ForeignKey{}, func(context.Context) (keygen.Secret, error) {
				return keygen.NewCredential(secret.Reveal())
			})
			return err
		}
		requireKept := func(c *company, secret keygen.Secret) {
			t.Helper()
			kept, _, err := c.open().Vault().Get(t.Context(), "production/v1")
			require.NoError(t, err)
			require.True(t, kept.Equal(secret))
		}
		mustGenerate := func() keygen.Secret {
			secret, err := keygen.Generate(rand.Reader)
			require.NoError(t, err)
			return secret
		}
		account := sandbox.Account{Teams: []sandbox.Team{{Slug: "acme"}}, Projects: threeProjects().Projects}
		orders := newCompany(t, account)
		orders.options.Vault = vault.BackendKeychain
		old := mustGenerate()
		before, err := vault.Open(t.Context(), vault.Options{Backend: vault.BackendKeychain, Dir: filepath.Join(orders.options.State, "live", "vault")})
		require.NoError(t, err)
		const trail = "98b6e147-4af3-413c-a7aa-0ce1b22f4e56"
		require.NoError(t, os.MkdirAll(filepath.Join(orders.options.State, "live", "trail"), 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(orders.options.State, "live", "trail", "id"), []byte(trail+"\n"), 0o600))
		_, err = before.Put(t.Context(), "production/v1", old, vault.PutOptions{Fingerprint: old.Fingerprint(trail)})
		require.NoError(t, err)
		requireKept(orders, old)

		secrets := map[*company]keygen.Secret{orders: old}
		for _, state := range []string{orders.options.State, filepath.Join(t.TempDir(), "another")} {
			c := newCompany(t, account)
			c.options.Vault, c.options.State = vault.BackendKeychain, state
			c.change(`"orders"`, `"billing"`)
			secrets[c] = mustGenerate()
			require.NoError(t, store(c, secrets[c]))
			require.ErrorIs(t, store(c, mustGenerate()), vault.ErrExists)
		}
		for c, secret := range secrets {
			requireKept(c, secret)
		}
		out, err := exec.CommandContext(t.Context(), "secret-tool", "lookup", "service", "keyturn", "username", "production/v1/1").Output()
		require.NoError(t, err)
		require.True(t, string(out) == old.Reveal(), "the old item is where it was")
	})
}

// post sends a request as any client of the company would sign it.
func post(t *testing.T, p *program.Program, url, id, secret string) int {
	t.Helper()
	profile := probe.HMACV1()
	nonce := make([]byte, 16)
	_, err := rand.Read(nonce)
	require.NoError(t, err)
	body := []byte(`{"hello":"world"}`)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, url, bytes.NewReader(body))
	require.NoError(t, err)
	at := p.World().Clock().Now().UTC().Format("2006-01-02T15:04:05.000Z")
	req.Header.Set("Content-Type", "application/json")
	req.Header.Set(profile.KeyIDHeader, id)
	req.Header.Set(profile.TimestampHeader, at)
	req.Header.Set(profile.NonceHeader, hex.EncodeToString(nonce))
	req.Header.Set(profile.SignatureHeader, profile.Sign([]byte(secret), http.MethodPost, req.URL.Path, at, hex.EncodeToString(nonce), body))
	client := &http.Client{Timeout: 10 * time.Second}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	require.NoError(t, err)
	return resp.StatusCode
}
