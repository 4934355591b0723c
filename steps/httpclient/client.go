package httpclient

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/cenkalti/backoff/v5"

	"keyturn/keygen"
)

const (
	defaultTimeout   = 30 * time.Second
	defaultTries     = 4
	defaultMaxWait   = time.Minute
	defaultMaxAnswer = 1 << 20
)

// Peer is the server at the other end, as an operator knows it.
type Peer struct {
	Name    string // such as "vercel"
	Setting string // where its address is configured, for hints; may be empty
}

// Options say how requests are made. The zero value is ready to use.
type Options struct {
	Timeout   time.Duration // of one attempt, to the end of its answer; 30 s if 0
	MaxAnswer int           // the most that is read of an answer, in bytes; 1 MiB if 0
	Tries     int           // attempts of one request; 4 if 0
	// MaxWait is the longest wait between two attempts, 1 min if 0. A server that
	// asks for a longer one gets no further attempt: it would be too early.
	MaxWait time.Duration
	// OnWait, if set, is told why the next attempt waits, and until when. It is
	// called from the goroutine of the request and must return soon.
	OnWait func(ctx context.Context, reason string, until time.Time)

	// BeforeWrite, if set, is asked before each attempt of a request that changes
	// something, since minutes may have passed since the request was wanted. Its
	// error ends the request, which has then changed nothing.
	BeforeWrite func(context.Context) error

	Transport http.RoundTripper                                // http.DefaultTransport if nil
	Now       func() time.Time                                 // time.Now if nil
	Sleep     func(ctx context.Context, d time.Duration) error // waits or returns the context's error; a timer if nil
	Backoff   func() backoff.BackOff                           // waits between attempts; exponential from 0.5 s with jitter if nil
}

// Client makes requests to one server. It is safe for concurrent use.
type Client struct {
	peer    Peer
	http    http.Client
	options Options
	gate    gate
}

// New makes no request.
func New(peer Peer, o Options) *Client {
	o.Timeout = cmp.Or(o.Timeout, defaultTimeout)
	o.MaxAnswer = cmp.Or(o.MaxAnswer, defaultMaxAnswer)
	o.Tries = cmp.Or(o.Tries, defaultTries)
	o.MaxWait = cmp.Or(o.MaxWait, defaultMaxWait)
	if o.OnWait == nil {
		o.OnWait = func(context.Context, string, time.Time) {}
	}
	if o.BeforeWrite == nil {
		o.BeforeWrite = func(context.Context) error { return nil }
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Sleep == nil {
		o.Sleep = sleep
	}
	if o.Backoff == nil {
		o.Backoff = func() backoff.BackOff { return backoff.NewExponentialBackOff() }
	}
	return &Client{peer: peer, options: o, http: http.Client{
		Transport: o.Transport,
		// A redirect would carry the token and the body to wherever it points.
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Now returns the time of the client's clock.
func (c *Client) Now() time.Time { return c.options.Now() }

// Sleep waits for d, or returns the context's error.
func (c *Client) Sleep(ctx context.Context, d time.Duration) error { return c.options.Sleep(ctx, d) }

// Request is a request to make.
type Request struct {
	// Operation says what the request does. While the server limits the rate of an
	// operation, its other requests wait too.
	Operation string
	Subject   string // Operation, and on what; Operation if empty

	Method string
	URL    string        // no error quotes it: it may be a secret itself
	Header http.Header   // names are sent as they are spelled here
	Token  keygen.Secret // sent as a bearer token, if there is one
	Secret keygen.Secret // what else is secret in it; may be zero
	Body   []byte
	Write  bool // changes something, so it is not repeated blindly
	Alone  bool // has a connection of its own
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
