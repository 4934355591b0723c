//go:build unix

package clipboard_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/require"

	"keyturn/steps/clipboard"
)

// token is a credential in the environment that no program may see.
const token = "vercel-token-of-the-operator"

// desk is a machine whose clipboard programs are scripts. They work on a file
// and write down their arguments and their environment.
type desk struct {
	t   *testing.T
	dir string
	env variables
}

func newDesk(t *testing.T, env variables) desk {
	t.Helper()
	need(t, "sh", "cat", "env")
	d := desk{t, t.TempDir(), env}
	env["PATH"] = d.dir + ":" + os.Getenv("PATH")
	env["VERCEL_TOKEN"] = token
	return d
}

func (d desk) path(name string) string { return filepath.Join(d.dir, name) }

// program makes a script of a body that knows $board, the clipboard's file.
func (d desk) program(name, body string) {
	script := "#!/bin/sh\nboard='" + d.path("board") + "'\n" +
		"printf '%s\\n' '" + name + "' \"$@\" >>'" + d.path("arguments") + "'\n" +
		"env >>'" + d.path("environment") + "'\n" + body + "\n"
	require.NoError(d.t, os.WriteFile(d.path(name), []byte(script), 0o700))
}

func (d desk) read(name string) string {
	text, err := os.ReadFile(d.path(name))
	if !os.IsNotExist(err) {
		require.NoError(d.t, err)
	}
	return string(text)
}

func (d desk) copy(text string) {
	require.NoError(d.t, os.WriteFile(d.path("board"), []byte(text), 0o600))
}

func (d desk) options(goos string) clipboard.Options {
	return clipboard.Options{
		GOOS: goos, Environ: d.env.get, Watcher: watcherCommand(), Terminal: (&page{missing: true}).open,
		LookPath: func(name string) (string, error) { return exec.LookPath(d.path(name)) },
	}
}

func (d desk) find(goos string) *clipboard.Clipboard {
	d.t.Helper()
	c, err := clipboard.Find(d.options(goos))
	require.NoError(d.t, err)
	return c
}

// requireHidden looks for a secret in what programs were given to see.
func (d desk) requireHidden(secret string) {
	d.t.Helper()
	for _, name := range []string{"arguments", "environment"} {
		text := d.read(name)
		require.NotEmpty(d.t, text)
		// Not by NotContains, which would print it.
		require.False(d.t, strings.Contains(text, secret), "the %s of a program have the secret", name)
		require.NotContains(d.t, text, token)
		require.NotContains(d.t, text, "VERCEL")
	}
}

// ring tells the watcher that the time is over, and waits until it has cleared.
func ring(t *testing.T, c *clipboard.Clipboard) {
	t.Helper()
	require.NoError(t, syscall.Kill(c.WatcherID(), syscall.SIGTERM))
	<-c.Watched()
}

const (
	keeps    = `cat >"$board"`
	shows    = `cat "$board"`
	wlCopy   = `case $* in *--help*) echo "  --sensitive  mark"; exit;; esac; cat >"$board"`
	oldCopy  = `case $* in *--help*) echo "  --paste-once"; exit;; esac; cat >"$board"`
	tellsAll = `cat >&2; exit 1`
)

// desks are all kinds of machines whose clipboard can be read.
func desks() map[string]func(*testing.T) (desk, *clipboard.Clipboard) {
	return map[string]func(*testing.T) (desk, *clipboard.Clipboard){
		"wayland": func(t *testing.T) (desk, *clipboard.Clipboard) {
			d := newDesk(t, variables{"WAYLAND_DISPLAY": "wayland-9"})
			d.program("wl-copy", wlCopy)
			d.program("wl-paste", shows)
			return d, d.find("linux")
		},
		"wayland of old": func(t *testing.T) (desk, *clipboard.Clipboard) {
			d := newDesk(t, variables{"WAYLAND_DISPLAY": "wayland-9"})
			d.program("wl-copy", oldCopy)
			d.program("wl-paste", shows)
			return d, d.find("linux")
		},
		"x11": func(t *testing.T) (desk, *clipboard.Clipboard) {
			d := newDesk(t, variables{"DISPLAY": ":99"})
			d.program("xclip", `case $* in *-out*) cat "$board";; *) cat >"$board";; esac`)
			return d, d.find("linux")
		},
		"macos": func(t *testing.T) (desk, *clipboard.Clipboard) {
			d := newDesk(t, variables{"LC_ALL": "C"})
			d.program("osascript", keeps)
			d.program("pbcopy", keeps)
			d.program("pbpaste", shows)
			return d, d.find("darwin")
		},
		"macos without scripting": func(t *testing.T) (desk, *clipboard.Clipboard) {
			d := newDesk(t, variables{})
			d.program("osascript", tellsAll)
			d.program("pbcopy", keeps)
			d.program("pbpaste", shows)
			return d, d.find("darwin")
		},
	}
}

func (d desk) remove(name string) { require.NoError(d.t, os.Remove(d.path(name))) }
