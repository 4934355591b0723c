package program

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/signal"
	"time"

	"golang.org/x/term"
)

// The echo goes off within microseconds; a terminal that had none before never
// changes.
const (
	silencePause = time.Millisecond
	silenceLooks = 100
)

// awaitSilence returns once the terminal's echo is off, or was before.
func awaitSilence(fd int, before *term.State) {
	for range silenceLooks {
		if now, err := term.GetState(fd); err != nil || *now != *before {
			return
		}
		<-time.After(silencePause)
	}
}

// AskHidden shows a prompt and reads a line from the terminal without echo. An
// interrupt ends it with context.Canceled and gives the echo back, which the
// shell would otherwise be left without. The caller wipes the result.
func AskHidden(ctx context.Context, terminal *os.File, out io.Writer, prompt string) ([]byte, error) {
	fd := int(terminal.Fd())
	before, err := term.GetState(fd)
	if err != nil {
		return nil, fmt.Errorf("read without echo: %w", err)
	}
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	type answer struct {
		line []byte
		err  error
	}
	read := make(chan answer, 1) // so that a read that is given up does not wait for a reader
	go func() {
		line, err := term.ReadPassword(fd)
		read <- answer{line, err}
	}()
	// Whoever types at once must not see it: the prompt comes behind the echo.
	awaitSilence(fd, before)
	fmt.Fprintf(out, "%s: ", prompt)
	defer fmt.Fprintln(out)
	select {
	case a := <-read:
		if a.err != nil {
			return nil, fmt.Errorf("read without echo: %w", a.err)
		}
		return a.line, nil
	case <-ctx.Done():
		if err := term.Restore(fd, before); err != nil {
			return nil, fmt.Errorf("give the terminal its echo back: %w", err)
		}
		return nil, context.Canceled
	}
}
