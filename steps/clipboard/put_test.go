//go:build unix

package clipboard_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
	"keyturn/steps/clipboard"
)

func TestPutAndClear(t *testing.T) {
	t.Parallel()
	for name, sitDown := range desks() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, c := sitDown(t)
			secret := newSecret(t)
			stop, err := c.Put(t.Context(), secret, late)
			require.NoError(t, err)
			require.True(t, d.read("board") == secret.Reveal(), "the clipboard does not hold the value")
			require.NoError(t, stop(t.Context()))
			assert.Empty(t, strings.TrimSpace(d.read("board")))
			<-c.Watched()
			d.copy("something else")
			require.NoError(t, stop(t.Context()), "clearing twice must be harmless")
			assert.Equal(t, "something else", d.read("board"))
			d.requireHidden(secret.Reveal())
		})
	}
}

func TestTheWatcherClears(t *testing.T) {
	t.Parallel()
	for name, sitDown := range desks() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, c := sitDown(t)
			secret := newSecret(t)
			stop, err := c.Put(t.Context(), secret, late)
			require.NoError(t, err)
			ring(t, c)
			assert.Empty(t, strings.TrimSpace(d.read("board")))
			d.copy("something else")
			require.NoError(t, stop(t.Context()))
			assert.Equal(t, "something else", d.read("board"))
			d.requireHidden(secret.Reveal())
		})
	}
}

func TestWhatWasCopiedSinceStays(t *testing.T) {
	t.Parallel()
	for name, sitDown := range desks() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, c := sitDown(t)
			_, err := c.Put(t.Context(), newSecret(t), late)
			require.NoError(t, err)
			d.copy("something else")
			ring(t, c)
			assert.Equal(t, "something else", d.read("board"), "left by the watcher")

			stop, err := c.Put(t.Context(), newSecret(t), late)
			require.NoError(t, err)
			d.copy("something else")
			require.NoError(t, stop(t.Context()))
			assert.Equal(t, "something else", d.read("board"), "left by clear")
			<-c.Watched()
		})
	}
}

func TestTheMarks(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]struct{ describe, arguments string }{
		"wayland":                 {"the clipboard (wl-copy, marked as a password)", "wl-copy\n--type\ntext/plain\n--sensitive\n"},
		"wayland of old":          {"the clipboard (wl-copy)", "wl-copy\n--type\ntext/plain\nwl-paste"},
		"macos":                   {"the clipboard (marked as concealed)", "org.nspasteboard.ConcealedType"},
		"macos without scripting": {"the clipboard (pbcopy)", "pbcopy\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, c := desks()[name](t)
			stop, err := c.Put(t.Context(), newSecret(t), late)
			require.NoError(t, err)
			require.NoError(t, stop(t.Context()))
			assert.Equal(t, want.describe, c.Describe())
			assert.Contains(t, d.read("arguments"), want.arguments)
		})
	}
}

func TestASecondPutEndsTheFirst(t *testing.T) {
	t.Parallel()
	d, c := desks()["x11"](t)
	stopFirst, err := c.Put(t.Context(), newSecret(t), late)
	require.NoError(t, err)
	first := c.Watched()
	second := newSecret(t)
	stopSecond, err := c.Put(t.Context(), second, late)
	require.NoError(t, err)
	<-first
	require.NoError(t, stopFirst(t.Context()))
	require.True(t, d.read("board") == second.Reveal(), "the clipboard does not hold the second value")
	require.NoError(t, stopSecond(t.Context()))
	assert.Equal(t, " ", d.read("board"))
}

func TestPutFails(t *testing.T) {
	t.Parallel()
	const nothing = "nothing was put on the clipboard"
	tests := map[string]struct {
		change    func(*clipboard.Options)
		lasting   time.Duration
		noSecret  bool
		err, hint string
	}{
		"no value":             {lasting: late, noSecret: true, err: "there is no value", hint: nothing},
		"no time":              {lasting: 0, err: "time of 0 ms", hint: nothing},
		"too long":             {lasting: 2 * time.Hour, err: "not from 1 ms to 1h0m0s", hint: nothing},
		"no randomness":        {lasting: late, change: func(o *clipboard.Options) { o.Random = iotest.ErrReader(errors.New("dry")) }, err: "dry", hint: nothing},
		"no watcher":           {lasting: late, change: func(o *clipboard.Options) { o.Watcher = nil }, err: "no command is known", hint: nothing},
		"a missing watcher":    {lasting: late, change: func(o *clipboard.Options) { o.Watcher = []string{"/nowhere/keyturn"} }, err: "no such file", hint: nothing},
		"a watcher that ends":  {lasting: late, change: func(o *clipboard.Options) { o.Watcher = []string{"false"} }, err: "did not say that it stands by (exit status 1)", hint: nothing},
		"a wrong watcher":      {lasting: late, change: func(o *clipboard.Options) { o.Watcher = []string{"echo", "hello"} }, err: "did not say that it stands by", hint: nothing},
		"a program that fails": {lasting: late, err: "put a value on the clipboard (xclip): run xclip: exit status 1"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := newDesk(t, variables{"DISPLAY": ":99"})
			d.program("xclip", tellsAll)
			o := d.options("linux")
			if tt.change != nil {
				tt.change(&o)
			}
			c, err := clipboard.Find(o)
			require.NoError(t, err)
			secret := newSecret(t)
			given := secret
			if tt.noSecret {
				given = keygen.Secret{}
			}
			stop, err := c.Put(t.Context(), given, tt.lasting)
			require.ErrorContains(t, err, tt.err)
			assert.Nil(t, stop)
			assert.Contains(t, hintOf(t, err), tt.hint)
			said := fmt.Sprintf("%v %+v %#v %s", err, err, err, hintOf(t, err))
			assert.False(t, strings.Contains(said, secret.Reveal()), "the error has the secret")
			if tt.hint == nothing {
				assert.Empty(t, d.read("arguments"), "a program was run")
			}
		})
	}
}

func TestAFailedPutLeavesNothing(t *testing.T) {
	t.Parallel()
	d := newDesk(t, variables{"DISPLAY": ":99"})
	d.program("xclip", `case $* in
		*-out*) cat "$board";;
		*) cat >"$board"; [ "$(cat "$board")" = ' ' ];; # fails after the fact, but for the blank
	esac`)
	secret := newSecret(t)
	_, err := d.find("linux").Put(t.Context(), secret, late)
	require.ErrorContains(t, err, "exit status 1")
	assert.Contains(t, hintOf(t, err), "nothing was left on the clipboard")
	assert.False(t, strings.Contains(d.read("board"), secret.Reveal()))
}

func TestAProgramThatOnlyClaimsToPut(t *testing.T) {
	t.Parallel()
	d := newDesk(t, variables{"DISPLAY": ":99"})
	d.program("xclip", "exit 0")
	_, err := d.find("linux").Put(t.Context(), newSecret(t), late)
	require.EqualError(t, err, "put a value on the clipboard (xclip): look at it afterwards: it does not hold the value")
	assert.Contains(t, hintOf(t, err), "nothing was left on the clipboard; see whether xclip works here")
}

func TestAClipboardThatCannotBeCleared(t *testing.T) {
	t.Parallel()
	d := newDesk(t, variables{"DISPLAY": ":99"})
	// As a clipboard manager would do that brings back what was cleared.
	d.program("xclip", `case $* in
		*-out*) cat "$board";;
		*) new=$(cat; echo .); [ "$new" = ' .' ] || printf %s "${new%.}" >"$board";;
	esac`)
	c := d.find("linux")
	secret := newSecret(t)
	stop, err := c.Put(t.Context(), secret, late)
	require.NoError(t, err)
	err = stop(t.Context())
	require.EqualError(t, err, "clear the clipboard (xclip): look at it afterwards: it still holds the value")
	d.copy("something else")
	require.NoError(t, stop(t.Context()))
	assert.Equal(t, "something else", d.read("board"))
	<-c.Watched()
}

func TestPutIsGivenUp(t *testing.T) {
	t.Parallel()
	d := newDesk(t, variables{"DISPLAY": ":99"})
	d.program("xclip", `case $* in
		*-out*) cat "$board";;
		*) cat >"$board"; [ "$(cat "$board")" = ' ' ] || exec sleep 600;; # hangs, but for the blank
	esac`)
	secret := newSecret(t)
	ctx, cancel := context.WithCancel(t.Context())
	failed := make(chan error, 1)
	c := d.find("linux")
	go func() {
		_, err := c.Put(ctx, secret, late)
		failed <- err
	}()
	eventually(t, func() bool { return strings.Contains(d.read("board"), secret.Reveal()) })
	cancel()
	require.ErrorIs(t, <-failed, context.Canceled)
	assert.False(t, strings.Contains(d.read("board"), secret.Reveal()), "the clipboard still holds the value")
}

// It may hold the value, and a lost copy is the smaller harm.
func TestAClipboardThatCannotBeReadIsCleared(t *testing.T) {
	t.Parallel()
	d, c := desks()["wayland"](t)
	stop, err := c.Put(t.Context(), newSecret(t), late)
	require.NoError(t, err)
	d.copy("something else, perhaps")
	d.remove("wl-paste")
	require.NoError(t, stop(t.Context()))
	assert.Equal(t, " ", d.read("board"))
}

func TestBlindClipboard(t *testing.T) {
	t.Parallel()
	const sequence, blank = "\x1b]52;c;%s\a", "\x1b]52;c;IA==\a"
	d := newDesk(t, variables{"SSH_TTY": "/dev/pts/9", "TERM": "xterm"})
	terminal := &page{}
	o := d.options("linux")
	o.Terminal = terminal.open
	// A watcher of this process would want the terminal of the test.
	d.program("watcher", "cat >'"+d.path("ticket")+"'; echo ready; exec sleep 600")
	o.Watcher = []string{d.path("watcher")}
	c, err := clipboard.Find(o)
	require.NoError(t, err)
	secret := newSecret(t)
	stop, err := c.Put(t.Context(), secret, late)
	require.NoError(t, err)
	sent := fmt.Sprintf(sequence, base64Of(secret.Reveal()))
	require.True(t, terminal.String() == sent, "the terminal got something else than the value")
	require.NoError(t, stop(t.Context()))
	<-c.Watched()
	assert.True(t, terminal.String() == sent+blank, "the terminal got something else than a blank")
	require.NoError(t, stop(t.Context()))
	assert.True(t, terminal.String() == sent+blank, "a second clear is not harmless")
	assert.Contains(t, d.read("ticket"), `"way":"terminal"`)
	assert.False(t, strings.Contains(d.read("ticket"), secret.Reveal()), "the watcher is told the secret")
	d.requireHidden(secret.Reveal())
}

// TestClearIsTriedAgain has a terminal that hangs for a while: the watcher must
// stay as long as clear has not worked.
func TestClearIsTriedAgain(t *testing.T) {
	t.Parallel()
	d := newDesk(t, variables{"SSH_TTY": "/dev/pts/9", "TERM": "xterm"})
	terminal := &page{}
	o := d.options("linux")
	o.Terminal = terminal.open
	d.program("watcher", "cat >/dev/null; echo ready; exec sleep 600")
	o.Watcher = []string{d.path("watcher")}
	c, err := clipboard.Find(o)
	require.NoError(t, err)
	stop, err := c.Put(t.Context(), newSecret(t), late)
	require.NoError(t, err)
	terminal.setBroken(true)
	require.ErrorContains(t, stop(t.Context()), "clear the terminal's clipboard (OSC 52): write to the terminal: input/output error")
	select {
	case <-c.Watched():
		t.Fatal("the watcher has gone")
	default:
	}
	terminal.setBroken(false)
	require.NoError(t, stop(t.Context()))
	<-c.Watched()
	assert.True(t, strings.HasSuffix(terminal.String(), "\x1b]52;c;IA==\a"))
}
