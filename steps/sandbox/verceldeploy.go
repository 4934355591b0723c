package sandbox

import (
	"cmp"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"keyturn/steps/vercel"
)

// listLimit is how many deployments a page of the list has when not asked.
const listLimit = 20

// shownDeployment is a deployment as Vercel would show it at a time. Its url has
// no scheme, as at Vercel, but here it has a path: http:// and that is an
// address that can be called.
func (w *World) shownDeployment(s *state, d deployment, now time.Time) vercel.Deployment {
	project, _ := s.project(d.Project) // a project is never removed
	shown := vercel.Deployment{
		ID: d.ID, Name: project.Name, ProjectID: d.Project, Mark: d.Mark,
		URL: w.service.host() + deploymentPath(d.ID), ReadyState: d.state(now), Created: d.Created.UnixMilli(),
	}
	if d.Target == vercel.TargetProduction {
		shown.Target = vercel.TargetProduction
	} else {
		shown.Branch = previewBranch
	}
	if shown.ReadyState == vercel.StateReady {
		shown.Ready = d.ReadyAt.UnixMilli()
		shown.AliasAssigned = reached(d.AliasAt, now)
		shown.Alias = w.aliasesOf(s, d, now)
	}
	return shown
}

// aliasesOf returns the addresses that lead to a deployment, without a scheme.
func (w *World) aliasesOf(s *state, d deployment, now time.Time) []string {
	environment := environmentOf(d.Target)
	if serving, ok := s.serves(d.Project, environment, now); !ok || serving.ID != d.ID {
		return nil
	}
	project, _ := s.project(d.Project) // a project is never removed
	return []string{w.service.host() + aliasPath(project.Name, environment)}
}

func (w *World) listDeployments(r *http.Request) (int, any, error) {
	s, now := w.look()
	query := r.URL.Query()
	limit := listLimit
	if text := query.Get("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 100 {
			return 0, nil, badRequest("Invalid request: `limit` should be a number from 1 to 100")
		}
		limit = n
	}
	keep, err := deploymentFilter(s, query)
	if err != nil {
		return 0, nil, err
	}
	var found []vercel.Deployment
	for _, d := range s.Deployments {
		if shown := w.shownDeployment(s, d, now); !reached(d.DeletedAt, now) && keep(shown) {
			found = append(found, shown)
		}
	}
	slices.SortStableFunc(found, func(a, b vercel.Deployment) int { return cmp.Compare(b.Created, a.Created) })
	more := len(found) > limit
	found = found[:min(limit, len(found))]
	body := vercel.AnswerDeployments(found)
	if more {
		next := found[limit-1].Created
		body.Pagination.Next = &next
	}
	return http.StatusOK, body, nil
}

// deploymentFilter returns what the query asks for.
func deploymentFilter(s *state, query url.Values) (func(vercel.Deployment) bool, error) {
	project := cmp.Or(query.Get("projectId"), query.Get("app"))
	if project != "" {
		p, ok := s.project(project)
		if !ok {
			return nil, notFound("Project")
		}
		project = p.ID
	}
	var bounds [2]int64 // since and until, ms
	for i, name := range []string{"since", "until"} {
		text := query.Get(name)
		if text == "" {
			continue
		}
		ms, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return nil, badRequest("Invalid request: `%s` should be a number", name)
		}
		bounds[i] = ms
	}
	target, states := query.Get("target"), query.Get("state")
	return func(d vercel.Deployment) bool {
		return (project == "" || d.ProjectID == project) &&
			(target == "" || d.Environment() == target) &&
			(states == "" || slices.Contains(strings.Split(states, ","), d.ReadyState)) &&
			d.Created >= bounds[0] && (bounds[1] == 0 || d.Created < bounds[1])
	}, nil
}

func (w *World) getDeployment(r *http.Request) (int, any, error) {
	s, now := w.look()
	d, ok := w.findDeployment(s, r.PathValue("id"), now)
	if !ok {
		return 0, nil, notFound("Deployment")
	}
	return http.StatusOK, vercel.AnswerDeployment(w.shownDeployment(s, d, now)), nil
}

// findDeployment finds a deployment that is not deleted by its id, its url or an
// alias that leads to it, with a scheme or without.
func (w *World) findDeployment(s *state, idOrURL string, now time.Time) (deployment, bool) {
	_, address, hasScheme := strings.Cut(idOrURL, "://")
	if !hasScheme {
		address = idOrURL
	}
	address = strings.TrimRight(address, "/")
	for _, d := range s.Deployments {
		if reached(d.DeletedAt, now) {
			continue
		}
		if d.ID == address || w.service.host()+deploymentPath(d.ID) == address || slices.Contains(w.aliasesOf(s, d, now), address) {
			return d, true
		}
	}
	return deployment{}, false
}

// redeployFields is a request for a deployment. Only repeating one is possible
// here, since there are no files to upload.
type redeployFields struct {
	DeploymentID string            `json:"deploymentId"`
	Name         string            `json:"name"`
	Target       string            `json:"target"` // "" or null: preview
	Meta         map[string]string `json:"meta"`
}

func (w *World) redeploy(r *http.Request) (int, any, error) {
	var fields redeployFields
	if err := decodeBody(r, &fields); err != nil {
		return 0, nil, err
	}
	switch {
	case fields.Name == "":
		return 0, nil, badRequest("Invalid request: missing required property `name`")
	case fields.DeploymentID == "":
		return 0, nil, badRequest("Invalid request: the sandbox only repeats deployments, `deploymentId` is required")
	case fields.Target == "":
		fields.Target = vercel.TargetPreview
	case fields.Target != vercel.TargetProduction && fields.Target != vercel.TargetPreview:
		return 0, nil, badRequest("Invalid request: `target` should be equal to one of the allowed values")
	}
	var body vercel.DeploymentAnswer
	err := w.update(func(s *state, now time.Time) error {
		from, ok := w.findDeployment(s, fields.DeploymentID, now)
		if !ok {
			return notFound("Deployment")
		}
		project, _ := s.project(from.Project) // a project is never removed
		if fields.Name != project.Name {
			return badRequest("The deployment belongs to the project %s", project.Name)
		}
		id, err := newID(w.options.Random, "dpl_")
		if err != nil {
			return err
		}
		made := s.deploy(id, project, fields.Target, fields.Meta[vercel.MetaMark], w.options.BuildTime, now)
		body = vercel.AnswerDeployment(w.shownDeployment(s, made, now))
		return nil
	})
	return http.StatusOK, body, err
}

func (w *World) deleteDeployment(r *http.Request) (int, any, error) {
	var body vercel.DeletedAnswer
	err := w.update(func(s *state, now time.Time) error {
		d, ok := w.findDeployment(s, r.PathValue("id"), now)
		if !ok {
			return notFound("Deployment")
		}
		i := slices.IndexFunc(s.Deployments, func(other deployment) bool { return other.ID == d.ID })
		s.Deployments[i].DeletedAt = now
		body = vercel.DeletedAnswer{UID: d.ID, State: vercel.StateDeleted}
		return nil
	})
	return http.StatusOK, body, err
}

// alias is one row of a list of aliases.
type alias struct {
	UID          string `json:"uid"`
	Alias        string `json:"alias"`
	DeploymentID string `json:"deploymentId"`
	ProjectID    string `json:"projectId"`
	Created      string `json:"created"`   // RFC 3339
	CreatedAt    int64  `json:"createdAt"` // ms
}

type aliasesAnswer struct {
	Aliases    []alias           `json:"aliases"`
	Pagination vercel.Pagination `json:"pagination"`
}

func (w *World) listDeploymentAliases(r *http.Request) (int, any, error) {
	s, now := w.look()
	d, ok := w.findDeployment(s, r.PathValue("id"), now)
	if !ok {
		return 0, nil, notFound("Deployment")
	}
	return http.StatusOK, w.answerAliases(s, []deployment{d}, now), nil
}

func (w *World) listAliases(r *http.Request) (int, any, error) {
	s, now := w.look()
	keep, err := deploymentFilter(s, r.URL.Query())
	if err != nil {
		return 0, nil, err
	}
	var list []deployment
	for _, d := range s.Deployments {
		if keep(w.shownDeployment(s, d, now)) {
			list = append(list, d)
		}
	}
	return http.StatusOK, w.answerAliases(s, list, now), nil
}

func (w *World) answerAliases(s *state, list []deployment, now time.Time) aliasesAnswer {
	rows := []alias{}
	for _, d := range list {
		for _, address := range w.aliasesOf(s, d, now) {
			rows = append(rows, alias{
				UID: "als_" + d.ID, Alias: address, DeploymentID: d.ID, ProjectID: d.Project,
				Created: d.AliasAt.Format(time.RFC3339), CreatedAt: d.AliasAt.UnixMilli(),
			})
		}
	}
	return aliasesAnswer{Aliases: rows, Pagination: vercel.Pagination{Count: len(rows)}}
}
