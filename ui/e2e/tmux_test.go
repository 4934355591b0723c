//go:build unix

package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// terminal is a shell in a terminal of a tmux server of its own. The test is a
// client in control mode: it is told of all that is written to the terminal,
// so that it waits for what it wants to see and never for a time to pass.
type terminal struct {
	t       *testing.T
	in      io.WriteCloser
	replies chan []string
	ended   chan struct{}

	mu      sync.Mutex
	written bytes.Buffer  // everything that was written to the terminal
	changed chan struct{} // closed and replaced when more is written

	frames []string // what was seen, without repetitions
	// full says that the program under test has the screen, so that every
	// frame must show whose world it is.
	full bool
	// live says that this is the world that is configured, not the sandbox.
	live bool
}

const tmuxConf = `
set -g status off
set -g escape-time 0
set -g history-limit 0
set -g default-terminal screen-256color
`

// openTerminal starts a shell for a person.
func openTerminal(t *testing.T, p person, w, h int, env ...string) *terminal {
	t.Helper()
	need(t, "tmux", "bash")
	// A socket's path must be short, which a test's folder is not.
	dir, err := os.MkdirTemp("", "keyturn-tmux-")
	require.NoError(t, err)
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	conf, rc := filepath.Join(dir, "tmux.conf"), filepath.Join(dir, "bashrc")
	require.NoError(t, os.WriteFile(conf, []byte(tmuxConf), 0o600))
	require.NoError(t, os.WriteFile(rc, []byte("PS1='$ '\n"), 0o600))

	cmd := exec.Command("tmux", "-u", "-L", "keyturn", "-f", conf, "-C", "new-session",
		"-x", strconv.Itoa(w), "-y", strconv.Itoa(h), "exec bash --noprofile --rcfile "+rc+" -i")
	cmd.Dir, cmd.Env = p.work(), p.environ(append(env, "TMUX_TMPDIR="+dir, "HISTFILE=")...)
	in, err := cmd.StdinPipe()
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	x := &terminal{t: t, in: in, replies: make(chan []string, 16), ended: make(chan struct{}), changed: make(chan struct{})}
	go func() {
		defer close(x.ended)
		x.listen(out)
		_ = cmd.Wait() // how it ended was said in what it wrote
	}()
	t.Cleanup(func() {
		_, _ = io.WriteString(in, "kill-server\n") // it may have ended
		_ = in.Close()
		<-x.ended
	})
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("the last frames:\n%s", strings.Join(x.frames[max(0, len(x.frames)-4):], "\n"))
		}
	})
	x.reply() // to new-session
	require.Equal(t, fmt.Sprintf("%dx%d", w, h), strings.Join(x.tmux("display-message -p '#{pane_width}x#{pane_height}'"), ""))
	x.waits("the shell", prompted)
	return x
}

// prompted says that the shell waits for a command: what is typed before that
// goes to the program that is about to end.
func prompted(f string) bool {
	return strings.HasSuffix(strings.TrimRight(f, " \n"), "\n$") || strings.TrimSpace(f) == "$"
}

// listen reads what tmux says in control mode: the replies to commands, and
// what is written to the terminal.
func (x *terminal) listen(out io.Reader) {
	defer close(x.replies)
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	var reply []string
	inside := ""
	for lines.Scan() {
		line := lines.Text()
		word, rest, _ := strings.Cut(line, " ")
		switch {
		case inside != "" && rest == inside && (word == "%end" || word == "%error"):
			if word == "%error" {
				reply = append([]string{"error"}, reply...)
			}
			x.replies <- reply
			reply, inside = nil, ""
		case inside != "":
			reply = append(reply, line)
		case word == "%begin":
			inside = rest
		case word == "%output":
			_, text, _ := strings.Cut(rest, " ")
			x.write(unescape(text))
		}
	}
}

func (x *terminal) write(text []byte) {
	x.mu.Lock()
	defer x.mu.Unlock()
	x.written.Write(text)
	close(x.changed)
	x.changed = make(chan struct{})
}

// unescape undoes the octal escapes in which tmux reports output.
func unescape(text string) []byte {
	var b []byte
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+3 < len(text) {
			if n, err := strconv.ParseUint(text[i+1:i+4], 8, 8); err == nil {
				b = append(b, byte(n))
				i += 3
				continue
			}
		}
		b = append(b, text[i])
	}
	return b
}

func (x *terminal) reply() []string {
	x.t.Helper()
	select {
	case lines, ok := <-x.replies:
		require.True(x.t, ok, "tmux has gone")
		return lines
	case <-time.After(patience):
		require.FailNow(x.t, "tmux does not answer")
		return nil
	}
}

// tmux runs a command of tmux and returns its output.
func (x *terminal) tmux(command string) []string {
	x.t.Helper()
	_, err := io.WriteString(x.in, command+"\n")
	require.NoError(x.t, err)
	return x.reply()
}

// screen returns what the terminal shows now. It is whole unless the program
// under test is just drawing it: having drawn, it leaves the cursor at the
// beginning of the last row.
func (x *terminal) screen() (f string, whole bool) {
	x.t.Helper()
	_, err := io.WriteString(x.in, "display-message -p '#{cursor_x} #{cursor_y} #{pane_height}' ; capture-pane -p\n")
	require.NoError(x.t, err)
	var column, row, height int
	_, err = fmt.Sscan(strings.Join(x.reply(), ""), &column, &row, &height)
	require.NoError(x.t, err)
	f = strings.Join(x.reply(), "\n")
	if n := len(x.frames); n == 0 || x.frames[n-1] != f {
		x.frames = append(x.frames, f)
	}
	head, _, _ := strings.Cut(f, "\n")
	switch {
	case x.live:
		require.NotContains(x.t, strings.ToLower(f), "sandbox", "a frame speaks of the sandbox:\n%s", f)
	case x.full:
		require.Contains(x.t, head, "SANDBOX", "a frame does not say that it is the sandbox:\n%s", f)
	}
	return f, !x.full || column == 0 && row == height-1
}

// waits looks at the screen whenever it changes until it shows what is wanted.
func (x *terminal) waits(what string, shown func(string) bool) string {
	x.t.Helper()
	deadline := time.After(patience)
	for {
		x.mu.Lock()
		changed := x.changed
		x.mu.Unlock()
		f, whole := x.screen()
		if whole && shown(f) {
			return f
		}
		select {
		case <-changed:
		case <-x.ended:
			require.FailNow(x.t, "the terminal is gone", "while waiting for %s", what)
		case <-deadline:
			require.FailNow(x.t, "the terminal never showed "+what, "%s", f)
		}
	}
}

// sees waits for a text anywhere on the screen.
func (x *terminal) sees(text string) string {
	x.t.Helper()
	return x.waits(text, func(f string) bool { return strings.Contains(f, text) })
}

// types sends keys as they are.
func (x *terminal) types(keys string) {
	x.t.Helper()
	var b strings.Builder
	b.WriteString("send-keys -H")
	for _, c := range []byte(keys) {
		fmt.Fprintf(&b, " %02x", c)
	}
	require.Empty(x.t, x.tmux(b.String()))
}

// resize makes the terminal another size.
func (x *terminal) resize(w, h int) {
	x.t.Helper()
	x.tmux(fmt.Sprintf("resize-window -x %d -y %d", w, h))
}

// everything returns all that was ever written to the terminal, and all that
// was seen on it.
func (x *terminal) everything() []byte {
	x.mu.Lock()
	defer x.mu.Unlock()
	return append(bytes.Clone(x.written.Bytes()), strings.Join(x.frames, "\n\n")...)
}
