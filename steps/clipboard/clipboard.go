package clipboard

import (
	"context"
	"fmt"
	"io"
	"sync"
	"time"

	"keyturn/keygen"
)

const (
	// maxHold bounds how long a secret may stay on the clipboard.
	maxHold = time.Hour
	// cleanUp bounds what is done after the caller has given up.
	cleanUp = 3 * programLimit
)

// Options are where a clipboard is looked for and how. The zero value is the
// world of this process.
type Options struct {
	// Environ returns a variable of the environment; nil is os.Getenv.
	Environ func(string) string
	// LookPath finds a program; nil is exec.LookPath.
	LookPath func(string) (string, error)
	// Terminal opens the controlling terminal for writing; nil opens the real
	// one.
	Terminal func() (io.WriteCloser, error)
	// Watcher is the command line of a process that calls Watch with its
	// standard input and with its standard output as Ready: an executable and
	// WatchCommand. Find does without, Put does not.
	Watcher []string
	// Random is a cryptographic source; nil is crypto/rand.Reader.
	Random io.Reader
	// GOOS is the operating system; empty is runtime.GOOS.
	GOOS string

	// After is the clock of Watch; nil is time.After.
	After func(time.Duration) <-chan time.Time
	// Ready is told by one line that Watch has understood its instructions and
	// waits; nil is nobody.
	Ready io.Writer
}

// Clipboard is one way to the operator's clipboard. Use one for the life of
// the program: each further Put ends the watch over the value before.
type Clipboard struct {
	options Options // complete
	kind    kind
	way     way

	mu   sync.Mutex // one Put at a time
	held *hold      // what was put last; may be nil
}

// Find looks for the best way to the clipboard of the person at this terminal:
// by tmux inside tmux, by the terminal over SSH, by the desktop's clipboard
// otherwise, and by the terminal where the desktop has no program for it. It
// changes nothing. An error has a Hint that says what to install or do.
func Find(o Options) (*Clipboard, error) {
	o = o.complete()
	var missing error
	for _, k := range o.kinds() {
		w, err := o.open(k)
		if err == nil {
			return &Clipboard{options: o, kind: k, way: w}, nil
		}
		missing = also(missing, err)
	}
	return nil, hinted(fmt.Errorf("find a clipboard: %w", missing), "%s", o.advice())
}

// Copy puts a text that is no secret on the clipboard, by the best way that works,
// and says in words what became of it. It stays there.
func Copy(ctx context.Context, o Options, text string) (said string, err error) {
	o = o.complete()
	var failed error
	for _, k := range o.kinds() {
		w, err := o.open(k)
		if err == nil {
			err = w.put(ctx, text, false)
		}
		if err != nil {
			failed = also(failed, err)
			continue
		}
		if _, sees := w.(reader); sees {
			return "copied (" + w.name() + ")", nil
		}
		return "handed to " + w.describe(), nil
	}
	return "", hinted(fmt.Errorf("copy: %w", failed), "%s", o.advice())
}

// Describe names the way in words that continue "put on" or "sent to".
func (c *Clipboard) Describe() string { return c.way.describe() }

// Blind reports that what the clipboard holds cannot be seen: nothing tells
// whether a value has arrived, and clearing overwrites what was copied since.
func (c *Clipboard) Blind() bool {
	_, sees := c.way.(reader)
	return !sees
}

// Notice tells an operator, before the value goes out, what will happen to the
// clipboard and when.
func (c *Clipboard) Notice(d time.Duration) string {
	if c.Blind() {
		return fmt.Sprintf("The value is sent to %s, which does not say whether it has arrived. "+
			"After %s it is overwritten with a space, even if you have copied something else since.", c.Describe(), d)
	}
	return fmt.Sprintf("The value is put on %s. After %s it is cleared, unless you have copied something else since.", c.Describe(), d)
}

// Put puts the secret on the clipboard for at most d, which must be positive
// and at most an hour. A watcher stands by before the value goes out.
//
// The function clear ends it early: it clears the clipboard if it still holds
// the value, or in any case if the clipboard is blind, and ends the watcher.
// Further calls, and calls after the time is over, do nothing. After an error
// of clear the watcher goes on, and clear may be tried again.
//
// After an error of Put nothing is left on the clipboard, except where the hint
// says otherwise.
func (c *Clipboard) Put(ctx context.Context, secret keygen.Secret, d time.Duration) (clear func(context.Context) error, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	t, err := newTicket(c.options.Random, c.kind, secret, d)
	if err != nil {
		return nil, hinted(fmt.Errorf("put a value on the clipboard: %w", err), "nothing was put on the clipboard")
	}
	w, err := startWatcher(ctx, c.options, t)
	if err != nil {
		return nil, hinted(fmt.Errorf("start the process that clears the clipboard: %w", err), "nothing was put on the clipboard")
	}
	held := &hold{way: c.way, ticket: t, watcher: w}
	if err := c.give(ctx, secret, t); err != nil {
		return nil, c.takeBack(ctx, held, d, fmt.Errorf("put a value on %s: %w", c.Describe(), err))
	}
	if c.held != nil {
		c.held.abandon() // its value is overwritten
	}
	c.held = held
	return held.clear, nil
}

// give returns when the clipboard holds the secret, as far as can be seen.
func (c *Clipboard) give(ctx context.Context, secret keygen.Secret, t ticket) error {
	if err := c.way.put(ctx, secret.Reveal(), true); err != nil {
		return err
	}
	if r, sees := c.way.(reader); sees {
		return await(ctx, r, t, true)
	}
	return nil
}

// takeBack clears what a failed Put may have left, though its caller may have
// given up.
func (c *Clipboard) takeBack(ctx context.Context, held *hold, d time.Duration, failed error) error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), cleanUp)
	defer cancel()
	if err := held.clear(ctx); err != nil {
		return hinted(also(failed, err), "the clipboard may hold the value: it is cleared again in %s; copy something else to be sure", d)
	}
	return hinted(failed, "nothing was left on the clipboard; see whether %s works here, then try again", c.way.name())
}

// hold is a value on the clipboard, and what is known to end it.
type hold struct {
	way     way
	ticket  ticket
	watcher *watcher

	mu   sync.Mutex
	over bool
}

func (h *hold) clear(ctx context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	// What the watcher has cleared may hold something else by now.
	if h.over || h.watcher.hasCleared() {
		h.over = true
		return nil
	}
	if err := release(ctx, h.way, h.ticket); err != nil {
		return fmt.Errorf("clear %s: %w", h.way.describe(), err)
	}
	h.end()
	return nil
}

func (h *hold) abandon() {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.end()
}

func (h *hold) end() {
	h.watcher.stop()
	h.over = true
}
