package vault

import (
	"bytes"
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
)

// disguises are the forms in which a secret could be seen.
func disguises(t testing.TB, s keygen.Secret) map[string][]byte {
	t.Helper()
	text := s.Reveal()
	quoted, err := json.Marshal(text)
	require.NoError(t, err)
	forms := map[string][]byte{
		"text":               []byte(text),
		"upper case":         []byte(strings.ToUpper(text)),
		"JSON":               bytes.Trim(quoted, `"`),
		"URL":                []byte(url.QueryEscape(text)),
		"hex of the text":    []byte(hex.EncodeToString([]byte(text))),
		"base64 of the text": []byte(base64.RawStdEncoding.EncodeToString([]byte(text))),
		"half of the text":   []byte(text[:len(text)/2]),
	}
	if s.Kind() == keygen.KindHMAC {
		raw, err := hex.DecodeString(text)
		require.NoError(t, err)
		forms["raw bytes"] = raw
		forms["base64 of the raw"] = []byte(base64.RawStdEncoding.EncodeToString(raw))
		forms["base64url"] = []byte(base64.RawURLEncoding.EncodeToString(raw))
	}
	return forms
}

// requireNoLeak looks for secrets in the names and contents of all files.
func requireNoLeak(t testing.TB, dir string, secrets ...keygen.Secret) {
	t.Helper()
	files := 0
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		files++
		data, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, s := range secrets {
			for form, b := range disguises(t, s) {
				assert.False(t, bytes.Contains(data, b), "%s holds a secret as %s", d.Name(), form)
				assert.False(t, strings.Contains(d.Name(), string(b)), "the name %s is a secret as %s", d.Name(), form)
			}
		}
		return nil
	}))
	assert.NotZero(t, files)
}

// liveALife does everything a vault can do, errors included, and returns the
// secrets it used and the errors it saw.
func liveALife(t testing.TB, v Vault) (used []keygen.Secret, seen []error) {
	t.Helper()
	ctx := t.Context()
	secret := func() keygen.Secret {
		s := MustSecret(t)
		used = append(used, s)
		return s
	}
	first := secret()
	MustPut(t, v, "staging/v2", first, PutOptions{Fingerprint: first.Fingerprint("trail"), Note: "session 2026-4"})
	_, err := v.Put(ctx, "staging/v2", secret(), PutOptions{})
	seen = append(seen, err)
	_, err = v.Put(ctx, "bad name", secret(), PutOptions{})
	seen = append(seen, err)
	mixedUp := secret()
	_, err = v.Put(ctx, "staging/v4", mixedUp, PutOptions{Fingerprint: keygen.Fingerprint(mixedUp.Reveal())})
	seen = append(seen, err)
	MustPut(t, v, "staging/v2", secret(), PutOptions{Replace: true})
	MustPut(t, v, "production/v2", secret(), PutOptions{})
	_, err = v.Archive(ctx, "production/v2", "")
	require.NoError(t, err)
	_, err = v.Seal(ctx, "production/v2", "compromised")
	require.NoError(t, err)
	_, _, err = v.Get(ctx, "production/v2")
	seen = append(seen, err)
	webhook := MustCredential(t, credentialText+rand.Text())
	used = append(used, webhook)
	MustPut(t, v, "slack/webhook", webhook, PutOptions{})
	_, err = v.Put(ctx, "slack/webhook", webhook, PutOptions{Fingerprint: first.Fingerprint("trail")})
	seen = append(seen, err)
	MustPut(t, v, "staging/v3", secret(), PutOptions{})
	require.NoError(t, v.Delete(ctx, "staging/v3"))
	_, _, err = v.Get(ctx, "staging/v3")
	seen = append(seen, err)
	for _, err := range seen {
		require.Error(t, err)
	}
	return used, seen
}

func requireNoLeakInErrors(t testing.TB, seen []error, secrets []keygen.Secret) {
	t.Helper()
	for _, err := range seen {
		for _, s := range secrets {
			for form, b := range disguises(t, s) {
				assert.False(t, strings.Contains(err.Error(), string(b)), "an error quotes a secret as %s", form)
			}
		}
	}
}

func TestNoSecretOnDisk(t *testing.T) {
	t.Parallel()
	for what, o := range map[string]Options{
		"file with passphrase": fileOptions(t),
		"sandbox file":         sandboxOptions(t),
		"keychain":             fakeKeychain(t, newFakeRing()),
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			used, seen := liveALife(t, MustOpen(t, o))
			requireNoLeak(t, o.Dir, used...)
			requireNoLeakInErrors(t, seen, used)
		})
	}
}

func TestLeakSearchFindsAPlantedSecret(t *testing.T) {
	t.Parallel()
	for _, s := range []keygen.Secret{MustSecret(t), MustCredential(t, credentialText)} {
		for form, b := range disguises(t, s) {
			dir := t.TempDir()
			require.NoError(t, os.WriteFile(filepath.Join(dir, "planted"), append([]byte("x"), b...), 0o600))
			spy := &spy{TB: t}
			requireNoLeak(spy, dir, s)
			assert.True(t, spy.failed, form)
		}
	}
}

// spy notices a failed assertion without failing the test.
type spy struct {
	testing.TB
	failed bool
}

func (s *spy) Errorf(string, ...any) { s.failed = true }
