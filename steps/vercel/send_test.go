package vercel

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var goodUser = says(200, AnswerUser(User{ID: "u1"}))

func TestWaitsAsTheServerAsks(t *testing.T) {
	t.Parallel()
	start := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC) // the world's clock
	limited := func(limit Limit, headers ...string) reply {
		return says(429, ErrorBody{Error: ErrorDetail{Code: "rate_limited", Message: "slow down", Limit: &limit}}, headers...)
	}
	for _, test := range []struct {
		name   string
		answer reply
		want   time.Duration
	}{
		{"Retry-After in seconds", limited(Limit{ResetMs: 1}, "Retry-After", "7"), 7 * time.Second},
		{"Retry-After as a date", limited(Limit{}, "Retry-After", start.Add(9*time.Second).Format(http.TimeFormat)), 9 * time.Second},
		{"Retry-After that makes no sense", limited(Limit{ResetMs: start.Add(5 * time.Second).UnixMilli()}, "Retry-After", "soon"), 5 * time.Second},
		{"the limit's reset in ms", limited(Limit{ResetMs: start.Add(11 * time.Second).UnixMilli()}), 11 * time.Second},
		{"the limit's reset in s", limited(Limit{Reset: start.Add(12 * time.Second).Unix()}), 12 * time.Second},
		{"a reset in the past", limited(Limit{ResetMs: 1}), time.Second},
		{"nothing asked", refuses(429, "rate_limited", ""), time.Second},
		{"a 503 with Retry-After", refuses(503, "unavailable", "", "Retry-After", "3"), 3 * time.Second},
		{"a clock that is wrong here", limited(Limit{ResetMs: start.Add(time.Hour + 4*time.Second).UnixMilli()}, "Date", start.Add(time.Hour).Format(http.TimeFormat)), 4 * time.Second},
		{"not longer than the most", limited(Limit{}, "Retry-After", "120"), 2 * time.Minute},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, Options{}, test.answer, goodUser)
			_, err := w.client.User(t.Context())
			require.NoError(t, err)
			assert.Equal(t, []time.Duration{test.want}, w.slept)
			require.Len(t, w.waits, 1)
			assert.Contains(t, w.waits[0], test.want.String()+" read the token's user: vercel answered ")
		})
	}

	t.Run("longer than the most is not waited for, and not tried too early", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{}, limited(Limit{}, "Retry-After", "3600"))
		_, err := w.client.User(t.Context())
		require.ErrorIs(t, err, ErrRateLimited)
		assert.Equal(t, "try again after 2026-11-24T09:00:00Z", hintOf(err))
		assert.Empty(t, w.slept)
		assert.Len(t, w.requests(), 1)
	})

	t.Run("the wait can be interrupted", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		w := newWorld(t, Options{}, limited(Limit{}, "Retry-After", "60"))
		w.onSleep = func(int) error { cancel(); return nil }
		_, err := w.client.User(ctx)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorIs(t, err, ErrRateLimited, "why it waited is not lost")
		assert.Len(t, w.requests(), 1)
	})

	t.Run("the real sleep ends with the context", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancelCause(t.Context())
		cause := errors.New("stop")
		cancel(cause)
		require.ErrorIs(t, sleep(ctx, time.Hour), cause)
		require.NoError(t, sleep(t.Context(), time.Nanosecond))
	})
}

func TestReadsAreRepeated(t *testing.T) {
	t.Parallel()
	for name, answer := range map[string]reply{
		"500": says(500, "oops"), "502": says(502, ""), "503": says(503, ""), "504": says(504, ""), "408": says(408, ""),
		"429": refuses(429, "rate_limited", ""), "a cut connection": drops(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, Options{}, answer, answer, goodUser)
			user, err := w.client.User(t.Context())
			require.NoError(t, err)
			assert.Equal(t, "u1", user.ID)
			assert.Len(t, w.slept, 2)
		})
	}

	t.Run("but not for ever", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{}, says(500, "oops"))
		_, err := w.client.User(t.Context())
		require.EqualError(t, err, "read the token's user: vercel answered 500: internal server error")
		assert.Len(t, w.requests(), 5)
		assert.Len(t, w.waits, 4)
	})

	for name, status := range map[string]int{"a bad request": 400, "not authorized": 403, "not found": 404} {
		t.Run("never after "+name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, Options{}, refuses(status, "x", ""))
			_, err := w.client.User(t.Context())
			require.Error(t, err)
			assert.Len(t, w.requests(), 1)
		})
	}
}

func TestWritesAreNotRepeatedBlindly(t *testing.T) {
	t.Parallel()
	writes := map[string]func(context.Context, *testing.T, *Client) error{
		"create": func(ctx context.Context, t *testing.T, c *Client) error {
			_, err := c.CreateVariable(ctx, "prj_1", newVariable(t))
			return err
		},
		"delete": func(ctx context.Context, _ *testing.T, c *Client) error {
			return c.DeleteVariable(ctx, "prj_1", "env1")
		},
		"delete deployment": func(ctx context.Context, _ *testing.T, c *Client) error { return c.DeleteDeployment(ctx, "dpl_1") },
		"redeploy": func(ctx context.Context, _ *testing.T, c *Client) error {
			_, err := c.Redeploy(ctx, "prj_1", preview, TargetPreview)
			return err
		},
	}
	unknown := map[string]reply{
		"500": says(500, "oops"), "502": says(502, ""), "503": says(503, "", "Retry-After", "1"), "504": says(504, ""), "408": says(408, ""),
		"a cut connection": drops(),
	}
	for write, do := range writes {
		for name, answer := range unknown {
			t.Run(write+" after "+name+" is unknown", func(t *testing.T) {
				t.Parallel()
				w := newWorld(t, Options{}, answer)
				err := do(t.Context(), t, w.client)
				var outcome *UnknownOutcomeError
				require.ErrorAs(t, err, &outcome)
				assert.NotEmpty(t, hintOf(err))
				assert.Len(t, w.requests(), 1)
				assert.Empty(t, w.slept)
			})
		}
		t.Run(write+" after 429 is repeated", func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, Options{}, refuses(429, "rate_limited", "", "Retry-After", "2"), refuses(400, "bad_request", "no"))
			err := do(t.Context(), t, w.client)
			require.ErrorContains(t, err, "bad_request")
			assert.Len(t, w.requests(), 2)
			assert.Equal(t, []time.Duration{2 * time.Second}, w.slept)
		})
		t.Run(write+" is refused, not unknown, by a redirect, which is not followed", func(t *testing.T) {
			t.Parallel()
			other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
				t.Error("the redirect was followed")
			}))
			defer other.Close()
			w := newWorld(t, Options{}, says(307, "", "Location", other.URL))
			err := do(t.Context(), t, w.client)
			var refused *APIError
			require.ErrorAs(t, err, &refused)
			assert.Equal(t, 307, refused.Status)
			var outcome *UnknownOutcomeError
			assert.NotErrorAs(t, err, &outcome)
		})
	}
}

// hangs answers only when the client has gone.
func hangs() reply {
	return func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }
}

func TestTimeouts(t *testing.T) {
	t.Parallel()

	t.Run("of a write is unknown", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{Timeout: 50 * time.Millisecond}, hangs())
		_, err := w.client.CreateVariable(t.Context(), "prj_1", newVariable(t))
		var outcome *UnknownOutcomeError
		require.ErrorAs(t, err, &outcome)
		require.ErrorContains(t, err, "timed out after 50ms")
		require.NotErrorIs(t, err, context.DeadlineExceeded, "the caller's own context has not ended")
		assert.Len(t, w.requests(), 1)
	})

	t.Run("of a read is repeated", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{Timeout: 200 * time.Millisecond}, hangs(), goodUser)
		_, err := w.client.User(t.Context())
		require.NoError(t, err)
	})

	t.Run("the end of the caller's context ends a write as unknown", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		w := newWorld(t, Options{}, func(_ http.ResponseWriter, r *http.Request) { cancel(); <-r.Context().Done() })
		err := w.client.DeleteVariable(ctx, "prj_1", "env1")
		var outcome *UnknownOutcomeError
		require.ErrorAs(t, err, &outcome)
		require.ErrorIs(t, err, context.Canceled)
	})

	t.Run("a context that has ended before sends nothing", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		w := newWorld(t, Options{}, goodUser)
		err := w.client.DeleteVariable(ctx, "prj_1", "env1")
		require.ErrorIs(t, err, context.Canceled)
		var outcome *UnknownOutcomeError
		assert.NotErrorAs(t, err, &outcome)
		assert.Empty(t, w.requests())
		assert.Empty(t, hintOf(err))
	})

	t.Run("an answer that ends early leaves a write unknown", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{}, says(201, `{"created":`, "Content-Length", "4000"))
		_, err := w.client.CreateVariable(t.Context(), "prj_1", newVariable(t))
		var outcome *UnknownOutcomeError
		require.ErrorAs(t, err, &outcome)
	})
}

func TestAWriteThatNeverLeftIsRepeated(t *testing.T) {
	t.Parallel()
	// Nobody listens at first; the server comes up while the client waits.
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	address := listener.Addr().String()
	require.NoError(t, listener.Close())

	w := newWorld(t, Options{API: "http://" + address}, says(200, AnswerVariable(row)))
	w.onSleep = func(n int) error {
		if n < 2 {
			return nil
		}
		again, err := net.Listen("tcp", address)
		if err != nil {
			return err
		}
		late := httptest.NewUnstartedServer(w)
		_ = late.Listener.Close()
		late.Listener = again
		late.Start()
		t.Cleanup(late.Close)
		return nil
	}
	require.NoError(t, w.client.DeleteVariable(t.Context(), "prj_1", "env1"))
	assert.Len(t, w.requests(), 1)
	assert.Len(t, w.slept, 2)
}

func TestUnreachable(t *testing.T) {
	t.Parallel()

	t.Run("refused connections end with a hint, and a write is not unknown", func(t *testing.T) {
		t.Parallel()
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, listener.Close())
		w := newWorld(t, Options{API: "http://" + listener.Addr().String()}, goodUser)
		_, err = w.client.CreateVariable(t.Context(), "prj_1", newVariable(t))
		var unreachable *UnreachableError
		require.ErrorAs(t, err, &unreachable)
		assert.Contains(t, hintOf(err), "check the network")
		var outcome *UnknownOutcomeError
		assert.NotErrorAs(t, err, &outcome)
		assert.Len(t, w.slept, 4)
	})

	t.Run("a certificate that is not trusted is not tried again", func(t *testing.T) {
		t.Parallel()
		tls := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
			t.Error("a request was sent over it")
		}))
		tls.Config.ErrorLog = discardLog()
		tls.StartTLS()
		defer tls.Close()
		w := newWorld(t, Options{API: tls.URL}, goodUser)
		_, err := w.client.User(t.Context())
		require.ErrorContains(t, err, "certificate")
		assert.Contains(t, hintOf(err), "not trusted")
		assert.Empty(t, w.slept)
	})
}

// What may not be changed any more after a wait is not changed.
func TestAWriteIsAskedForBeforeEachAttempt(t *testing.T) {
	t.Parallel()
	stop := errors.New("not any more")
	limited := refuses(429, "rate_limited", "", "Retry-After", "60")
	for _, test := range []struct {
		name     string
		allowed  int // attempts
		requests int
	}{
		{"at once", 0, 0}, {"after one wait", 1, 1}, {"after two", 2, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			asked := 0
			w := newWorld(t, Options{BeforeWrite: func(context.Context) error {
				if asked++; asked > test.allowed {
					return stop
				}
				return nil
			}}, limited)
			err := w.client.DeleteVariable(t.Context(), "prj_1", "env1")
			require.ErrorIs(t, err, stop)
			var lost *UnknownOutcomeError
			require.NotErrorAs(t, err, &lost, "nothing was changed for certain")
			assert.Len(t, w.requests(), test.requests)
		})
	}

	t.Run("a request that only reads is not asked for", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{BeforeWrite: func(context.Context) error { return stop }}, goodUser)
		_, err := w.client.User(t.Context())
		require.NoError(t, err)
	})
}
