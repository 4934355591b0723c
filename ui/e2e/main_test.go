package e2e

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// patience is how long a test waits for anything that has to come. Nothing
// takes as long on a machine that has something else to do.
const patience = 30 * time.Second

// binaryEnv hands the binary on to a test process that another one started.
const binaryEnv = "KEYTURN_E2E_BINARY"

// binary is the path of the program under test.
var binary string

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) int {
	if c := os.Getenv(clockEnv); c != "" {
		return interfaceAt(clock(c), os.Args[1:])
	}
	flag.Parse()
	if testing.Short() { // the binary is the same under the race detector
		fmt.Println("skipping all tests of the binary: they are not short")
		return 0
	}
	if binary = os.Getenv(binaryEnv); binary != "" {
		return m.Run()
	}
	dir, err := os.MkdirTemp("", "keyturn-e2e-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() { _ = os.RemoveAll(dir) }()
	binary = filepath.Join(dir, "keyturn")
	if runtime.GOOS == "windows" {
		binary += ".exe"
	}
	if out, err := exec.Command("go", "build", "-o", binary, "keyturn").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build keyturn: %v\n%s", err, out)
		return 1
	}
	return m.Run()
}

// need skips a test where a program is missing, or fails it where none may be.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, name := range programs {
		if _, err := exec.LookPath(name); err != nil {
			if os.Getenv("KEYTURN_TEST_REQUIRE") == "all" {
				t.Fatalf("%s is missing", name)
			}
			t.Skipf("%s is missing", name)
		}
	}
}

// person is somebody's account: a home folder and an environment, with nothing
// of the machine's user in it.
type person struct {
	home string
	env  []string // what they export besides
}

func newPerson(t *testing.T) person {
	t.Helper()
	p := person{home: t.TempDir()}
	require.NoError(t, os.Mkdir(p.work(), 0o700))
	return p
}

// work is the folder in which the person works.
func (p person) work() string { return filepath.Join(p.home, "work") }

// state is the default state folder of the person. A shell must be told where
// its name ends.
func (p person) state() string { return filepath.Join(p.home, "the state", "keyturn") }

// sandbox is the folder of the sandbox in the default state folder.
func (p person) sandbox() string { return filepath.Join(p.state(), "sandbox") }

func (p person) trail() string { return filepath.Join(p.sandbox(), "trail") }

// environ is the person's environment. The first program on the path is the
// one under test.
func (p person) environ(more ...string) []string {
	return append([]string{
		"PATH=" + filepath.Dir(binary) + string(filepath.ListSeparator) + os.Getenv("PATH"),
		"HOME=" + p.home, "XDG_STATE_HOME=" + filepath.Dir(p.state()), "XDG_CONFIG_HOME=" + filepath.Join(p.home, "config"),
		"LANG=C.UTF-8", "TERM=xterm-256color",
	}, slices.Concat(p.env, more)...)
}

// command returns the program, to be run by the person.
func (p person) command(ctx context.Context, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, binary, args...)
	cmd.Dir, cmd.Env = p.work(), p.environ()
	return cmd
}

// result is what a finished program left.
type result struct {
	code           int
	stdout, stderr string
}

// keyturn runs the program to its end, with no input.
func (p person) keyturn(t *testing.T, args ...string) result {
	t.Helper()
	return finish(t, p.command(t.Context(), args...))
}

func finish(t *testing.T, cmd *exec.Cmd) result {
	t.Helper()
	var stdout, stderr bytes.Buffer
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	return result{cmd.ProcessState.ExitCode(), stdout.String(), stderr.String()}
}

// returnCommand finds the command with which one returns in what was said.
var returnCommand = regexp.MustCompile(`Return with: (.+)`)

// requireVerified has the trail verified by Keyturn and by the stock script.
func requireVerified(t *testing.T, trail, roster string) {
	t.Helper()
	r := finish(t, exec.CommandContext(t.Context(), binary, "verify", "--roster", roster, trail))
	require.Zero(t, r.code, "%s%s", r.stdout, r.stderr)
	require.Contains(t, r.stdout, "checked:")
	require.Contains(t, r.stdout, "never shown by these files:")
	require.Empty(t, r.stderr)

	need(t, "bash", "jq", "ssh-keygen", "sha256sum")
	script, err := filepath.Abs(filepath.Join("..", "..", "testdata", "verify-trail.sh"))
	require.NoError(t, err)
	r = finish(t, exec.CommandContext(t.Context(), "bash", script, trail, roster))
	require.Zero(t, r.code, "%s%s", r.stdout, r.stderr)
	head, err := os.ReadFile(filepath.Join(trail, "HEAD"))
	require.NoError(t, err)
	require.Equal(t, "OK 1 records\n"+string(head), r.stdout)
}
