package clipboard

import (
	"errors"
	"io"
	"os"
	"os/signal"
	"syscall"

	"golang.org/x/sys/windows"
)

// detached lets a process outlive the console window. One that needs the
// console stays with it, out of reach of the keyboard.
func detached(needsTerminal bool) *syscall.SysProcAttr {
	flags := uint32(windows.CREATE_NEW_PROCESS_GROUP)
	if !needsTerminal {
		flags |= windows.DETACHED_PROCESS
	}
	return &syscall.SysProcAttr{CreationFlags: flags, HideWindow: true}
}

func ignoreHangup() { signal.Ignore(os.Interrupt) }

// console is an output that understands sequences while it is open.
type console struct {
	*os.File
	before uint32 // its mode
}

func openTerminal() (io.WriteCloser, error) {
	f, err := os.OpenFile("CONOUT$", os.O_RDWR, 0)
	if err != nil {
		return nil, err
	}
	c := console{File: f}
	handle := windows.Handle(f.Fd())
	err = windows.GetConsoleMode(handle, &c.before)
	if err == nil {
		err = windows.SetConsoleMode(handle, c.before|windows.ENABLE_PROCESSED_OUTPUT|windows.ENABLE_VIRTUAL_TERMINAL_PROCESSING)
	}
	if err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return c, nil
}

func (c console) Close() error {
	return errors.Join(windows.SetConsoleMode(windows.Handle(c.Fd()), c.before), c.File.Close())
}
