package vercel

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

// DefaultAPI is where Vercel's API is.
const DefaultAPI = "https://api.vercel.com"

const (
	defaultMaxWait = 2 * time.Minute // between two attempts
	defaultTries   = 5
	pageSize       = 100 // the most that a page of deployments has
	maxPages       = 100 // a list that is longer is refused, not cut
)

// Options says how to reach Vercel. Only Token is required.
type Options struct {
	API   string // base URL; DefaultAPI if empty; http only on loopback
	Token keygen.Secret
	// Team is a team's id (team_…) or its slug; empty for a personal account.
	Team string

	HTTP httpclient.Options // 5 tries and 2 min between two of them if 0
}

// Client talks to one Vercel account or team. It is safe for concurrent use.
// Every error of an operation is a *RequestError.
type Client struct {
	base    *url.URL
	scope   url.Values // teamId or slug
	http    *httpclient.Client
	options Options
}

// New checks the options and makes no request.
func New(options Options) (*Client, error) {
	if options.Token.IsZero() {
		return nil, errors.New("make vercel client: no token")
	}
	base, err := httpclient.ParseBase(first(options.API, DefaultAPI), DefaultAPI)
	if err != nil {
		return nil, fmt.Errorf("make vercel client: api: %w", err)
	}
	options.HTTP.MaxWait = first(options.HTTP.MaxWait, defaultMaxWait)
	options.HTTP.Tries = first(options.HTTP.Tries, defaultTries)
	options.HTTP.MaxAnswer = maxAnswer
	ground := httpclient.New(httpclient.Peer{Name: "vercel", Setting: "[vercel] api"}, options.HTTP)
	return &Client{base: base, scope: scopeOf(options.Team), http: ground, options: options}, nil
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
