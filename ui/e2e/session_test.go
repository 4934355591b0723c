//go:build unix

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"keyturn/steps/program/programtest"
	"keyturn/vault"
)

// sit seats an operator at a terminal.
func sit(t *testing.T, w, h int, backend string, env ...string) *operator {
	t.Helper()
	p := newPerson(t)
	o := &operator{terminal: openTerminal(t, p, w, h, env...), person: p, w: w, h: h, secrets: &programtest.Secrets{}}
	o.keep = func(s *programtest.Secrets) { keepSecrets(t, p.sandbox(), backend, s) }
	return o
}

// A whole rotation by keyboard, left in the middle by q, and cut off by a kill
// in the middle of a redeployment.
func TestQuarterlyInATerminal(t *testing.T) {
	t.Parallel()
	o := sit(t, 120, 40, vault.BackendFile)
	o.start("keyturn --vault file")
	o.sees("1  Quarterly rotation")
	o.types("1")
	o.walk(next("Generate new key"))
	o.types("n")
	o.sees("Note on: ")
	o.types("the team is told on Monday\r")
	o.sees("noted")

	o.walk(next("Test in staging"))
	back := o.returnsWith(o.leaves(3))
	require.Equal(t, "keyturn --vault file quarterly", back)
	o.start(back)
	o.sees("resumed; nothing has changed outside")

	o.walk(working("Redeploy production"))
	o.full = false
	require.NoError(t, syscall.Kill(o.driver(), syscall.SIGKILL))
	require.Contains(t, o.waits("the shell", prompted), "Killed")
	o.start(back)
	o.sees("Redeploy production")

	f := o.walk(isOver("Quarterly rotation"))
	require.True(t, f.shows("25 passed, 0 passed over, of 25"), "%s", f)
	o.types("\x1b")
	o.sees("this session is finished")
	o.leaves(0)

	requireVerified(t, o.person.trail(), filepath.Join(o.person.sandbox(), "allowed_signers"))
	o.requireNoLeak(t, "staging/v1", "staging/v2", "production/v1", "production/v2", "signing/operator", "signing/approver", "sandbox/world")
	r := o.person.keyturn(t, "--vault", "file", "status")
	require.Zero(t, r.code, r.stderr)
	require.Contains(t, r.stdout, "Quarterly rotation, finished, 25 of 25 items")
	journals, err := filepath.Glob(filepath.Join(o.person.trail(), "000001-*", "journal.jsonl"))
	require.NoError(t, err)
	require.Len(t, journals, 1)
	text, err := os.ReadFile(journals[0])
	require.NoError(t, err)
	require.Contains(t, string(text), "the team is told on Monday")
}

// The drill by keyboard on the smallest usual terminal, which is resized
// meanwhile.
func TestDrillInATerminal(t *testing.T) {
	t.Parallel()
	o := sit(t, 80, 24, vault.BackendFile)
	o.start("keyturn --vault file")
	o.sees("2  Staging drill")
	o.types("2")
	o.walk(next("Redeploy staging"))
	o.resizes(100, 30, "next: Redeploy staging")
	o.resizes(50, 12, "needs 60x15")
	o.resizes(80, 24, "next: Redeploy staging")
	o.finishesDrill(t)
	o.requireNoLeak(t, "staging/v1", "staging/test", "production/v1", "signing/operator", "sandbox/world")
}

// resizes waits until the program has drawn at the new size.
func (o *operator) resizes(w, h int, shown string) {
	o.t.Helper()
	o.full = false // the terminal shows what it can of the frame before
	o.resize(w, h)
	o.waits(shown, func(f string) bool {
		return strings.Contains(f, shown) && strings.Contains(f, "SANDBOX") && strings.Count(f, "\n") == h-1
	})
	o.full = h >= 15 // else the words are in the middle
}

func (o *operator) finishesDrill(t *testing.T) {
	t.Helper()
	o.walk(next("Monitoring alerts trigger"))
	back := o.returnsWith(o.leaves(3))
	o.start(back)
	f := o.walk(isOver("Staging drill"))
	require.True(t, f.shows("12 passed, 0 passed over, of 12"), "%s", f)
	o.types("\x1b")
	o.sees("this session is finished")
	o.leaves(0)
	requireVerified(t, o.person.trail(), filepath.Join(o.person.sandbox(), "allowed_signers"))
}

// insideEnv says, in a test process that the test started, that a Secret
// Service is around it.
const insideEnv = "KEYTURN_E2E_SECRET_SERVICE"

// inSecretService runs a test in a process of its own, within a D-Bus session
// whose Secret Service is a real one: the user's own keyring is out of reach.
func inSecretService(t *testing.T, f func()) {
	t.Helper()
	if os.Getenv(insideEnv) != "" {
		f()
		return
	}
	t.Parallel()
	need(t, "dbus-run-session", "dbus-send", "gnome-keyring-daemon", "secret-tool")
	script, err := filepath.Abs(filepath.Join("..", "..", "vault", "testdata", "secret-service.sh"))
	require.NoError(t, err)
	self, err := os.Executable()
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), "sh", script, "unlocked", self, "-test.v", "-test.run", "^"+t.Name()+"$")
	cmd.Env = append(os.Environ(), insideEnv+"=1", binaryEnv+"="+binary)
	out, err := cmd.CombinedOutput()
	require.NoError(t, err, "%s", out)
	if !strings.Contains(string(out), "--- PASS: "+t.Name()) { // skipped there
		need(t, "tmux", "bash")
		require.FailNow(t, "the test did not run", "%s", out)
	}
}

// bus is what a program needs to find the Secret Service around the test.
func bus() []string {
	return []string{"DBUS_SESSION_BUS_ADDRESS=" + os.Getenv("DBUS_SESSION_BUS_ADDRESS"), "XDG_RUNTIME_DIR=" + os.Getenv("XDG_RUNTIME_DIR")}
}

func TestDrillWithASecretService(t *testing.T) {
	inSecretService(t, func() {
		o := sit(t, 80, 24, vault.BackendKeychain, bus()...)
		o.start("keyturn --vault keychain drill")
		o.walk(next("Verify signatures work"))
		requireSecretTool(t, o.person.sandbox(), "staging/test")
		o.finishesDrill(t)
		o.requireNoLeak(t, "staging/v1", "staging/test", "production/v1", "signing/operator", "sandbox/world")
		requireSecretTool(t, o.person.sandbox(), "staging/v1")
		requireNoFileVault(t, o.person.sandbox())
	})
}

func TestRehearseWithASecretService(t *testing.T) {
	inSecretService(t, func() {
		p := newPerson(t)
		cmd := p.command(t.Context(), "--vault", "keychain", "rehearse")
		cmd.Env = p.environ(bus()...)
		r := finish(t, cmd)
		require.Zero(t, r.code, "%s%s", r.stdout, r.stderr)
		dir := rehearsed(t, p)
		requireVerified(t, filepath.Join(dir, "trail"), filepath.Join(dir, "allowed_signers"))
		requireNoFileVault(t, dir)

		var secrets programtest.Secrets
		keepSecrets(t, dir, vault.BackendKeychain, &secrets)
		require.Subset(t, secrets.Names(), []string{"staging/v1", "staging/v2", "production/v1", "production/v2"})
		for _, name := range []vault.Name{"staging/v2", "production/v2"} {
			requireSecretTool(t, dir, name)
		}
		require.Empty(t, secrets.In([]byte(r.stdout+r.stderr)))
		found, _, err := secrets.InFiles(p.home)
		require.NoError(t, err)
		require.Empty(t, found)
	})
}

// requireNoFileVault asserts that no secret went into age files instead.
func requireNoFileVault(t *testing.T, sandbox string) {
	t.Helper()
	ages, err := filepath.Glob(filepath.Join(sandbox, "vault", "*.age"))
	require.NoError(t, err)
	require.Empty(t, ages)
}

// requireSecretTool has another program read an item from the keychain.
func requireSecretTool(t *testing.T, sandbox string, name vault.Name) {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "secret-tool", "lookup", "service", keychainService(t, sandbox), "username", string(name)+"/1").Output()
	require.NoError(t, err)
	secret, _, err := openVault(t, sandbox, vault.BackendKeychain).Get(t.Context(), name)
	require.NoError(t, err)
	require.True(t, string(out) == secret.Reveal(), "secret-tool reads something else")
}

// A second driver sees the session and who holds it, and can only read.
func TestSecondDriverInATerminal(t *testing.T) {
	t.Parallel()
	p := newPerson(t)
	c := converse(t, p, "--vault", "file", "quarterly")
	c.walk(nextIs("Generate new key"))
	x := openTerminal(t, p, 100, 30)
	x.types("keyturn --vault file quarterly\r")
	x.sees(fmt.Sprintf("read-only: driven by pid %d on ", c.cmd.Process.Pid))
	x.types("\r") // would do the next item
	x.types("q")
	x.waits("the shell", prompted)
	x.types("echo the code was $?\r")
	x.sees("the code was 3")
	c.answer("q")
	require.Equal(t, 3, c.ends(), "the first one was not disturbed")
	for _, e := range events(t, p) {
		require.NotEqual(t, "generate", e.Item)
	}
}
