package requestlog

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

const (
	// Path is where a server of the log answers, below its base URL.
	Path = "/v1/request-log"

	defaultTimeout = 30 * time.Second
	defaultMaxWait = time.Minute
	defaultTries   = 4
	maxAnswer      = 32 << 20 // bytes; nine days of 100 senders are about 5 MiB
	maxCount       = 1_000_000_000
	maxName        = 120 // bytes of a sender, key id or reason that are kept
)

// HTTPOptions says how to reach a server of the log. URL and Token are required.
type HTTPOptions struct {
	URL   string // base; http only on loopback
	Token Token

	Timeout time.Duration                                             // of one attempt; 30 s if 0
	Tries   int                                                       // attempts of one reading; 4 if 0
	MaxWait time.Duration                                             // longest wait between two, 1 min if 0; no attempt follows if the server asks for more
	OnWait  func(ctx context.Context, reason string, until time.Time) // told why a further attempt waits; may be nil
	HTTP    *http.Client                                              // its transport is used; http.DefaultTransport if nil
	Now     func() time.Time                                          // time.Now if nil
	Sleep   func(context.Context, time.Duration) error                // a timer if nil
	Backoff func() backoff.BackOff                                    // exponential from 0.5 s with jitter if nil
}

// HTTP is a Source that a server answers.
type HTTP struct {
	base    *url.URL
	http    *http.Client
	options HTTPOptions
}

var _ Source = (*HTTP)(nil)

// NewHTTP checks the options and makes no request.
func NewHTTP(options HTTPOptions) (*HTTP, error) {
	if options.Token.IsZero() {
		return nil, errors.New("make request log client: no token")
	}
	base, err := url.Parse(options.URL)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" || base.User != nil || base.RawQuery != "" {
		return nil, errors.New("make request log client: want a URL such as https://logs.example.com")
	}
	if base.Scheme == "http" && !loopback(base.Hostname()) {
		return nil, fmt.Errorf("make request log client: http is for loopback only, want https://%s", base.Host)
	}
	base.Path = strings.TrimRight(base.Path, "/") + Path
	if options.Timeout == 0 {
		options.Timeout = defaultTimeout
	}
	if options.Tries == 0 {
		options.Tries = defaultTries
	}
	if options.MaxWait == 0 {
		options.MaxWait = defaultMaxWait
	}
	if options.OnWait == nil {
		options.OnWait = func(context.Context, string, time.Time) {}
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	if options.Sleep == nil {
		options.Sleep = sleep
	}
	if options.Backoff == nil {
		options.Backoff = func() backoff.BackOff { return backoff.NewExponentialBackOff() }
	}
	h := &HTTP{base: base, http: &http.Client{}, options: options}
	if options.HTTP != nil {
		h.http.Transport = options.HTTP.Transport
	}
	// The token goes to the configured server and nowhere else.
	h.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return h, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// ReadError is a log that could not be read.
type ReadError struct {
	Environment string
	Status      int // 0: no answer
	Err         error
	retry       bool
	after       time.Duration // asked for by the server
}

func (e *ReadError) Error() string {
	return fmt.Sprintf("read request log of %s: %s", e.Environment, e.Err)
}

func (e *ReadError) Unwrap() error { return e.Err }

// Hint returns the next act, or "".
func (e *ReadError) Hint() string {
	switch {
	case e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden:
		return "check the request log's token: it is invalid, has expired or may not read this environment"
	case e.Status == http.StatusNotFound || e.Status >= 300 && e.Status < 400:
		return "check [request_log] url in keyturn.toml: the server must answer at " + Path
	case e.Status == http.StatusTooManyRequests:
		return "wait a few minutes and try again"
	case e.Status >= 200 && e.Status < 300:
		return "the server does not speak the request log's format: check [request_log] url"
	case errors.Is(e.Err, context.Canceled):
		return ""
	}
	return "check that the log server is up and can be reached, then try again"
}

// Read implements Source. It only reads, so every failure that may pass is
// tried again. The error is a *ReadError.
func (h *HTTP) Read(ctx context.Context, environment string, since, until time.Time) (Log, error) {
	since, until = since.UTC().Truncate(time.Second), until.UTC().Truncate(time.Second)
	address := *h.base
	address.RawQuery = url.Values{
		"environment": {environment},
		"since":       {since.Format(time.RFC3339)},
		"until":       {until.Format(time.RFC3339)},
	}.Encode()

	waits := h.options.Backoff()
	waits.Reset()
	for try := 1; ; try++ {
		log, failure := h.attempt(ctx, address.String())
		if failure == nil {
			if err := tidy(&log, since, until); err != nil {
				return Log{}, &ReadError{Environment: environment, Status: http.StatusOK, Err: err}
			}
			return log, nil
		}
		failure.Environment = environment
		if try >= h.options.Tries || !failure.retry || ctx.Err() != nil {
			return Log{}, failure
		}
		wait := max(waits.NextBackOff(), failure.after, 0)
		if wait > h.options.MaxWait {
			return Log{}, failure
		}
		h.options.OnWait(ctx, failure.Error(), h.options.Now().Add(wait))
		if err := h.options.Sleep(ctx, wait); err != nil {
			failure.Err = fmt.Errorf("%w while waiting to try again after: %w", err, failure.Err)
			return Log{}, failure
		}
	}
}

func (h *HTTP) attempt(parent context.Context, address string) (Log, *ReadError) {
	ctx, cancel := context.WithTimeout(parent, h.options.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return Log{}, &ReadError{Err: errors.New("the address is not usable")}
	}
	req.Header.Set("Authorization", "Bearer "+h.options.Token.reveal())
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "keyturn")
	resp, err := h.http.Do(req)
	if err != nil {
		return Log{}, &ReadError{Err: h.why(parent, err), retry: true}
	}
	defer func() { _ = resp.Body.Close() }() // read already, or given up
	if resp.StatusCode != http.StatusOK {
		return Log{}, h.refusal(resp)
	}
	// The body of an error is never quoted: nobody vouches for what is in it.
	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	switch {
	case err != nil:
		return Log{}, &ReadError{Err: fmt.Errorf("the answer ends early: %w", h.why(parent, err)), retry: true}
	case len(answer) > maxAnswer:
		return Log{}, &ReadError{Status: resp.StatusCode, Err: fmt.Errorf("the answer is longer than %d MiB", maxAnswer>>20)}
	}
	var log Log
	if err := json.Unmarshal(answer, &log); err != nil {
		return Log{}, &ReadError{Status: resp.StatusCode, Err: whyUnreadable(err)}
	}
	return log, nil
}

func (h *HTTP) refusal(resp *http.Response) *ReadError {
	failure := &ReadError{
		Status: resp.StatusCode,
		Err:    fmt.Errorf("the server answered %d %s", resp.StatusCode, strings.ToLower(http.StatusText(resp.StatusCode))),
		retry: resp.StatusCode >= 500 || resp.StatusCode == http.StatusTooManyRequests ||
			resp.StatusCode == http.StatusRequestTimeout,
	}
	after := strings.TrimSpace(resp.Header.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(after, 10, 31); err == nil {
		failure.after = time.Duration(seconds) * time.Second
	} else if at, err := http.ParseTime(after); err == nil {
		failure.after = at.Sub(h.options.Now())
	}
	return failure
}

// why shortens an error of http.Client, which repeats method and address, and
// tells the time limit of one attempt from the end of the caller's context.
func (h *HTTP) why(parent context.Context, err error) error {
	var wrapped *url.Error
	var timeout net.Error
	if parent.Err() == nil && errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("timed out after %s", h.options.Timeout)
	}
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// whyUnreadable rewords the errors of encoding/json and time, which quote what
// they met.
func whyUnreadable(err error) error {
	var syntax *json.SyntaxError
	var shape *json.UnmarshalTypeError
	var moment *time.ParseError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("the answer is not JSON at byte %d", syntax.Offset)
	case errors.As(err, &shape):
		return fmt.Errorf("the answer has an unexpected %s in field %q", shape.Value, shape.Field)
	case errors.As(err, &moment):
		return errors.New("the answer has a time that is not RFC 3339")
	}
	return errors.New("the answer is not a request log")
}

// sleep waits for d or until ctx ends.
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
