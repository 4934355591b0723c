package vault

import (
	"context"
	"crypto/rand"
	"os"
	"os/exec"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"github.com/zalando/go-keyring"

	"keyturn/keygen"
)

// testClock stands still unless a test turns it.
type testClock struct {
	mu  sync.Mutex
	now time.Time
}

func newTestClock() *testClock {
	return &testClock{now: time.Date(2026, 11, 24, 9, 0, 0, 0, time.UTC)}
}

func (c *testClock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *testClock) Advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func MustSecret(t testing.TB) keygen.Secret {
	t.Helper()
	s, err := keygen.Generate(rand.Reader)
	require.NoError(t, err)
	return s
}

// credentialText has the characters that JSON, URLs and shells change.
const credentialText = `https://hooks.example.test/T0/B0?a="<&>\'$(id)%20`

func MustCredential(t testing.TB, text string) keygen.Secret {
	t.Helper()
	s, err := keygen.NewCredential(text)
	require.NoError(t, err)
	return s
}

func MustOpen(t testing.TB, o Options) Vault {
	t.Helper()
	v, err := Open(t.Context(), o)
	require.NoError(t, err)
	return v
}

func MustPut(t testing.TB, v Vault, name Name, s keygen.Secret, o PutOptions) Entry {
	t.Helper()
	e, err := v.Put(t.Context(), name, s, o)
	require.NoError(t, err)
	return e
}

func MustList(t testing.TB, v Vault) []Entry {
	t.Helper()
	entries, err := v.List(t.Context())
	require.NoError(t, err)
	return entries
}

// requireSecret compares without printing either secret.
func requireSecret(t testing.TB, want, got keygen.Secret) {
	t.Helper()
	require.True(t, want.Equal(got), "another secret than was stored")
}

// requireHint checks that a person is told what to do.
func requireHint(t testing.TB, err error, contains string) {
	t.Helper()
	var hinted interface{ Hint() string }
	require.ErrorAs(t, err, &hinted)
	require.Contains(t, hinted.Hint(), contains)
}

// needPrograms skips a test where a program is missing, unless the machine
// promised to have everything.
func needPrograms(t testing.TB, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			if os.Getenv("KEYTURN_TEST_REQUIRE") == "all" {
				t.Fatalf("%s is not installed", p)
			}
			t.Skipf("%s is not installed", p)
		}
	}
}

// fakeRing is a keychain in memory whose calls can be made to hang or fail.
type fakeRing struct {
	mu    sync.Mutex
	items map[string]string // by service and user

	// before is called ahead of every call and after it, with the name of the
	// call; it may block.
	before, after func(call string) error
}

func newFakeRing() *fakeRing { return &fakeRing{items: map[string]string{}} }

func (f *fakeRing) run(call string, act func() error) error {
	f.mu.Lock()
	before, after := f.before, f.after
	f.mu.Unlock()
	if before != nil {
		if err := before(call); err != nil {
			return err
		}
	}
	f.mu.Lock()
	err := act()
	f.mu.Unlock()
	if err == nil && after != nil {
		err = after(call)
	}
	return err
}

func (f *fakeRing) behave(before, after func(call string) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.before, f.after = before, after
}

func (f *fakeRing) Set(service, user, secret string) error {
	return f.run("set", func() error {
		f.items[service+":"+user] = secret
		return nil
	})
}

func (f *fakeRing) Get(service, user string) (text string, err error) {
	err = f.run("get", func() error {
		var ok bool
		if text, ok = f.items[service+":"+user]; !ok {
			return keyring.ErrNotFound
		}
		return nil
	})
	return text, err
}

func (f *fakeRing) Delete(service, user string) error {
	return f.run("delete", func() error {
		if _, ok := f.items[service+":"+user]; !ok {
			return keyring.ErrNotFound
		}
		delete(f.items, service+":"+user)
		return nil
	})
}

func (f *fakeRing) has(item string) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	_, ok := f.items[item]
	return ok
}

func (f *fakeRing) count() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return len(f.items)
}

// always is a preflight that finds the keychain in one state.
func always(state KeychainState) func(context.Context) Readiness {
	return func(context.Context) Readiness {
		return Readiness{State: state, Where: "fake keychain"}
	}
}

// fakeKeychain are options for a healthy keychain in memory.
func fakeKeychain(t testing.TB, r ring) Options {
	return Options{
		Backend: BackendKeychain, Dir: t.TempDir(), Clock: newTestClock().Now,
		ring: r, preflight: always(KeychainReady),
	}
}

// typed is a PassphraseFunc that answers with the given lines, in order, and
// counts the questions. It fails the test when there is one too many.
type typed struct {
	t       testing.TB
	answers []string
	prompts []string
}

func (p *typed) ask(_ context.Context, prompt string) ([]byte, error) {
	p.prompts = append(p.prompts, prompt)
	require.LessOrEqual(p.t, len(p.prompts), len(p.answers), "asked once too often: %s", prompt)
	return []byte(p.answers[len(p.prompts)-1]), nil
}

// says answers every question alike.
func says(passphrase string) PassphraseFunc {
	return func(context.Context, string) ([]byte, error) { return []byte(passphrase), nil }
}

const passphrase = "correct horse battery"

// testWorkFactor keeps scrypt fast.
const testWorkFactor = 2

func fileOptions(t testing.TB) Options {
	return Options{
		Backend: BackendFile, Dir: t.TempDir(), Clock: newTestClock().Now,
		Passphrase: says(passphrase), WorkFactor: testWorkFactor,
	}
}

func sandboxOptions(t testing.TB) Options {
	return Options{Backend: BackendFile, Dir: t.TempDir(), Clock: newTestClock().Now, SelfIdentity: true}
}
