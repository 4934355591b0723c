//go:build unix

package clipboard_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/steps/clipboard"
)

// outer is a terminal window: it sees all that is written to it.
type outer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *outer) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// openOuter runs a command in a terminal window.
func openOuter(t *testing.T, cmd *exec.Cmd) *outer {
	t.Helper()
	typing, err := pty.Start(cmd)
	require.NoError(t, err)
	o, read := &outer{}, make(chan struct{})
	go func() {
		defer close(read)
		b := make([]byte, 4096)
		for {
			n, err := typing.Read(b)
			o.mu.Lock()
			o.text.Write(b[:n])
			o.mu.Unlock()
			if err != nil {
				return // closed
			}
		}
	}()
	t.Cleanup(func() {
		// All of them: the reader ends when nobody has the terminal open.
		_ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL)
		_ = cmd.Wait()
		<-read
		_ = typing.Close()
	})
	return o
}

// tmuxServer is one of the test's own.
type tmuxServer struct {
	t   *testing.T
	env variables
}

func startTmux(t *testing.T, settings string) tmuxServer {
	t.Helper()
	need(t, "tmux", "cat")
	// A socket's path must be short, which a test's folder is not.
	dir, err := os.MkdirTemp("", "keyturn-tmux-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	conf := filepath.Join(dir, "conf")
	require.NoError(t, os.WriteFile(conf, []byte(settings), 0o600))
	s := tmuxServer{t, variables{"PATH": os.Getenv("PATH"), "TMUX_TMPDIR": dir, "TERM": "xterm-256color", "HOME": dir}}
	s.tmux("-u", "-f", conf, "new-session", "-d", "-x", "80", "-y", "20", "exec cat")
	t.Cleanup(func() { s.tmux("kill-server") })
	return s
}

func (s tmuxServer) tmux(args ...string) string {
	s.t.Helper()
	cmd := exec.Command("tmux", append([]string{"-L", "keyturn"}, args...)...)
	cmd.Env = s.env.list()
	out, err := cmd.CombinedOutput()
	require.NoError(s.t, err, "%s", out)
	return strings.TrimSpace(string(out))
}

// TestTmux holds for whatever tmux is set to do with the clipboard.
func TestTmux(t *testing.T) {
	t.Parallel()
	for _, settings := range []string{
		"set -s set-clipboard external", "set -s set-clipboard on", "set -s set-clipboard off\nset -g allow-passthrough on",
	} {
		t.Run(settings, func(t *testing.T) {
			t.Parallel()
			s := startTmux(t, settings)
			attach := exec.Command("tmux", "-L", "keyturn", "-u", "attach")
			attach.Env = s.env.list()
			window := openOuter(t, attach)
			eventually(t, func() bool { return s.tmux("list-clients") != "" })

			env := variables{"TMUX": s.tmux("display-message", "-p", "#{socket_path},#{pid},0"), "TMUX_PANE": s.tmux("display-message", "-p", "#{pane_id}"), "PATH": os.Getenv("PATH")}
			c, err := clipboard.Find(clipboard.Options{Environ: env.get, Watcher: watcherCommand()})
			require.NoError(t, err)
			assert.True(t, c.Blind())
			secret := newSecret(t)
			sequence := "\x1b]52;;" + base64Of(secret.Reveal()) + "\a"
			const blank = "\x1b]52;;IA==\a"

			stop, err := c.Put(t.Context(), secret, late)
			require.NoError(t, err)
			eventually(t, func() bool { return strings.Contains(window.String(), sequence) }, "the window is not told to copy")
			assert.Empty(t, s.tmux("list-buffers"), "a buffer is left")
			requireHiddenIn(t, s.tmux("show-messages")+s.tmux("capture-pane", "-p"), secret.Reveal())
			require.NoError(t, stop(t.Context()))
			eventually(t, func() bool { return strings.Count(window.String(), blank) == 1 })

			_, err = c.Put(t.Context(), secret, late)
			require.NoError(t, err)
			ring(t, c)
			eventually(t, func() bool { return strings.Count(window.String(), blank) == 2 }, "the watcher does not clear")
			assert.Empty(t, s.tmux("list-buffers"), "a buffer is left")
		})
	}
}

func TestTmuxIsGone(t *testing.T) {
	t.Parallel()
	need(t, "tmux")
	env := variables{"TMUX": filepath.Join(t.TempDir(), "socket") + ",1,0", "PATH": os.Getenv("PATH")}
	c, err := clipboard.Find(clipboard.Options{Environ: env.get, Watcher: watcherCommand()})
	require.NoError(t, err)
	_, err = c.Put(t.Context(), newSecret(t), soon)
	require.ErrorContains(t, err, "put a value on the terminal's clipboard by tmux: run tmux: exit status 1")
	assert.Contains(t, hintOf(t, err), "copy something else to be sure")
}

func requireHiddenIn(t *testing.T, text, secret string) {
	t.Helper()
	require.False(t, strings.Contains(text, secret), "the secret is shown")
}
