package notify

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
)

const secretPath = "/services/T00000000/B00000000/XXXXsecretXXXX"

// channel is a webhook on loopback, with the answers it is to give in turn; the
// last one goes on.
type channel struct {
	*httptest.Server
	mu       sync.Mutex
	answers  []http.HandlerFunc
	messages []string
}

func mustServe(t *testing.T, answers ...http.HandlerFunc) *channel {
	t.Helper()
	c := &channel{answers: answers}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Text string }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, "invalid_payload", http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		c.messages = append(c.messages, body.Text)
		answer := c.answers[0]
		if len(c.answers) > 1 {
			c.answers = c.answers[1:]
		}
		c.mu.Unlock()
		answer(w, r)
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *channel) got() []string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return append([]string(nil), c.messages...)
}

func says(status int, text string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		_, _ = io.WriteString(w, text)
	}
}

func asksToWait(seconds string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if seconds != "" {
			w.Header().Set("Retry-After", seconds)
		}
		says(http.StatusTooManyRequests, "rate_limited")(w, nil)
	}
}

// hangsUp takes the message and closes the connection without an answer.
func hangsUp(w http.ResponseWriter, _ *http.Request) {
	conn, _, err := w.(http.Hijacker).Hijack()
	if err == nil {
		_ = conn.Close()
	}
}

// breaksOff ends its answer in the middle.
func breaksOff(w http.ResponseWriter, _ *http.Request) {
	conn, out, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	_, _ = out.WriteString("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no")
	_ = out.Flush()
	_ = conn.Close()
}

// waits are the pauses that a webhook took, none of which takes any time.
type waits struct{ all []time.Duration }

func (w *waits) sleep(ctx context.Context, d time.Duration) error {
	w.all = append(w.all, d)
	return ctx.Err()
}

func mustHook(t *testing.T, address string, o Options) *Slack {
	t.Helper()
	secret, err := keygen.NewCredential(address)
	require.NoError(t, err)
	s, err := NewSlack(secret, o)
	require.NoError(t, err)
	return s
}

func message() Message {
	return Window(Rotation{About: orders(), Old: "v1", New: "v2", Production: on(26, "00:00"), Removal: on(31, "00:00"), End: on(31, "00:00")})
}

func TestPost(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		answers []http.HandlerFunc
		posts   int
		waits   []time.Duration
		unknown bool
		err     string
	}{
		"delivered":                     {answers: []http.HandlerFunc{says(200, "ok")}, posts: 1},
		"asked to wait, then delivered": {answers: []http.HandlerFunc{asksToWait("7"), says(200, "ok")}, posts: 2, waits: []time.Duration{7 * time.Second}},
		"asked to wait without a time":  {answers: []http.HandlerFunc{asksToWait(""), asksToWait("soon"), says(200, "ok")}, posts: 3, waits: []time.Duration{time.Second, 2 * time.Second}},
		"asked to wait too long":        {answers: []http.HandlerFunc{asksToWait("3600")}, posts: 1, err: "the webhook answered 429: rate_limited"},
		"asked to wait again and again": {answers: []http.HandlerFunc{asksToWait("1")}, posts: 4, waits: []time.Duration{time.Second, time.Second, time.Second}, err: "429"},
		"the webhook was removed":       {answers: []http.HandlerFunc{says(404, "no_service")}, posts: 1, err: "the webhook answered 404: no_service"},
		"the channel is archived":       {answers: []http.HandlerFunc{says(410, "channel_is_archived")}, posts: 1, err: "410: channel_is_archived"},
		"the text is not liked":         {answers: []http.HandlerFunc{says(400, "invalid_\x1b[31mpayload")}, posts: 1, err: "400: invalid_(U+001B)[31mpayload"},
		"a page instead of a word":      {answers: []http.HandlerFunc{says(403, "<html><body>blocked</body></html>")}, posts: 1, err: "the webhook answered 403 forbidden"},
		"moved": {answers: []http.HandlerFunc{func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
		}}, posts: 1, err: "307"},
		"a server's error":                {answers: []http.HandlerFunc{says(500, "rollup_error"), says(200, "ok")}, posts: 1, unknown: true, err: "the webhook answered 500, which does not say"},
		"a gateway that lost the answer":  {answers: []http.HandlerFunc{says(504, "")}, posts: 1, unknown: true, err: "504"},
		"somebody else answered":          {answers: []http.HandlerFunc{says(200, "<html>please log in to the network</html>")}, posts: 1, unknown: true, err: "200, which does not say"},
		"the connection ended":            {answers: []http.HandlerFunc{hangsUp, says(200, "ok")}, posts: 1, unknown: true, err: "the answer was lost"},
		"the answer ended in the middle":  {answers: []http.HandlerFunc{breaksOff, says(200, "ok")}, posts: 1, unknown: true, err: "which does not say"},
		"asked to wait, then lost":        {answers: []http.HandlerFunc{asksToWait("1"), hangsUp, says(200, "ok")}, posts: 2, waits: []time.Duration{time.Second}, unknown: true, err: "lost"},
		"an endless answer":               {answers: []http.HandlerFunc{says(200, strings.Repeat("ok", 1<<20))}, posts: 1, unknown: true, err: "which does not say"},
		"accepted without having been so": {answers: []http.HandlerFunc{says(202, "ok")}, posts: 1, unknown: true, err: "202"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server, slept := mustServe(t, c.answers...), waits{}
			hook := mustHook(t, server.URL+secretPath, Options{Sleep: slept.sleep})
			err := hook.Post(t.Context(), message())
			assert.Len(t, server.got(), c.posts, "how often it was posted")
			assert.Equal(t, c.waits, slept.all)
			assert.Equal(t, message().Mrkdwn(), server.got()[0])
			if c.err == "" {
				require.NoError(t, err)
				return
			}
			require.ErrorContains(t, err, c.err)
			assert.Equal(t, c.unknown, errors.Is(err, ErrUnknown))
			mustNotTell(t, err)
		})
	}
}

// mustNotTell checks that an error holds nothing of the webhook's address.
func mustNotTell(t *testing.T, err error) {
	t.Helper()
	for e := err; e != nil; e = errors.Unwrap(e) {
		for _, text := range []string{e.Error(), fmt.Sprintf("%+v %#v", e, e)} {
			for _, secret := range []string{secretPath, "XXXXsecretXXXX", "/services/", "T00000000"} {
				require.NotContains(t, text, secret)
			}
		}
	}
}

func TestPostWithoutAConnection(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	slept := waits{}
	hook := mustHook(t, "http://"+closed.Addr().String()+secretPath, Options{Sleep: slept.sleep})
	err = hook.Post(t.Context(), message())
	require.ErrorContains(t, err, "the webhook cannot be reached")
	assert.NotErrorIs(t, err, ErrUnknown, "nothing was sent")
	assert.Len(t, slept.all, 3, "it is tried again")
	mustNotTell(t, err)

	tls := mustHook(t, "https://"+closed.Addr().String()+secretPath, Options{Sleep: slept.sleep})
	err = tls.Post(t.Context(), message())
	require.ErrorContains(t, err, "cannot be reached")
	mustNotTell(t, err)
}

func TestPostToAStranger(t *testing.T) {
	t.Parallel()
	server := httptest.NewUnstartedServer(says(200, "ok"))
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // it complains of the broken handshake
	server.StartTLS()
	t.Cleanup(server.Close)
	slept := waits{}
	err := mustHook(t, server.URL+secretPath, Options{Sleep: slept.sleep}).Post(t.Context(), message())
	require.ErrorContains(t, err, "certificate")
	assert.Empty(t, slept.all, "a wrong certificate does not get better")
	assert.NotErrorIs(t, err, ErrUnknown)
	mustNotTell(t, err)
}

func TestPostWithoutAnAnswerInTime(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	server := mustServe(t, func(http.ResponseWriter, *http.Request) { <-release })
	defer close(release)
	err := mustHook(t, server.URL+secretPath, Options{Timeout: 50 * time.Millisecond}).Post(t.Context(), message())
	require.ErrorIs(t, err, ErrUnknown)
	require.ErrorContains(t, err, "no answer in time")
	mustNotTell(t, err)
}

func TestPostIsLeft(t *testing.T) {
	t.Parallel()
	ctx, leave := context.WithCancel(t.Context())
	server := mustServe(t, asksToWait("1"))
	hook := mustHook(t, server.URL+secretPath, Options{Sleep: func(ctx context.Context, _ time.Duration) error {
		leave()
		return ctx.Err()
	}})
	require.ErrorIs(t, hook.Post(ctx, message()), context.Canceled)
	assert.Len(t, server.got(), 1)
}

func TestAPostIsAskedForBeforeEachAttempt(t *testing.T) {
	t.Parallel()
	stop := errors.New("not any more")
	server := mustServe(t, asksToWait("1"))
	asked := 0
	hook := mustHook(t, server.URL+secretPath, Options{Sleep: (&waits{}).sleep, BeforePost: func(context.Context) error {
		if asked++; asked > 2 {
			return stop
		}
		return nil
	}})
	require.ErrorIs(t, hook.Post(t.Context(), message()), stop)
	assert.Len(t, server.got(), 2)
}

func TestNewSlackRefusesWhatIsNoWebhook(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		address string
		o       Options
		want    string
	}{
		"no address":              {"hooks.slack.com" + secretPath, Options{}, "not an https address"},
		"in clear over the net":   {"http://hooks.slack.com" + secretPath, Options{}, "not an https address"},
		"something else":          {"ftp://hooks.slack.com" + secretPath, Options{}, "not an https address"},
		"a line feed in it":       {"https://hooks.slack.com/\n" + secretPath, Options{}, "not an https address"},
		"real, from the sandbox":  {"https://hooks.slack.com" + secretPath, Options{LoopbackOnly: true}, "must not post to people"},
		"a name like loopback":    {"http://localhost.example.com" + secretPath, Options{}, "not an https address"},
		"another loopback's name": {"http://127.0.0.1.example.com" + secretPath, Options{LoopbackOnly: true}, "not an https address"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			secret, err := keygen.NewCredential(c.address)
			require.NoError(t, err)
			_, err = NewSlack(secret, c.o)
			require.ErrorContains(t, err, c.want)
			mustNotTell(t, err)
		})
	}
	_, err := NewSlack(keygen.Secret{}, Options{})
	require.Error(t, err)
}

func TestTheWebhookPrintsNothing(t *testing.T) {
	t.Parallel()
	hook := mustHook(t, "https://hooks.slack.com"+secretPath, Options{})
	var printed bytes.Buffer
	fmt.Fprintf(&printed, "%v %+v %#v", hook, hook, *hook)
	assert.NotContains(t, printed.String(), "XXXXsecretXXXX")
}

func TestRefusedErrorSaysWhatToDo(t *testing.T) {
	t.Parallel()
	assert.Contains(t, (&RefusedError{Status: 404}).Hint(), "make a new one")
	assert.Contains(t, (&RefusedError{Status: 429}).Hint(), "wait")
	assert.Contains(t, (&RefusedError{Status: 400}).Hint(), "by hand")
}
