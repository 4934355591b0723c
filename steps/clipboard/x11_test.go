//go:build linux

package clipboard_test

import (
	"bufio"
	"errors"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/steps/clipboard"
)

// display is an X server of the test's own.
type display struct {
	t   *testing.T
	env variables
}

func openDisplay(t *testing.T) display {
	t.Helper()
	need(t, "Xvfb", "xclip", "xsel")
	number, told, err := os.Pipe()
	require.NoError(t, err)
	server := exec.Command("Xvfb", "-displayfd", "3", "-nolisten", "tcp", "-screen", "0", "64x64x8")
	server.ExtraFiles = []*os.File{told}
	require.NoError(t, server.Start())
	t.Cleanup(func() {
		_ = server.Process.Signal(syscall.SIGTERM) // it removes its lock
		_ = server.Wait()
	})
	require.NoError(t, told.Close())
	line, err := bufio.NewReader(number).ReadString('\n')
	require.NoError(t, err, "the X server did not start")
	require.NoError(t, number.Close())
	return display{t, variables{
		"DISPLAY": ":" + strings.TrimSpace(line), "PATH": os.Getenv("PATH"), "HOME": t.TempDir(), "VERCEL_TOKEN": token,
	}}
}

// find finds the clipboard of the display by one program.
func (d display) find(program string) *clipboard.Clipboard {
	d.t.Helper()
	c, err := clipboard.Find(clipboard.Options{
		GOOS: "linux", Environ: d.env.get, Watcher: watcherCommand(), Terminal: (&page{missing: true}).open,
		LookPath: func(name string) (string, error) {
			if name != program {
				return "", exec.ErrNotFound
			}
			return exec.LookPath(name)
		},
	})
	require.NoError(d.t, err)
	return c
}

// holds is what the clipboard holds for other programs.
func (d display) holds() string {
	cmd := exec.Command("xsel", "--clipboard", "--output")
	cmd.Env = d.env.list()
	out, err := cmd.Output()
	require.NoError(d.t, err)
	return string(out)
}

// copy copies as another program would, and again where the first time was lost: on
// a busy machine the X server now and then ignores xsel.
func (d display) copy(text string) {
	eventually(d.t, func() bool {
		cmd := exec.Command("xsel", "--clipboard", "--input")
		cmd.Env, cmd.Stdin = d.env.list(), strings.NewReader(text)
		require.NoError(d.t, cmd.Run())
		return d.holds() == text
	})
}

// requireNotInProcesses looks for a text in what anybody can see of the
// processes of this machine, and their owner of their environments.
func requireNotInProcesses(t *testing.T, text string) {
	t.Helper()
	seen := 0
	for _, pattern := range []string{"/proc/[0-9]*/cmdline", "/proc/[0-9]*/environ"} {
		files, err := filepath.Glob(pattern)
		require.NoError(t, err)
		for _, file := range files {
			b, err := os.ReadFile(file)
			if errors.Is(err, fs.ErrNotExist) || errors.Is(err, fs.ErrPermission) || errors.Is(err, syscall.ESRCH) {
				continue
			}
			require.NoError(t, err)
			require.False(t, strings.Contains(string(b), text), "%s has it", file)
			seen++
		}
	}
	require.NotZero(t, seen)
}

func TestX11(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"xclip", "xsel"} {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			d := openDisplay(t)
			c := d.find(program)
			d.copy("before")

			secret := newSecret(t)
			stop, err := c.Put(t.Context(), secret, late)
			require.NoError(t, err)
			require.True(t, d.holds() == secret.Reveal(), "the clipboard does not hold the value")
			requireNotInProcesses(t, secret.Reveal())
			environ, err := os.ReadFile("/proc/" + strconv.Itoa(c.WatcherID()) + "/environ")
			require.NoError(t, err)
			require.Contains(t, string(environ), "DISPLAY=")
			assert.NotContains(t, string(environ), token)
			require.NoError(t, stop(t.Context()))
			assert.Equal(t, " ", d.holds())
			d.copy("something else")
			require.NoError(t, stop(t.Context()))
			assert.Equal(t, "something else", d.holds())

			_, err = c.Put(t.Context(), newSecret(t), late)
			require.NoError(t, err)
			ring(t, c)
			assert.Equal(t, " ", d.holds(), "the watcher clears")

			_, err = c.Put(t.Context(), newSecret(t), late)
			require.NoError(t, err)
			d.copy("something else")
			ring(t, c)
			assert.Equal(t, "something else", d.holds(), "what was copied since stays")
		})
	}
}

// TestX11AfterAKill kills the process that put the value; its watcher goes on,
// in a session of its own.
func TestX11AfterAKill(t *testing.T) {
	t.Parallel()
	d := openDisplay(t)
	secret := newSecret(t)
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte(secret.Reveal()), 0o600))
	cmd := exec.Command(os.Args[0], putCommand, file, soon.String())
	cmd.Env = d.env.list()
	_, err := cmd.StdinPipe() // which stays open
	require.NoError(t, err)
	out, err := cmd.StdoutPipe()
	require.NoError(t, err)
	require.NoError(t, cmd.Start())
	said, err := bufio.NewReader(out).ReadString('\n')
	require.NoError(t, err)
	assert.Contains(t, said, "put by ", "the clipboard has held the value")
	require.NoError(t, cmd.Process.Kill())
	rest, err := io.ReadAll(out)
	require.NoError(t, err)
	assert.Empty(t, rest)
	_ = cmd.Wait() // it was killed
	eventually(t, func() bool { return d.holds() == " " })
}
