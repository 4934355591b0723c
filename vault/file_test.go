package vault

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"filippo.io/age"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
)

func secretFiles(t *testing.T, dir string) []string {
	t.Helper()
	all, err := filepath.Glob(filepath.Join(dir, "*"+itemSuffix))
	require.NoError(t, err)
	var found []string
	for _, f := range all {
		if filepath.Base(f) != sealedIdentityName {
			found = append(found, f)
		}
	}
	return found
}

func TestFileVaultAsksOnlyToRead(t *testing.T) {
	t.Parallel()
	o := fileOptions(t)
	o.Passphrase = (&typed{t: t, answers: []string{passphrase, passphrase}}).ask // new, and repeated
	MustOpen(t, o)

	asked := &typed{t: t, answers: []string{passphrase}}
	o.Passphrase = asked.ask
	v := MustOpen(t, o)
	mark := keygen.Fingerprint(strings.Repeat("a1", 32))
	first, second := MustSecret(t), MustSecret(t)
	MustPut(t, v, "staging/v2", first, PutOptions{Fingerprint: mark})
	MustPut(t, v, "staging/v2", first, PutOptions{Fingerprint: mark})
	MustPut(t, v, "staging/v2", second, PutOptions{Fingerprint: keygen.Fingerprint(strings.Repeat("b2", 32)), Replace: true})
	_, err := v.Archive(t.Context(), "staging/v2", "")
	require.NoError(t, err)
	MustList(t, v)
	assert.Empty(t, asked.prompts, "nothing was read")

	for range 3 {
		found, _, err := v.Get(t.Context(), "staging/v2")
		require.NoError(t, err)
		requireSecret(t, second, found)
	}
	assert.Equal(t, []string{"Passphrase of the vault in " + o.Dir}, asked.prompts)
}

func TestFileVaultCrashedPutNeedsNoPassphrase(t *testing.T) {
	t.Parallel()
	o := fileOptions(t)
	MustOpen(t, o)
	o.Passphrase = nil
	v := MustOpen(t, o).(*versioned)
	dying := &versioned{store: v.store, catalog: mortalIndex{v.catalog, &mortal{left: 1}}, clock: v.clock}
	mark := keygen.Fingerprint(strings.Repeat("a1", 32))
	secret := MustSecret(t)
	_, err := dying.Put(t.Context(), "staging/v2", secret, PutOptions{Fingerprint: mark})
	require.ErrorIs(t, err, errCrashed)
	assert.Equal(t, 1, MustPut(t, v, "staging/v2", secret, PutOptions{Fingerprint: mark}).Version)
	assert.Len(t, secretFiles(t, o.Dir), 1)
}

func TestFileVaultPassphrases(t *testing.T) {
	t.Parallel()
	ctx := context.Background()

	t.Run("wrong", func(t *testing.T) {
		t.Parallel()
		o := fileOptions(t)
		MustPut(t, MustOpen(t, o), "staging/v2", MustSecret(t), PutOptions{})
		asked := &typed{t: t, answers: []string{"not this one"}}
		o.Passphrase = asked.ask
		_, _, err := MustOpen(t, o).Get(ctx, "staging/v2")
		require.ErrorIs(t, err, ErrWrongPassphrase)
		requireHint(t, err, "typed when this vault was made")
		require.EqualError(t, err, "get staging/v2: unlock "+o.Dir+": wrong passphrase")
	})

	t.Run("wrong, then right, with a person", func(t *testing.T) {
		t.Parallel()
		o := fileOptions(t)
		secret := MustSecret(t)
		MustPut(t, MustOpen(t, o), "staging/v2", secret, PutOptions{})
		asked := &typed{t: t, answers: []string{"not this one", "", passphrase}}
		o.Passphrase, o.Interactive = asked.ask, true
		found, _, err := MustOpen(t, o).Get(ctx, "staging/v2")
		require.NoError(t, err)
		requireSecret(t, secret, found)
		assert.Contains(t, asked.prompts[1], "That was not it")
	})

	t.Run("nobody to ask", func(t *testing.T) {
		t.Parallel()
		o := fileOptions(t)
		MustPut(t, MustOpen(t, o), "staging/v2", MustSecret(t), PutOptions{})
		o.Passphrase = nil
		_, _, err := MustOpen(t, o).Get(ctx, "staging/v2")
		require.ErrorIs(t, err, ErrLocked)
		requireHint(t, err, "passphrase file")
	})

	t.Run("nobody to ask for a new one", func(t *testing.T) {
		t.Parallel()
		o := fileOptions(t)
		o.Passphrase = nil
		_, err := Open(ctx, o)
		require.ErrorIs(t, err, ErrLocked)
		requireHint(t, err, "passphrase file")
	})

	t.Run("a new one too short or mistyped makes nothing", func(t *testing.T) {
		t.Parallel()
		for _, answers := range [][]string{{"short"}, {passphrase, passphrase + "r"}} {
			o := fileOptions(t)
			o.Passphrase = (&typed{t: t, answers: answers}).ask
			_, err := Open(ctx, o)
			require.ErrorIs(t, err, ErrWrongPassphrase)
			requireHint(t, err, "no vault was made")
			assert.NoFileExists(t, filepath.Join(o.Dir, sealedIdentityName))
			assert.NoFileExists(t, filepath.Join(o.Dir, choiceName))
		}
	})

	t.Run("the question is cancelled", func(t *testing.T) {
		t.Parallel()
		o := fileOptions(t)
		gone := errors.New("interrupted")
		o.Passphrase = func(context.Context, string) ([]byte, error) { return nil, gone }
		_, err := Open(ctx, o)
		require.ErrorIs(t, err, gone)
	})

	t.Run("wiped after use", func(t *testing.T) {
		t.Parallel()
		o := fileOptions(t)
		var given [][]byte
		o.Passphrase = func(context.Context, string) ([]byte, error) {
			given = append(given, []byte(passphrase))
			return given[len(given)-1], nil
		}
		MustPut(t, MustOpen(t, o), "staging/v2", MustSecret(t), PutOptions{})
		_, _, err := MustOpen(t, o).Get(ctx, "staging/v2")
		require.NoError(t, err)
		require.Len(t, given, 3)
		for _, p := range given {
			assert.Equal(t, make([]byte, len(passphrase)), p)
		}
	})
}

func TestFileVaultIsStockAge(t *testing.T) {
	t.Parallel()
	o := fileOptions(t)
	secret := MustSecret(t)
	MustPut(t, MustOpen(t, o), "staging/v2", secret, PutOptions{Note: "session 2026-4"})

	sealedIdentity, err := os.ReadFile(filepath.Join(o.Dir, sealedIdentityName))
	require.NoError(t, err)
	with, err := age.NewScryptIdentity(passphrase)
	require.NoError(t, err)
	text, err := decrypt(sealedIdentity, with)
	require.NoError(t, err)
	ids, err := age.ParseIdentities(bytes.NewReader(text))
	require.NoError(t, err)
	require.Len(t, ids, 1)

	files := secretFiles(t, o.Dir)
	require.Len(t, files, 1)
	data, err := os.ReadFile(files[0])
	require.NoError(t, err)
	plain, err := decrypt(data, ids[0])
	require.NoError(t, err)
	assert.True(t, bytes.Contains(plain, []byte(`"secret":"`+secret.Reveal()+`"`)))
	assert.Contains(t, string(plain), `"name":"staging/v2","version":1`)
}

func TestFileVaultUsesTheStrongWorkFactorByDefault(t *testing.T) {
	t.Parallel()
	o := fileOptions(t)
	o.WorkFactor = 0
	o, err := o.complete()
	require.NoError(t, err)
	assert.Equal(t, 18, o.WorkFactor)

	o.WorkFactor = testWorkFactor
	MustOpen(t, o)
	sealedIdentity, err := os.ReadFile(filepath.Join(o.Dir, sealedIdentityName))
	require.NoError(t, err)
	assert.Regexp(t, `\n-> scrypt \S+ 2\n`, string(sealedIdentity))
}

func TestFileVaultNoticesChangedFiles(t *testing.T) {
	t.Parallel()
	ctx := context.Background()

	t.Run("two that were swapped", func(t *testing.T) {
		t.Parallel()
		o := sandboxOptions(t)
		v := MustOpen(t, o)
		MustPut(t, v, "staging/v2", MustSecret(t), PutOptions{})
		MustPut(t, v, "production/v2", MustSecret(t), PutOptions{})
		files := secretFiles(t, o.Dir)
		require.Len(t, files, 2)
		require.NoError(t, os.Rename(files[0], files[0]+".tmp"))
		require.NoError(t, os.Rename(files[1], files[0]))
		require.NoError(t, os.Rename(files[0]+".tmp", files[1]))
		for _, name := range []Name{"staging/v2", "production/v2"} {
			_, _, err := v.Get(ctx, name)
			require.ErrorIs(t, err, ErrDamaged)
			assert.Contains(t, err.Error(), "swapped")
		}
	})

	t.Run("one changed byte", func(t *testing.T) {
		t.Parallel()
		o := sandboxOptions(t)
		v := MustOpen(t, o)
		MustPut(t, v, "staging/v2", MustSecret(t), PutOptions{})
		file := secretFiles(t, o.Dir)[0]
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		for at := range data {
			changed := bytes.Clone(data)
			changed[at] ^= 1
			require.NoError(t, os.WriteFile(file, changed, 0o600))
			_, _, err = v.Get(ctx, "staging/v2")
			require.ErrorIs(t, err, ErrDamaged, "byte %d", at)
		}
	})

	t.Run("a secret that is gone", func(t *testing.T) {
		t.Parallel()
		o := sandboxOptions(t)
		v := MustOpen(t, o)
		MustPut(t, v, "staging/v2", MustSecret(t), PutOptions{})
		require.NoError(t, os.Remove(secretFiles(t, o.Dir)[0]))
		_, _, err := v.Get(ctx, "staging/v2")
		require.ErrorIs(t, err, ErrLost)
	})

	t.Run("the recipient of somebody else", func(t *testing.T) {
		t.Parallel()
		o := fileOptions(t)
		MustPut(t, MustOpen(t, o), "staging/v2", MustSecret(t), PutOptions{})
		theirs, err := age.GenerateX25519Identity()
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(o.Dir, recipientName), []byte(theirs.Recipient().String()), 0o600))
		_, _, err = MustOpen(t, o).Get(ctx, "staging/v2")
		require.ErrorIs(t, err, ErrDamaged)
		assert.Contains(t, err.Error(), "does not belong to the identity")
	})

	t.Run("a recipient that a crash lost comes back", func(t *testing.T) {
		t.Parallel()
		o := fileOptions(t)
		MustOpen(t, o)
		path := filepath.Join(o.Dir, recipientName)
		before, err := os.ReadFile(path)
		require.NoError(t, err)
		require.NoError(t, os.Remove(path))
		MustOpen(t, o)
		after, err := os.ReadFile(path)
		require.NoError(t, err)
		assert.Equal(t, before, after)
	})

	t.Run("an index that points elsewhere", func(t *testing.T) {
		t.Parallel()
		o := sandboxOptions(t)
		v := MustOpen(t, o)
		MustPut(t, v, "staging/v2", MustSecret(t), PutOptions{})
		path := filepath.Join(o.Dir, indexName)
		data, err := os.ReadFile(path)
		require.NoError(t, err)
		ref := strings.TrimSuffix(filepath.Base(secretFiles(t, o.Dir)[0]), itemSuffix)
		require.NoError(t, os.WriteFile(path, bytes.ReplaceAll(data, []byte(ref), []byte("../../etc/shadow")), 0o600))
		_, _, err = v.Get(ctx, "staging/v2")
		require.ErrorIs(t, err, ErrDamaged)
		require.ErrorIs(t, v.Delete(ctx, "staging/v2"), ErrDamaged)
	})
}

func TestSandboxIdentityIsNotForRealKeys(t *testing.T) {
	t.Parallel()
	o := sandboxOptions(t)
	MustOpen(t, o)
	o.SelfIdentity, o.Passphrase = false, says(passphrase)
	_, err := Open(t.Context(), o)
	require.ErrorIs(t, err, ErrUnavailable)
	assert.Contains(t, err.Error(), "for a sandbox only")
}

func TestFilesAreClosedToOthers(t *testing.T) {
	t.Parallel()
	if !hasModes {
		t.Skip("files have no modes here")
	}
	for what, o := range map[string]Options{"passphrase": fileOptions(t), "sandbox": sandboxOptions(t)} {
		require.NoError(t, os.Chmod(o.Dir, 0o755))
		MustPut(t, MustOpen(t, o), "staging/v2", MustSecret(t), PutOptions{})
		info, err := os.Stat(o.Dir)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o700), info.Mode().Perm(), what)
		files, err := os.ReadDir(o.Dir)
		require.NoError(t, err)
		for _, f := range files {
			info, err := f.Info()
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o600), info.Mode().Perm(), "%s: %s", what, f.Name())
			assert.NotContains(t, f.Name(), "staging", what)
		}
	}
}

func TestOpenIdentityIsRefused(t *testing.T) {
	t.Parallel()
	if !hasModes {
		t.Skip("files have no modes here")
	}
	o := sandboxOptions(t)
	MustOpen(t, o)
	path := filepath.Join(o.Dir, clearIdentityName)
	require.NoError(t, os.Chmod(path, 0o644))
	_, err := Open(t.Context(), o)
	require.ErrorIs(t, err, ErrUnavailable)
	requireHint(t, err, "chmod 600 "+path)
}

func TestPassphraseFromFile(t *testing.T) {
	t.Parallel()
	write := func(t *testing.T, content string, mode os.FileMode) string {
		path := filepath.Join(t.TempDir(), "passphrase")
		require.NoError(t, os.WriteFile(path, []byte(content), mode))
		require.NoError(t, os.Chmod(path, mode))
		return path
	}
	for what, content := range map[string]string{
		"as it is": passphrase, "with a line ending": passphrase + "\n", "with a Windows line ending": passphrase + "\r\n",
	} {
		got, err := PassphraseFromFile(write(t, content, 0o600))(t.Context(), "")
		require.NoError(t, err, what)
		assert.Equal(t, passphrase, string(got), what)
	}

	_, err := PassphraseFromFile(write(t, "\n", 0o600))(t.Context(), "")
	require.ErrorContains(t, err, "is empty")
	_, err = PassphraseFromFile(write(t, strings.Repeat("x", 5000), 0o600))(t.Context(), "")
	require.ErrorContains(t, err, "at most 4096")
	_, err = PassphraseFromFile(filepath.Join(t.TempDir(), "none"))(t.Context(), "")
	require.ErrorIs(t, err, os.ErrNotExist)
	_, err = PassphraseFromFile(t.TempDir())(t.Context(), "")
	require.Error(t, err)
	if hasModes {
		_, err = PassphraseFromFile(write(t, passphrase, 0o640))(t.Context(), "")
		require.ErrorIs(t, err, ErrUnavailable)
		requireHint(t, err, "chmod 600")
		assert.NotContains(t, err.Error(), passphrase)
	}
}
