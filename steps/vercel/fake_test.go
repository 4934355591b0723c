package vercel

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
	"keyturn/steps/httpclient"
)

const (
	testToken  = "tok_abcDEF123456789"
	testSecret = "3f9a0c4177deb210a5c6d7e8f90112233445566778899aabbccddeeff0a1b2c3"
)

// seen is a request as a server got it.
type seen struct {
	Method, Path string
	Query        url.Values
	Header       http.Header
	Body         string
}

// reply answers one request.
type reply func(http.ResponseWriter, *http.Request)

// says answers with a status and a body: text as it is, anything else as JSON.
func says(status int, body any, headers ...string) reply {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		for i := 0; i+1 < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		if text, ok := body.(string); ok {
			_, _ = io.WriteString(w, text)
			return
		}
		_ = json.NewEncoder(w).Encode(body)
	}
}

// refuses answers with an error as Vercel writes it.
func refuses(status int, code, message string, headers ...string) reply {
	return says(status, ErrorBody{Error: ErrorDetail{Code: code, Message: message}}, headers...)
}

// drops reads the request and cuts the connection.
func drops() reply {
	return func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }
}

// world is a client and the server that it talks to. Its clock moves only when
// the client waits.
type world struct {
	server *httptest.Server
	client *Client

	mu      sync.Mutex
	replies []reply // the last one is used again
	seen    []seen
	now     time.Time
	slept   []time.Duration
	waits   []string
	onSleep func(n int) error
}

func newWorld(t *testing.T, options Options, replies ...reply) *world {
	t.Helper()
	w := &world{replies: replies, now: time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)}
	w.server = httptest.NewServer(w)
	t.Cleanup(w.server.Close)
	if options.API == "" {
		options.API = w.server.URL
	}
	w.client = w.newClient(t, options)
	return w
}

func (w *world) newClient(t *testing.T, options Options) *Client {
	t.Helper()
	token, err := httpclient.ParseToken(testToken)
	require.NoError(t, err)
	options.Token = token
	if options.HTTP.Transport == nil {
		options.HTTP.Transport = &http.Transport{}
	}
	options.HTTP.Now = w.clock
	options.HTTP.Sleep = w.sleep
	options.HTTP.OnWait = func(_ context.Context, reason string, until time.Time) {
		w.mu.Lock()
		defer w.mu.Unlock()
		w.waits = append(w.waits, until.Sub(w.now).String()+" "+reason)
	}
	if options.HTTP.Backoff == nil {
		options.HTTP.Backoff = func() backoff.BackOff { return backoff.NewConstantBackOff(time.Second) }
	}
	client, err := New(options)
	require.NoError(t, err)
	return client
}

func (w *world) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	w.mu.Lock()
	w.seen = append(w.seen, seen{r.Method, r.URL.EscapedPath(), r.URL.Query(), r.Header, string(body)})
	answer := w.replies[min(len(w.seen), len(w.replies))-1]
	rw.Header().Set("Date", w.now.Format(http.TimeFormat))
	w.mu.Unlock()
	answer(rw, r)
}

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

func (w *world) sleep(ctx context.Context, d time.Duration) error {
	w.mu.Lock()
	w.now = w.now.Add(d)
	w.slept = append(w.slept, d)
	n, onSleep := len(w.slept), w.onSleep
	w.mu.Unlock()
	if onSleep != nil {
		if err := onSleep(n); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (w *world) requests() []seen {
	w.mu.Lock()
	defer w.mu.Unlock()
	return append([]seen(nil), w.seen...)
}

func secret(t *testing.T) keygen.Secret {
	t.Helper()
	s, err := keygen.ParseSecret(testSecret)
	require.NoError(t, err)
	return s
}

func newVariable(t *testing.T) NewVariable {
	t.Helper()
	return NewVariable{Key: "HMAC_SECRET_V2", Value: secret(t), Type: TypeSensitive, Target: TargetPreview, Comment: "session s1"}
}
