package vault

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
)

// errCrashed is what everything returns once the process is dead.
var errCrashed = errors.New("the process is dead")

// mortal is a process that dies before its nth access to the store or the
// index. Nothing that it does afterwards has an effect.
type mortal struct{ left int }

func (m *mortal) step() error {
	if m.left == 0 {
		return errCrashed
	}
	m.left--
	return nil
}

type mortalStore struct {
	store
	*mortal
}

func (s mortalStore) write(ctx context.Context, r record, secret keygen.Secret) error {
	return unlessDead(s.step, func() error { return s.store.write(ctx, r, secret) })
}

func (s mortalStore) remove(ctx context.Context, r record) error {
	return unlessDead(s.step, func() error { return s.store.remove(ctx, r) })
}

func (s mortalStore) has(ctx context.Context, r record) (held bool, err error) {
	err = unlessDead(s.step, func() error { held, err = s.store.has(ctx, r); return err })
	return held, err
}

func (s mortalStore) read(ctx context.Context, r record) (secret keygen.Secret, err error) {
	err = unlessDead(s.step, func() error { secret, err = s.store.read(ctx, r); return err })
	return secret, err
}

type mortalIndex struct {
	catalog
	*mortal
}

func (c mortalIndex) save(x index) error {
	return unlessDead(c.step, func() error { return c.catalog.save(x) })
}

// unlessDead runs act unless the process is dead.
func unlessDead(step, act func() error) error {
	if err := step(); err != nil {
		return err
	}
	return act()
}

// crashes runs act with a process that dies before its 1st, 2nd, … access,
// until it survives. Each time, prepare makes the vault and after looks at
// what a new process finds.
func crashes(t *testing.T, prepare func(v Vault), act func(v Vault) error, after func(t *testing.T, v *versioned)) {
	t.Helper()
	for n := 0; ; n++ {
		require.Less(t, n, 50, "it never finished")
		healthy := NewMemory(newTestClock().Now).(*versioned)
		prepare(healthy)
		life := &mortal{left: n}
		dying := &versioned{
			store:   mortalStore{healthy.store, life},
			catalog: mortalIndex{healthy.catalog, life},
			clock:   healthy.clock,
		}
		err := act(dying)
		t.Run(fmt.Sprintf("after %d accesses", n), func(t *testing.T) { after(t, healthy) })
		if err == nil {
			return
		}
		require.ErrorIs(t, err, errCrashed)
	}
}

func secretsIn(v *versioned) int { return len(v.store.(*memoryStore).secrets) }

func TestCrashWhilePutting(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	secret, another := MustSecret(t), MustSecret(t)
	put := func(v Vault) error {
		_, err := v.Put(ctx, "staging/v2", secret, PutOptions{})
		return err
	}
	nothing := func(Vault) {}

	t.Run("the secret is found or was never stored", func(t *testing.T) {
		t.Parallel()
		crashes(t, nothing, put, func(t *testing.T, v *versioned) {
			stored := secretsIn(v) == 1
			found, entry, err := v.Get(ctx, "staging/v2")
			if !stored {
				require.ErrorIs(t, err, ErrNotFound)
				return
			}
			require.NoError(t, err)
			requireSecret(t, secret, found)
			assert.Equal(t, Active, entry.Status)
		})
	})

	t.Run("putting it again ends as if nothing had happened", func(t *testing.T) {
		t.Parallel()
		crashes(t, nothing, put, func(t *testing.T, v *versioned) {
			entry := MustPut(t, v, "staging/v2", secret, PutOptions{})
			assert.Equal(t, 1, entry.Version)
			assert.Equal(t, []Entry{entry}, MustList(t, v))
			assert.Equal(t, 1, secretsIn(v), "no orphan")
		})
	})

	t.Run("another secret never takes the place of a stored one", func(t *testing.T) {
		t.Parallel()
		crashes(t, nothing, put, func(t *testing.T, v *versioned) {
			stored := secretsIn(v) == 1
			_, err := v.Put(ctx, "staging/v2", another, PutOptions{})
			found, _, getErr := v.Get(ctx, "staging/v2")
			require.NoError(t, getErr)
			if stored {
				require.ErrorIs(t, err, ErrExists)
				requireSecret(t, secret, found)
				return
			}
			require.NoError(t, err)
			requireSecret(t, another, found)
			assert.Equal(t, 1, secretsIn(v), "no orphan")
		})
	})

	t.Run("while replacing, the old or the new is found", func(t *testing.T) {
		t.Parallel()
		old := func(v Vault) { MustPut(t, v, "staging/v2", another, PutOptions{}) }
		replace := func(v Vault) error {
			_, err := v.Put(ctx, "staging/v2", secret, PutOptions{Replace: true})
			return err
		}
		crashes(t, old, replace, func(t *testing.T, v *versioned) {
			want := another
			if secretsIn(v) == 2 {
				want = secret
			}
			found, _, err := v.Get(ctx, "staging/v2")
			require.NoError(t, err)
			requireSecret(t, want, found)
			MustPut(t, v, "staging/v2", secret, PutOptions{Replace: true})
			list := MustList(t, v)
			require.Len(t, list, 2)
			assert.Equal(t, []Status{Archived, Active}, []Status{list[0].Status, list[1].Status})
			assert.Equal(t, 2, secretsIn(v), "no orphan")
		})
	})
}

func TestCrashWhileDeleting(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	prepare := func(v Vault) {
		MustPut(t, v, "staging/v2", MustSecret(t), PutOptions{})
		MustPut(t, v, "staging/v2", MustSecret(t), PutOptions{Replace: true})
	}
	remove := func(v Vault) error { return v.Delete(ctx, "staging/v2") }

	t.Run("deleting again finishes it", func(t *testing.T) {
		t.Parallel()
		crashes(t, prepare, remove, func(t *testing.T, v *versioned) {
			if err := v.Delete(ctx, "staging/v2"); err != nil {
				require.ErrorIs(t, err, ErrNotFound)
			}
			assert.Empty(t, MustList(t, v))
			assert.Zero(t, secretsIn(v), "no orphan")
		})
	})

	t.Run("a new secret finishes it first", func(t *testing.T) {
		t.Parallel()
		crashes(t, prepare, remove, func(t *testing.T, v *versioned) {
			secret := MustSecret(t)
			MustPut(t, v, "staging/v2", secret, PutOptions{Replace: true})
			found, _, err := v.Get(ctx, "staging/v2")
			require.NoError(t, err)
			requireSecret(t, secret, found)
			assert.Len(t, MustList(t, v), secretsIn(v), "no orphan")
		})
	})
}

func TestCrashWhileArchiving(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	secret := MustSecret(t)
	crashes(t,
		func(v Vault) { MustPut(t, v, "staging/v2", secret, PutOptions{}) },
		func(v Vault) error { _, err := v.Archive(ctx, "staging/v2", ""); return err },
		func(t *testing.T, v *versioned) {
			found, _, err := v.Get(ctx, "staging/v2")
			require.NoError(t, err)
			requireSecret(t, secret, found)
			_, err = v.Archive(ctx, "staging/v2", "")
			require.NoError(t, err)
			assert.Equal(t, Archived, MustList(t, v)[0].Status)
		})
}

func TestCrashWhileSealing(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	secret := MustSecret(t)
	seal := func(v Vault) error { _, err := v.Seal(ctx, "staging/v2", "compromised"); return err }

	t.Run("every version is sealed or none", func(t *testing.T) {
		t.Parallel()
		crashes(t, func(v Vault) {
			MustPut(t, v, "staging/v2", MustSecret(t), PutOptions{})
			MustPut(t, v, "staging/v2", secret, PutOptions{Replace: true})
		}, seal, func(t *testing.T, v *versioned) {
			list := MustList(t, v)
			require.Len(t, list, 2)
			found, _, err := v.Get(ctx, "staging/v2")
			if list[1].Status == Sealed {
				assert.Equal(t, Sealed, list[0].Status)
				require.ErrorIs(t, err, ErrSealed)
			} else {
				assert.Equal(t, Archived, list[0].Status)
				require.NoError(t, err)
				requireSecret(t, secret, found)
			}
			require.NoError(t, seal(v), "sealing again finishes it")
			_, _, err = v.Get(ctx, "staging/v2")
			require.ErrorIs(t, err, ErrSealed)
			assert.Equal(t, 2, secretsIn(v), "the evidence is kept")
		})
	})

	t.Run("a write that a crash cut off is sealed with the rest", func(t *testing.T) {
		t.Parallel()
		for n := range 4 {
			v := NewMemory(newTestClock().Now).(*versioned)
			MustPut(t, v, "staging/v2", MustSecret(t), PutOptions{})
			life := &mortal{left: n}
			dying := &versioned{store: mortalStore{v.store, life}, catalog: mortalIndex{v.catalog, life}, clock: v.clock}
			_, err := dying.Put(ctx, "staging/v2", secret, PutOptions{Replace: true})
			require.ErrorIs(t, err, errCrashed)
			require.NoError(t, seal(v))
			_, _, err = v.Get(ctx, "staging/v2")
			require.ErrorIs(t, err, ErrSealed)
			for _, e := range MustList(t, v) {
				assert.Equal(t, Sealed, e.Status)
			}
		}
	})
}

func TestPendingVersionIsListedWithoutASecret(t *testing.T) {
	t.Parallel()
	v := NewMemory(newTestClock().Now).(*versioned)
	dying := &versioned{
		store: v.store, catalog: mortalIndex{v.catalog, &mortal{left: 1}}, clock: v.clock,
	}
	secret := MustSecret(t)
	_, err := dying.Put(t.Context(), "staging/v2", secret, PutOptions{Note: "session 2026-4"})
	require.ErrorIs(t, err, errCrashed)
	list := MustList(t, v)
	require.Len(t, list, 1)
	assert.Equal(t, Pending, list[0].Status)
	found, entry, err := v.Get(t.Context(), "staging/v2")
	require.NoError(t, err)
	requireSecret(t, secret, found)
	assert.Equal(t, "session 2026-4", entry.Note)
	assert.Equal(t, Active, MustList(t, v)[0].Status)
}

func TestLostSecretIsNotMistakenForANewName(t *testing.T) {
	t.Parallel()
	v := NewMemory(newTestClock().Now).(*versioned)
	MustPut(t, v, "staging/v2", MustSecret(t), PutOptions{})
	clear(v.store.(*memoryStore).secrets)
	_, _, err := v.Get(t.Context(), "staging/v2")
	require.ErrorIs(t, err, ErrLost)
	require.NotErrorIs(t, err, ErrNotFound)
	requireHint(t, err, "restore it")
	_, err = v.Put(t.Context(), "staging/v2", MustSecret(t), PutOptions{})
	require.ErrorIs(t, err, ErrLost)
	entry := MustPut(t, v, "staging/v2", MustSecret(t), PutOptions{Replace: true})
	assert.Equal(t, 2, entry.Version)
}

func TestItemUnknownToTheIndex(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	secret, foreign := MustSecret(t), MustSecret(t)
	withForeign := func() *versioned {
		v := NewMemory(newTestClock().Now).(*versioned)
		v.store.(*memoryStore).secrets["staging/v2/1"] = foreign
		return v
	}

	t.Run("is never overwritten", func(t *testing.T) {
		t.Parallel()
		v := withForeign()
		_, err := v.Put(ctx, "staging/v2", secret, PutOptions{Replace: true})
		require.ErrorIs(t, err, ErrExists)
		require.ErrorIs(t, err, ErrForeign, "which Replace does not help with")
		requireHint(t, err, "index was lost")
		requireSecret(t, foreign, v.store.(*memoryStore).secrets["staging/v2/1"])
		assert.Empty(t, MustList(t, v))
	})

	t.Run("with the same secret counts as stored", func(t *testing.T) {
		t.Parallel()
		v := withForeign()
		assert.Equal(t, 1, MustPut(t, v, "staging/v2", foreign, PutOptions{}).Version)
		assert.Len(t, MustList(t, v), 1)
	})

	t.Run("is kept as an archived version when adopted", func(t *testing.T) {
		t.Parallel()
		v := withForeign()
		assert.Equal(t, 2, MustPut(t, v, "staging/v2", secret, PutOptions{Adopt: true}).Version)
		list := MustList(t, v)
		require.Len(t, list, 2)
		assert.Equal(t, Archived, list[0].Status)
		found, _, err := v.Get(ctx, "staging/v2")
		require.NoError(t, err)
		requireSecret(t, secret, found)
	})
}
