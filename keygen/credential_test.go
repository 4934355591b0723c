package keygen_test

import (
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
)

func TestNewCredential(t *testing.T) {
	t.Parallel()
	for what, text := range map[string]string{
		"a token":                "vcp_0123456789",
		"one byte":               "x",
		"line endings and space": " a\r\nb ",
		"not ASCII":              "schlüssel",
		"as long as allowed":     strings.Repeat("k", keygen.MaxCredential),
		"an HMAC secret's text":  good,
	} {
		s, err := keygen.NewCredential(text)
		require.NoError(t, err, what)
		assert.True(t, s.Reveal() == text, what)
		assert.Equal(t, keygen.KindCredential, s.Kind(), what)
		assert.False(t, s.IsZero(), what)
	}
	for what, c := range map[string]struct{ text, says string }{
		"nothing":      {"", "is empty"},
		"too long":     {strings.Repeat("k", keygen.MaxCredential+1), "2049 bytes, at most 2048"},
		"a NUL":        {"hunter2\x00", "a NUL"},
		"no UTF-8":     {"hunter2\xff", "valid UTF-8"},
		"half a glyph": {"hunter2\xc3", "valid UTF-8"},
	} {
		s, err := keygen.NewCredential(c.text)
		require.ErrorContains(t, err, c.says, what)
		assert.NotContains(t, err.Error(), "hunter2", what)
		assert.True(t, s.IsZero(), what)
	}
}

func TestACredentialHasNoFingerprint(t *testing.T) {
	t.Parallel()
	assert.Empty(t, mustCredential(t, "hunter2").Fingerprint("trail"), "whoever sees it could try guesses")
	assert.Empty(t, mustCredential(t, good).Fingerprint("trail"), "even if it looks random")
	assert.NotEmpty(t, mustParse(t, good).Fingerprint("trail"))
}

func TestRestore(t *testing.T) {
	t.Parallel()
	for _, s := range []keygen.Secret{mustParse(t, good), mustCredential(t, credential), mustCredential(t, good)} {
		again, err := keygen.Restore(s.Kind(), s.Reveal())
		require.NoError(t, err)
		assert.True(t, again.Equal(s))
		assert.Equal(t, s.Kind(), again.Kind())
	}
	_, err := keygen.Restore(keygen.KindHMAC, "hunter2")
	require.Error(t, err, "an HMAC secret is still judged")
	_, err = keygen.Restore("password", good)
	require.EqualError(t, err, `secret has the unknown kind "password"`)
	assert.Equal(t, keygen.KindHMAC, keygen.Secret{}.Kind())
}

func FuzzNewCredential(f *testing.F) {
	for _, s := range []string{"", "x", credential, "a\x00b", "\xff", good, strings.Repeat("k", 3000)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		s, err := keygen.NewCredential(text)
		if err != nil {
			require.True(t, s.IsZero())
			return
		}
		require.True(t, text == s.Reveal())
		require.True(t, utf8.ValidString(text))
		require.NotContains(t, text, "\x00")
		require.LessOrEqual(t, len(text), keygen.MaxCredential)
		require.Equal(t, "[redacted] [redacted] [redacted] [redacted]", fmt.Sprintf("%v %+v %#v %q", s, s, s, s))
	})
}
