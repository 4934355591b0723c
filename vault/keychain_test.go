package vault

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// shortLimit is long enough for a call that does not hang.
const shortLimit = 200 * time.Millisecond

// hangOn makes one kind of call wait until release is called.
func hangOn(t *testing.T, call string) (hang func(string) error, release func()) {
	gate := make(chan struct{})
	release = func() {
		select {
		case <-gate:
		default:
			close(gate)
		}
	}
	t.Cleanup(release)
	return func(c string) error {
		if c == call {
			<-gate
		}
		return nil
	}, release
}

func hangingKeychain(t *testing.T, r *fakeRing) Vault {
	o := fakeKeychain(t, r)
	o.limit = shortLimit
	return MustOpen(t, o)
}

func TestKeychainReadThatHangsIsCutOff(t *testing.T) {
	t.Parallel()
	r := newFakeRing()
	v := hangingKeychain(t, r)
	MustPut(t, v, "staging/v2", MustSecret(t), PutOptions{})
	hang, _ := hangOn(t, "get")
	r.behave(hang, nil)

	start := time.Now()
	_, _, err := v.Get(t.Context(), "staging/v2")
	require.ErrorIs(t, err, ErrTimeout)
	requireHint(t, err, "dialog")
	require.EqualError(t, err, "get staging/v2: call OS keychain: no answer in time: waited 200ms, the outcome is unknown")
	assert.Less(t, time.Since(start), 10*shortLimit)
}

func TestKeychainCallEndsWithItsContext(t *testing.T) {
	t.Parallel()
	r := newFakeRing()
	v := MustOpen(t, fakeKeychain(t, r)) // with the real limit of seconds
	MustPut(t, v, "staging/v2", MustSecret(t), PutOptions{})
	hang, _ := hangOn(t, "get")
	r.behave(hang, nil)
	ctx, cancel := context.WithTimeout(t.Context(), shortLimit)
	defer cancel()
	_, _, err := v.Get(ctx, "staging/v2")
	require.ErrorIs(t, err, context.DeadlineExceeded)
}

func TestKeychainWriteThatTimedOut(t *testing.T) {
	t.Parallel()
	ctx := context.Background()

	t.Run("but had arrived counts as done", func(t *testing.T) {
		t.Parallel()
		r := newFakeRing()
		v := hangingKeychain(t, r)
		hang, _ := hangOn(t, "set")
		r.behave(nil, hang) // the answer is what hangs
		secret := MustSecret(t)
		assert.Equal(t, Active, MustPut(t, v, "staging/v2", secret, PutOptions{}).Status)
		found, _, err := v.Get(ctx, "staging/v2")
		require.NoError(t, err)
		requireSecret(t, secret, found)
	})

	t.Run("is found when it arrives later", func(t *testing.T) {
		t.Parallel()
		r := newFakeRing()
		v := hangingKeychain(t, r)
		hang, release := hangOn(t, "set")
		r.behave(hang, nil)
		secret := MustSecret(t)
		_, err := v.Put(ctx, "staging/v2", secret, PutOptions{})
		require.ErrorIs(t, err, ErrTimeout)
		requireHint(t, err, "run the same command again")
		assert.Equal(t, Pending, MustList(t, v)[0].Status)
		_, _, err = v.Get(ctx, "staging/v2")
		require.ErrorIs(t, err, ErrNotFound)

		release()
		require.Eventually(t, func() bool { return r.has("keyturn:staging/v2/1") }, 5*time.Second, time.Millisecond)
		found, entry, err := v.Get(ctx, "staging/v2")
		require.NoError(t, err)
		requireSecret(t, secret, found)
		assert.Equal(t, Active, entry.Status)
	})

	t.Run("cannot overwrite what was put meanwhile", func(t *testing.T) {
		t.Parallel()
		r := newFakeRing()
		v := hangingKeychain(t, r)
		hang, release := hangOn(t, "set")
		r.behave(hang, nil)
		_, err := v.Put(ctx, "staging/v2", MustSecret(t), PutOptions{})
		require.ErrorIs(t, err, ErrTimeout)

		r.behave(nil, nil)
		secret := MustSecret(t)
		entry := MustPut(t, v, "staging/v2", secret, PutOptions{})
		assert.Equal(t, 2, entry.Version)
		release()
		require.Eventually(t, func() bool { return r.has("keyturn:staging/v2/1") }, 5*time.Second, time.Millisecond)
		found, _, err := v.Get(ctx, "staging/v2")
		require.NoError(t, err)
		requireSecret(t, secret, found)
		assert.Equal(t, []Entry{entry}, MustList(t, v))

		require.NoError(t, v.Delete(ctx, "staging/v2"))
		assert.Zero(t, r.count(), "the late one is deleted too")
	})
}

func TestKeychainWriteThatArrivesAfterSealingIsNotUsed(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	r := newFakeRing()
	v := hangingKeychain(t, r)
	MustPut(t, v, "staging/v2", MustSecret(t), PutOptions{})
	hang, release := hangOn(t, "set")
	r.behave(hang, nil)
	_, err := v.Put(ctx, "staging/v2", MustSecret(t), PutOptions{Replace: true})
	require.ErrorIs(t, err, ErrTimeout)
	_, err = v.Seal(ctx, "staging/v2", "compromised")
	require.NoError(t, err)

	release()
	require.Eventually(t, func() bool { return r.has("keyturn:staging/v2/2") }, 5*time.Second, time.Millisecond)
	_, _, err = v.Get(ctx, "staging/v2")
	require.ErrorIs(t, err, ErrSealed)
	require.NoError(t, v.Delete(ctx, "staging/v2"))
	assert.Zero(t, r.count(), "the late one is deleted too")
}

func TestKeychainHoldsExactlyTheCredential(t *testing.T) {
	t.Parallel()
	r := newFakeRing()
	v := MustOpen(t, fakeKeychain(t, r))
	MustPut(t, v, "slack/webhook", MustCredential(t, credentialText), PutOptions{})
	text, err := r.Get("keyturn", "slack/webhook/1")
	require.NoError(t, err)
	assert.True(t, text == credentialText)
}

func TestKeychainDeleteThatTimedOutIsFinishedLater(t *testing.T) {
	t.Parallel()
	r := newFakeRing()
	v := hangingKeychain(t, r)
	MustPut(t, v, "staging/v2", MustSecret(t), PutOptions{})
	hang, release := hangOn(t, "delete")
	r.behave(hang, nil)
	require.ErrorIs(t, v.Delete(t.Context(), "staging/v2"), ErrTimeout)
	assert.Empty(t, MustList(t, v))
	release()
	require.NoError(t, v.Delete(t.Context(), "staging/v2"))
	assert.Zero(t, r.count())
}

func TestKeychainThatForgetsIsNoticed(t *testing.T) {
	t.Parallel()
	r := newFakeRing()
	v := MustOpen(t, fakeKeychain(t, r))
	r.behave(nil, func(call string) error {
		if call == "set" {
			r.mu.Lock()
			defer r.mu.Unlock()
			clear(r.items)
		}
		return nil
	})
	_, err := v.Put(t.Context(), "staging/v2", MustSecret(t), PutOptions{})
	require.ErrorIs(t, err, ErrUnavailable)
	assert.Contains(t, err.Error(), "did not keep")
	assert.Empty(t, MustList(t, v), "nothing was stored, so nothing is pending")
}

func TestKeychainItemChangedByOthersIsNotReturned(t *testing.T) {
	t.Parallel()
	r := newFakeRing()
	v := MustOpen(t, fakeKeychain(t, r))
	MustPut(t, v, "staging/v2", MustSecret(t), PutOptions{})
	require.NoError(t, r.Set("keyturn", "staging/v2/1", "hunter2"))
	_, _, err := v.Get(t.Context(), "staging/v2")
	require.ErrorIs(t, err, ErrDamaged)
	assert.NotContains(t, err.Error(), "hunter2")
}

func TestKeychainThatIsLockedMeanwhile(t *testing.T) {
	t.Parallel()
	state := KeychainReady
	preflight := func(context.Context) Readiness { return Readiness{State: state} }

	t.Run("is an error without a person", func(t *testing.T) {
		r := newFakeRing()
		o := fakeKeychain(t, r)
		o.preflight = preflight
		state = KeychainReady
		v := MustOpen(t, o)
		state = KeychainLocked
		r.behave(func(string) error { return errors.New("called although a dialog would open") }, nil)
		_, err := v.Put(t.Context(), "staging/v2", MustSecret(t), PutOptions{})
		require.ErrorIs(t, err, ErrLocked)
		requireHint(t, err, "unlock the keychain")
		state = KeychainReady
		r.behave(nil, nil)
		assert.Empty(t, MustList(t, v), "nothing was begun")
	})

	t.Run("waits for a person and says so", func(t *testing.T) {
		r := newFakeRing()
		o := fakeKeychain(t, r)
		var said []string
		o.preflight, o.Interactive = preflight, true
		o.Explain = func(s string) { said = append(said, s) }
		state = KeychainReady
		v := MustOpen(t, o)
		said = nil
		state = KeychainLocked
		r.behave(func(string) error { state = KeychainReady; return nil }, nil)
		_, _, err := v.Get(t.Context(), "staging/v2")
		require.ErrorIs(t, err, ErrNotFound, "the index knows without asking")
		MustPut(t, v, "staging/v2", MustSecret(t), PutOptions{})
		assert.Equal(t, []string{"The keychain is locked. A dialog may be waiting on your desktop; answer it within 1m0s."}, said)
	})

	t.Run("stays locked when the dialog is dismissed", func(t *testing.T) {
		r := newFakeRing()
		o := fakeKeychain(t, r)
		o.preflight, o.Interactive = preflight, true
		state = KeychainReady
		v := MustOpen(t, o)
		state = KeychainLocked
		r.behave(func(string) error { return errors.New("failed to unlock correct collection") }, nil)
		_, err := v.Put(t.Context(), "staging/v2", MustSecret(t), PutOptions{})
		require.ErrorIs(t, err, ErrLocked)
		assert.Contains(t, err.Error(), "failed to unlock")
		state = KeychainReady
		r.behave(nil, nil)
	})
}

func TestKeychainCallThatPanicsIsAnError(t *testing.T) {
	t.Parallel()
	r := newFakeRing()
	v := MustOpen(t, fakeKeychain(t, r))
	r.behave(func(call string) error { _ = call[len(call)]; return nil }, nil)
	_, err := v.Put(t.Context(), "staging/v2", MustSecret(t), PutOptions{})
	require.ErrorIs(t, err, ErrUnavailable)
	assert.Contains(t, err.Error(), "connection to the keychain broke")
}

func TestServicesAreSeparate(t *testing.T) {
	t.Parallel()
	r := newFakeRing()
	one, two := fakeKeychain(t, r), fakeKeychain(t, r)
	one.Service, two.Service = "keyturn", "keyturn-sandbox"
	a, b := MustSecret(t), MustSecret(t)
	v, w := MustOpen(t, one), MustOpen(t, two)
	MustPut(t, v, "staging/v2", a, PutOptions{})
	MustPut(t, w, "staging/v2", b, PutOptions{})
	found, _, err := v.Get(t.Context(), "staging/v2")
	require.NoError(t, err)
	requireSecret(t, a, found)
}
