package clipboard

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
)

func mustTicket(t testing.TB, k kind) (ticket, keygen.Secret) {
	t.Helper()
	secret, err := keygen.Generate(rand.Reader)
	require.NoError(t, err)
	made, err := newTicket(rand.Reader, k, secret, time.Minute)
	require.NoError(t, err)
	return made, secret
}

func mustText(t testing.TB, k ticket) []byte {
	t.Helper()
	text, err := json.Marshal(k)
	require.NoError(t, err)
	return text
}

func TestTicketTellsTheSecretFromOthers(t *testing.T) {
	t.Parallel()
	made, secret := mustTicket(t, byXsel)
	text := mustText(t, made)
	require.False(t, bytes.Contains(text, []byte(secret.Reveal())))
	got, err := readTicket(bytes.NewReader(text))
	require.NoError(t, err)
	assert.Equal(t, made, got)
	assert.Equal(t, time.Minute, got.wait())
	for name, tt := range map[string]struct {
		text string
		want bool
	}{
		"the secret":        {secret.Reveal(), true},
		"nothing":           {"", false},
		"a line of it":      {secret.Reveal() + "\n", false},
		"a part of it":      {secret.Reveal()[1:], false},
		"in another letter": {strings.ToUpper(secret.Reveal()), false},
	} {
		mac := got.hash()
		_, _ = io.WriteString(mac, tt.text)
		assert.Equal(t, tt.want, got.isOf(mac), name)
	}
	again, err := newTicket(rand.Reader, byXsel, secret, time.Minute)
	require.NoError(t, err)
	assert.NotEqual(t, made.MAC, again.MAC, "two hashes of one secret must not be comparable")
}

func TestReadTicketRefuses(t *testing.T) {
	t.Parallel()
	made, _ := mustTicket(t, byXclip)
	good := string(mustText(t, made))
	change := func(f func(*ticket)) string {
		changed := made
		f(&changed)
		return string(mustText(t, changed))
	}
	for name, tt := range map[string]struct{ text, err string }{
		"nothing":            {"", "EOF"},
		"half of it":         {good[:len(good)/2], "unexpected EOF"},
		"something else":     {"ready\n", "invalid character"},
		"more than one":      {good + good, "more follows"},
		"an unknown field":   {strings.Replace(good, `"way"`, `"program":"/bin/sh","way"`, 1), "unknown field"},
		"an unknown way":     {change(func(k *ticket) { k.Way = "carrier pigeon" }), `"carrier pigeon"`},
		"no way":             {change(func(k *ticket) { k.Way = "" }), "unknown"},
		"no time":            {change(func(k *ticket) { k.Wait = 0 }), "0 ms"},
		"a time of the past": {change(func(k *ticket) { k.Wait = -5 }), "-5 ms"},
		"a day":              {change(func(k *ticket) { k.Wait = 86_400_000 }), "1h0m0s"},
		"a short key":        {change(func(k *ticket) { k.Key = k.Key[1:] }), "31 and 32 bytes"},
		"no hash":            {change(func(k *ticket) { k.MAC = nil }), "32 and 0 bytes"},
		"too much":           {good + strings.Repeat(" ", maxTicket), "more than 1024 bytes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := readTicket(strings.NewReader(tt.text))
			require.ErrorContains(t, err, tt.err)
		})
	}
}

func FuzzReadTicket(f *testing.F) {
	made, _ := mustTicket(f, byTmux)
	f.Add(mustText(f, made))
	f.Add([]byte(`{"way":"xclip","wait":1,"key":"","mac":null}`))
	f.Add([]byte(`{"way":"terminal","wait":9223372036854775807}`))
	f.Add([]byte("ready\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := readTicket(bytes.NewReader(text))
		if err != nil {
			return
		}
		if d := got.wait(); d < time.Millisecond || d > maxHold {
			t.Errorf("a time of %s is accepted", d)
		}
		again, err := readTicket(bytes.NewReader(mustText(t, got)))
		require.NoError(t, err)
		require.Equal(t, got, again)
	})
}

// spool is a terminal that a test reads.
type spool struct{ bytes.Buffer }

func (*spool) Close() error { return nil }

func TestWatchOnATerminal(t *testing.T) {
	t.Parallel()
	for name, end := range map[string]func(time.Duration, chan<- time.Time, context.CancelFunc){
		"when the time is over": func(_ time.Duration, bell chan<- time.Time, _ context.CancelFunc) { bell <- time.Time{} },
		"when it is ended":      func(_ time.Duration, _ chan<- time.Time, cancel context.CancelFunc) { cancel() },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			made, _ := mustTicket(t, byTerminal)
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			var out spool
			var said strings.Builder
			err := Watch(ctx, bytes.NewReader(mustText(t, made)), Options{
				Environ:  func(string) string { return "" },
				Terminal: func() (io.WriteCloser, error) { return &out, nil },
				Ready:    &said,
				After: func(d time.Duration) <-chan time.Time {
					assert.Equal(t, time.Minute, d)
					assert.Equal(t, "ready\n", said.String())
					assert.Empty(t, out.String(), "it was cleared too early")
					bell := make(chan time.Time, 1)
					end(d, bell, cancel)
					return bell
				},
			})
			require.NoError(t, err)
			assert.Equal(t, "\x1b]52;c;IA==\a", out.String())
		})
	}
}

func TestWatchFails(t *testing.T) {
	t.Parallel()
	xclip, _ := mustTicket(t, byXclip)
	terminal, _ := mustTicket(t, byTerminal)
	now := func(time.Duration) <-chan time.Time {
		bell := make(chan time.Time, 1)
		bell <- time.Time{}
		return bell
	}
	for name, tt := range map[string]struct {
		in  string
		o   Options
		err string
	}{
		"wrong instructions": {"hello", Options{}, "read the instructions: "},
		"no program": {string(mustText(t, xclip)),
			Options{LookPath: func(string) (string, error) { return "", exec.ErrNotFound }}, "find the clipboard again: find xclip"},
		"no terminal": {string(mustText(t, terminal)),
			Options{Terminal: func() (io.WriteCloser, error) { return nil, errors.New("hung up") }}, "hung up"},
		"nobody listens": {string(mustText(t, terminal)),
			Options{Terminal: func() (io.WriteCloser, error) { return &spool{}, nil }, Ready: deaf{}}, "tell that the watcher waits"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tt.o.After, tt.o.Environ = now, func(string) string { return "" }
			require.ErrorContains(t, Watch(t.Context(), strings.NewReader(tt.in), tt.o), tt.err)
		})
	}
}

type deaf struct{}

func (deaf) Write([]byte) (int, error) { return 0, io.ErrClosedPipe }
