//go:build unix

package cli_test

import (
	"context"
	"os"
	"reflect"
	"testing"
	"time"

	"github.com/creack/pty"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"golang.org/x/term"

	"keyturn/ui/cli"
)

// typist sits at a terminal: it waits until the echo is off, and then types.
type typist struct {
	t      *testing.T
	tty    *os.File
	typing *os.File
	before *term.State
	seen   screen // what the terminal shows
}

func sitDown(t *testing.T) *typist {
	t.Helper()
	typing, tty, err := pty.Open()
	require.NoError(t, err)
	before, err := term.GetState(int(tty.Fd()))
	require.NoError(t, err)
	p := &typist{t: t, tty: tty, typing: typing, before: before}
	read := make(chan struct{})
	go func() {
		defer close(read)
		buf := make([]byte, 1024)
		for {
			n, err := typing.Read(buf)
			_, _ = p.seen.Write(buf[:n]) // a buffer takes all
			if err != nil {
				return // the terminal is closed
			}
		}
	}()
	t.Cleanup(func() {
		_, _ = typing.WriteString("\n") // for a read that was given up
		_ = tty.Close()
		_ = typing.Close()
		<-read
	})
	return p
}

func (p *typist) echoes() bool {
	now, err := term.GetState(int(p.tty.Fd()))
	require.NoError(p.t, err)
	return reflect.DeepEqual(p.before, now)
}

func (p *typist) awaitPrompt() {
	p.t.Helper()
	require.Eventually(p.t, func() bool { return !p.echoes() }, 20*time.Second, time.Millisecond)
}

func TestLoginOnATerminalIsNotShown(t *testing.T) {
	r := live(t, "orders")
	p := sitDown(t)
	var out, errOut screen
	done := make(chan int, 1)
	go func() { done <- cli.Run(t.Context(), append(r.flags, "login", "vercel"), p.tty, &out, &errOut) }()
	p.awaitPrompt()
	_, err := p.typing.WriteString(goodToken + "\n")
	require.NoError(t, err)
	require.Zero(t, <-done, "%s", errOut.String())
	assert.Contains(t, errOut.String(), "Vercel access token: ")
	assert.Contains(t, out.String(), "It is stored as vercel/token")
	requireHidden(t, goodToken, p.seen.String()+out.String()+errOut.String(), "the terminal")
	assert.True(t, p.echoes(), "the echo is back")
}

func TestLoginThatIsInterruptedGivesTheEchoBack(t *testing.T) {
	r := live(t, "orders")
	p := sitDown(t)
	ctx, cancel := context.WithCancel(t.Context())
	var out, errOut screen
	done := make(chan int, 1)
	go func() { done <- cli.Run(ctx, append(r.flags, "login", "slack"), p.tty, &out, &errOut) }()
	p.awaitPrompt()
	cancel()
	assert.Equal(t, 130, <-done)
	assert.True(t, p.echoes(), "the echo is back")
	code, said, _ := r.run("", "logout", "slack")
	assert.Zero(t, code)
	assert.Contains(t, said, "There is no slack/webhook")
}
