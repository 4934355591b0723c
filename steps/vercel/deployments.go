package vercel

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"keyturn/steps/httpclient"
)

// Deployments returns the deployments of a project, newest first: those of one
// target, or all if target is "". It reads every page; for the newest one use
// LatestReady.
func (c *Client) Deployments(ctx context.Context, project, target string) ([]Deployment, error) {
	var all []Deployment
	err := c.eachPage(ctx, project, target, func(page []Deployment) bool {
		all = append(all, page...)
		return true
	})
	if err != nil {
		return nil, err
	}
	return all, nil
}

// LatestReady returns the newest READY deployment of a target, or of a custom
// environment by its slug, reading as few pages as needed. ErrNotFound if there
// is none.
func (c *Client) LatestReady(ctx context.Context, project, target string) (Deployment, error) {
	return c.LatestReadyOf(ctx, project, target, "")
}

// LatestReadyOf is LatestReady of one git branch; "" for any.
func (c *Client) LatestReadyOf(ctx context.Context, project, target, branch string) (Deployment, error) {
	var latest Deployment
	found := false
	err := c.eachPage(ctx, project, target, func(page []Deployment) bool {
		latest, found = Latest(slices.DeleteFunc(page, func(d Deployment) bool { return branch != "" && d.Branch != branch }), target)
		return !found
	})
	if err == nil && !found {
		subject := RequestError{Operation: "find a ready deployment", Project: project, Target: target}
		of := "of this target"
		if branch != "" {
			of = "of the branch " + branch
		}
		err = subject.because(fmt.Errorf("%w: the project has no READY deployment %s", ErrNotFound, of))
	}
	return latest, err
}

// eachPage gives the pages to visit until it returns false.
func (c *Client) eachPage(ctx context.Context, project, target string, visit func([]Deployment) bool) error {
	subject := RequestError{Operation: "list deployments", Project: project, Target: target}
	if project == "" { // Vercel would list the whole team
		return subject.because(errors.New("project is empty"))
	}
	seen := map[string]bool{}
	err := pages(func(next cursor) (cursor, error) {
		query := untilQuery(next)
		query.Set("projectId", project)
		query.Set("limit", strconv.Itoa(pageSize))
		if target != "" {
			query.Set("target", target)
		}
		var answer deploymentsJSON
		err := c.do(ctx, call{subject: subject, method: http.MethodGet, path: path("v7", "deployments"), query: query, into: &answer})
		if err != nil {
			return "", err
		}
		var page []Deployment
		for _, row := range answer.Deployments {
			d, err := row.deployment()
			if err != nil {
				return "", err
			}
			// The filters are Vercel's; a row of another project or target must
			// not be redeployed even if they fail.
			otherProject := strings.HasPrefix(project, "prj_") && d.ProjectID != "" && d.ProjectID != project
			otherTarget := target != "" && d.Environment() != target
			if !seen[d.ID] && !otherProject && !otherTarget {
				seen[d.ID] = true
				page = append(page, d)
			}
		}
		if !visit(page) {
			return "", nil
		}
		return answer.Pagination.Next, nil
	})
	return subject.because(err)
}

// Deployment returns one deployment by its id, or by a host or URL that leads
// to it: so the deployment that serves an address is found.
func (c *Client) Deployment(ctx context.Context, idOrHost string) (Deployment, error) {
	host := hostOf(idOrHost)
	subject := RequestError{Operation: "read deployment", Deployment: host}
	return c.oneDeployment(ctx, call{subject: subject, method: http.MethodGet, path: path("v13", "deployments", host)})
}

// hostOf returns what an address leads to a deployment by: its host, since
// Vercel gives each deployment one. On loopback, where one host stands in for
// all of them, port and path say which.
func hostOf(idOrHost string) string {
	_, address, isURL := strings.Cut(idOrHost, "://")
	if !isURL {
		address = idOrHost
	}
	if end := strings.IndexAny(address, "?#"); end >= 0 {
		address = address[:end]
	}
	host, rest, _ := strings.Cut(address, "/")
	name := host
	if h, _, err := net.SplitHostPort(host); err == nil {
		name = h
	}
	if rest = strings.TrimRight(rest, "/"); httpclient.Loopback(name) && rest != "" {
		return host + "/" + rest
	}
	return host
}

// Redeploy builds a deployment once more, with the variables of now, for the
// target that it had: TargetProduction, TargetPreview or its custom environment,
// spelled out so that production is never a default. After an UnknownOutcomeError, list: the new
// deployment may be there.
func (c *Client) Redeploy(ctx context.Context, project string, from Deployment, target string) (Deployment, error) {
	return c.RedeployMarked(ctx, project, from, target, "")
}

// RedeployMarked is Redeploy that leaves mark in the deployment's meta, so that
// Marked finds it in a list after its answer was lost.
func (c *Client) RedeployMarked(ctx context.Context, project string, from Deployment, target, mark string) (Deployment, error) {
	subject := RequestError{Operation: "redeploy", Project: project, Deployment: from.ID, Target: target}
	switch {
	case target != TargetProduction && target != TargetPreview && (target == "" || target != from.CustomEnvironment):
		return Deployment{}, subject.because(fmt.Errorf("target %q: want production, preview or the custom environment of the deployment", target))
	case from.ID == "" || from.Name == "":
		return Deployment{}, subject.because(errors.New("the deployment to repeat has no id or no name"))
	case from.Environment() != target:
		// It would publish a build that was never meant for there.
		return Deployment{}, subject.because(fmt.Errorf("the deployment to repeat is one of %s", from.Environment()))
	}
	body := RedeployBody{DeploymentID: from.ID, Name: from.Name, Meta: map[string]string{MetaAction: "redeploy"}}
	if mark != "" {
		body.Meta[MetaMark] = mark
	}
	switch target {
	case TargetProduction:
		body.Target = TargetProduction
	case from.CustomEnvironment:
		body.CustomEnvironment = target
	}
	made, err := c.oneDeployment(ctx, call{
		subject: subject, method: http.MethodPost, path: path("v13", "deployments"),
		query: url.Values{"forceNew": {"1"}}, body: body, write: true,
	})
	if err == nil && made.Environment() != target {
		err = subject.because(fmt.Errorf("vercel made deployment %s for %s instead", made.ID, made.Environment()))
	}
	return made, err
}

// oneDeployment makes a call that is answered with one deployment.
func (c *Client) oneDeployment(ctx context.Context, request call) (Deployment, error) {
	var answer deploymentJSON
	request.into = &answer
	if err := c.do(ctx, request); err != nil {
		return Deployment{}, err
	}
	d, err := answer.deployment()
	if err != nil && request.write {
		err = &UnknownOutcomeError{Err: err}
	}
	return d, request.subject.because(err)
}

// DeleteDeployment removes a deployment, which also ends its own address.
// ErrGone if there was no such deployment.
func (c *Client) DeleteDeployment(ctx context.Context, id string) error {
	return gone(c.do(ctx, call{
		subject: RequestError{Operation: "delete deployment", Deployment: id},
		method:  http.MethodDelete, path: path("v13", "deployments", id), write: true,
	}))
}
