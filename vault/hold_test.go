package vault

import (
	"context"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/vault/ownfile"
)

// TestLockLostWhileAPersonIsAsked removes the vault's lock while the keychain, or a
// passphrase, is waited for: what another process may have written since is not
// overwritten.
func TestLockLostWhileAPersonIsAsked(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows lets nobody remove a file that Go has open")
	}
	read := func(t *testing.T, o Options) string {
		text, err := os.ReadFile(filepath.Join(o.Dir, indexName))
		require.NoError(t, err)
		return string(text)
	}

	t.Run("to store a secret", func(t *testing.T) {
		t.Parallel()
		r := newFakeRing()
		o := fakeKeychain(t, r)
		v := MustOpen(t, o)
		MustPut(t, v, "staging/v1", MustSecret(t), PutOptions{})
		var then string
		r.behave(func(call string) error {
			if call != "set" {
				return nil
			}
			then = read(t, o)
			return os.Remove(filepath.Join(o.Dir, lockName))
		}, nil)
		secret := MustSecret(t)
		_, err := v.Put(t.Context(), "staging/v2", secret, PutOptions{})
		require.ErrorIs(t, err, ErrUnlocked)
		require.ErrorIs(t, err, ownfile.ErrDeleted)
		requireHint(t, err, "no other Keyturn is using it")
		assert.Equal(t, then, read(t, o), "the index was left as it was")

		r.behave(nil, nil)
		MustPut(t, v, "staging/v2", secret, PutOptions{})
		found, _, err := v.Get(t.Context(), "staging/v2")
		require.NoError(t, err)
		requireSecret(t, secret, found)
	})

	t.Run("to remove a secret", func(t *testing.T) {
		t.Parallel()
		r := newFakeRing()
		o := fakeKeychain(t, r)
		v := MustOpen(t, o)
		MustPut(t, v, "staging/v1", MustSecret(t), PutOptions{})
		var then string
		r.behave(func(call string) error {
			if call != "delete" {
				return nil
			}
			then = read(t, o)
			return os.Remove(filepath.Join(o.Dir, lockName))
		}, nil)
		require.ErrorIs(t, v.Delete(t.Context(), "staging/v1"), ErrUnlocked)
		assert.Equal(t, then, read(t, o), "the index was left as it was")

		r.behave(nil, nil)
		require.NoError(t, v.Delete(t.Context(), "staging/v1"))
		assert.Empty(t, MustList(t, v))
	})

	t.Run("to choose a keychain", func(t *testing.T) {
		t.Parallel()
		r := newFakeRing()
		o := fakeKeychain(t, r)
		r.behave(func(call string) error {
			if call != "delete" { // the test item's
				return nil
			}
			return os.Remove(filepath.Join(o.Dir, lockName))
		}, nil)
		_, err := Open(t.Context(), o)
		require.ErrorIs(t, err, ErrUnlocked)
		assert.NoFileExists(t, filepath.Join(o.Dir, choiceName))
	})

	t.Run("for a new passphrase", func(t *testing.T) {
		t.Parallel()
		o := Options{Backend: BackendFile, Dir: t.TempDir(), Clock: newTestClock().Now, WorkFactor: testWorkFactor}
		ask := says(passphrase)
		lost := false
		o.Passphrase = func(ctx context.Context, prompt string) ([]byte, error) {
			if !lost {
				lost = true
				if err := os.Remove(filepath.Join(o.Dir, lockName)); err != nil {
					return nil, err
				}
			}
			return ask(ctx, prompt)
		}
		_, err := Open(t.Context(), o)
		require.ErrorIs(t, err, ErrUnlocked)
		assert.NoFileExists(t, filepath.Join(o.Dir, sealedIdentityName))
		assert.NoFileExists(t, filepath.Join(o.Dir, choiceName))
	})
}
