package requestlog

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"keyturn/keygen"
	"keyturn/steps/httpclient"
)

const (
	// Path is where a server of the log answers, below its base URL.
	Path = "/v1/request-log"

	maxAnswer = 32 << 20 // bytes; nine days of 100 senders are about 5 MiB
	maxCount  = 1_000_000_000
	maxName   = 120 // characters of a sender, key id or reason that are kept
)

// HTTPOptions says how to reach a server of the log. URL and Token are required.
type HTTPOptions struct {
	URL   string // base; http only on loopback
	Token keygen.Secret
	HTTP  httpclient.Options
}

// HTTP is a Source that a server answers.
type HTTP struct {
	address string
	token   keygen.Secret
	http    *httpclient.Client
}

var _ Source = (*HTTP)(nil)

// NewHTTP checks the options and makes no request.
func NewHTTP(options HTTPOptions) (*HTTP, error) {
	if options.Token.IsZero() {
		return nil, errors.New("make request log client: no token")
	}
	base, err := httpclient.ParseBase(options.URL, "https://logs.example.com")
	if err != nil {
		return nil, fmt.Errorf("make request log client: %w", err)
	}
	options.HTTP.MaxAnswer = maxAnswer
	ground := httpclient.New(httpclient.Peer{Name: "the log server", Setting: "[request_log] url"}, options.HTTP)
	return &HTTP{address: base.String() + Path, token: options.Token, http: ground}, nil
}

// ReadError is a log that could not be read.
type ReadError struct {
	Environment string
	Status      int // 0: no answer
	Err         error
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
	query := url.Values{
		"environment": {environment},
		"since":       {since.Format(time.RFC3339)},
		"until":       {until.Format(time.RFC3339)},
	}
	var log Log
	status := 0
	err := h.http.Do(ctx, httpclient.Request{
		Operation: "read request log of " + environment,
		Method:    http.MethodGet, URL: h.address + "?" + query.Encode(), Header: http.Header{"Accept": {"application/json"}}, Token: h.token,
	}, func(a httpclient.Answer) error {
		if status = a.Status; status != http.StatusOK {
			// The body of an error is never quoted: nobody vouches for what is in it.
			return fmt.Errorf("the server answered %d %s", status, strings.ToLower(http.StatusText(status)))
		}
		if err := a.JSON(&log); err != nil {
			return err
		}
		return tidy(&log, since, until, httpclient.NewCensor(h.token))
	})
	if none := (*httpclient.NoAnswerError)(nil); errors.As(err, &none) {
		status = 0 // the answer was to an attempt before
	}
	if err != nil {
		return Log{}, &ReadError{Environment: environment, Status: status, Err: err}
	}
	return log, nil
}
