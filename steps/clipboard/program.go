package clipboard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	// programLimit is how long a clipboard program may take. osascript, the
	// slowest, needs about a second on a busy machine.
	programLimit = 5 * time.Second
	// afterProgram is how long the end of a program's streams is waited for.
	afterProgram = time.Second
)

// program is a clipboard program of this machine.
type program struct {
	path string
	env  []string
}

// find looks for a program by its name.
func (o Options) find(name string) (program, error) {
	path, err := o.LookPath(name)
	if err != nil {
		return program{}, fmt.Errorf("find %s: %w", name, err)
	}
	return program{path: path, env: o.environment()}, nil
}

// with returns p with further variables, which win.
func (p program) with(variables ...string) program {
	p.env = append(p.env[:len(p.env):len(p.env)], variables...)
	return p
}

func (p program) name() string { return strings.TrimSuffix(filepath.Base(p.path), ".exe") }

// run runs the program to its end. What it writes to stderr is dropped: it
// could quote its input, and programs that stay as the clipboard's owner would
// hold a pipe open.
func (p program) run(ctx context.Context, in io.Reader, out io.Writer, args ...string) error {
	ctx, cancel := context.WithTimeout(ctx, programLimit)
	defer cancel()
	cmd := exec.CommandContext(ctx, p.path, args...)
	cmd.Env, cmd.Stdin, cmd.Stdout = p.env, in, out
	cmd.WaitDelay = afterProgram
	err := cmd.Run()
	if ctx.Err() != nil { // else only the kill is seen
		err = context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("run %s: %w", p.name(), err)
	}
	return nil
}

// give runs the program with a text on its standard input.
func (p program) give(ctx context.Context, text string, args ...string) error {
	return p.run(ctx, strings.NewReader(text), nil, args...)
}

// take runs a program that prints what the clipboard holds. By its exit status
// it says that the clipboard holds nothing, or nothing that is text; one that was
// killed says nothing.
func (p program) take(ctx context.Context, w io.Writer, args ...string) error {
	err := p.run(ctx, nil, w, args...)
	if exit, ended := errors.AsType[*exec.ExitError](err); ended && exit.Exited() {
		return nil
	}
	return err
}

// environment is what clipboard programs and the watcher get to see of the
// environment: nothing that could be a credential.
func (o Options) environment() []string {
	names := []string{
		"PATH", "HOME", "USER", "LOGNAME", "TMPDIR",
		"LANG", "LC_ALL", "LC_CTYPE", "LC_MESSAGES", "__CF_USER_TEXT_ENCODING",
		"DISPLAY", "XAUTHORITY", "WAYLAND_DISPLAY", "XDG_RUNTIME_DIR",
		"TERM", "TMUX", "TMUX_PANE", "TMUX_TMPDIR", "STY", "SSH_TTY", "SSH_CONNECTION",
	}
	if o.GOOS == "windows" {
		names = append(names, "SYSTEMROOT", "SYSTEMDRIVE", "WINDIR", "PATHEXT", "COMSPEC", "USERPROFILE", "TEMP", "TMP")
	}
	env := []string{} // not nil, which would mean all
	for _, name := range names {
		if o.has(name) {
			env = append(env, name+"="+o.Environ(name))
		}
	}
	return env
}
