package vercel

import (
	"context"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"time"

	"keyturn/keygen"
	"keyturn/steps/httpclient"
)

// maxAnswer is the most that is read of an answer, in bytes: a project may have
// 1,000 rows of up to 64 KiB in all, and lists of deployments are smaller.
const maxAnswer = 16 << 20

// maxQuoted is how many characters of Vercel's own words an error quotes.
const maxQuoted = 300

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
	header := http.Header{"Accept": {"application/json"}}
	if len(body) > 0 {
		header.Set("Content-Type", "application/json")
	}
	return request.subject.because(c.http.Do(ctx, httpclient.Request{
		Operation: request.subject.Operation, Subject: request.subject.subject(),
		Method: request.method, URL: target, Header: header, Token: c.options.Token, Secret: request.secret, Body: body, Write: request.write,
	}, func(a httpclient.Answer) error {
		switch {
		case !a.Success():
			return c.refusal(request, a)
		case request.into == nil:
			return nil
		}
		return a.JSON(request.into)
	}))
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

// refusal makes an APIError of a status that is not a success.
func (c *Client) refusal(request call, a httpclient.Answer) error {
	detail := parseErrorDetail(a.Body)
	refused := c.refused(a.Status, detail, request.secret)
	if refused.Code == "" && refused.Message == "" {
		refused.Message = strings.ToLower(http.StatusText(a.Status))
	}
	refused.Until = a.RetryAt
	if l := detail.Limit; l != nil && refused.Until.IsZero() && a.Status == http.StatusTooManyRequests {
		switch {
		case l.ResetMs > 0:
			refused.Until = a.Ours(time.UnixMilli(l.ResetMs))
		case l.Reset > 0:
			refused.Until = a.Ours(time.Unix(l.Reset, 0))
		}
	}
	return refused
}

// refused quotes what Vercel says of a refusal, without the token and the secret
// that it was sent.
func (c *Client) refused(status int, detail ErrorDetail, secret keygen.Secret) *APIError {
	censor := httpclient.NewCensor(c.options.Token, secret)
	e := &APIError{Status: status, Message: censor.Words(detail.Message, maxQuoted)}
	if codePattern.MatchString(detail.Code) {
		e.Code = censor.Words(detail.Code, maxQuoted)
	}
	return e
}

// codePattern is what a code looks like, such as ENV_CONFLICT.
var codePattern = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_.-]{0,63}$`)
