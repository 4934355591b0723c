package vercel

import (
	"context"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Team is one team that the token reaches.
type Team struct{ ID, Slug, Name string }

type teamJSON struct {
	ID   text `json:"id"`
	Slug text `json:"slug"`
	Name text `json:"name"`
}

func (t teamJSON) team() Team {
	return Team{ID: string(t.ID), Slug: string(t.Slug), Name: string(t.Name)}
}

// Teams returns the teams that the token reaches, none if it is of a personal
// account alone.
func (c *Client) Teams(ctx context.Context) ([]Team, error) {
	subject := RequestError{Operation: "list teams"}
	var all []Team
	err := pages(func(next cursor) (cursor, error) {
		query := untilQuery(next)
		query.Set("limit", strconv.Itoa(pageSize))
		var answer struct {
			Teams      []teamJSON `json:"teams"`
			Pagination page       `json:"pagination"`
		}
		err := c.do(ctx, call{subject: subject, method: http.MethodGet, path: path("v2", "teams"), query: query, into: &answer})
		for _, t := range answer.Teams {
			all = append(all, t.team())
		}
		return answer.Pagination.Next, err
	})
	if err != nil {
		return nil, subject.because(err)
	}
	return all, nil
}

// Team returns the team of the options; the zero Team for a personal account.
func (c *Client) Team(ctx context.Context) (Team, error) {
	if c.options.Team == "" {
		return Team{}, nil
	}
	var answer teamJSON
	err := c.do(ctx, call{
		subject: RequestError{Operation: "read team " + c.options.Team},
		method:  http.MethodGet, path: path("v2", "teams", c.options.Team), into: &answer,
	})
	return answer.team(), err
}

// Projects returns the projects of the account or team.
func (c *Client) Projects(ctx context.Context) ([]Project, error) {
	subject := RequestError{Operation: "list projects"}
	var all []Project
	err := pages(func(next cursor) (cursor, error) {
		query := untilQuery(next)
		query.Set("limit", strconv.Itoa(pageSize))
		var answer struct {
			Projects   []projectJSON `json:"projects"`
			Pagination page          `json:"pagination"`
		}
		err := c.do(ctx, call{subject: subject, method: http.MethodGet, path: path("v9", "projects"), query: query, into: &answer})
		for _, p := range answer.Projects {
			all = append(all, Project{ID: string(p.ID), Name: string(p.Name), AccountID: string(p.AccountID)})
		}
		return answer.Pagination.Next, err
	})
	if err != nil {
		return nil, subject.because(err)
	}
	return all, nil
}

// CustomEnvironment is an environment of a project besides the three that all
// have. Rows name it by its ID, people by its Slug.
type CustomEnvironment struct{ ID, Slug string }

// CustomEnvironments returns the custom environments of a project.
func (c *Client) CustomEnvironments(ctx context.Context, project string) ([]CustomEnvironment, error) {
	var answer struct {
		Environments []struct {
			ID   text `json:"id"`
			Slug text `json:"slug"`
		} `json:"environments"`
	}
	err := c.do(ctx, call{
		subject: RequestError{Operation: "list custom environments", Project: project},
		method:  http.MethodGet, path: path("v9", "projects", project, "custom-environments"), into: &answer,
	})
	var all []CustomEnvironment
	for _, e := range answer.Environments {
		all = append(all, CustomEnvironment{ID: string(e.ID), Slug: string(e.Slug)})
	}
	return all, err
}

// SharedVariables returns the team's variables that a project, by its id, is
// linked to: they reach its deployments and are in no list of its own.
func (c *Client) SharedVariables(ctx context.Context, projectID string) ([]Variable, error) {
	subject := RequestError{Operation: "list shared variables", Project: projectID}
	var all []Variable
	err := pages(func(next cursor) (cursor, error) {
		query := untilQuery(next)
		query.Set("projectId", projectID)
		var answer struct {
			Data       []variableJSON `json:"data"`
			Pagination page           `json:"pagination"`
		}
		err := c.do(ctx, call{subject: subject, method: http.MethodGet, path: path("v1", "env"), query: query, into: &answer})
		for _, v := range answer.Data {
			all = append(all, v.variable())
		}
		return answer.Pagination.Next, err
	})
	if err != nil {
		return nil, subject.because(err)
	}
	return all, nil
}

// SharedVariable is a variable of the team, and the projects that it is linked to.
type SharedVariable struct {
	Variable
	ProjectIDs []string
}

// TeamVariables returns the team's shared variables, with one request for all
// projects. A personal account has none.
func (c *Client) TeamVariables(ctx context.Context) ([]SharedVariable, error) {
	if c.options.Team == "" {
		return nil, nil
	}
	subject := RequestError{Operation: "list shared variables"}
	var all []SharedVariable
	err := pages(func(next cursor) (cursor, error) {
		var answer struct {
			Data []struct {
				variableJSON
				ProjectID texts `json:"projectId"` // several, whatever its name
			} `json:"data"`
			Pagination page `json:"pagination"`
		}
		err := c.do(ctx, call{subject: subject, method: http.MethodGet, path: path("v1", "env"), query: untilQuery(next), into: &answer})
		for _, v := range answer.Data {
			all = append(all, SharedVariable{Variable: v.variable(), ProjectIDs: v.ProjectID})
		}
		return answer.Pagination.Next, err
	})
	if err != nil {
		return nil, subject.because(err)
	}
	return all, nil
}

// Now returns the time of the client's clock.
func (c *Client) Now() time.Time { return c.http.Now() }

// API returns the base URL that is called.
func (c *Client) API() *url.URL { u := *c.base; return &u }
