package ui

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime/debug"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"
)

// CrashError says that a part of the interface panicked. The terminal has been
// restored and the session can be resumed. It holds no panic value, which
// might contain a secret.
type CrashError struct {
	Part string // what was running
	File string // where the stack was written; empty for nowhere
}

func (e *CrashError) Error() string {
	return fmt.Sprintf("keyturn crashed in %s; nothing outside was left half-described: the journal has every step", e.Part)
}

// Hint says what to do next.
func (e *CrashError) Hint() string {
	if e.File == "" {
		return "start keyturn again: the session goes on where it was"
	}
	return "start keyturn again: the session goes on where it was; the stack is in " + e.File
}

// crash is the message of a recovered panic.
type crash struct {
	part  string
	stack []byte
}

// save writes the stack to a new file that only its owner may read.
func (c *crash) save(dir string, at time.Time) string {
	if dir == "" {
		return ""
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return ""
	}
	name := filepath.Join(dir, "crash-"+at.UTC().Format("20060102T150405.000Z")+".txt")
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return ""
	}
	_, err = fmt.Fprintf(f, "panic in %s\n\n%s", c.part, c.stack)
	if closed := f.Close(); err != nil || closed != nil {
		return ""
	}
	return name
}

// safe makes a command whose panic becomes a message.
func safe(part string, f func() tea.Msg) tea.Cmd {
	return func() (msg tea.Msg) {
		defer func() {
			if recover() != nil {
				msg = crash{part, debug.Stack()}
			}
		}()
		return f()
	}
}

// guarded wraps a command that a library made, and what it batches.
func guarded(cmd tea.Cmd) tea.Cmd {
	if cmd == nil {
		return nil
	}
	return safe("a command", func() tea.Msg {
		msg := cmd()
		if batch, ok := msg.(tea.BatchMsg); ok {
			for i, c := range batch {
				batch[i] = guarded(c)
			}
		}
		return msg
	})
}

// crew starts goroutines whose panics are reported, and waits for them.
type crew struct {
	group  sync.WaitGroup
	report func(crash)
}

func (c *crew) start(part string, f func()) {
	c.group.Add(1)
	go func() {
		defer c.group.Done()
		defer func() {
			if recover() != nil {
				c.report(crash{part, debug.Stack()})
			}
		}()
		f()
	}()
}

// wait reports whether everybody came home within the limit.
func (c *crew) wait(limit time.Duration) bool {
	home := make(chan struct{})
	go func() {
		c.group.Wait()
		close(home)
	}()
	select {
	case <-home:
		return true
	case <-time.After(limit):
		return false
	}
}
