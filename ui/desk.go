package ui

import (
	"context"
	"io"
	"os"
	"time"

	"keyturn/checklist"
)

// Desk is where sessions are begun and found.
type Desk interface {
	// Overview reads what the home screen shows. What it could not read it
	// puts into the overview's Problems.
	Overview(context.Context) (checklist.Overview, error)
	// Begin opens a new session, asking the operator what it must. It returns
	// checklist.ErrCancelled when the operator leaves.
	Begin(ctx context.Context, checklistID string, op checklist.Operator) (*checklist.Engine, error)
	// Open returns the engine of an existing session, read-only when its
	// Holder is not empty.
	Open(ctx context.Context, sessionID string) (*checklist.Engine, error)
	// TurnClock turns the sandbox's clock forward and journals it.
	TurnClock(ctx context.Context, e *checklist.Engine, to time.Time, op checklist.Operator) error
	// ReturnCommand is the one command that returns to a session.
	ReturnCommand(sessionID string) string
}

// Options are what Run needs. Load is required, all else has a default.
type Options struct {
	// Load opens what is slow to open. It runs after the first frame.
	Load func(context.Context) (Desk, error)
	// Sandbox and Service are shown before the desk is there.
	Sandbox bool
	Service string
	// Start is a checklist to start or resume at once, or a session to open.
	// Empty means the home screen.
	Start string
	// Theme is "dark", "light", or empty for asking the terminal.
	Theme string
	// Glyphs is "unicode", "ascii", or empty for going by the locale.
	Glyphs string
	// NoMotion leaves out everything that moves for decoration, as does
	// REDUCE_MOTION in the environment.
	NoMotion bool
	Input    *os.File // os.Stdin if nil
	Output   *os.File // os.Stdout if nil
	Environ  []string // os.Environ() if nil
	// Copy takes a text to the clipboard and says in words what became of it. It
	// may write to the terminal. Without it nothing can be copied.
	Copy func(ctx context.Context, terminal io.Writer, text string) (said string, err error)
	// CrashDir takes the stack of a crash. None is written if it is empty.
	CrashDir string
	// Now is the real time, for time spans on the screen; time.Now if nil.
	Now func() time.Time
}

// Result says how the interface was left.
type Result struct {
	// Session is the last session that was open, and Outcome how it ended;
	// Outcome is empty while it is in progress.
	Session string
	Outcome checklist.Kind
	// Return is the command that returns to Session, for the caller to print;
	// empty when the session ended.
	Return string
	// Interrupted says that ctrl+c ended the interface.
	Interrupted bool
	// Signal is the number of the signal that did, or zero.
	Signal int
}
