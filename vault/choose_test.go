package vault

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// story collects what Open explains.
type story struct{ told []string }

func (s *story) tell(what string) { s.told = append(s.told, what) }

func autoOptions(t *testing.T, state KeychainState) (Options, *fakeRing, *story) {
	r, s := newFakeRing(), &story{}
	o := fakeKeychain(t, r)
	o.Backend, o.WorkFactor, o.Explain = BackendAuto, testWorkFactor, s.tell
	o.preflight = always(state)
	return o, r, s
}

func TestAutoTakesTheKeychain(t *testing.T) {
	t.Parallel()
	o, r, s := autoOptions(t, KeychainReady)
	v := MustOpen(t, o)
	assert.Equal(t, "OS keychain (fake keychain)", v.Describe())
	assert.Equal(t, []string{
		"Secrets are kept in the OS keychain (fake keychain), since it is there and works. A test item was written, read back and deleted.",
	}, s.told)
	assert.Zero(t, r.count(), "the test item is gone")
	assert.NoFileExists(t, filepath.Join(o.Dir, indexName), "and left no trace")
	assert.FileExists(t, filepath.Join(o.Dir, choiceName))

	MustOpen(t, o)
	assert.Len(t, s.told, 1, "a remembered choice is not explained again")
}

func TestAutoWithoutAKeychain(t *testing.T) {
	t.Parallel()

	t.Run("takes a file on the sandbox and says why", func(t *testing.T) {
		t.Parallel()
		o, _, s := autoOptions(t, KeychainNoBus)
		o.SelfIdentity = true
		v := MustOpen(t, o)
		assert.Equal(t, "age file vault in "+o.Dir, v.Describe())
		require.Len(t, s.told, 1)
		assert.Equal(t, "Secrets are kept in age files in "+o.Dir+", since the OS keychain cannot be used (vault is not available). "+
			"This is a sandbox: the identity lies beside them without a passphrase. A test item was written, read back and deleted.", s.told[0])
	})

	t.Run("takes a file when a person can type a passphrase", func(t *testing.T) {
		t.Parallel()
		o, _, s := autoOptions(t, KeychainNoProvider)
		o.Interactive, o.Passphrase = true, says(passphrase)
		v := MustOpen(t, o)
		assert.Equal(t, "age file vault in "+o.Dir, v.Describe())
		require.Len(t, s.told, 1)
		assert.Contains(t, s.told[0], "under your passphrase")
	})

	for state, advice := range map[KeychainState]string{
		KeychainNoBus:        "desktop session",
		KeychainNoProvider:   "gnome-keyring",
		KeychainNoCollection: "default keyring",
		KeychainLocked:       "unlock the keychain",
		KeychainSilent:       "hangs",
		KeychainUnsupported:  "--vault file",
	} {
		t.Run("is an error elsewhere: "+string(state), func(t *testing.T) {
			t.Parallel()
			o, _, s := autoOptions(t, state)
			o.Passphrase = says(passphrase) // from a file: nobody agreed to it
			_, err := Open(t.Context(), o)
			want := map[KeychainState]error{KeychainLocked: ErrLocked, KeychainSilent: ErrTimeout}[state]
			if want == nil {
				want = ErrUnavailable
			}
			require.ErrorIs(t, err, want)
			requireHint(t, err, advice)
			requireHint(t, err, "--vault file")
			assert.Empty(t, s.told)
			assert.NoFileExists(t, filepath.Join(o.Dir, choiceName), "nothing was chosen")
		})
	}
}

func TestAutoWithAKeychainThatDoesNotWork(t *testing.T) {
	t.Parallel()
	refuse := func(string) error { return errors.New("cannot create an item") }

	t.Run("is an error", func(t *testing.T) {
		t.Parallel()
		o, r, _ := autoOptions(t, KeychainReady)
		r.behave(refuse, nil)
		_, err := Open(t.Context(), o)
		require.ErrorIs(t, err, ErrUnavailable)
		requireHint(t, err, "--vault file")
		assert.Contains(t, err.Error(), "cannot create an item")
	})

	t.Run("takes a file on the sandbox", func(t *testing.T) {
		t.Parallel()
		o, r, s := autoOptions(t, KeychainReady)
		o.SelfIdentity = true
		r.behave(refuse, nil)
		MustOpen(t, o)
		require.Len(t, s.told, 1)
		assert.Contains(t, s.told[0], "cannot create an item")
	})

	t.Run("stops when the operator leaves", func(t *testing.T) {
		t.Parallel()
		o, r, _ := autoOptions(t, KeychainReady)
		o.SelfIdentity = true
		ctx, cancel := context.WithCancel(t.Context())
		r.behave(func(string) error { cancel(); return errors.New("gone") }, nil)
		_, err := Open(ctx, o)
		require.ErrorIs(t, err, context.Canceled)
		assert.NoFileExists(t, filepath.Join(o.Dir, choiceName))
	})
}

func TestRememberedKeychainIsNeverReplaced(t *testing.T) {
	t.Parallel()
	o, _, s := autoOptions(t, KeychainReady)
	o.Service = "keyturn-one"
	MustPut(t, MustOpen(t, o), "staging/v2", MustSecret(t), PutOptions{})
	s.told = nil
	o.SelfIdentity, o.Interactive, o.Passphrase = true, true, says(passphrase)

	o.preflight = always(KeychainNoBus)
	_, err := Open(t.Context(), o)
	require.ErrorIs(t, err, ErrUnavailable)
	requireHint(t, err, "desktop session")

	o.Backend = BackendFile
	_, err = Open(t.Context(), o)
	require.ErrorIs(t, err, ErrUnavailable)
	assert.Contains(t, err.Error(), "its 1 items are in keychain:keyturn-one, not in file")
	assert.NoFileExists(t, filepath.Join(o.Dir, clearIdentityName))
	assert.Empty(t, s.told)

	o.Backend, o.Service, o.preflight = BackendAuto, "keyturn-two", always(KeychainReady)
	_, err = Open(t.Context(), o)
	require.ErrorIs(t, err, ErrUnavailable, "nor another service")
}

// A vault that was made with the service that all shared finds its items there
// when its caller names a service of its own.
func TestAVaultOfTheSharedServiceGoesOnUsingIt(t *testing.T) {
	t.Parallel()
	for _, backend := range []string{BackendAuto, BackendKeychain} {
		for name, lose := range map[string]bool{"with its choice": false, "with the index alone": true} {
			t.Run(backend+" "+name, func(t *testing.T) {
				t.Parallel()
				o, r, _ := autoOptions(t, KeychainReady)
				secret, more := MustSecret(t), MustSecret(t)
				MustPut(t, MustOpen(t, o), "staging/v1", secret, PutOptions{})
				if lose {
					require.NoError(t, os.Remove(filepath.Join(o.Dir, choiceName)))
				}
				o.Backend, o.Service = backend, "keyturn-of-its-own"
				v := MustOpen(t, o)
				found, _, err := v.Get(t.Context(), "staging/v1")
				require.NoError(t, err)
				requireSecret(t, secret, found)
				MustPut(t, v, "staging/v2", more, PutOptions{})
				text, err := r.Get(DefaultService, "staging/v2/1")
				require.NoError(t, err)
				assert.Equal(t, more.Reveal(), text)
			})
		}
	}

	t.Run("but no sandbox does", func(t *testing.T) {
		t.Parallel()
		o, _, _ := autoOptions(t, KeychainReady)
		MustPut(t, MustOpen(t, o), "staging/v1", MustSecret(t), PutOptions{})
		o.Service, o.SelfIdentity = "keyturn-sandbox-1", true
		_, err := Open(t.Context(), o)
		require.ErrorIs(t, err, ErrUnavailable)
	})
}

func TestEmptyVaultMayChange(t *testing.T) {
	t.Parallel()
	o, _, _ := autoOptions(t, KeychainReady)
	v := MustOpen(t, o)
	MustPut(t, v, "staging/v2", MustSecret(t), PutOptions{})
	require.NoError(t, v.Delete(t.Context(), "staging/v2"))
	o.Backend, o.Passphrase = BackendFile, says(passphrase)
	MustPut(t, MustOpen(t, o), "staging/v2", MustSecret(t), PutOptions{})
	o.Backend = BackendAuto
	assert.Equal(t, "age file vault in "+o.Dir, MustOpen(t, o).Describe())
}

func TestLostChoiceIsTakenFromTheIndex(t *testing.T) {
	t.Parallel()
	o := sandboxOptions(t)
	secret := MustSecret(t)
	MustPut(t, MustOpen(t, o), "staging/v2", secret, PutOptions{})
	require.NoError(t, os.Remove(filepath.Join(o.Dir, choiceName)))
	o.Backend, o.ring, o.preflight = BackendAuto, newFakeRing(), always(KeychainReady)
	found, _, err := MustOpen(t, o).Get(t.Context(), "staging/v2")
	require.NoError(t, err)
	requireSecret(t, secret, found)
}

func TestWrongOptions(t *testing.T) {
	t.Parallel()
	for what, o := range map[string]Options{
		"an unknown backend":     {Backend: "cloud", Dir: t.TempDir()},
		"no folder":              {Backend: BackendFile},
		"a work factor too high": {Backend: BackendFile, Dir: t.TempDir(), WorkFactor: 30},
	} {
		_, err := Open(t.Context(), o)
		assert.Error(t, err, what)
	}
}

func TestFolderThatCannotBeMade(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	o := sandboxOptions(t)
	o.Dir = filepath.Join(file, "vault")
	_, err := Open(t.Context(), o)
	require.ErrorContains(t, err, "make vault folder")
}

func TestDamagedChoice(t *testing.T) {
	t.Parallel()
	for what, content := range map[string]string{
		"not JSON":         `store = "file"`,
		"an unknown field": `{"format":"keyturn-vault-choice/v1","store":"file","chosen":"2026-11-24T09:00:00Z","why":"","more":1}`,
		"another format":   `{"format":"keyturn-vault-choice/v9","store":"file","chosen":"2026-11-24T09:00:00Z","why":""}`,
		"no store":         `{"format":"keyturn-vault-choice/v1","store":"","chosen":"2026-11-24T09:00:00Z","why":""}`,
	} {
		o := sandboxOptions(t)
		require.NoError(t, os.WriteFile(filepath.Join(o.Dir, choiceName), []byte(content), 0o600))
		_, err := Open(t.Context(), o)
		require.ErrorIs(t, err, ErrDamaged, what)
		requireHint(t, err, "no secret is in it")
	}
}

func TestTwoFirstOpeningsAgree(t *testing.T) {
	t.Parallel()
	o, _, s := autoOptions(t, KeychainReady)
	require.NoError(t, errors.Join(together(4, func(int) error {
		_, err := Open(context.Background(), o)
		return err
	})...))
	assert.Len(t, s.told, 1)
}
