package clipboard

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"
)

// way is one road to a clipboard.
type way interface {
	// name is the program or device, as a person calls it.
	name() string
	// describe continues "put on" or "sent to".
	describe() string
	// put takes a text over; one that is concealed leaves no trace in histories.
	put(ctx context.Context, text string, concealed bool) error
	// clear removes whatever the clipboard holds.
	clear(ctx context.Context) error
}

// reader is a way on which the clipboard can be seen.
type reader interface {
	way
	// read writes the text that the clipboard holds to w, and nothing if it
	// holds none. An error means that nobody knows what it holds.
	read(ctx context.Context, w io.Writer) error
}

// blank is what a clipboard is overwritten with. An empty text would not do:
// tmux and terminals ignore it, and clipboard managers that do not let the
// clipboard be empty (Klipper, Parcellite) bring back the text before.
const blank = " "

const (
	// settled is how long a clipboard may take to show what it was given: xsel
	// ends before the half of it that stays has taken the clipboard over.
	settled     = 2 * time.Second
	settlePause = 10 * time.Millisecond
)

// holds reports whether a clipboard holds the ticket's value.
func holds(ctx context.Context, r reader, t ticket) (bool, error) {
	mac := t.hash()
	if err := r.read(ctx, mac); err != nil {
		return false, err
	}
	return t.isOf(mac), nil
}

// await looks at a clipboard until it holds the ticket's value, or no longer
// does. That a program has ended well is no proof.
func await(ctx context.Context, r reader, t ticket, want bool) error {
	end := time.NewTimer(settled)
	defer end.Stop()
	for {
		held, err := holds(ctx, r, t)
		if err == nil && held == want {
			return nil
		}
		select {
		case <-time.After(settlePause):
			continue
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-end.C:
		}
		switch {
		case err != nil:
			return fmt.Errorf("look at it afterwards: %w", err)
		case want:
			return errors.New("look at it afterwards: it does not hold the value")
		}
		return errors.New("look at it afterwards: it still holds the value")
	}
}

// release clears the clipboard if it holds the ticket's value. A clipboard that
// cannot be read, for good or just now, may hold it and is cleared.
func release(ctx context.Context, w way, t ticket) error {
	r, sees := w.(reader)
	if !sees {
		return w.clear(ctx)
	}
	held, unseen := holds(ctx, r, t)
	if unseen == nil && !held {
		return nil
	}
	if err := w.clear(ctx); err != nil || unseen != nil {
		return err
	}
	return await(ctx, r, t, false)
}
