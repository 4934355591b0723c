//go:build linux

package program_test

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"io"
	"net/http"
	"os/exec"
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
