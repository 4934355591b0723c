package vercel

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"keyturn/keygen"
)

// maxAnswer is the most that is read of an answer, in bytes: a project may have
// 1,000 rows of up to 64 KiB in all, and lists of deployments are smaller.
const maxAnswer = 16 << 20

// call is one request to make.
type call struct {
	subject RequestError
	method  string
	path    []string // segments, not escaped yet
	query   url.Values
	body    any
	secret  keygen.Secret // what the body carries; removed from every error
	write   bool          // changes something, so it may not be repeated blindly
	into    any           // where the answer goes; nil: it is not looked at
}

func path(segments ...string) []string { return segments }

// do makes the call, again where that is safe, and returns nil or a
// *RequestError.
func (c *Client) do(ctx context.Context, request call) error {
	target, err := c.url(request)
	if err != nil {
		return request.subject.because(err)
	}
	body, err := bytesOf(request.body)
	if err != nil {
		return request.subject.because(err)
	}

	waits := c.options.Backoff()
	waits.Reset()
	for try := 1; ; try++ {
		if stop := c.pass(ctx, request.subject.Operation); stop != nil {
			return request.subject.because(stop)
		}
		if request.write {
			if stop := c.options.BeforeWrite(ctx); stop != nil {
				return request.subject.because(stop)
			}
		}
		err := c.attempt(ctx, request, target, body)
		if err == nil {
			return nil
		}
		if request.write && unknown(err) {
			return request.subject.because(&UnknownOutcomeError{Err: err})
		}
		if try >= c.options.Tries || !repeatable(err) || ctx.Err() != nil {
			return request.subject.because(err)
		}
		wait := max(waits.NextBackOff(), 0)
		if asked := c.askedWait(err); asked > 0 {
			wait = asked
			if wait <= c.options.MaxWait && errors.Is(err, ErrRateLimited) {
				c.gate.close(request.subject.Operation, c.options.Now().Add(wait))
			}
		}
		if wait > c.options.MaxWait {
			return request.subject.because(err)
		}
		c.options.OnWait(ctx, request.subject.subject()+": "+err.Error(), c.options.Now().Add(wait))
		if stop := c.options.Sleep(ctx, wait); stop != nil {
			return request.subject.because(fmt.Errorf("%w while waiting to try again after: %w", stop, err))
		}
	}
}

// url builds the address, refusing an empty or relative segment: without it,
// deleting one row could become a request about the whole list.
func (c *Client) url(request call) (string, error) {
	escaped := make([]string, len(request.path))
	for i, segment := range request.path {
		if segment == "" || segment == "." || segment == ".." {
			return "", fmt.Errorf("id or name %q is not usable in an address", segment)
		}
		escaped[i] = url.PathEscape(segment)
	}
	query := url.Values{}
	maps.Copy(query, request.query)
	maps.Copy(query, c.scope)
	address := strings.TrimRight(c.base.String(), "/") + "/" + strings.Join(escaped, "/")
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	return address, nil
}

// attempt makes the request once. The error is an *APIError, an
// *UnreachableError or an *unreadableError.
func (c *Client) attempt(parent context.Context, request call, target string, body []byte) error {
	ctx, cancel := context.WithTimeout(parent, c.options.Timeout)
	defer cancel()
	// Once there is a connection, a byte may have left; before, none has.
	var connected atomic.Bool
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		GotConn: func(httptrace.GotConnInfo) { connected.Store(true) },
	})
	req, err := http.NewRequestWithContext(ctx, request.method, target, bytes.NewReader(body))
	if err != nil {
		return &unreadableError{errors.New("the address is not usable")}
	}
	req.Header.Set("Authorization", c.options.Token.header())
	req.Header.Set("Accept", "application/json")
	req.Header.Set("User-Agent", "keyturn")
	if len(body) > 0 {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return &UnreachableError{Err: c.why(parent, err), sent: connected.Load()}
	}
	defer func() { _ = resp.Body.Close() }() // read already, or given up

	answer, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer+1))
	defer clear(answer)
	success := resp.StatusCode >= 200 && resp.StatusCode < 300
	switch {
	case !success:
		return c.refusal(request, resp, answer)
	case err != nil:
		return &UnreachableError{Err: fmt.Errorf("read the answer: %w", c.why(parent, err)), sent: true}
	case request.into == nil:
		return nil
	case len(answer) > maxAnswer:
		return &unreadableError{fmt.Errorf("the answer is longer than %d MiB", maxAnswer>>20)}
	}
	if err := json.Unmarshal(answer, request.into); err != nil {
		return &unreadableError{whyUnreadable(err)}
	}
	return nil
}

// refusal makes an APIError of a status that is not a success.
func (c *Client) refusal(request call, resp *http.Response, answer []byte) error {
	detail := parseErrorDetail(answer)
	clean := newCleaner(c.options.Token, request.secret)
	refused := &APIError{Status: resp.StatusCode, Code: clean.clean(detail.Code), Message: clean.clean(detail.Message)}
	if refused.Code == "" && refused.Message == "" {
		refused.Message = strings.ToLower(http.StatusText(resp.StatusCode))
	}
	refused.Until = c.tryAgain(resp, detail.Limit)
	return refused
}

// tryAgain returns when the server wants the next attempt: Retry-After in
// seconds or as a date (RFC 9110, section 10.2.3), else the limit's reset, else
// zero. A moment of the server is taken relative to the server's own Date, so
// that a wrong clock here does not matter.
func (c *Client) tryAgain(resp *http.Response, limit *Limit) time.Time {
	now := c.options.Now()
	server := now
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		server = date
	}
	after := strings.TrimSpace(resp.Header.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(after, 10, 31); err == nil {
		return now.Add(time.Duration(seconds) * time.Second)
	}
	if at, err := http.ParseTime(after); err == nil {
		return now.Add(max(at.Sub(server), 0))
	}
	if limit == nil || resp.StatusCode != http.StatusTooManyRequests {
		return time.Time{}
	}
	switch {
	case limit.ResetMs > 0:
		return now.Add(max(time.UnixMilli(limit.ResetMs).Sub(server), 0))
	case limit.Reset > 0:
		return now.Add(max(time.Unix(limit.Reset, 0).Sub(server), 0))
	}
	return time.Time{}
}

// askedWait returns how long the server asked to wait, 0 if it did not.
func (c *Client) askedWait(err error) time.Duration {
	var refused *APIError
	if !errors.As(err, &refused) || refused.Until.IsZero() {
		return 0
	}
	return refused.Until.Sub(c.options.Now())
}

// unknown reports whether a write that met err may have taken place.
func unknown(err error) bool {
	var refused *APIError
	var unreachable *UnreachableError
	switch {
	case errors.As(err, &refused):
		return refused.Status >= 500 || refused.Status == http.StatusRequestTimeout
	case errors.As(err, &unreachable):
		return unreachable.sent
	}
	return true // a success that cannot be read
}

// repeatable reports whether a further attempt may do better. For a write,
// unknown is asked first.
func repeatable(err error) bool {
	var refused *APIError
	var unreachable *UnreachableError
	switch {
	case errors.As(err, &refused):
		return refused.Status >= 500 || refused.Status == http.StatusTooManyRequests || refused.Status == http.StatusRequestTimeout
	case errors.As(err, &unreachable):
		return !isCertificate(err)
	}
	return false
}

func isCertificate(err error) bool {
	var verification *tls.CertificateVerificationError
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	return errors.As(err, &verification) || errors.As(err, &authority) || errors.As(err, &host) || errors.As(err, &invalid)
}

// unreadableError is a success whose body is not what the API answers. It keeps
// no part of the body.
type unreadableError struct{ cause error }

func (e *unreadableError) Error() string { return "answer of vercel is unreadable: " + e.cause.Error() }

func (e *unreadableError) Unwrap() error { return e.cause }

// Hint returns the next act.
func (e *unreadableError) Hint() string {
	return "check [vercel] api and that no proxy or login page answers in its place"
}

// whyUnreadable rewords the errors of encoding/json, some of which quote what
// they met.
func whyUnreadable(err error) error {
	var syntax *json.SyntaxError
	var shape *json.UnmarshalTypeError
	switch {
	case errors.As(err, &syntax):
		return fmt.Errorf("not JSON at byte %d", syntax.Offset)
	case errors.As(err, &shape):
		return fmt.Errorf("unexpected shape at byte %d", shape.Offset)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return errors.New("it ends early")
	}
	return err // of the decoders in this package, which quote nothing
}

// why shortens an error of http.Client, which repeats method and address, and
// tells the time limit of one attempt from the end of the caller's context.
func (c *Client) why(parent context.Context, err error) error {
	var wrapped *url.Error
	var timeout net.Error
	if parent.Err() == nil && errors.As(err, &timeout) && timeout.Timeout() {
		return fmt.Errorf("timed out after %s", c.options.Timeout)
	}
	if errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
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
