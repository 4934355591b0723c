package vercel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
)

// DefaultAPI is where Vercel's API is.
const DefaultAPI = "https://api.vercel.com"

const (
	defaultTimeout = 30 * time.Second // of one attempt, body included
	defaultMaxWait = 2 * time.Minute  // between two attempts
	defaultTries   = 5
	pageSize       = 100 // the most that a page of deployments has
	maxPages       = 100 // a list that is longer is refused, not cut
)

// Options says how to reach Vercel. Only Token is required.
type Options struct {
	API   string // base URL; DefaultAPI if empty; http only on loopback
	Token Token
	// Team is a team's id (team_…) or its slug; empty for a personal account.
	Team string

	Timeout time.Duration // of one attempt; 30 s if 0
	Tries   int           // attempts of one request; 5 if 0
	// MaxWait is the longest wait between two attempts, 2 min if 0. A server
	// that asks for a longer one gets no further attempt: it would be too early.
	MaxWait time.Duration
	// OnWait, if set, is told why the next attempt waits, and until when. It is
	// called from the goroutine of the request and must return soon.
	OnWait func(ctx context.Context, reason string, until time.Time)
	// BeforeWrite, if set, is asked before each attempt of a request that changes
	// something, since minutes may have passed since the request was wanted. Its
	// error ends the request, which has then changed nothing.
	BeforeWrite func(context.Context) error

	HTTP    *http.Client                                     // its transport is used; http.DefaultTransport if nil
	Now     func() time.Time                                 // time.Now if nil
	Sleep   func(ctx context.Context, d time.Duration) error // waits or returns the context's error; a timer if nil
	Backoff func() backoff.BackOff                           // waits between attempts; exponential from 0.5 s with jitter if nil
}

// Client talks to one Vercel account or team. It is safe for concurrent use.
// Every error of an operation is a *RequestError.
type Client struct {
	base    *url.URL
	scope   url.Values // teamId or slug
	http    *http.Client
	options Options
	gate    *gate
}

// New checks the options and makes no request.
func New(options Options) (*Client, error) {
	if options.Token.IsZero() {
		return nil, errors.New("make vercel client: no token")
	}
	base, err := parseBase(first(options.API, DefaultAPI))
	if err != nil {
		return nil, fmt.Errorf("make vercel client: %w", err)
	}
	options.Timeout = first(options.Timeout, defaultTimeout)
	options.MaxWait = first(options.MaxWait, defaultMaxWait)
	options.Tries = first(options.Tries, defaultTries)
	if options.OnWait == nil {
		options.OnWait = func(context.Context, string, time.Time) {}
	}
	if options.BeforeWrite == nil {
		options.BeforeWrite = func(context.Context) error { return nil }
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
	c := &Client{base: base, scope: scopeOf(options.Team), http: &http.Client{}, options: options, gate: &gate{}}
	if options.HTTP != nil {
		c.http.Transport = options.HTTP.Transport
	}
	// A redirect would carry the value to wherever it points.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

func parseBase(raw string) (*url.URL, error) {
	u, err := url.Parse(raw)
	switch {
	case err != nil, u.Host == "", u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("api: want a URL such as " + DefaultAPI)
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return nil, errors.New("api: want a URL without user, query or fragment")
	case u.Scheme == "http" && !loopback(u.Hostname()):
		return nil, fmt.Errorf("api: http is for loopback only, want https://%s", u.Host)
	}
	u.Path = strings.TrimRight(u.Path, "/")
	return u, nil
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func scopeOf(team string) url.Values {
	switch {
	case team == "":
		return url.Values{}
	case strings.HasPrefix(team, "team_"):
		return url.Values{"teamId": {team}}
	}
	return url.Values{"slug": {team}}
}

// User returns the owner of the token: the cheapest proof that it is valid.
func (c *Client) User(ctx context.Context) (User, error) {
	var answer struct {
		User userJSON `json:"user"`
	}
	err := c.do(ctx, call{
		subject: RequestError{Operation: "read the token's user"},
		method:  http.MethodGet, path: path("v2", "user"), into: &answer,
	})
	return answer.User.user(), err
}

// Project returns a project by its id (prj_…) or name.
func (c *Client) Project(ctx context.Context, project string) (Project, error) {
	subject := RequestError{Operation: "read project", Project: project}
	var answer projectJSON
	err := c.do(ctx, call{subject: subject, method: http.MethodGet, path: path("v9", "projects", project), into: &answer})
	if err == nil && answer.ID == "" {
		err = subject.because(errors.New("the answer has no id"))
	}
	return Project{ID: string(answer.ID), Name: string(answer.Name), AccountID: string(answer.AccountID)}, err
}

// gone adds ErrGone to the answer that there is nothing to delete.
func gone(err error) error {
	var request *RequestError
	if errors.Is(err, ErrNotFound) && errors.As(err, &request) {
		return request.because(fmt.Errorf("%w: %w", ErrGone, request.Err))
	}
	return err
}

// because returns e with err as its cause, and nil or a *RequestError as it is.
func (e RequestError) because(err error) error {
	var already *RequestError
	if err == nil || errors.As(err, &already) {
		return err
	}
	e.Err = err
	return &e
}

// pages calls read with the cursor of each page until there is no further one.
// It refuses a list that does not come to an end: a list that is cut short
// would hide a row.
func pages(read func(cursor) (cursor, error)) error {
	seen := map[cursor]bool{}
	var next cursor
	for range maxPages {
		var err error
		if next, err = read(next); err != nil || next == "" {
			return err
		}
		if seen[next] {
			return errors.New("the list does not advance: the same page was given twice")
		}
		seen[next] = true
	}
	return fmt.Errorf("the list has more than %d pages", maxPages)
}

func untilQuery(next cursor) url.Values {
	query := url.Values{}
	if next != "" {
		query.Set("until", string(next))
	}
	return query
}
