package vault

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
)

// opener makes a new vault. again opens another handle on the same one, as a
// second process would; nil for a vault that is not shared.
type opener func(t *testing.T, clock *testClock) (v Vault, again func() Vault)

func TestMemoryContract(t *testing.T) {
	t.Parallel()
	testContract(t, func(t *testing.T, clock *testClock) (Vault, func() Vault) {
		return NewMemory(clock.Now), nil
	})
}

func TestFileContract(t *testing.T) {
	t.Parallel()
	testContract(t, func(t *testing.T, clock *testClock) (Vault, func() Vault) {
		o := fileOptions(t)
		o.Clock = clock.Now
		return MustOpen(t, o), func() Vault { return MustOpen(t, o) }
	})
}

func TestSandboxFileContract(t *testing.T) {
	t.Parallel()
	testContract(t, func(t *testing.T, clock *testClock) (Vault, func() Vault) {
		o := sandboxOptions(t)
		o.Clock = clock.Now
		return MustOpen(t, o), func() Vault { return MustOpen(t, o) }
	})
}

func TestFakeKeychainContract(t *testing.T) {
	t.Parallel()
	testContract(t, func(t *testing.T, clock *testClock) (Vault, func() Vault) {
		o := fakeKeychain(t, newFakeRing())
		o.Clock = clock.Now
		return MustOpen(t, o), func() Vault { return MustOpen(t, o) }
	})
}

// testContract is what every backend must do.
func testContract(t *testing.T, open opener) {
	const name = Name("staging/v2")
	ctx := context.Background()
	mark := keygen.Fingerprint(fmt.Sprintf("%064x", 7))

	t.Run("get returns what was put", func(t *testing.T) {
		clock := newTestClock()
		v, _ := open(t, clock)
		secret := MustSecret(t)
		put := MustPut(t, v, name, secret, PutOptions{Fingerprint: mark, Note: "session 2026-4"})
		assert.Equal(t, Entry{
			Name: name, Version: 1, Status: Active, Created: clock.Now(), Fingerprint: mark, Note: "session 2026-4",
		}, put)
		found, got, err := v.Get(ctx, name)
		require.NoError(t, err)
		requireSecret(t, secret, found)
		assert.Equal(t, put, got)
	})

	t.Run("an unknown name is not found", func(t *testing.T) {
		v, _ := open(t, newTestClock())
		_, _, err := v.Get(ctx, name)
		require.ErrorIs(t, err, ErrNotFound)
		require.ErrorIs(t, v.Delete(ctx, name), ErrNotFound)
		_, err = v.Archive(ctx, name, "")
		require.ErrorIs(t, err, ErrNotFound)
		assert.EqualError(t, err, "archive staging/v2: no such item")
	})

	t.Run("putting the same secret again changes nothing", func(t *testing.T) {
		clock := newTestClock()
		v, _ := open(t, clock)
		secret := MustSecret(t)
		first := MustPut(t, v, name, secret, PutOptions{Fingerprint: mark})
		clock.Advance(time.Hour)
		assert.Equal(t, first, MustPut(t, v, name, secret, PutOptions{Fingerprint: mark}))
		assert.Equal(t, first, MustPut(t, v, name, secret, PutOptions{}), "without a fingerprint, by reading")
		assert.Equal(t, []Entry{first}, MustList(t, v))
	})

	t.Run("another secret is refused", func(t *testing.T) {
		v, _ := open(t, newTestClock())
		secret := MustSecret(t)
		MustPut(t, v, name, secret, PutOptions{})
		_, err := v.Put(ctx, name, MustSecret(t), PutOptions{})
		require.ErrorIs(t, err, ErrExists)
		requireHint(t, err, "nothing was changed")
		found, _, err := v.Get(ctx, name)
		require.NoError(t, err)
		requireSecret(t, secret, found)
		assert.Len(t, MustList(t, v), 1)
	})

	t.Run("replace makes a new version and archives the old", func(t *testing.T) {
		clock := newTestClock()
		v, _ := open(t, clock)
		first := MustPut(t, v, name, MustSecret(t), PutOptions{})
		clock.Advance(time.Hour)
		secret := MustSecret(t)
		second := MustPut(t, v, name, secret, PutOptions{Replace: true})
		assert.Equal(t, 2, second.Version)
		first.Status, first.Archived = Archived, clock.Now()
		assert.Equal(t, []Entry{first, second}, MustList(t, v))
		found, _, err := v.Get(ctx, name)
		require.NoError(t, err)
		requireSecret(t, secret, found)
	})

	t.Run("an archived secret is still readable", func(t *testing.T) {
		clock := newTestClock()
		v, _ := open(t, clock)
		secret := MustSecret(t)
		MustPut(t, v, name, secret, PutOptions{})
		clock.Advance(time.Hour)
		archived, err := v.Archive(ctx, name, "replaced in session 7")
		require.NoError(t, err)
		assert.Equal(t, Archived, archived.Status)
		assert.Equal(t, clock.Now(), archived.Archived)
		assert.Equal(t, "replaced in session 7", archived.ArchiveNote)
		clock.Advance(time.Hour)
		again, err := v.Archive(ctx, name, "for another reason")
		require.NoError(t, err)
		assert.Equal(t, archived, again)
		found, got, err := v.Get(ctx, name)
		require.NoError(t, err)
		requireSecret(t, secret, found)
		assert.Equal(t, archived, got)
	})

	t.Run("putting an archived secret makes it active again", func(t *testing.T) {
		v, _ := open(t, newTestClock())
		secret := MustSecret(t)
		first := MustPut(t, v, name, secret, PutOptions{})
		_, err := v.Archive(ctx, name, "replaced in session 7")
		require.NoError(t, err)
		assert.Equal(t, first, MustPut(t, v, name, secret, PutOptions{}))
		assert.Equal(t, []Entry{first}, MustList(t, v))
	})

	t.Run("an archived name takes another secret", func(t *testing.T) {
		v, _ := open(t, newTestClock())
		MustPut(t, v, name, MustSecret(t), PutOptions{})
		_, err := v.Archive(ctx, name, "")
		require.NoError(t, err)
		secret := MustSecret(t)
		assert.Equal(t, 2, MustPut(t, v, name, secret, PutOptions{}).Version)
		found, _, err := v.Get(ctx, name)
		require.NoError(t, err)
		requireSecret(t, secret, found)
	})

	t.Run("a sealed secret is out of reach", func(t *testing.T) {
		clock := newTestClock()
		v, _ := open(t, clock)
		secret := MustSecret(t)
		put := MustPut(t, v, name, secret, PutOptions{Fingerprint: mark, Note: "session 2026-4"})
		clock.Advance(time.Hour)
		sealed, err := v.Seal(ctx, name, "compromised")
		require.NoError(t, err)
		put.Status, put.Sealed, put.SealNote = Sealed, clock.Now(), "compromised"
		assert.Equal(t, put, sealed)
		assert.Equal(t, []Entry{sealed}, MustList(t, v), "it is still there")

		found, _, err := v.Get(ctx, name)
		require.ErrorIs(t, err, ErrSealed)
		require.EqualError(t, err, "get staging/v2: secret is sealed: on 2026-11-24: compromised")
		requireHint(t, err, "evidence")
		assert.True(t, found.IsZero())
		_, err = v.Archive(ctx, name, "")
		require.ErrorIs(t, err, ErrSealed, "archived secrets can be read")
		for what, o := range map[string]PutOptions{
			"itself": {Fingerprint: mark}, "itself without a fingerprint": {}, "itself as a replacement": {Replace: true},
			"itself as a replacement, with its fingerprint": {Replace: true, Fingerprint: mark},
		} {
			_, err = v.Put(ctx, name, secret, o)
			require.ErrorIs(t, err, ErrSealed, what)
		}
		_, err = v.Put(ctx, name, MustSecret(t), PutOptions{})
		require.ErrorIs(t, err, ErrSealed, "another secret without being told to replace")
		assert.Equal(t, []Entry{sealed}, MustList(t, v))

		clock.Advance(time.Hour)
		again, err := v.Seal(ctx, name, "for another reason")
		require.NoError(t, err)
		assert.Equal(t, sealed, again)
	})

	t.Run("a sealed name takes a new version when told to", func(t *testing.T) {
		v, _ := open(t, newTestClock())
		old := MustSecret(t)
		MustPut(t, v, name, old, PutOptions{})
		_, err := v.Seal(ctx, name, "compromised")
		require.NoError(t, err)
		secret := MustSecret(t)
		assert.Equal(t, 2, MustPut(t, v, name, secret, PutOptions{Replace: true}).Version)
		found, _, err := v.Get(ctx, name)
		require.NoError(t, err)
		requireSecret(t, secret, found)
		_, err = v.Put(ctx, name, old, PutOptions{Replace: true})
		require.ErrorIs(t, err, ErrSealed, "the sealed secret does not come back as version 3")
		list := MustList(t, v)
		require.Len(t, list, 2)
		assert.Equal(t, []Status{Sealed, Active}, []Status{list[0].Status, list[1].Status})
	})

	t.Run("sealing takes every version", func(t *testing.T) {
		v, _ := open(t, newTestClock())
		other := MustPut(t, v, "production/v2", MustSecret(t), PutOptions{})
		MustPut(t, v, name, MustSecret(t), PutOptions{})
		MustPut(t, v, name, MustSecret(t), PutOptions{Replace: true})
		sealed, err := v.Seal(ctx, name, "")
		require.NoError(t, err)
		assert.Equal(t, 2, sealed.Version)
		list := MustList(t, v)
		require.Len(t, list, 3)
		assert.Equal(t, other, list[0])
		assert.Equal(t, []Status{Sealed, Sealed}, []Status{list[1].Status, list[2].Status})
		_, _, err = v.Get(ctx, name)
		require.ErrorIs(t, err, ErrSealed)
	})

	t.Run("a sealed secret can be deleted, an unknown one not sealed", func(t *testing.T) {
		v, _ := open(t, newTestClock())
		_, err := v.Seal(ctx, name, "compromised")
		require.ErrorIs(t, err, ErrNotFound)
		MustPut(t, v, name, MustSecret(t), PutOptions{})
		_, err = v.Seal(ctx, name, "compromised")
		require.NoError(t, err)
		require.NoError(t, v.Delete(ctx, name))
		assert.Empty(t, MustList(t, v))
		_, _, err = v.Get(ctx, name)
		require.ErrorIs(t, err, ErrNotFound)
	})

	t.Run("a credential is kept as it is", func(t *testing.T) {
		v, again := open(t, newTestClock())
		for i, text := range []string{"x", "hunter2", credentialText, strings.Repeat("ü", keygen.MaxCredential/2), " \r\n\t", strings.Repeat("0", 64)} {
			name := Name(fmt.Sprintf("slack/webhook-%d", i))
			secret := MustCredential(t, text)
			put := MustPut(t, v, name, secret, PutOptions{})
			assert.Equal(t, keygen.KindCredential, put.Kind)
			reader := v
			if again != nil {
				reader = again()
			}
			found, got, err := reader.Get(ctx, name)
			require.NoError(t, err)
			requireSecret(t, secret, found)
			assert.Equal(t, keygen.KindCredential, found.Kind())
			assert.Equal(t, put, got)
			assert.Equal(t, put, MustPut(t, v, name, secret, PutOptions{}), "the same again changes nothing")
		}
	})

	t.Run("a credential and an HMAC secret of the same text differ", func(t *testing.T) {
		v, _ := open(t, newTestClock())
		secret := MustSecret(t)
		MustPut(t, v, name, secret, PutOptions{})
		_, err := v.Put(ctx, name, MustCredential(t, secret.Reveal()), PutOptions{})
		require.ErrorIs(t, err, ErrExists)
	})

	t.Run("a secret that was made before says so", func(t *testing.T) {
		clock := newTestClock()
		v, _ := open(t, clock)
		made := clock.Now().AddDate(0, 0, -80)
		assert.Equal(t, made, MustPut(t, v, name, MustSecret(t), PutOptions{Made: made}).Created)
		_, got, err := v.Get(ctx, name)
		require.NoError(t, err)
		assert.Equal(t, made, got.Created)
	})

	t.Run("when a secret was made can be corrected", func(t *testing.T) {
		clock := newTestClock()
		v, _ := open(t, clock)
		secret, made := MustSecret(t), clock.Now().AddDate(0, 0, -80)
		MustPut(t, v, name, secret, PutOptions{Note: "not known"})
		assert.Equal(t, 2, MustPut(t, v, name, secret, PutOptions{Note: "known", Made: made, Replace: true}).Version)
		_, got, err := v.Get(ctx, name)
		require.NoError(t, err)
		assert.Equal(t, []any{made, "known"}, []any{got.Created, got.Note})
	})

	t.Run("delete removes every version", func(t *testing.T) {
		v, _ := open(t, newTestClock())
		other := MustPut(t, v, "production/v2", MustSecret(t), PutOptions{})
		MustPut(t, v, name, MustSecret(t), PutOptions{})
		MustPut(t, v, name, MustSecret(t), PutOptions{Replace: true})
		require.NoError(t, v.Delete(ctx, name))
		_, _, err := v.Get(ctx, name)
		require.ErrorIs(t, err, ErrNotFound)
		require.ErrorIs(t, v.Delete(ctx, name), ErrNotFound)
		assert.Equal(t, []Entry{other}, MustList(t, v))
	})

	t.Run("list is sorted by name and version", func(t *testing.T) {
		v, _ := open(t, newTestClock())
		for _, n := range []Name{"staging/v2", "signing/operator", "production/v2"} {
			MustPut(t, v, n, MustSecret(t), PutOptions{})
		}
		MustPut(t, v, "signing/operator", MustSecret(t), PutOptions{Replace: true})
		var got []string
		for _, e := range MustList(t, v) {
			got = append(got, fmt.Sprintf("%s %d", e.Name, e.Version))
		}
		assert.Equal(t, []string{"production/v2 1", "signing/operator 1", "signing/operator 2", "staging/v2 1"}, got)
	})

	t.Run("what must not reach the index is refused", func(t *testing.T) {
		v, _ := open(t, newTestClock())
		secret := MustSecret(t)
		for what, put := range map[string]func() (Entry, error){
			"a bad name": func() (Entry, error) { return v.Put(ctx, "../v2", secret, PutOptions{}) },
			"no secret":  func() (Entry, error) { return v.Put(ctx, name, keygen.Secret{}, PutOptions{}) },
			"a fingerprint of a credential": func() (Entry, error) {
				return v.Put(ctx, name, MustCredential(t, secret.Reveal()), PutOptions{Fingerprint: mark})
			},
			"a short fingerprint": func() (Entry, error) { return v.Put(ctx, name, secret, PutOptions{Fingerprint: "3f9a"}) },
			"the secret as its fingerprint": func() (Entry, error) {
				return v.Put(ctx, name, secret, PutOptions{Fingerprint: keygen.Fingerprint(secret.Reveal())})
			},
		} {
			_, err := put()
			require.Error(t, err, what)
			assert.NotContains(t, err.Error(), secret.Reveal(), what)
		}
		assert.Empty(t, MustList(t, v))
	})

	t.Run("check leaves no trace", func(t *testing.T) {
		v, _ := open(t, newTestClock())
		require.NoError(t, Check(ctx, v))
		assert.Empty(t, MustList(t, v))
	})

	t.Run("check sweeps what a crash left an hour ago", func(t *testing.T) {
		clock := newTestClock()
		v, _ := open(t, clock)
		MustPut(t, v, "canary/old", MustSecret(t), PutOptions{})
		clock.Advance(61 * time.Minute)
		recent := MustPut(t, v, "canary/recent", MustSecret(t), PutOptions{})
		require.NoError(t, Check(ctx, v))
		assert.Equal(t, []Entry{recent}, MustList(t, v))
	})

	t.Run("a cancelled call changes nothing", func(t *testing.T) {
		v, _ := open(t, newTestClock())
		cancelled, cancel := context.WithCancel(ctx)
		cancel()
		_, err := v.Put(cancelled, name, MustSecret(t), PutOptions{})
		require.ErrorIs(t, err, context.Canceled)
		assert.Empty(t, MustList(t, v))
	})

	t.Run("of many writers of one name one wins", func(t *testing.T) {
		v, _ := open(t, newTestClock())
		errs := together(8, func(int) error {
			_, err := v.Put(ctx, name, MustSecret(t), PutOptions{})
			return err
		})
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
				continue
			}
			require.ErrorIs(t, err, ErrExists)
		}
		assert.Equal(t, 1, won)
		assert.Len(t, MustList(t, v), 1)
	})

	t.Run("a second handle sees and changes the same", func(t *testing.T) {
		v, again := open(t, newTestClock())
		if again == nil {
			return // a vault in memory is its own
		}
		secret := MustSecret(t)
		put := MustPut(t, v, name, secret, PutOptions{Fingerprint: mark, Note: "n"})
		found, got, err := again().Get(ctx, name)
		require.NoError(t, err)
		requireSecret(t, secret, found)
		assert.Equal(t, put, got)

		handles := []Vault{v, again()}
		require.NoError(t, errors.Join(together(12, func(i int) error {
			_, err := handles[i%2].Put(ctx, Name(fmt.Sprintf("test/%d", i)), MustSecret(t), PutOptions{})
			return err
		})...))
		assert.Len(t, MustList(t, v), 13)
	})
}

// together runs f n times at once and returns its errors.
func together(n int, f func(i int) error) []error {
	errs := make([]error, n)
	var all sync.WaitGroup
	for i := range n {
		all.Go(func() { errs[i] = f(i) })
	}
	all.Wait()
	return errs
}
