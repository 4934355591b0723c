package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"keyturn/steps/program/programtest"
	"keyturn/vault"
)

// keepSecrets adds all secrets of a sandbox's folder that can be had now.
func keepSecrets(t *testing.T, sandbox, backend string, s *programtest.Secrets) {
	t.Helper()
	keepVault(t, openVault(t, sandbox, backend), s)
}

// keepVault adds all secrets of a vault that can be had now.
func keepVault(t *testing.T, v vault.Vault, s *programtest.Secrets) {
	t.Helper()
	entries, err := v.List(t.Context())
	require.NoError(t, err)
	for _, e := range entries {
		secret, _, err := v.Get(t.Context(), e.Name)
		require.NoError(t, err)
		s.Add(string(e.Name), secret.Reveal())
	}
}

func openVault(t *testing.T, sandbox, backend string) vault.Vault {
	t.Helper()
	v, err := vault.Open(t.Context(), vault.Options{
		Backend: backend, Dir: filepath.Join(sandbox, "vault"), SelfIdentity: true, Service: keychainService(t, sandbox),
	})
	require.NoError(t, err)
	return v
}

// keychainService is what a sandbox's items in the keychain belong to.
func keychainService(t *testing.T, sandbox string) string {
	t.Helper()
	id, err := os.ReadFile(filepath.Join(sandbox, "trail", "id"))
	require.NoError(t, err)
	return "keyturn-sandbox-" + strings.TrimSpace(string(id))
}
