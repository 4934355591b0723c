package program_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
)

// echo stands in front of a server. Now and then its answer breaks HTTP, or is a
// refusal, and has in it all that was asked.
type echo struct {
	net.Listener
	upstream string // host and port; "" if every answer is an echo

	mu      sync.Mutex
	seen    map[string]int // by method and kind
	strikes int
	struck  strings.Builder // the requests that were echoed
}

func mustEcho(t *testing.T, upstream string) *echo {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	host := ""
	if upstream != "" {
		u, err := url.Parse(upstream)
		require.NoError(t, err)
		host = u.Host
	}
	e := &echo{Listener: listener, upstream: host, seen: map[string]int{}}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer func() { _ = conn.Close() }()
				e.serve(conn)
			})
		}
	})
	t.Cleanup(func() { _ = listener.Close(); serving.Wait() })
	return e
}

func (e *echo) url() string { return "http://" + e.Addr().String() }

// serve answers one request, and none after it.
func (e *echo) serve(conn net.Conn) {
	var got bytes.Buffer
	r, err := http.ReadRequest(bufio.NewReader(io.TeeReader(conn, &got)))
	if err != nil {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	answer, passOn := e.strike(r, got.String())
	if !passOn {
		_, _ = io.WriteString(conn, answer)
		return
	}
	r.URL.Scheme, r.URL.Host, r.RequestURI, r.Body = "http", e.upstream, "", io.NopCloser(bytes.NewReader(body))
	resp, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		return
	}
	defer func() { _ = resp.Body.Close() }()
	resp.Close = true
	if answer == "" {
		_ = resp.Write(conn)
		return
	}
	_, _ = io.WriteString(conn, answer) // it took effect, and the answer is lost
}

// strike returns how to answer, "" as the server does, and whether to pass the
// request on. Writes are struck more often than reads, which are made again after a
// real wait.
func (e *echo) strike(r *http.Request, got string) (answer string, passOn bool) {
	e.mu.Lock()
	defer e.mu.Unlock()
	kind := "a write"
	if r.Method == http.MethodGet {
		kind = "a read"
	}
	e.seen[kind]++
	every := 3
	if kind == "a read" {
		every = 60
	}
	if e.upstream != "" && e.seen[kind]%every != 1 {
		return "", true
	}
	line := strings.Join(strings.Fields(got), " ")
	text, err := json.Marshal(got)
	if err != nil {
		return "", true
	}
	ways := []struct {
		answer string
		passOn bool
	}{
		{"HTTP/1.1 200 OK\r\n" + strings.ReplaceAll(line, ":", "") + "\r\n\r\n", true},
		{fmt.Sprintf("HTTP/1.1 400 %s\r\nConnection: close\r\n\r\n{\"error\":{\"code\":%s,\"message\":%s}}", line, text, text), false},
		{"HTTP/1.1 " + line + "\r\n\r\n", true},
		{"HTTP/1.1 307 Is\r\nConnection: close\r\nLocation: http://%zz/" + line + "\r\n\r\n" + got, false},
		{"HTTP/1.1 200 OK\r\nContent-Length: " + line + "\r\n\r\n", true},
		{"HTTP/1.1 404 " + line + "\r\nConnection: close\r\n\r\n" + got, false},
		{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + line + "\r\n", true},
		{got, true},
	}
	way := ways[e.strikes%len(ways)]
	e.strikes++
	e.struck.WriteString(got)
	if r.Method == http.MethodGet || e.upstream == "" {
		way.passOn = false
	}
	return way.answer, way.passOn
}

func (e *echo) heard() (requests string, strikes int) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.struck.String(), e.strikes
}

// TestNothingThatAServerSendsBackIsKept rotates a company whose Vercel, request log
// and webhook break HTTP now and then and send back what they got: nothing of it is
// said to the operator, or is in any file.
func TestNothingThatAServerSendsBackIsKept(t *testing.T) {
	t.Parallel()
	c := newCompany(t, threeProjects())
	c.moveIn()
	vercel, log, slack := mustEcho(t, c.world.VercelURL()), mustEcho(t, c.world.LogURL()), mustEcho(t, "")
	c.change(fmt.Sprintf("api = %q", c.world.VercelURL()), fmt.Sprintf("api = %q", vercel.url()))
	c.change(fmt.Sprintf("url = %q", c.world.LogURL()), fmt.Sprintf("url = %q", log.url()))
	webhook := slack.url() + "/services/T0ECHO/B0ECHO/wordsThatOnlyThisTestUses"
	_, err := program.Login(t.Context(), c.options, program.Slack, func(context.Context) (keygen.Secret, error) { return keygen.NewCredential(webhook) })
	require.NoError(t, err)

	var stderr strings.Builder
	c.options.Explain = func(text string) { stderr.WriteString(text + "\n") }
	p := c.open()
	op := c.operator()
	e, err := p.Begin(t.Context(), "quarterly", op)
	require.NoError(t, err)
	failures := c.persist(e, op, &stderr)
	require.NoError(t, e.Close())
	assert.Equal(t, checklist.Finished, e.Session().Outcome)

	secrets := &programtest.Secrets{}
	secrets.Add("vercel token", c.world.VercelToken())
	secrets.Add("log token", c.world.LogToken())
	secrets.Add("webhook", strings.TrimPrefix(webhook, slack.url()))
	entries, err := p.Vault().List(t.Context())
	require.NoError(t, err)
	keys := 0
	for _, entry := range entries {
		secret, _, err := p.Vault().Get(t.Context(), entry.Name)
		require.NoError(t, err)
		if secret.Reveal() != webhook {
			secrets.Add(string(entry.Name), secret.Reveal())
		}
		if requests, _ := vercel.heard(); strings.Contains(requests, secret.Reveal()) {
			keys++
		}
	}

	// What is looked for was sent, and sent back.
	requests, strikes := vercel.heard()
	assert.Greater(t, strikes, 10)
	assert.Contains(t, requests, c.world.VercelToken())
	assert.Positive(t, keys, "a key was among what was sent back")
	requests, _ = log.heard()
	assert.Contains(t, requests, c.world.LogToken())
	requests, _ = slack.heard()
	assert.Contains(t, requests, "wordsThatOnlyThisTestUses")
	assert.Positive(t, failures)
	assert.Contains(t, op.Heard(), "the answer is not valid HTTP")

	assert.Empty(t, secrets.In([]byte(op.Heard())), "on the screen")
	assert.Empty(t, secrets.In([]byte(stderr.String())), "on stderr")
	found, files, err := secrets.InFiles(c.options.State)
	require.NoError(t, err)
	assert.Positive(t, files)
	assert.Empty(t, found)
}

// persist walks a session to its end, doing each item again that fails, and returns
// how often one did. What is said of it goes to stderr, as the commands say it.
func (c *company) persist(e *checklist.Engine, op checklist.Operator, stderr io.Writer) (failures int) {
	c.t.Helper()
	for range 400 {
		item, ok := e.Session().Next()
		if !ok {
			break
		}
		if opens := e.Session().NextOpens(e.Now()); opens.After(e.Now()) {
			require.NoError(c.t, c.world.Clock().AdvanceTo(opens))
		}
		if err := e.Run(c.t.Context(), item.ID, op); err != nil {
			failures++
			fmt.Fprintf(stderr, "error: %v\nhint: %s\n%+v %#v\n", err, checklist.Hint(err), err, err)
			var notYet *checklist.NotYet
			var gate *checklist.GateError
			if errors.As(err, &notYet) || errors.As(err, &gate) {
				require.NoError(c.t, c.world.Clock().AdvanceTo(e.Now().Add(26*time.Hour)))
			}
		}
	}
	if e.Session().Outcome == "" {
		require.NoError(c.t, e.Finish(c.t.Context(), op))
	}
	return failures
}
