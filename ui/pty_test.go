//go:build unix

package ui

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/charmbracelet/x/term"
	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/ui/internal/standin"
)

// programs builds the demo and the bare program once.
var programs = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "keyturn-ui-")
	if err != nil {
		return "", err
	}
	out, err := exec.Command("go", "build", "-o", dir+string(filepath.Separator), "./testdata/demo", "./testdata/bare").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("build the programs: %w: %s", err, out)
	}
	return dir, nil
})

func TestMain(m *testing.M) {
	code := m.Run()
	if dir, err := programs(); err == nil {
		_ = os.RemoveAll(dir)
	}
	os.Exit(code)
}

// terminal is a program on a terminal of its own.
type terminal struct {
	t     testing.TB
	cmd   *exec.Cmd
	ptmx  *os.File
	ended chan struct{}
	code  int
	// before is the terminal's state before the program had it.
	before *term.State

	mu      sync.Mutex
	out     bytes.Buffer
	changed chan struct{} // closed and replaced at each output
	stopped bool

	readDone chan struct{}
}

// answers is what a terminal says to what it is asked; nil for a mute one.
type answers map[string]string

var lightTerminal = answers{
	"\x1b]11;?": "\x1b]11;rgb:ffff/ffff/ffff\x1b\\",
	"\x1b[6n":   "\x1b[1;1R",
}

func open(t testing.TB, program string, says answers, env ...string) *terminal {
	t.Helper()
	dir, err := programs()
	require.NoError(t, err)
	cmd := exec.Command(filepath.Join(dir, program))
	cmd.Env = append([]string{"TERM=xterm-256color", "COLORTERM=truecolor", "LANG=C.UTF-8", "PATH=/usr/bin:/bin", "DEMO_PACE=20ms"}, env...)
	ptmx, tty, err := pty.Open()
	require.NoError(t, err)
	defer func() { _ = tty.Close() }() // the program has its own
	require.NoError(t, pty.Setsize(ptmx, &pty.Winsize{Rows: 24, Cols: 80}))
	before, err := term.GetState(tty.Fd())
	require.NoError(t, err)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = tty, tty, tty
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	require.NoError(t, cmd.Start())
	x := &terminal{t: t, before: before, cmd: cmd, ptmx: ptmx, ended: make(chan struct{}), changed: make(chan struct{}), readDone: make(chan struct{})}
	go func() {
		defer close(x.readDone)
		x.read(says)
	}()
	go func() {
		defer close(x.ended)
		_ = cmd.Wait() // the code says it
		<-x.readDone
		x.code = cmd.ProcessState.ExitCode()
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Kill() // mostly it has ended
		_ = ptmx.Close()
	})
	return x
}

func (x *terminal) read(says answers) {
	buf := make([]byte, 32<<10)
	for {
		n, err := x.ptmx.Read(buf)
		for question, answer := range says {
			if bytes.Contains(buf[:n], []byte(question)) {
				_, _ = x.ptmx.WriteString(answer)
			}
		}
		x.mu.Lock()
		x.out.Write(buf[:n])
		close(x.changed)
		x.changed = make(chan struct{})
		stopped := x.stopped
		x.mu.Unlock()
		if err != nil || stopped {
			return // the program has gone, or the terminal goes
		}
	}
}

func (x *terminal) output() (string, <-chan struct{}) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.out.String(), x.changed
}

// sees waits until the program has written a text.
func (x *terminal) sees(text string) {
	x.t.Helper()
	deadline := time.After(stageWait)
	for {
		out, changed := x.output()
		if strings.Contains(out, text) {
			return
		}
		select {
		case <-changed:
		case <-deadline:
			require.FailNow(x.t, "never saw "+text, "%q", out)
		}
	}
}

func (x *terminal) types(keys string) {
	x.t.Helper()
	_, err := x.ptmx.WriteString(keys)
	require.NoError(x.t, err)
}

// hangUp closes the terminal. A read under way would keep it open, so the
// reader is told to stop at the next output.
func (x *terminal) hangUp() {
	x.t.Helper()
	x.mu.Lock()
	x.stopped = true
	x.mu.Unlock()
	x.types("j")
	<-x.readDone
	require.NoError(x.t, x.ptmx.Close())
}

// ends waits for the exit code.
func (x *terminal) ends() int {
	x.t.Helper()
	select {
	case <-x.ended:
		return x.code
	case <-time.After(stageWait):
		out, _ := x.output()
		require.FailNow(x.t, "the program did not end", "%q", out)
		return 0
	}
}

// restored asserts that the program left the alternate screen, showed the
// cursor and gave up its title.
func (x *terminal) restored() {
	x.t.Helper()
	out, _ := x.output()
	for _, undone := range []string{"\x1b[?1049l", "\x1b[?25h", "\x1b[?2004l", "\x1b]2;\a"} {
		assert.Contains(x.t, out, undone)
	}
	assert.Less(x.t, strings.LastIndex(out, "\x1b[?1049h"), strings.LastIndex(out, "\x1b[?1049l"))
	assert.Less(x.t, strings.LastIndex(out, "\x1b[?25l"), strings.LastIndex(out, "\x1b[?25h"))
}

const firstFrame = "SANDBOX"

func TestMuteTerminalGetsItsFrameAtOnce(t *testing.T) {
	_, err := programs()
	require.NoError(t, err)
	for _, name := range []string{"xterm-256color", "dumb", ""} {
		t.Run("TERM="+name, func(t *testing.T) {
			start := time.Now()
			x := open(t, "demo", nil, "TERM="+name)
			x.sees(firstFrame)
			assert.Less(t, time.Since(start), 500*time.Millisecond)
			x.sees("Rotate in")
			assert.Less(t, time.Since(start), time.Second)
			x.types("q")
			assert.Equal(t, 0, x.ends())
			x.restored()
		})
	}
}

func TestFirstFrameIsNotBlankedAgain(t *testing.T) {
	t.Parallel()
	x := open(t, "demo", nil)
	x.sees("Rotate in")
	out, _ := x.output()
	assert.Equal(t, 1, strings.Count(out, "\x1b[?1049h"))
	assert.Equal(t, 1, strings.Count(out, "\x1b[2J"))
}

func TestTerminalSaysThatItIsLight(t *testing.T) {
	t.Parallel()
	x := open(t, "demo", lightTerminal)
	x.sees("\x1b[1;38;2;5;80;174m") // the accent on light
	x.types("q")
	assert.Equal(t, 0, x.ends())
	out, _ := x.output()
	assert.NotContains(t, out, "rgb:ffff", "the answer is not echoed as typed")
}

func TestNoColour(t *testing.T) {
	t.Parallel()
	x := open(t, "demo", lightTerminal, "NO_COLOR=1")
	x.sees("Rotate in")
	x.types("q")
	x.ends()
	out, _ := x.output()
	assert.NotContains(t, out, "38;")
	assert.NotContains(t, out, "48;")
	assert.NotContains(t, out, "]11;?", "nothing to ask for")
}

func TestSignals(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]syscall.Signal{"hangup": syscall.SIGHUP, "terminate": syscall.SIGTERM, "interrupt": syscall.SIGINT} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := open(t, "demo", nil, "DEMO_PACE=1h")
			x.sees("Rotate in")
			x.types("1")
			x.sees("Why is the key rotated?")
			x.types("\r")
			x.sees("Review last rotation notes")
			x.types("\r")
			x.sees("working")
			require.NoError(t, x.cmd.Process.Signal(signal))
			assert.Equal(t, 128+int(signal), x.ends())
			x.restored()
			x.sees("The session waits. To return:")
			if after, err := term.GetState(x.ptmx.Fd()); err == nil { // not every system tells the master
				assert.Equal(t, x.before, after)
			}
		})
	}
}

func TestTerminalIsGoneForGood(t *testing.T) {
	t.Parallel()
	x := open(t, "demo", nil)
	x.sees("Rotate in")
	x.hangUp()
	assert.Equal(t, 128+int(syscall.SIGHUP), x.ends())
}

func TestPanicRestoresTheTerminal(t *testing.T) {
	t.Parallel()
	for _, where := range []string{"load", "overview", "task"} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			x := open(t, "demo", nil, "DEMO_PANIC="+where, "DEMO_CRASH="+dir)
			if where == "task" {
				x.sees("Rotate in")
				x.types("1")
				x.sees("Why is the key rotated?")
				x.types("\r")
				x.sees("Review last rotation notes")
				x.types("\r")
			}
			assert.Equal(t, 1, x.ends())
			x.restored()
			x.sees("error: keyturn crashed")
			x.sees("hint: start keyturn again")
			out, _ := x.output()
			assert.NotContains(t, out, "the-secret-of-the-panic")
			files, err := os.ReadDir(dir)
			require.NoError(t, err)
			require.Len(t, files, 1)
			info, err := files[0].Info()
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
		})
	}
}

func TestFarewell(t *testing.T) {
	t.Parallel()
	x := open(t, "demo", nil, "DEMO_START=drill")
	x.sees("Why is the key rotated?")
	x.types("\r")
	x.sees("Generate test key")
	x.types("q")
	assert.Equal(t, 3, x.ends())
	x.restored()
	out, _ := x.output()
	assert.Contains(t, out[strings.LastIndex(out, "\x1b[?1049l"):], "keyturn --sandbox resume "+standin.SessionID("drill", 1))
}

func TestSuspendWithoutAShell(t *testing.T) {
	t.Parallel()
	x := open(t, "demo", nil) // the leader of its own session
	x.sees("Rotate in")
	x.types("\x1a")
	x.sees("no shell to return to")
	x.types("\x03")
	assert.Equal(t, 130, x.ends())
	x.restored()
}

func TestTerminalIsResized(t *testing.T) {
	t.Parallel()
	x := open(t, "demo", nil)
	x.sees("Rotate in")
	require.NoError(t, pty.Setsize(x.ptmx, &pty.Winsize{Rows: 12, Cols: 50}))
	x.sees("needs 60x15")
	require.NoError(t, pty.Setsize(x.ptmx, &pty.Winsize{Rows: 30, Cols: 100}))
	x.types("q")
	assert.Equal(t, 0, x.ends())
}
