package clipboard

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"runtime"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"

	"keyturn/keygen"
)

const (
	unicodeText  = 13     // CF_UNICODETEXT
	gmemMoveable = 0x0002 // GMEM_MOVEABLE

	// Another program may have the clipboard open for a moment.
	openAttempts = 100
	openPause    = 10 * time.Millisecond
)

// marks are the formats that ask Windows and clipboard managers not to keep or
// upload the text. The first counts by being there, the others by their value.
func marks() []string {
	return []string{"ExcludeClipboardContentFromMonitorProcessing", "CanIncludeInClipboardHistory", "CanUploadToCloudClipboard"}
}

// native is the clipboard of Windows, by its own functions.
type native struct {
	open, close, empty, available, get, set *windows.LazyProc
	alloc, free, lock, unlock, size, move   *windows.LazyProc
	register                                *windows.LazyProc
}

var _ reader = native{}

func newNative() (way, error) {
	user, kernel := windows.NewLazySystemDLL("user32.dll"), windows.NewLazySystemDLL("kernel32.dll")
	n := native{
		open: user.NewProc("OpenClipboard"), close: user.NewProc("CloseClipboard"), empty: user.NewProc("EmptyClipboard"),
		available: user.NewProc("IsClipboardFormatAvailable"), get: user.NewProc("GetClipboardData"), set: user.NewProc("SetClipboardData"),
		register: user.NewProc("RegisterClipboardFormatW"),
		alloc:    kernel.NewProc("GlobalAlloc"), free: kernel.NewProc("GlobalFree"),
		lock: kernel.NewProc("GlobalLock"), unlock: kernel.NewProc("GlobalUnlock"),
		size: kernel.NewProc("GlobalSize"), move: kernel.NewProc("RtlMoveMemory"),
	}
	return n, n.open.Find()
}

func (n native) name() string     { return "the clipboard of Windows" }
func (n native) describe() string { return "the clipboard (kept out of its history)" }

func (n native) put(ctx context.Context, value string, concealed bool) error {
	text, err := windows.UTF16FromString(value)
	if err != nil {
		return errors.New("the value has a NUL") // the error of the library quotes it
	}
	raw := make([]byte, 0, 2*len(text))
	for _, unit := range text {
		raw = binary.LittleEndian.AppendUint16(raw, unit)
	}
	defer func() { clear(text); clear(raw) }()
	return n.within(ctx, func() error {
		if err := done(n.empty.Call()); err != nil {
			return fmt.Errorf("empty the clipboard: %w", err)
		}
		// The marks come first, so that no listener sees the text without.
		if concealed {
			for _, mark := range marks() {
				if err := n.mark(mark); err != nil {
					return err
				}
			}
		}
		return n.offer(unicodeText, raw)
	})
}

func (n native) clear(ctx context.Context) error {
	return n.within(ctx, func() error { return done(n.empty.Call()) })
}

func (n native) read(ctx context.Context, w io.Writer) error {
	return n.within(ctx, func() error {
		if there, _, _ := n.available.Call(unicodeText); there == 0 {
			return nil
		}
		handle, _, err := n.get.Call(unicodeText)
		if handle == 0 {
			return fmt.Errorf("get the text: %w", err)
		}
		size, _, _ := n.size.Call(handle)
		// A longer text is no secret; its beginning tells that as well.
		text := make([]uint16, min(size/2, keygen.MaxCredential+1)+1)
		defer clear(text)
		from, _, err := n.lock.Call(handle)
		if from == 0 {
			return fmt.Errorf("lock the text: %w", err)
		}
		_, _, _ = n.move.Call(uintptr(unsafe.Pointer(&text[0])), from, uintptr(2*(len(text)-1)))
		_, _, _ = n.unlock.Call(handle)
		_, err = io.WriteString(w, windows.UTF16ToString(text))
		return err
	})
}

// within does something while this thread has the clipboard open; Windows knows
// by the thread who has.
func (n native) within(ctx context.Context, do func() error) error {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	err := done(n.open.Call(0))
	for range openAttempts {
		if err == nil {
			break
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-time.After(openPause):
		}
		err = done(n.open.Call(0))
	}
	if err != nil {
		return fmt.Errorf("open the clipboard: %w", err)
	}
	err = do()
	return errors.Join(err, done(n.close.Call()))
}

// mark offers a format whose value is a DWORD of 0.
func (n native) mark(name string) error {
	wide, err := windows.UTF16PtrFromString(name)
	if err != nil {
		return err
	}
	format, _, err := n.register.Call(uintptr(unsafe.Pointer(wide)))
	if format == 0 {
		return fmt.Errorf("register the format %s: %w", name, err)
	}
	return n.offer(format, make([]byte, 4))
}

// offer hands a copy of raw to the clipboard, which owns it then.
func (n native) offer(format uintptr, raw []byte) error {
	handle, _, err := n.alloc.Call(gmemMoveable, uintptr(len(raw)))
	if handle == 0 {
		return fmt.Errorf("allocate %d bytes: %w", len(raw), err)
	}
	to, _, err := n.lock.Call(handle)
	if to == 0 {
		_, _, _ = n.free.Call(handle)
		return fmt.Errorf("lock %d bytes: %w", len(raw), err)
	}
	_, _, _ = n.move.Call(to, uintptr(unsafe.Pointer(&raw[0])), uintptr(len(raw)))
	_, _, _ = n.unlock.Call(handle)
	if err := done(n.set.Call(format, handle)); err != nil {
		_, _, _ = n.free.Call(handle)
		return fmt.Errorf("set the clipboard: %w", err)
	}
	return nil
}

// done is the error of a function of Windows that returns whether it succeeded.
func done(ok, _ uintptr, err error) error {
	if ok == 0 {
		return err
	}
	return nil
}
