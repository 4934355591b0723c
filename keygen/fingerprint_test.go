package keygen_test

import (
	"crypto/rand"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
)

func TestFingerprintIsWhatOpenSSLMakes(t *testing.T) {
	t.Parallel()
	openssl, err := exec.LookPath("openssl")
	if err != nil {
		if os.Getenv("KEYTURN_TEST_REQUIRE") == "all" {
			t.Fatal("openssl is not installed")
		}
		t.Skip("openssl is not installed")
	}
	for _, trail := range []string{"", "trail", "8b1f6a52-0d5e-4c1e-9a58-2f4f7f7a9d11", strings.Repeat("long", 30)} {
		s, err := keygen.Generate(rand.Reader)
		require.NoError(t, err)
		file := filepath.Join(t.TempDir(), "secret.txt")
		require.NoError(t, os.WriteFile(file, []byte(s.Reveal()), 0o600))
		out, err := exec.CommandContext(t.Context(), openssl, "dgst", "-sha256", "-hmac", "keyturn.key-fingerprint/v1|"+trail, file).Output()
		require.NoError(t, err)
		fields := strings.Fields(string(out)) // "HMAC-SHA2-256(FILE)= DIGEST"
		require.NotEmpty(t, fields)
		assert.Equal(t, fields[len(fields)-1], string(s.Fingerprint(trail)), "trail %q", trail)
	}
}

func TestFingerprint(t *testing.T) {
	t.Parallel()
	s := mustParse(t, good)
	// From: printf %s SECRET | openssl dgst -sha256 -hmac 'keyturn.key-fingerprint/v1|trail'
	f := s.Fingerprint("trail")
	assert.Equal(t, keygen.Fingerprint("5dabcd83eb7f31794446f1016d3abb157e9e583e4227d7f1e01543d94c4357d5"), f)
	assert.Equal(t, f, mustParse(t, good).Fingerprint("trail"), "equal secrets have equal fingerprints")
	assert.NotEqual(t, f, s.Fingerprint("trail2"), "another trail has another label")
	assert.NotEqual(t, f, mustParse(t, good[:63]+"f").Fingerprint("trail"))
}

func TestShort(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "3f9a 0c41 77de b210", keygen.Fingerprint(good).Short())
	assert.Equal(t, "3f9a 0c41 77de b210", keygen.Fingerprint(good[:16]).Short())
	assert.Equal(t, "3f9a", keygen.Fingerprint("3f9a").Short(), "too short to group")
	assert.Empty(t, keygen.Fingerprint("").Short())
}
