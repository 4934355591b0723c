package clipboard

import (
	"context"
	"fmt"
	"io"
)

// WatchCommand is the hidden command of the program that calls Watch.
const WatchCommand = "clear-clipboard"

// Watch is the body of the watcher's process. It reads from in, to its end,
// which way a secret went, how long it may stay, and a keyed hash of it; says so
// to o.Ready; waits; and clears the clipboard if it still holds the secret. A
// clipboard that cannot be read is overwritten. Of o it needs nothing but Ready.
//
// When ctx ends, the time is over: somebody ends the process, and what it was
// left for is done first.
func Watch(ctx context.Context, in io.Reader, o Options) error {
	o = o.complete()
	ignoreHangup()
	t, err := readTicket(in)
	if err != nil {
		return fmt.Errorf("read the instructions: %w", err)
	}
	w, err := o.open(t.Way)
	if err != nil {
		return fmt.Errorf("find the clipboard again: %w", err)
	}
	if o.Ready != nil {
		if _, err := io.WriteString(o.Ready, ready); err != nil {
			return fmt.Errorf("tell that the watcher waits: %w", err)
		}
	}
	select {
	case <-o.After(t.wait()):
	case <-ctx.Done():
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	if err := release(ctx, w, t); err != nil {
		return fmt.Errorf("clear %s: %w", w.describe(), err)
	}
	return nil
}
