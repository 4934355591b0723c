//go:build linux

package vault

import (
	"context"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// insideEnv names, in a test process started by inSession, the state of the
// Secret Service around it.
const insideEnv = "KEYTURN_VAULT_TEST_SESSION"

// inSession runs f in a process of its own, within a D-Bus session whose real
// Secret Service is in the given state: the test binary starts itself again
// under testdata/secret-service.sh. The user's own keyring is out of reach.
func inSession(t *testing.T, state string, f func(t *testing.T)) {
	t.Helper()
	if os.Getenv(insideEnv) == state {
		f(t)
		return
	}
	t.Parallel()
	needPrograms(t, "dbus-run-session", "dbus-send", "gnome-keyring-daemon", "secret-tool")
	script, err := filepath.Abs(filepath.Join("testdata", "secret-service.sh"))
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "sh", script, state, self, "-test.v", "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), insideEnv+"="+state)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+t.Name(), "%s", out)
}

func TestSecretServiceContract(t *testing.T) {
	inSession(t, "unlocked", func(t *testing.T) {
		testContract(t, func(t *testing.T, clock *testClock) (Vault, func() Vault) {
			// A service of its own keeps subtests apart.
			o := Options{Backend: BackendKeychain, Dir: t.TempDir(), Service: t.Name(), Clock: clock.Now}
			return MustOpen(t, o), func() Vault { return MustOpen(t, o) }
		})
	})
}

func TestSecretServiceHoldsExactlyTheSecret(t *testing.T) {
	inSession(t, "unlocked", func(t *testing.T) {
		lookup := func(item string) (string, error) {
			out, err := exec.CommandContext(t.Context(), "secret-tool", "lookup", "service", "keyturn", "username", item).Output()
			return string(out), err
		}
		var told story
		o := Options{Dir: t.TempDir(), Explain: told.tell}
		v := MustOpen(t, o)
		assert.Equal(t, "OS keychain (Secret Service, collection login)", v.Describe())
		assert.Equal(t, []string{
			"Secrets are kept in the OS keychain (Secret Service, collection login), since it is there and works. A test item was written, read back and deleted.",
		}, told.told)

		secret := MustSecret(t)
		MustPut(t, v, "staging/v2", secret, PutOptions{})
		text, err := lookup("staging/v2/1")
		require.NoError(t, err)
		require.True(t, text == secret.Reveal(), "secret-tool reads something else")

		second := MustSecret(t)
		MustPut(t, v, "staging/v2", second, PutOptions{Replace: true})
		text, err = lookup("staging/v2/2")
		require.NoError(t, err)
		require.True(t, text == second.Reveal(), "secret-tool reads something else")
		text, err = lookup("staging/v2/1")
		require.NoError(t, err)
		require.True(t, text == secret.Reveal(), "the old version was touched")

		require.NoError(t, v.Delete(t.Context(), "staging/v2"))
		_, err = lookup("staging/v2/1")
		require.Error(t, err)

		used, seen := liveALife(t, v)
		requireNoLeak(t, o.Dir, used...)
		requireNoLeakInErrors(t, seen, used)
	})
}

func TestSecretServiceThatIsLocked(t *testing.T) {
	inSession(t, "locked", func(t *testing.T) {
		ready := Preflight(t.Context())
		assert.Equal(t, KeychainLocked, ready.State)
		_, err := Open(t.Context(), Options{Backend: BackendKeychain, Dir: t.TempDir()})
		require.ErrorIs(t, err, ErrLocked)
		requireHint(t, err, "unlock the keychain")

		// With a person the dialog is tried. There is no display here, so that
		// it fails at once, and the keychain is still locked.
		_, err = Open(t.Context(), Options{Backend: BackendKeychain, Dir: t.TempDir(), Interactive: true})
		require.ErrorIs(t, err, ErrLocked)
	})
}

func TestSecretServiceWithoutACollection(t *testing.T) {
	inSession(t, "empty", func(t *testing.T) {
		assert.Equal(t, KeychainNoCollection, Preflight(t.Context()).State)
		_, err := Open(t.Context(), Options{Backend: BackendKeychain, Dir: t.TempDir()})
		require.ErrorIs(t, err, ErrUnavailable)
		requireHint(t, err, "default keyring")
	})
}

func TestBusWithoutASecretService(t *testing.T) {
	inSession(t, "no-provider", func(t *testing.T) {
		assert.Equal(t, KeychainNoProvider, Preflight(t.Context()).State)
		_, err := Open(t.Context(), Options{Backend: BackendKeychain, Dir: t.TempDir()})
		require.ErrorIs(t, err, ErrUnavailable)
		requireHint(t, err, "gnome-keyring")
		var told story
		v := MustOpen(t, Options{Dir: t.TempDir(), SelfIdentity: true, Explain: told.tell})
		assert.Contains(t, v.Describe(), "age file vault")
		require.Len(t, told.told, 1)
		assert.Contains(t, told.told[0], "nobody offers org.freedesktop.secrets")
	})
}

func TestNoSessionBus(t *testing.T) {
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+filepath.Join(t.TempDir(), "bus"))
	ready := Preflight(t.Context())
	assert.Equal(t, KeychainNoBus, ready.State)
	_, err := Open(t.Context(), Options{Backend: BackendKeychain, Dir: t.TempDir()})
	require.ErrorIs(t, err, ErrUnavailable)
	requireHint(t, err, "desktop session")
}

// A bus that takes the connection and then says nothing must not hold
// Keyturn up for longer than the limit.
func TestSilentSessionBus(t *testing.T) {
	socket := filepath.Join(t.TempDir(), "bus")
	listener, err := net.Listen("unix", socket)
	require.NoError(t, err)
	t.Setenv("DBUS_SESSION_BUS_ADDRESS", "unix:path="+socket)
	ctx, cancel := context.WithTimeout(t.Context(), shortLimit)
	defer cancel()
	ready := Preflight(ctx)
	assert.Equal(t, KeychainSilent, ready.State)
	require.NoError(t, listener.Close())
}
