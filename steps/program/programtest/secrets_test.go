package programtest

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
)

func TestSecretsAreFoundInEveryDisguise(t *testing.T) {
	t.Parallel()
	secret, err := keygen.Generate(rand.Reader)
	require.NoError(t, err)
	var s Secrets
	s.Add("staging/v2", secret.Reveal())
	text := secret.Reveal()
	raw, err := hex.DecodeString(text)
	require.NoError(t, err)
	quoted, err := json.Marshal(map[string]any{"b": raw, "s": string(raw)})
	require.NoError(t, err)
	for name, leak := range map[string]string{
		"clear":                   "value=" + text + ";",
		"upper case":              strings.ToUpper(text),
		"half of it":              text[:32],
		"raw":                     "\x00" + string(raw) + "\x00",
		"JSON":                    string(quoted),
		"Go's %v of bytes":        fmt.Sprint(raw),
		"Go's %q of bytes":        fmt.Sprintf("%q", raw),
		"Go's % x of bytes":       fmt.Sprintf("% x", raw),
		"hex twice":               hex.EncodeToString([]byte(text)),
		"base64":                  base64.StdEncoding.EncodeToString([]byte(text)),
		"base64 behind one byte":  base64.StdEncoding.EncodeToString([]byte(":" + text + "\n")),
		"base64 behind two bytes": base64.StdEncoding.EncodeToString([]byte("k=" + text + "\n")),
		"base64url of the bytes":  base64.URLEncoding.EncodeToString(append([]byte("12345"), raw...)),
		"broken by a line's end":  text[:20] + "\n              " + text[20:],
	} {
		found := s.In([]byte(leak))
		assert.NotEmpty(t, found, name)
		for _, f := range found {
			assert.Contains(t, f, "staging/v2 as ", name)
			assert.NotContains(t, f, text[:16], "the finding is no leak itself")
		}
	}
	other, err := keygen.Generate(rand.Reader)
	require.NoError(t, err)
	assert.Empty(t, s.In([]byte(other.Reveal()+" "+string(secret.Fingerprint("trail")))), "only the secret is found")
}

func TestSecretsAreFoundInFilesAndNames(t *testing.T) {
	t.Parallel()
	secret, err := keygen.Generate(rand.Reader)
	require.NoError(t, err)
	var s Secrets
	s.Add("staging/v2", secret.Reveal())
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, "harmless"), []byte("nothing"), 0o600))
	found, files, err := s.InFiles(dir)
	require.NoError(t, err)
	assert.Empty(t, found)
	assert.Equal(t, 1, files)

	require.NoError(t, os.Mkdir(filepath.Join(dir, "deep"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "deep", "log"), []byte(secret.Reveal()), 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "deep", secret.Reveal()[:32]), nil, 0o600))
	found, files, err = s.InFiles(dir)
	require.NoError(t, err)
	assert.Equal(t, 3, files)
	assert.NotEmpty(t, found)
	assert.Contains(t, strings.Join(found, "\n"), "log: staging/v2 as text")
	assert.Contains(t, strings.Join(found, "\n"), "a name below")
}
