package notify

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/slack-go/slack"

	"keyturn/keygen"
)

// ErrUnknown says that nobody knows whether a message was delivered: it was
// sent, and its answer was lost or said nothing. Only a look at the channel
// tells; posting again might post twice.
var ErrUnknown = errors.New("it is not known whether the message was delivered")

// RefusedError says that the webhook refused a message, which is not in the
// channel.
type RefusedError struct {
	Status int
	Reason string // in Slack's words, such as no_service; may be empty
}

func (e *RefusedError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("the webhook answered %d %s", e.Status, strings.ToLower(http.StatusText(e.Status)))
	}
	return fmt.Sprintf("the webhook answered %d: %s", e.Status, e.Reason)
}

// Hint says what to do about the answers that Slack documents.
func (e *RefusedError) Hint() string {
	switch {
	case e.Status == http.StatusNotFound, e.Status == http.StatusForbidden, e.Status == http.StatusGone:
		return "the webhook was removed or its channel archived: make a new one in Slack and store it again"
	case e.Status == http.StatusTooManyRequests:
		return "wait a minute, then run the item again"
	}
	return "post the message by hand"
}

// The limits of one Post.
const (
	defaultTimeout  = 15 * time.Second
	defaultAttempts = 4
	firstPause      = time.Second
	longestPause    = 30 * time.Second // Slack asks for one second, or a few
	maxAnswer       = 4 << 10          // bytes; Slack answers in a word
)

// Options are the details of a webhook. Their zero values are the defaults.
type Options struct {
	Timeout time.Duration // of one attempt
	// Sleep waits between attempts, and returns the context's error.
	Sleep func(context.Context, time.Duration) error
	// LoopbackOnly refuses a webhook on any other machine: a rehearsal must not
	// post to people.
	LoopbackOnly bool
	// OnWait is told why and how long is waited; may be nil.
	OnWait func(ctx context.Context, reason string, d time.Duration)
	// BeforePost, if set, is asked before each attempt, since what the message
	// tells may be out of date after a wait. Its error ends the post.
	BeforePost func(context.Context) error
}

// Slack is an incoming webhook. The address is a secret: whoever has it can
// post as us. It is in no error.
type Slack struct {
	address keygen.Secret
	options Options
	http    *http.Client
}

// NewSlack accepts the address of an incoming webhook: https, or http on
// loopback. The error does not quote it.
func NewSlack(address keygen.Secret, o Options) (*Slack, error) {
	u, err := url.Parse(strings.TrimSpace(address.Reveal()))
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("the webhook is not an https address")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, errors.New("the webhook is not an https address: anybody on the way could read it")
	}
	if o.LoopbackOnly && !loopback(u.Hostname()) {
		return nil, errors.New("the webhook is not on this machine, and a rehearsal must not post to people")
	}
	if o.Timeout == 0 {
		o.Timeout = defaultTimeout
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.OnWait == nil {
		o.OnWait = func(context.Context, string, time.Duration) {}
	}
	if o.BeforePost == nil {
		o.BeforePost = func(context.Context) error { return nil }
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, DisableKeepAlives: true, TLSHandshakeTimeout: o.Timeout,
		TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	return &Slack{address: address, options: o, http: &http.Client{
		Transport: transport,
		// A redirect would send the message, and by its path the secret, elsewhere.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}, nil
}

// Post delivers a message. It tries again only where the one before was
// certainly not delivered: no connection, or an answer that asks to wait. The
// error wraps ErrUnknown where that is not certain, and is a *RefusedError where
// the webhook said no.
func (s *Slack) Post(ctx context.Context, m Message) error {
	pause := firstPause
	for attempt := 1; ; attempt++ {
		if err := s.options.BeforePost(ctx); err != nil {
			return err
		}
		again, err := s.attempt(ctx, m)
		if err == nil || !again.possible || attempt == defaultAttempts || ctx.Err() != nil {
			return err
		}
		wait := pause
		if again.after > 0 {
			wait = again.after
		}
		if wait > longestPause {
			return err
		}
		s.options.OnWait(ctx, err.Error(), wait)
		if err := s.options.Sleep(ctx, wait); err != nil {
			return err
		}
		pause *= 2
	}
}

// retry says whether a message was certainly not delivered and may be sent
// again, and how long the webhook asked to wait.
type retry struct {
	possible bool
	after    time.Duration
}

func (s *Slack) attempt(parent context.Context, m Message) (retry, error) {
	ctx, cancel := context.WithTimeout(parent, s.options.Timeout)
	defer cancel()
	var connected atomic.Bool // from then on the message may have been sent
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GotConn: func(httptrace.GotConnInfo) { connected.Store(true) }})
	answer := &answer{next: s.http.Transport}
	client := *s.http
	client.Transport = answer
	no := false
	err := slack.PostWebhookCustomHTTPContext(ctx, strings.TrimSpace(s.address.Reveal()), &client,
		&slack.WebhookMessage{Text: m.Mrkdwn(), UnfurlLinks: &no, UnfurlMedia: &no})
	switch {
	case answer.status != 0:
		return answer.judge()
	case err == nil: // the library has read an answer that we have not
		return retry{}, fmt.Errorf("the answer was not seen: %w", ErrUnknown)
	case connected.Load():
		return retry{}, fmt.Errorf("the answer was lost (%s): %w", why(ctx, err), ErrUnknown)
	case parent.Err() != nil:
		return retry{}, parent.Err()
	}
	var certificate *tls.CertificateVerificationError
	return retry{possible: !errors.As(err, &certificate)}, fmt.Errorf("the webhook cannot be reached: %s", why(ctx, err))
}

// answer is a transport that keeps what the library drops: the words with which
// Slack refuses a message.
type answer struct {
	next   http.RoundTripper
	status int
	after  string
	text   string
	lost   bool // the answer ended early
}

// RoundTrip implements http.RoundTripper.
func (a *answer) RoundTrip(r *http.Request) (*http.Response, error) {
	r = r.Clone(r.Context()) // a transport must not change the caller's
	r.Header.Set("User-Agent", "keyturn")
	resp, err := a.next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	err = errors.Join(err, resp.Body.Close())
	a.status, a.after, a.text, a.lost = resp.StatusCode, resp.Header.Get("Retry-After"), string(text), err != nil
	resp.Body = io.NopCloser(strings.NewReader(""))
	return resp, nil
}

// judge says what an answer means for the message. Slack answers a message that
// it has taken with 200 and "ok".
func (a *answer) judge() (retry, error) {
	reason := shorten(clean(a.text))
	switch {
	case a.status == http.StatusOK && strings.TrimSpace(a.text) == "ok" && !a.lost:
		return retry{}, nil
	case a.status == http.StatusTooManyRequests:
		again := retry{possible: true}
		if seconds, err := strconv.ParseUint(strings.TrimSpace(a.after), 10, 16); err == nil {
			again.after = time.Duration(seconds) * time.Second
		}
		return again, &RefusedError{Status: a.status, Reason: reason}
	case a.status >= 500, a.status < 300:
		return retry{}, fmt.Errorf("the webhook answered %d, which does not say: %w", a.status, ErrUnknown)
	}
	return retry{}, &RefusedError{Status: a.status, Reason: reason}
}

// shorten keeps the words of Slack and drops the pages of a proxy.
func shorten(reason string) string {
	const limit = 80 // characters; Slack's longest is shorter
	if len([]rune(reason)) > limit || strings.ContainsAny(reason, "<>") {
		return ""
	}
	return reason
}

// why returns the cause of an error of http.Client without the address, which
// *url.Error has in its text.
func why(ctx context.Context, err error) string {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return "no answer in time"
	}
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var op *net.OpError
	if errors.As(err, &op) { // its text has the host's address
		err = op.Err
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return "its name is not known here"
	}
	return clean(err.Error())
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
