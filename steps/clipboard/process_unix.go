//go:build unix

package clipboard

import (
	"io"
	"os"
	"os/signal"
	"syscall"
)

// detached lets a process outlive the terminal: in a session of its own, which
// no hang-up of this one reaches. One that needs the terminal can only leave the
// process group, out of reach of the keyboard.
func detached(needsTerminal bool) *syscall.SysProcAttr {
	if needsTerminal {
		return &syscall.SysProcAttr{Setpgid: true}
	}
	return &syscall.SysProcAttr{Setsid: true}
}

// ignoreHangup makes this process go on when its terminal or its parent is
// gone, and lets it write to the terminal from the background, which stty
// tostop forbids.
func ignoreHangup() {
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT, syscall.SIGPIPE, syscall.SIGTTOU)
}

func openTerminal() (io.WriteCloser, error) {
	return os.OpenFile("/dev/tty", os.O_WRONLY|syscall.O_NOCTTY, 0)
}
