package requestlog

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/steps/httpclient"
)

const testToken = "logtok_123456789"

const goodAnswer = `{"until":"2026-11-24T10:30:00Z","rows":[
 {"bucket":"2026-11-24T08:00:00Z","project":"orders-api","sender":"checkout","key_id":"v1","status":200,"error":"","count":12},
 {"bucket":"2026-11-24T10:20:00+01:00","project":"orders-api","sender":"bot\u001b[31m","key_id":null,"status":403,"error":"bad signature","count":3,"new":true}]}`

// server answers with one status and body after another, the last for ever.
type server struct {
	*httptest.Server
	source *HTTP

	mu      sync.Mutex
	answers []answer
	queries []string
	auth    string
	now     time.Time
	slept   []time.Duration
	waits   []string
	onSleep func()
}

type answer struct {
	status int
	body   string
	header http.Header
	act    func(*http.Request)
}

func newServer(t *testing.T, options HTTPOptions, answers ...answer) *server {
	t.Helper()
	s := &server{answers: answers, now: hour0}
	s.Server = httptest.NewServer(http.HandlerFunc(s.serve))
	t.Cleanup(s.Close)
	token, err := httpclient.ParseToken(testToken)
	require.NoError(t, err)
	options.Token = token
	if options.URL == "" {
		options.URL = s.URL + "/base/"
	}
	options.HTTP.Transport = &http.Transport{}
	options.HTTP.Backoff = func() backoff.BackOff { return backoff.NewConstantBackOff(time.Second) }
	options.HTTP.Now = func() time.Time { return s.now }
	options.HTTP.OnWait = func(_ context.Context, reason string, until time.Time) {
		s.waits = append(s.waits, until.Sub(s.now).String()+" "+reason)
	}
	options.HTTP.Sleep = func(ctx context.Context, d time.Duration) error {
		s.slept = append(s.slept, d)
		s.now = s.now.Add(d)
		if s.onSleep != nil {
			s.onSleep()
		}
		return ctx.Err()
	}
	s.source, err = NewHTTP(options)
	require.NoError(t, err)
	return s
}

func (s *server) serve(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.queries = append(s.queries, r.URL.String())
	s.auth = r.Header.Get("Authorization")
	a := s.answers[min(len(s.queries), len(s.answers))-1]
	s.mu.Unlock()
	if a.act != nil {
		a.act(r)
	}
	for name, values := range a.header {
		w.Header()[name] = values
	}
	w.WriteHeader(a.status)
	_, _ = io.WriteString(w, a.body)
}

func (s *server) read(ctx context.Context) (Log, error) {
	return s.source.Read(ctx, "production", hour(0).Add(10*time.Minute), hour(3))
}

func TestRead(t *testing.T) {
	t.Parallel()

	t.Run("asks as agreed and tidies what comes", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, HTTPOptions{}, answer{status: 200, body: goodAnswer})
		log, err := s.read(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []string{"/base/v1/request-log?environment=production&since=2026-11-24T08%3A10%3A00Z&until=2026-11-24T11%3A00%3A00Z"}, s.queries)
		assert.Equal(t, "Bearer "+testToken, s.auth)
		assert.Equal(t, Log{Until: hour(2).Add(30 * time.Minute), Rows: []Row{
			{Bucket: hour(0), Project: "orders-api", Sender: "checkout", KeyID: key("v1"), Status: 200, Count: 12},
			{Bucket: hour(1), Project: "orders-api", Sender: "bot[31m", Status: 403, Error: "bad signature", Count: 3},
		}}, log)
	})

	t.Run("a log is not trusted beyond what was asked for", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, HTTPOptions{}, answer{status: 200, body: `{"until":"2030-01-01T00:00:00Z","rows":[]}`})
		log, err := s.read(t.Context())
		require.NoError(t, err)
		assert.Equal(t, hour(3), log.Until)
	})

	t.Run("a log round-trips through JSON", func(t *testing.T) {
		t.Parallel()
		want := Log{Until: hour(1), Rows: []Row{ok(0, "a", key("v1"), 1), refused(0, "b", nil, 403, "x", 2)}}
		data, err := json.Marshal(want)
		require.NoError(t, err)
		s := newServer(t, HTTPOptions{}, answer{status: 200, body: string(data)})
		got, err := s.read(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want, got)
	})
}

func TestReadRefusesWhatCannotBeCounted(t *testing.T) {
	t.Parallel()
	rowWith := func(change string) string {
		return `{"until":"2026-11-24T10:00:00Z","rows":[{"bucket":"2026-11-24T08:00:00Z","status":200,"count":1` + change + `}]}`
	}
	for name, test := range map[string]struct{ body, want string }{
		"no until":               {`{"rows":[]}`, "does not say up to when"},
		"not JSON":               {`<html>hunter2`, "not JSON at byte 1"},
		"an empty body":          {``, "not JSON"},
		"a text for a number":    {rowWith(`,"count":"hunter2"`), "unexpected string"},
		"a time that is none":    {rowWith(`,"bucket":"hunter2"`), "form of RFC 3339"},
		"a negative count":       {rowWith(`,"count":-1`), "row 0 has a negative count"},
		"a senseless count":      {rowWith(`,"count":9000000000000000000`), "row 0 counts more than"},
		"a status that is none":  {rowWith(`,"status":0`), "row 0 has status 0"},
		"a row before the time":  {rowWith(`,"bucket":"2026-11-24T07:00:00Z"`), "outside the time"},
		"a row after the time":   {rowWith(`,"bucket":"2026-11-25T07:00:00Z"`), "outside the time"},
		"a row without its hour": {`{"until":"2026-11-24T10:00:00Z","rows":[{"status":200,"count":1}]}`, "outside the time"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newServer(t, HTTPOptions{}, answer{status: 200, body: test.body})
			log, err := s.read(t.Context())
			require.ErrorContains(t, err, "read request log of production: ")
			require.ErrorContains(t, err, test.want)
			assert.NotContains(t, err.Error(), "hunter2")
			assert.Empty(t, log)
			assert.Len(t, s.queries, 1, "it is not asked again")
			var failure *ReadError
			require.ErrorAs(t, err, &failure)
			assert.Contains(t, failure.Hint(), "[request_log] url")
		})
	}
}

func TestReadTriesAgain(t *testing.T) {
	t.Parallel()

	for _, status := range []int{408, 429, 500, 502, 503, 504} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			s := newServer(t, HTTPOptions{}, answer{status: status}, answer{status: status}, answer{status: 200, body: goodAnswer})
			_, err := s.read(t.Context())
			require.NoError(t, err)
			assert.Equal(t, []time.Duration{time.Second, time.Second}, s.slept)
			assert.Contains(t, s.waits[0], fmt.Sprintf("1s read request log of production: the server answered %d", status))
		})
	}

	t.Run("after a cut connection and a cut answer", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, HTTPOptions{},
			answer{act: func(*http.Request) { panic(http.ErrAbortHandler) }},
			answer{status: 200, body: goodAnswer[:50], header: http.Header{"Content-Length": {"500"}}},
			answer{status: 200, body: goodAnswer})
		_, err := s.read(t.Context())
		require.NoError(t, err)
	})

	t.Run("after the time limit of one attempt", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, HTTPOptions{HTTP: httpclient.Options{Timeout: 200 * time.Millisecond}},
			answer{act: func(r *http.Request) { <-r.Context().Done() }}, answer{status: 200, body: goodAnswer})
		_, err := s.read(t.Context())
		require.NoError(t, err)
		assert.Contains(t, s.waits[0], "timed out after 200ms")
	})

	t.Run("as the server asks, in seconds or with a date", func(t *testing.T) {
		t.Parallel()
		s := newServer(t, HTTPOptions{},
			answer{status: 429, header: http.Header{"Retry-After": {"7"}}},
			answer{status: 503, header: http.Header{"Date": {hour0.Format(http.TimeFormat)}, "Retry-After": {hour0.Add(9 * time.Second).Format(http.TimeFormat)}}},
			answer{status: 200, body: goodAnswer})
		_, err := s.read(t.Context())
		require.NoError(t, err)
		assert.Equal(t, []time.Duration{7 * time.Second, 9 * time.Second}, s.slept)
	})

	t.Run("but not too early, not for ever, and not after a refusal", func(t *testing.T) {
		t.Parallel()
		for status, test := range map[int]struct {
			requests int
			hint     string
		}{
			500: {4, "log server is up"}, 401: {1, "token"}, 403: {1, "token"}, 404: {1, Path}, 302: {1, "[request_log] url"},
		} {
			s := newServer(t, HTTPOptions{}, answer{status: status, body: testToken, header: http.Header{"Location": {"/elsewhere"}}})
			_, err := s.read(t.Context())
			var failure *ReadError
			require.ErrorAs(t, err, &failure)
			assert.Equal(t, status, failure.Status)
			assert.Contains(t, failure.Hint(), test.hint)
			assert.Len(t, s.queries, test.requests)
			assert.NotContains(t, fmt.Sprintf("%+v %#v", err, err), testToken)
		}
		s := newServer(t, HTTPOptions{}, answer{status: 429, header: http.Header{"Retry-After": {"3600"}}})
		_, err := s.read(t.Context())
		require.Error(t, err)
		assert.Empty(t, s.slept)
	})

	t.Run("and the wait can be interrupted", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		s := newServer(t, HTTPOptions{}, answer{status: 503})
		s.onSleep = cancel
		_, err := s.read(ctx)
		require.ErrorIs(t, err, context.Canceled)
		require.ErrorContains(t, err, "503")
	})

	t.Run("a server that is not there", func(t *testing.T) {
		t.Parallel()
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		require.NoError(t, err)
		require.NoError(t, listener.Close())
		s := newServer(t, HTTPOptions{URL: "http://" + listener.Addr().String()}, answer{})
		_, err = s.read(t.Context())
		var failure *ReadError
		require.ErrorAs(t, err, &failure)
		assert.Zero(t, failure.Status)
		assert.Len(t, s.slept, 3)
	})
}

func TestNewHTTPRefuses(t *testing.T) {
	t.Parallel()
	token, err := httpclient.ParseToken(testToken)
	require.NoError(t, err)
	_, err = NewHTTP(HTTPOptions{URL: "https://logs.example.com"})
	require.ErrorContains(t, err, "no token")
	for _, url := range []string{"", "logs", "ftp://127.0.0.1", "http://logs.example.com", "https://a:pw@b", "https://a?b=c"} {
		_, err := NewHTTP(HTTPOptions{URL: url, Token: token})
		require.Error(t, err, url)
		assert.NotContains(t, err.Error(), "pw")
	}
	for _, url := range []string{"https://logs.example.com/x/", "http://localhost:1", "http://[::1]:1"} {
		_, err := NewHTTP(HTTPOptions{URL: url, Token: token})
		require.NoError(t, err, url)
	}
}

func FuzzLog(f *testing.F) {
	f.Add([]byte(goodAnswer))
	f.Add([]byte(`{"until":"2026-11-24T10:30:00Z","rows":[{"bucket":"0001-01-01T00:00:00Z","count":9223372036854775807}]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var log Log
		if json.Unmarshal(data, &log) != nil {
			return
		}
		// The analysis must stand any log, also one that no source lets through.
		d, failures := Usage(log), FailuresOf(log)
		assert.LessOrEqual(t, d.Hours, maxHours)
		assert.LessOrEqual(t, len(failures.Hours), maxHours)
		Stragglers(log, "v1")
		FreshnessOf(log, hour0)
		if tidy(&log, hour0, hour(3), httpclient.NewCensor()) == nil {
			for _, r := range log.Rows {
				assert.False(t, r.Bucket.Before(hour0))
			}
		}
	})
}
