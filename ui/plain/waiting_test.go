package plain

import (
	"bytes"
	"context"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/steps/program/programtest"
)

// typist sits at the line mode: reads what is printed, and types when it waits.
type typist struct {
	t      testing.TB
	in     *io.PipeWriter
	cancel context.CancelFunc
	ended  chan struct{}

	mu      sync.Mutex
	changed *sync.Cond
	out     bytes.Buffer
	read    int // of out, when something was typed last
	over    bool
}

func newTypist(t testing.TB) programtest.Driver {
	p := &typist{t: t}
	p.changed = sync.NewCond(&p.mu)
	return p
}

// Write implements io.Writer for the line mode.
func (p *typist) Write(text []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.changed.Broadcast()
	return p.out.Write(text)
}

// waits waits until the line mode waits for a line, or has ended.
func (p *typist) waits() {
	p.t.Helper()
	p.until("a prompt", func(out string) bool { return p.over || strings.HasSuffix(out[p.read:], "> ") })
}

func (p *typist) until(what string, holds func(out string) bool) {
	p.t.Helper()
	late := time.AfterFunc(10*time.Second, func() {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.over = true
		p.changed.Broadcast()
	})
	defer late.Stop()
	p.mu.Lock()
	defer p.mu.Unlock()
	for !holds(p.out.String()) {
		require.False(p.t, p.over, "nothing came of waiting for %s:\n%s", what, p.out.String())
		p.changed.Wait()
	}
}

func (p *typist) types(text string) {
	p.t.Helper()
	p.mu.Lock()
	p.read = p.out.Len()
	p.mu.Unlock()
	_, err := io.WriteString(p.in, text+"\n")
	require.NoError(p.t, err)
	p.waits()
}

func (p *typist) Start(d *programtest.WaitingDesk) {
	p.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	in, out := io.Pipe()
	p.in, p.cancel, p.ended = out, cancel, make(chan struct{})
	go func() {
		defer close(p.ended)
		err := Run(ctx, d, programtest.WaitingList, in, p)
		if err != nil {
			_, _ = io.WriteString(p, "\n"+err.Error()+"\n")
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		p.over = true
		p.changed.Broadcast()
	}()
	p.t.Cleanup(p.ends)
	p.waits()
}

// ends ends the line mode, as an interrupt does.
func (p *typist) ends() {
	p.cancel()
	<-p.ended
	_ = p.in.Close()
}

func (p *typist) Do() { p.types("") }

func (p *typist) PassOver(reason string) {
	p.types("s")
	p.types(reason)
}

func (p *typist) Again() { p.types("p") }

func (p *typist) Answer(text string) { p.types(strings.TrimSpace(text)) }

func (p *typist) Leave() { p.types("cancel") }

func (p *typist) Quit() {
	p.types("q")
	<-p.ended
}

func (p *typist) Interrupt() { p.ends() }

func (p *typist) Shows(text string) {
	p.t.Helper()
	flat := func(s string) string { return strings.Join(strings.Fields(s), "") } // wherever it was wrapped
	p.until(text, func(out string) bool { return strings.Contains(flat(out), flat(text)) })
}

func TestRequestsWait(t *testing.T) {
	t.Parallel()
	programtest.RequestsWait(t, newTypist)
}

// An answer of several lines is read to its end, and "cancel" leaves it.
func TestPastedAnswers(t *testing.T) {
	t.Parallel()
	q := checklist.Question{Kind: checklist.Write, Title: "Where?", Default: "there.sig", Block: &checklist.Block{Begins: []string{"-----BEGIN", "```"}, Ends: "-----END"}}
	for name, tc := range map[string]struct {
		lines string
		want  string
		err   error
		next  string
	}{
		"a line":                    {"here.sig\nnext\n", "here.sig", nil, "next"},
		"the default":               {"\nnext\n", "there.sig", nil, "next"},
		"a block":                   {"-----BEGIN X\nU1\n\nNI\n-----END X\nnext\n", "-----BEGIN X\nU1\n\nNI\n-----END X", nil, "next"},
		"a block that is quoted":    {"> -----BEGIN X\r\n> U1\r\n> -----END X\r\nnext\n", "> -----BEGIN X\n> U1\n> -----END X", nil, "next"},
		"a block in a fence":        {"```\n-----BEGIN X\nU1\n-----END X\nnext\n", "```\n-----BEGIN X\nU1\n-----END X", nil, "next"},
		"a block that is given up":  {"-----BEGIN X\nU1\ncancel\nnext\n", "", checklist.ErrCancelled, "next"},
		"a block that does not end": {"-----BEGIN X\nU1\n", "", errEnd, ""},
		"another question's answer": {"cancel\nnext\n", "", checklist.ErrCancelled, "next"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			c := newConsole(strings.NewReader(tc.lines), &out)
			a, err := c.answer(t.Context(), q)
			require.ErrorIs(t, err, tc.err)
			assert.Equal(t, tc.want, a.Text)
			assert.Contains(t, out.String(), "(a path, or paste the lines, enter for there.sig, or cancel) > ")
			if tc.next != "" {
				next, err := c.line(t.Context(), "")
				require.NoError(t, err)
				assert.Equal(t, tc.next, next, "nothing of it is left")
			}
		})
	}
}
