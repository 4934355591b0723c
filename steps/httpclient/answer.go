package httpclient

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Answer is what a server answered. Everything in it is the server's to choose.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte // no more than the client reads
	Date   time.Time
	// RetryAt is when the server wants the next attempt, by our clock; zero if it
	// does not say.
	RetryAt time.Time
	// Broken says why the rest of the body did not come; nil if all of it did.
	Broken *NoAnswerError

	client *Client
	at     time.Time // when it came
}

func newAnswer(c *Client, resp *http.Response) Answer {
	a := Answer{Status: resp.StatusCode, Header: resp.Header, client: c, at: c.options.Now()}
	if date, err := http.ParseTime(resp.Header.Get("Date")); err == nil {
		a.Date = date
	}
	// RFC 9110, section 10.2.3: seconds or a date.
	after := strings.TrimSpace(resp.Header.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(after, 10, 31); err == nil {
		a.RetryAt = a.at.Add(time.Duration(seconds) * time.Second)
	} else if moment, err := http.ParseTime(after); err == nil {
		a.RetryAt = a.Ours(moment)
	}
	return a
}

// Ours returns a moment of the server's clock by our own, and never one before the
// answer. It goes by the server's Date, so that a wrong clock here does not matter.
func (a Answer) Ours(server time.Time) time.Time {
	date := a.Date
	if date.IsZero() {
		date = a.at
	}
	return a.at.Add(max(server.Sub(date), 0))
}

// Success reports whether the status is 2xx.
func (a Answer) Success() bool { return a.Status >= 200 && a.Status <= 299 }

// JSON reads the body. The error is an *UnreadableError.
func (a Answer) JSON(into any) error {
	if limit := a.client.options.MaxAnswer; len(a.Body) > limit {
		return &UnreadableError{Peer: a.client.peer, why: fmt.Sprintf("it is longer than %d bytes", limit)}
	}
	if err := json.Unmarshal(a.Body, into); err != nil {
		return &UnreadableError{Peer: a.client.peer, why: whyUnreadable(err)}
	}
	return nil
}

// Unreadable is an error of a decoder. Its words reach the operator, so they must
// not quote what was decoded.
type Unreadable string

func (u Unreadable) Error() string { return string(u) }

// whyUnreadable rewords the errors of decoders, which quote what they met.
func whyUnreadable(err error) string {
	var syntax *json.SyntaxError
	var shape *json.UnmarshalTypeError
	var moment *time.ParseError
	var ours Unreadable
	switch {
	case errors.As(err, &ours):
		return string(ours)
	case errors.As(err, &syntax):
		return fmt.Sprintf("not JSON at byte %d", syntax.Offset)
	case errors.As(err, &shape):
		kind, _, _ := strings.Cut(shape.Value, " ") // a number is followed by its digits
		return fmt.Sprintf("unexpected %s at byte %d", kind, shape.Offset)
	case errors.As(err, &moment):
		return "a time is not in the form of RFC 3339"
	}
	return "it has another form"
}
