package httpclient_test

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/keygen"
	"keyturn/steps/httpclient"
	"keyturn/steps/notify"
	"keyturn/steps/probe"
	"keyturn/steps/requestlog"
	"keyturn/steps/vercel"
)

// What is planted: each client sends one or two of these.
const (
	plantedToken   = "tok_PLANTEDabcDEF0123456789xyz"
	plantedSecret  = "3f9a0c4177deb210a5c6d7e8f90112233445566778899aabbccddeeff0a1b2c3"
	plantedWebhook = "/services/T0PLANTED/B0PLANTED/xYzPLANTEDq7Kd81mQ9"
	plantedBypass  = "bypassPLANTED0123456789abcdefGHI"
)

// hostile is a server that sends back what it was sent, in one of the ways below.
type hostile struct {
	net.Listener
	answer func(got string) string

	mu        sync.Mutex
	got, said []string
}

func mustListen(t *testing.T, answer func(got string) string) *hostile {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	h := &hostile{Listener: listener, answer: answer}
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() { h.serve(conn) })
		}
	})
	t.Cleanup(func() { _ = listener.Close(); serving.Wait() })
	return h
}

func (h *hostile) serve(conn net.Conn) {
	defer func() { _ = conn.Close() }()
	var got bytes.Buffer
	reader := bufio.NewReader(io.TeeReader(conn, &got))
	r, err := http.ReadRequest(reader)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, r.Body)
	said := h.answer(got.String())
	h.mu.Lock()
	h.got, h.said = append(h.got, got.String()), append(h.said, said)
	h.mu.Unlock()
	_, _ = io.WriteString(conn, said)
	if c, ok := conn.(*net.TCPConn); ok { // so that what was said arrives, whatever is left to read
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, conn)
	}
}

func (h *hostile) heard() (got, said string) {
	h.mu.Lock()
	defer h.mu.Unlock()
	return strings.Join(h.got, "\n"), strings.Join(h.said, "\n")
}

// line is what was got on one line, and bare so without what would make it a header.
func line(got string) string { return strings.Join(strings.Fields(got), " ") }
func bare(got string) string { return strings.NewReplacer(":", "", "=", "").Replace(line(got)) }

func quoted(s string) string {
	text, err := json.Marshal(s)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// escaped is a JSON string of which every character is escaped.
func escaped(s string) string {
	var b strings.Builder
	for _, c := range s {
		fmt.Fprintf(&b, `\u%04x`, c)
	}
	return `"` + b.String() + `"`
}

func answers(head, body string) string {
	return fmt.Sprintf("HTTP/1.1 %s\r\nContent-Length: %d\r\n\r\n%s", head, len(body), body)
}

// way is one way to answer. A broken answer is no HTTP, or none that says anything.
type way struct {
	name   string
	broken bool
	answer func(got string) string
}

func brokenWays() []way {
	const ok, chunked = "HTTP/1.1 200 OK\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n"
	ways := []way{
		{name: "what it got, and no HTTP", answer: func(got string) string { return got }},
		{name: "the status line", answer: func(got string) string { return line(got) + "\r\n\r\n" }},
		{name: "the version", answer: func(got string) string { return "HTTP/" + line(got) + " 200 OK\r\n\r\n" }},
		{name: "the status", answer: func(got string) string { return "HTTP/1.1 " + line(got) + "\r\n\r\n" }},
		{name: "a status of four digits", answer: func(got string) string { return "HTTP/1.1 2000 " + line(got) + "\r\n\r\n" }},
		{name: "a header without a colon", answer: func(got string) string { return ok + bare(got) + "\r\n\r\n" }},
		{name: "a header's name", answer: func(got string) string { return ok + bare(got) + ": x\r\n\r\n" }},
		{name: "a continued first header", answer: func(got string) string { return ok + " " + line(got) + "\r\n\r\n" }},
		{name: "Content-Length", answer: func(got string) string { return ok + "Content-Length: " + line(got) + "\r\n\r\n" }},
		{name: "two lengths", answer: func(got string) string {
			return ok + "Content-Length: 1\r\nContent-Length: " + line(got) + "\r\n\r\n"
		}},
		{name: "Transfer-Encoding", answer: func(got string) string { return ok + "Transfer-Encoding: " + line(got) + "\r\n\r\n" }},
		{name: "the size of a chunk", answer: func(got string) string { return chunked + "\r\n" + line(got) + "\r\n" }},
		{name: "the end of a chunk", answer: func(got string) string { return chunked + "\r\n1\r\nx" + line(got) }},
		{name: "a trailer without a colon", answer: func(got string) string { return chunked + "\r\n1\r\n \r\n0\r\n" + bare(got) + "\r\n\r\n" }},
		{name: "the names of trailers", answer: func(got string) string {
			return chunked + "Trailer: Content-Length, " + line(got) + "\r\n\r\n0\r\n\r\n"
		}},
		{name: "garbage as gzip", answer: func(got string) string {
			return answers("200 OK\r\nContent-Encoding: gzip", got)
		}},
		{name: "the preface of HTTP/2", answer: func(got string) string { return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + got }},
		{name: "after 100 Continue", answer: func(got string) string { return "HTTP/1.1 100 Continue\r\nX: " + line(got) + "\r\n\r\n" + line(got) }},
		{name: "half a status line", answer: func(got string) string { return "HTTP/1.1 200 " + line(got) }},
		{name: "half a header", answer: func(got string) string { return ok + "X: " + line(got) }},
		{name: "half a body", answer: func(got string) string { return ok + "Content-Length: 100000\r\n\r\n" + got }},
		{name: "nothing", answer: func(string) string { return "" }},
	}
	for i := range ways {
		ways[i].broken = true
	}
	return ways
}

func readableWays() []way {
	ways := []way{
		{name: "a switch of protocols", answer: func(got string) string {
			return "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: " + line(got) + "\r\n\r\n" + got
		}},
		{name: "a cookie", answer: func(got string) string { return answers("403 Forbidden\r\nSet-Cookie: a="+line(got), "") }},
		{name: "a success of another form", answer: func(got string) string { return answers("200 OK", `[`+quoted(got)+`]`) }},
		{name: "a success with other fields", answer: func(got string) string {
			return answers("200 OK", `{"until":`+quoted(got)+`,"rows":`+quoted(got)+`,"user":`+quoted(got)+`,"created":`+quoted(got)+`}`)
		}},
		{name: "a success that failed", answer: func(got string) string {
			return answers("201 Created", `{"failed":[{"error":{"code":`+quoted(got)+`,"message":`+quoted(got)+`}}]}`)
		}},
	}
	for _, status := range []string{"200", "400", "401", "403", "404", "408", "409", "410", "429", "500", "502", "503"} {
		ways = append(ways,
			way{name: status + " with a reason", answer: func(got string) string { return answers(status+" "+line(got), "") }},
			way{name: status + " in text", answer: func(got string) string { return answers(status+" Is\r\nContent-Type: text/plain", got) }},
			way{name: status + " in the first line of it", answer: func(got string) string {
				first, _, _ := strings.Cut(got, "\r\n")
				return answers(status+" Is", first)
			}},
			way{name: status + " with a type", answer: func(got string) string { return answers(status+" Is\r\nContent-Type: "+line(got), got) }},
			way{name: status + " as a page", answer: func(got string) string {
				return answers(status+" Is\r\nContent-Type: text/html", "<title>"+got+"</title>")
			}},
			way{name: status + " as JSON", answer: func(got string) string {
				return answers(status+" Is", `{"error":{"code":`+quoted(got)+`,"message":`+quoted(got)+`}}`)
			}},
			way{name: status + " as JSON in escapes", answer: func(got string) string {
				return answers(status+" Is", `{"error":{"code":`+escaped(got)+`,"message":`+escaped(got)+`}}`)
			}},
			way{name: status + " as one word", answer: func(got string) string { return answers(status+" Is", `{"error":`+quoted(line(got))+`}`) }},
			way{name: status + " with dates", answer: func(got string) string {
				return answers(status+" Is\r\nDate: "+line(got)+"\r\nRetry-After: "+line(got)+"\r\nX-Deployment-Id: "+line(got), "")
			}},
		)
	}
	for _, status := range []string{"301", "302", "303", "307", "308"} {
		for name, location := range map[string]func(string) string{
			"to it":         func(got string) string { return "http://127.0.0.1:1/" + url.PathEscape(line(got)) },
			"with a query":  func(got string) string { return "/?" + url.QueryEscape(got) },
			"to no address": func(got string) string { return "http://%zz/" + line(got) },
			"to a name":     func(got string) string { return line(got) },
		} {
			ways = append(ways, way{name: status + " " + name, answer: func(got string) string {
				return answers(status+" Is\r\nLocation: "+location(got), got)
			}})
		}
	}
	return ways
}

// client is one of the clients with what it sends that is secret. Its act makes a
// request to a server and returns all that it has to say of it.
type client struct {
	sends []string
	act   func(t *testing.T, base string, o httpclient.Options) (string, error)
}

func mustToken(t *testing.T) keygen.Secret {
	t.Helper()
	token, err := httpclient.ParseToken(plantedToken)
	require.NoError(t, err)
	return token
}

func mustSecret(t *testing.T) keygen.Secret {
	t.Helper()
	secret, err := keygen.ParseSecret(plantedSecret)
	require.NoError(t, err)
	return secret
}

func clients() map[string]client {
	return map[string]client{
		"vercel, a write": {[]string{plantedToken, plantedSecret}, func(t *testing.T, base string, o httpclient.Options) (string, error) {
			api, err := vercel.New(vercel.Options{API: base, Token: mustToken(t), Team: "acme", HTTP: o})
			require.NoError(t, err)
			v, err := api.CreateVariable(t.Context(), "prj_1", vercel.NewVariable{
				Key: "HMAC_SECRET_V2", Value: mustSecret(t), Type: vercel.TypeSensitive, Target: vercel.TargetPreview,
			})
			return fmt.Sprintf("%+v", v), err
		}},
		"vercel, a read": {[]string{plantedToken}, func(t *testing.T, base string, o httpclient.Options) (string, error) {
			api, err := vercel.New(vercel.Options{API: base, Token: mustToken(t), HTTP: o})
			require.NoError(t, err)
			_, err = api.Variables(t.Context(), "prj_1")
			return "", err
		}},
		"the webhook": {[]string{plantedWebhook}, func(t *testing.T, base string, o httpclient.Options) (string, error) {
			address, err := keygen.NewCredential(base + plantedWebhook)
			require.NoError(t, err)
			hook, err := notify.NewSlack(address, notify.Options{HTTP: o})
			require.NoError(t, err)
			return "", hook.Post(t.Context(), notify.Window(notify.Rotation{}))
		}},
		"the request log": {[]string{plantedToken}, func(t *testing.T, base string, o httpclient.Options) (string, error) {
			log, err := requestlog.NewHTTP(requestlog.HTTPOptions{URL: base, Token: mustToken(t), HTTP: o})
			require.NoError(t, err)
			_, err = log.Read(t.Context(), "production", time.Unix(0, 0), time.Unix(7200, 0))
			return "", err
		}},
		"the prober": {[]string{plantedBypass}, func(t *testing.T, base string, o httpclient.Options) (string, error) {
			bypass, err := keygen.NewCredential(plantedBypass)
			require.NoError(t, err)
			p := &probe.Prober{
				Profile: probe.HMACV1(), Now: time.Now, Random: rand.Reader, Timeout: o.Timeout, HTTP: &http.Client{Transport: o.Transport},
			}
			row, err := p.Probe(t.Context(), probe.Target{URL: base + "/api/test", Bypass: bypass},
				probe.Key{ID: "v2", Secret: mustSecret(t), Expect: probe.Accepted})
			require.NoError(t, err)
			if row.Verdict != probe.OK {
				err = errors.New(row.Detail)
			}
			return fmt.Sprintf("%+v\n%s", row, quoted(fmt.Sprint(row))), err
		}},
	}
}

// talk has a client talk to a server, and returns the error and every form of all
// that it said.
func talk(t *testing.T, c client, base string, transport http.RoundTripper) (everything string, failed error) {
	t.Helper()
	var said strings.Builder
	more, err := c.act(t, base, httpclient.Options{
		Transport: transport, Timeout: 5 * time.Second,
		Sleep:   func(ctx context.Context, _ time.Duration) error { return ctx.Err() },
		Backoff: func() backoff.BackOff { return &backoff.ZeroBackOff{} },
		OnWait:  func(_ context.Context, reason string, _ time.Time) { fmt.Fprintln(&said, reason) },
	})
	fmt.Fprintln(&said, more)
	everyForm(&said, err)
	return said.String(), err
}

// everyForm writes an error and each error within it in every way.
func everyForm(w io.Writer, err error) {
	if err == nil {
		return
	}
	fmt.Fprintf(w, "%v\n%+v\n%#v\n%q\n%x\n", err, err, err, err, err.Error())
	if data, inJSON := json.Marshal(err); inJSON == nil {
		fmt.Fprintf(w, "%s\n", data)
	}
	if hinter, ok := err.(interface{ Hint() string }); ok {
		fmt.Fprintln(w, hinter.Hint())
	}
	switch wrapped := err.(type) {
	case interface{ Unwrap() error }:
		everyForm(w, wrapped.Unwrap())
	case interface{ Unwrap() []error }:
		for _, inner := range wrapped.Unwrap() {
			everyForm(w, inner)
		}
	}
}

// assertNothing checks that a text has nothing of what was planted, whole or in part.
func assertNothing(t *testing.T, text string) {
	t.Helper()
	lower := strings.ToLower(text)
	for _, planted := range []string{plantedToken, plantedSecret, plantedWebhook[len("/services/"):], plantedBypass} {
		for _, form := range []string{planted, fmt.Sprintf("%x", planted), base64.RawStdEncoding.EncodeToString([]byte(planted))} {
			for i := 0; i+12 <= len(form); i++ {
				if piece := strings.ToLower(form[i : i+12]); strings.Contains(lower, piece) {
					t.Errorf("%q is in: %.600s", piece, text)
					return
				}
			}
		}
	}
}

func TestNoClientRepeatsWhatAServerSendsBack(t *testing.T) {
	t.Parallel()
	for name, c := range clients() {
		for _, w := range append(brokenWays(), readableWays()...) {
			t.Run(name+"/"+w.name, func(t *testing.T) {
				t.Parallel()
				server := mustListen(t, w.answer)
				transport := &http.Transport{}
				defer transport.CloseIdleConnections()
				text, err := talk(t, c, "http://"+server.Addr().String(), transport)

				got, said := server.heard()
				for _, secret := range c.sends {
					require.Contains(t, got, secret, "it was sent")
				}
				if w.broken && w.name != "nothing" {
					require.Contains(t, bare(said), bare(c.sends[0]), "it was sent back")
				}
				// An answer that breaks off has a status, which is all that a prober asks.
				if w.broken && (name != "the prober" || !strings.Contains(said, "\r\n\r\n")) {
					require.Error(t, err)
				}
				assertNothing(t, text)
			})
		}
	}
}

// TestWhatIsReadHasNothingOfWhatWasSent is of answers that are as they should be but
// for their words.
func TestWhatIsReadHasNothingOfWhatWasSent(t *testing.T) {
	t.Parallel()
	server := mustListen(t, func(got string) string {
		return answers("200 OK", fmt.Sprintf(`{"user":{"id":"u1","username":%s},"until":"2026-11-24T08:00:00Z","rows":[
			{"bucket":"1970-01-01T00:00:00Z","status":200,"count":1,"sender":%s,"project":%s}]}`, quoted(line(got)), quoted(line(got)), escaped(got)))
	})
	api, err := vercel.New(vercel.Options{API: "http://" + server.Addr().String(), Token: mustToken(t)})
	require.NoError(t, err)
	user, err := api.User(t.Context())
	require.NoError(t, err)
	assert.Contains(t, user.Username, "Bearer [redacted]")
	assertNothing(t, fmt.Sprintf("%+v", user))

	source, err := requestlog.NewHTTP(requestlog.HTTPOptions{URL: "http://" + server.Addr().String(), Token: mustToken(t)})
	require.NoError(t, err)
	log, err := source.Read(t.Context(), "production", time.Unix(0, 0), time.Unix(7200, 0))
	require.NoError(t, err)
	require.Len(t, log.Rows, 1)
	assertNothing(t, fmt.Sprintf("%+v", log))
}

// TestTheServersWordsWouldBeSeen shows that the check finds what it looks for:
// net/http itself quotes what was sent back.
func TestTheServersWordsWouldBeSeen(t *testing.T) {
	t.Parallel()
	for _, w := range brokenWays() {
		switch w.name {
		case "a header without a colon", "Transfer-Encoding", "Content-Length":
		default:
			continue
		}
		server := mustListen(t, w.answer)
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+server.Addr().String(), nil)
		require.NoError(t, err)
		r.Header.Set("Authorization", "Bearer "+plantedToken)
		resp, err := (&http.Transport{}).RoundTrip(r)
		if err == nil {
			_ = resp.Body.Close()
		}
		require.ErrorContains(t, err, plantedToken, w.name)
	}
}

// mustCertify makes a certificate with planted words for 127.0.0.1, or for another
// name.
func mustCertify(t *testing.T, names []string, ips []net.IP, until time.Time) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	require.NoError(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: plantedToken, Organization: []string{plantedSecret}},
		DNSNames: names, IPAddresses: ips, NotBefore: time.Now().Add(-time.Hour), NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	require.NoError(t, err)
	cert, err := x509.ParseCertificate(der)
	require.NoError(t, err)
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

// mustServeTLS accepts connections and gives each to serve, after the handshake if
// that comes about.
func mustServeTLS(t *testing.T, config *tls.Config, serve func(*tls.Conn)) string {
	t.Helper()
	listener, err := tls.Listen("tcp", "127.0.0.1:0", config)
	require.NoError(t, err)
	var serving sync.WaitGroup
	serving.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			serving.Go(func() {
				defer func() { _ = conn.Close() }()
				if c := conn.(*tls.Conn); c.Handshake() == nil && serve != nil {
					serve(c)
				}
			})
		}
	})
	t.Cleanup(func() { _ = listener.Close(); serving.Wait() })
	return listener.Addr().String()
}

// TestNoClientQuotesTLS has certificates and alerts in the place of answers: of them
// too, only the kind is told.
func TestNoClientQuotesTLS(t *testing.T) {
	t.Parallel()
	local, soon := []net.IP{net.IPv4(127, 0, 0, 1)}, time.Now().Add(time.Hour)
	for name, c := range map[string]struct {
		names  []string
		ips    []net.IP
		until  time.Time
		trust  bool
		server func(*tls.Config)
		serve  func(*tls.Conn)
		want   string
		reason httpclient.Reason
	}{
		"an unknown authority": {ips: local, until: soon, want: "unknown authority", reason: httpclient.Certificate},
		"another name":         {names: []string{plantedToken + ".example.com"}, until: soon, trust: true, want: "for another name", reason: httpclient.Certificate},
		"out of date":          {ips: local, until: time.Now().Add(-time.Minute), trust: true, want: "has expired", reason: httpclient.Certificate},
		"an alert": {ips: local, until: soon, trust: true, want: "ended the TLS handshake", reason: httpclient.Handshake,
			server: func(c *tls.Config) {
				c.GetConfigForClient = func(*tls.ClientHelloInfo) (*tls.Config, error) { return nil, errors.New(plantedToken) }
			}},
		"debug data of HTTP/2": {ips: local, until: soon, trust: true, want: "not valid HTTP", reason: httpclient.Garbled,
			server: func(c *tls.Config) { c.NextProtos = []string{"h2"} }, serve: goAway},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			certificate, pool := mustCertify(t, c.names, c.ips, c.until)
			config := &tls.Config{Certificates: []tls.Certificate{certificate}}
			if c.server != nil {
				c.server(config)
			}
			base := "https://" + mustServeTLS(t, config, c.serve)
			for who, client := range clients() {
				transport := &http.Transport{TLSClientConfig: &tls.Config{}, ForceAttemptHTTP2: true}
				if c.trust {
					transport.TLSClientConfig.RootCAs = pool
				}
				text, err := talk(t, client, base, transport)
				require.ErrorContains(t, err, c.want, who)
				if who != "the prober" {
					var none *httpclient.NoAnswerError
					if !errors.Is(err, notify.ErrUnknown) {
						require.ErrorAs(t, err, &none, who)
						assert.Equal(t, c.reason, none.Reason, who)
					}
				}
				assertNothing(t, text)
			}
		})
	}
}

// goAway speaks enough of HTTP/2 to end a request with words of its own.
func goAway(conn *tls.Conn) {
	preface := make([]byte, len("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"))
	if _, err := io.ReadFull(conn, preface); err != nil {
		return
	}
	const settings, headers, away = 4, 1, 7
	frame := func(kind byte, payload []byte) {
		head := []byte{0, 0, byte(len(payload)), kind, 0, 0, 0, 0, 0}
		_, _ = conn.Write(append(head, payload...))
	}
	frame(settings, nil)
	for {
		head := make([]byte, 9)
		if _, err := io.ReadFull(conn, head); err != nil {
			return
		}
		size := int64(head[0])<<16 | int64(head[1])<<8 | int64(head[2])
		if _, err := io.CopyN(io.Discard, conn, size); err != nil {
			return
		}
		if head[3] == headers {
			payload := binary.BigEndian.AppendUint32(nil, 1) // the last stream
			payload = binary.BigEndian.AppendUint32(payload, 2)
			frame(away, append(payload, plantedToken+plantedSecret...))
			return
		}
	}
}

// TestReasons holds that an operator still learns what kind of trouble it is.
func TestReasons(t *testing.T) {
	t.Parallel()
	closed, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, closed.Close())
	hangsUp := mustListen(t, func(string) string { return "" })
	garbled := mustListen(t, func(got string) string { return got })
	proxy := mustListen(t, func(got string) string { return "HTTP/1.1 407 " + line(got) + "\r\n\r\n" })
	for name, c := range map[string]struct {
		base  string
		proxy string
		want  string
		is    httpclient.Reason
		sent  bool
	}{
		"refused":   {base: "http://" + closed.Addr().String(), want: "no answer from x: connection refused", is: httpclient.Unconnected},
		"no name":   {base: "http://name.invalid", want: `no answer from x: the name "name.invalid" cannot be resolved`, is: httpclient.UnknownName},
		"hung up":   {base: "http://" + hangsUp.Addr().String(), want: "no answer from x: the connection was closed before the end of the answer", is: httpclient.Closed, sent: true},
		"garbled":   {base: "http://" + garbled.Addr().String(), want: "no answer from x: the answer is not valid HTTP", is: httpclient.Garbled, sent: true},
		"the proxy": {base: "https://api.example.com", proxy: "http://" + proxy.Addr().String(), want: "no answer from x: the proxy did not let the connection through", is: httpclient.Proxy},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			transport := &http.Transport{}
			if c.proxy != "" {
				address, err := url.Parse(c.proxy)
				require.NoError(t, err)
				address.User = url.UserPassword("me", plantedToken)
				transport.Proxy = http.ProxyURL(address)
			}
			x := httpclient.New(httpclient.Peer{Name: "x"}, httpclient.Options{Transport: transport, Timeout: 10 * time.Second})
			_, err := x.Send(t.Context(), httpclient.Request{Method: http.MethodPost, URL: c.base + "/" + plantedToken, Body: []byte(plantedSecret)})
			require.EqualError(t, err, c.want)
			var none *httpclient.NoAnswerError
			require.ErrorAs(t, err, &none)
			assert.Equal(t, c.is, none.Reason)
			assert.Equal(t, c.sent, none.Sent)
			var text strings.Builder
			everyForm(&text, err)
			assertNothing(t, text.String())
		})
	}

	t.Run("an address that is none", func(t *testing.T) {
		t.Parallel()
		x := httpclient.New(httpclient.Peer{Name: "x"}, httpclient.Options{})
		_, err := x.Send(t.Context(), httpclient.Request{Method: http.MethodGet, URL: "http://127.0.0.1/%zz" + plantedToken})
		require.Error(t, err)
		assertNothing(t, err.Error())
	})
}
