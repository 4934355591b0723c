package clipboard

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/aymanbagabas/go-osc52/v2"
)

// oscMost is about what terminals take in one OSC 52; more is dropped by some
// without a word.
const oscMost = 74_000

// terminal asks the terminal to copy, by OSC 52. It crosses SSH.
type terminal struct {
	open func() (io.WriteCloser, error)
	mode osc52.Mode
}

var _ way = terminal{}

func newTerminal(o Options) (way, error) {
	term := o.Environ("TERM")
	switch term {
	case "dumb", "linux": // these show the sequence, or drop it
		return nil, fmt.Errorf("the terminal (TERM=%s) has no clipboard", term)
	}
	t := terminal{open: o.Terminal}
	switch {
	// A tmux on the near side of SSH, or one whose program is not found here.
	// Wrapped, the sequence leaves nothing in tmux's buffers.
	case o.has("TMUX"), strings.HasPrefix(term, "tmux"):
		t.mode = osc52.TmuxMode
	case o.has("STY"), strings.HasPrefix(term, "screen"):
		t.mode = osc52.ScreenMode
	}
	tty, err := t.open()
	if err != nil {
		return nil, fmt.Errorf("open the terminal: %w", err)
	}
	return t, tty.Close()
}

func (t terminal) name() string { return "OSC 52" }

func (t terminal) describe() string {
	switch t.mode {
	case osc52.TmuxMode:
		return "the terminal's clipboard (OSC 52 through tmux)"
	case osc52.ScreenMode:
		return "the terminal's clipboard (OSC 52 through screen)"
	}
	return "the terminal's clipboard (OSC 52)"
}

func (t terminal) put(ctx context.Context, text string, _ bool) error {
	if base64.StdEncoding.EncodedLen(len(text)) > oscMost {
		return fmt.Errorf("copy %d bytes: too long for a terminal", len(text))
	}
	return t.send(ctx, text)
}

func (t terminal) clear(ctx context.Context) error { return t.send(ctx, blank) }

// send writes one sequence. A terminal that is stopped (Ctrl-S) takes nothing,
// which must not stop this program for longer than ctx or programLimit.
func (t terminal) send(ctx context.Context, text string) error {
	ctx, cancel := context.WithTimeout(ctx, programLimit)
	defer cancel()
	tty, err := t.open()
	if err != nil {
		return fmt.Errorf("open the terminal: %w", err)
	}
	sent := make(chan error, 1)
	go func() {
		_, err := osc52.New(text).Mode(t.mode).WriteTo(tty)
		sent <- errors.Join(err, tty.Close())
	}()
	select {
	case err = <-sent:
	case <-ctx.Done():
		err = context.Cause(ctx)
	}
	if err != nil {
		return fmt.Errorf("write to the terminal: %w", err)
	}
	return nil
}
