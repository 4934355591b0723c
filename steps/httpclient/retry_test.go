package httpclient

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// reply is what one attempt meets: a status, with Retry-After, or an error.
type reply struct {
	status int
	after  string
	err    error
}

// world is a server and a clock that moves only while a client waits.
type world struct {
	replies []reply // one after the other, the last for ever
	sent    []*http.Request
	now     time.Time
	slept   []time.Duration
	waits   []string
}

func newWorld(replies ...reply) *world {
	return &world{replies: replies, now: time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)}
}

// RoundTrip implements http.RoundTripper.
func (w *world) RoundTrip(r *http.Request) (*http.Response, error) {
	w.sent = append(w.sent, r)
	is := w.replies[min(len(w.sent), len(w.replies))-1]
	if is.err != nil {
		return nil, is.err
	}
	header := http.Header{"Date": {w.now.Format(http.TimeFormat)}}
	if is.after != "" {
		header.Set("Retry-After", is.after)
	}
	return &http.Response{StatusCode: is.status, Header: header, Body: io.NopCloser(strings.NewReader("{}"))}, nil
}

func (w *world) client(o Options) *Client {
	o.Transport = w
	o.Now = func() time.Time { return w.now }
	o.Sleep = func(ctx context.Context, d time.Duration) error {
		w.now, w.slept = w.now.Add(d), append(w.slept, d)
		return ctx.Err()
	}
	o.OnWait = func(_ context.Context, reason string, until time.Time) {
		w.waits = append(w.waits, until.Sub(w.now).String()+" "+reason)
	}
	return New(Peer{Name: "vercel"}, o)
}

func get(operation string) Request {
	return Request{Operation: operation, Method: http.MethodGet, URL: "http://127.0.0.1/x"}
}

// accept is a reading that refuses any status but 2xx.
func accept(a Answer) error {
	if a.Success() {
		return nil
	}
	return errors.New("refused")
}

func TestARateLimitHoldsBackItsOperation(t *testing.T) {
	t.Parallel()
	w := newWorld(reply{status: 429, after: "3"}, reply{status: 429, after: "3"}, reply{status: 200})
	c := w.client(Options{Tries: 2})
	require.Error(t, c.Do(t.Context(), get("list variables"), accept))
	assert.Equal(t, []time.Duration{3 * time.Second}, w.slept, "one wait, not one for the gate and one for the answer")

	// Another request has met the limit meanwhile.
	c.gate.close("list variables", w.now.Add(7*time.Second))
	w.slept, w.waits = nil, nil
	require.NoError(t, c.Do(t.Context(), get("read the user"), accept))
	assert.Empty(t, w.slept, "another operation goes on")
	require.NoError(t, c.Do(t.Context(), get("list variables"), accept))
	assert.Equal(t, []time.Duration{7 * time.Second}, w.slept)
	assert.Equal(t, []string{"7s list variables: vercel limits the rate"}, w.waits)
	require.NoError(t, c.Do(t.Context(), get("list variables"), accept))
	assert.Len(t, w.slept, 1, "the gate is open again")
}

// What is sent again, and what is left as unknown, is decided by the status alone.
func TestWhatIsSentAgain(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		reply         reply
		reads, writes int // how often each is sent
		unknown       bool
	}{
		"a refusal":              {reply{status: 400}, 1, 1, false},
		"not found":              {reply{status: 404}, 1, 1, false},
		"a redirect":             {reply{status: 307}, 1, 1, false},
		"too many requests":      {reply{status: 429}, 3, 3, false},
		"a server's timeout":     {reply{status: 408}, 3, 1, true},
		"a server's error":       {reply{status: 500}, 3, 1, true},
		"a gateway's error":      {reply{status: 502}, 3, 1, true},
		"no connection":          {reply{err: errors.New("dial")}, 3, 3, false},
		"asked to wait too long": {reply{status: 429, after: "3600"}, 1, 1, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, write := range []bool{false, true} {
				w, r := newWorld(c.reply), get("x")
				r.Write = write
				err := w.client(Options{Tries: 3}).Do(t.Context(), r, accept)
				require.Error(t, err)
				want := c.reads
				if write {
					want = c.writes
				}
				assert.Len(t, w.sent, want)
				var unknown *UnknownOutcomeError
				assert.Equal(t, write && c.unknown, errors.As(err, &unknown))
			}
		})
	}

	t.Run("a success that cannot be read leaves a write unknown", func(t *testing.T) {
		t.Parallel()
		w, r := newWorld(reply{status: 200}), get("x")
		r.Write = true
		err := w.client(Options{}).Do(t.Context(), r, func(a Answer) error { return a.JSON(new([]string)) })
		var unknown *UnknownOutcomeError
		require.ErrorAs(t, err, &unknown)
		require.EqualError(t, unknown.Err, "answer of vercel is unreadable: unexpected object at byte 1")
		assert.Len(t, w.sent, 1)
	})
}

func TestTheRealSleepEndsWithTheContext(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	cause := errors.New("stop")
	cancel(cause)
	c := New(Peer{}, Options{})
	require.ErrorIs(t, c.Sleep(ctx, time.Hour), cause)
	require.NoError(t, c.Sleep(t.Context(), time.Nanosecond))
}

func TestParseToken(t *testing.T) {
	t.Parallel()
	token, err := ParseToken("  tok_abc.DEF-1~2+3/4=\r\n")
	require.NoError(t, err)
	assert.Equal(t, "tok_abc.DEF-1~2+3/4=", token.Reveal())
	for _, bad := range []string{"", " \n", "two words", "a\nb", "a\r\nb: c", "tök", strings.Repeat("x", 1024)} {
		_, err := ParseToken(bad)
		require.Error(t, err, "%q", bad)
		if len(bad) > 3 {
			assert.NotContains(t, err.Error(), bad)
		}
	}
}

func TestParseBase(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"https://logs.example.com/x/", "http://localhost:1", "http://[::1]:1", "http://127.9.9.9"} {
		u, err := ParseBase(good, "https://example.com")
		require.NoError(t, err, good)
		assert.Equal(t, strings.TrimRight(good, "/"), u.String())
	}
	for _, bad := range []string{
		"", "logs", "ftp://127.0.0.1", "http://logs.example.com", "http://127.0.0.1.example.com", "http://localhost.example.com",
		"https://a:pw@b", "https://a?b=c", "https://a#b", "https://\x00",
	} {
		_, err := ParseBase(bad, "https://example.com")
		require.Error(t, err, bad)
		assert.NotContains(t, err.Error(), "pw")
	}
}
