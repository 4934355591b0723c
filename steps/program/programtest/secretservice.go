package programtest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// insideVariable tells a test that a Secret Service is around it.
const insideVariable = "KEYTURN_TEST_SECRET_SERVICE"

// InSecretService runs f in a process of its own, within a D-Bus session with a
// real, unlocked Secret Service that is thrown away at the end: the test binary
// starts itself again. The user's own keyring is out of reach. The test is
// skipped where a program that this needs is missing, and fails where
// KEYTURN_TEST_REQUIRE is all.
//
// A subtest of it is not looked for: f must be all of the test.
func InSecretService(t *testing.T, f func(*testing.T)) {
	t.Helper()
	if os.Getenv(insideVariable) == t.Name() {
		f(t)
		return
	}
	t.Parallel()
	for _, name := range []string{"dbus-run-session", "dbus-send", "gnome-keyring-daemon", "secret-tool"} {
		if _, err := exec.LookPath(name); err == nil {
			continue
		}
		if os.Getenv("KEYTURN_TEST_REQUIRE") == "all" {
			t.Fatalf("%s is required and not installed", name)
		}
		t.Skipf("%s is not installed: there is no Secret Service to try", name)
	}
	// Both users of this are two folders below the module's root.
	script, err := filepath.Abs(filepath.Join("..", "..", "vault", "testdata", "secret-service.sh"))
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	var pattern []string
	for part := range strings.SplitSeq(t.Name(), "/") {
		pattern = append(pattern, "^"+part+"$")
	}
	cmd := exec.CommandContext(t.Context(), "sh", script, "unlocked", self, "-test.v", "-test.run", strings.Join(pattern, "/"))
	cmd.Env = append(os.Environ(), insideVariable+"="+t.Name())
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	require.Contains(t, string(out), "--- PASS: "+t.Name(), "%s", out)
}
