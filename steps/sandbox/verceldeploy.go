package sandbox

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"

	"keyturn/steps/vercel"
)

// listLimit is how many deployments a page of the list has when not asked.
const listLimit = 20

// deploymentFacts is what both ways to show a deployment are made from. Its url
// has no scheme, as at Vercel, but here it has a path: http:// and that is an
// address that can be called.
func (w *World) deploymentFacts(s *state, d deployment, now time.Time) vercel.Deployment {
	project, _ := s.project(d.Project) // a project is never removed
	facts := vercel.Deployment{
		ID: d.ID, Name: project.Name, ProjectID: d.Project, Mark: d.Mark, Branch: d.branch(),
		URL: w.service.host() + deploymentPath(d.ID), ReadyState: d.state(now), Created: d.Created.UnixMilli(),
	}
	if d.Target == vercel.TargetProduction {
		facts.Target = vercel.TargetProduction
	}
	if facts.ReadyState == vercel.StateReady {
		facts.Ready = d.ReadyAt.UnixMilli()
		facts.Alias = w.aliasesOf(s, d, now)
		facts.AliasAssigned = reached(d.AliasAt, now) || len(facts.Alias) > 0
	}
	return facts
}

// deploymentAnswer is a deployment by itself.
type deploymentAnswer struct {
	vercel.DeploymentAnswer
	CustomEnvironment *customRow     `json:"customEnvironment,omitempty"`
	Project           map[string]any `json:"project"`
	Team              *Team          `json:"team,omitempty"`
	ErrorCode         string         `json:"errorCode,omitempty"`
	ErrorMessage      string         `json:"errorMessage,omitempty"`
	ErrorStep         string         `json:"errorStep,omitempty"`
	Source            string         `json:"source"`
}

// deploymentRow is a deployment in a list.
type deploymentRow struct {
	vercel.DeploymentRow
	CustomEnvironment *customRow `json:"customEnvironment,omitempty"`
	ErrorCode         string     `json:"errorCode,omitempty"`
	ErrorMessage      string     `json:"errorMessage,omitempty"`
	BuildingAt        int64      `json:"buildingAt,omitempty"`
	Source            string     `json:"source"`
}

type deploymentsAnswer struct {
	Deployments []deploymentRow   `json:"deployments"`
	Pagination  vercel.Pagination `json:"pagination"`
}

// source of every deployment: it is an answer that the API knows.
const source = "redeploy"

func (w *World) deploymentAnswer(s *state, d deployment, now time.Time) deploymentAnswer {
	project, _ := s.project(d.Project) // a project is never removed
	shown := deploymentAnswer{
		DeploymentAnswer:  vercel.AnswerDeployment(w.deploymentFacts(s, d, now)),
		CustomEnvironment: s.customOf(project, d), Source: source,
		Project: map[string]any{"id": project.ID, "name": project.Name, "framework": nil},
	}
	shown.Creator = s.creator(d)
	shown.OwnerID = cmp.Or(project.TeamID, owner)
	shown.BuildingAt = d.BuildingAt.UnixMilli()
	if team, ok := s.team(project.TeamID); ok {
		shown.Team = &team
	}
	if shown.ReadyState == vercel.StateError {
		shown.ErrorCode, shown.ErrorMessage, shown.ErrorStep = buildErrorCode, buildErrorMessage, "buildStep"
	}
	return shown
}

func (w *World) deploymentRow(s *state, d deployment, now time.Time) deploymentRow {
	project, _ := s.project(d.Project) // a project is never removed
	row := deploymentRow{
		DeploymentRow:     vercel.AnswerDeployments([]vercel.Deployment{w.deploymentFacts(s, d, now)}).Deployments[0],
		CustomEnvironment: s.customOf(project, d), Source: source, BuildingAt: d.BuildingAt.UnixMilli(),
	}
	row.Creator = s.creator(d)
	if row.ReadyState == vercel.StateError {
		row.ErrorCode, row.ErrorMessage = buildErrorCode, buildErrorMessage
	}
	return row
}

func (s *state) customOf(project Project, d deployment) *customRow {
	custom, ok := project.custom(d.CustomEnvironment)
	if d.CustomEnvironment == "" || !ok {
		return nil
	}
	row := s.customRow(project, custom)
	return &row
}

func (s *state) creator(d deployment) vercel.Creator {
	who := s.user(d.CreatedBy)
	return vercel.Creator{UID: who.ID, Username: who.Username}
}

// aliasesOf returns the addresses that lead to a deployment, without a scheme.
func (w *World) aliasesOf(s *state, d deployment, now time.Time) []string {
	if serving, ok := s.serves(d.Project, d.slot(), now); !ok || serving.ID != d.ID {
		return nil
	}
	project, _ := s.project(d.Project) // a project is never removed
	return []string{w.service.host() + aliasPath(project.Name, d.slot())}
}

func (w *World) listDeployments(r *http.Request) (int, any, error) {
	s, now := w.look()
	limit, err := limitOf(r.URL.Query(), listLimit)
	if err != nil {
		return 0, nil, err
	}
	keep, err := s.deploymentFilter(r, now)
	if err != nil {
		return 0, nil, err
	}
	var found []deployment
	for _, d := range s.Deployments {
		if keep(d) && !reached(d.DeletedAt, now) {
			found = append(found, d)
		}
	}
	slices.SortStableFunc(found, func(a, b deployment) int { return b.Created.Compare(a.Created) })
	body := deploymentsAnswer{Deployments: []deploymentRow{}}
	if len(found) > limit {
		found = found[:limit]
		next := found[limit-1].Created.UnixMilli()
		body.Pagination.Next = &next
	}
	for _, d := range found {
		body.Deployments = append(body.Deployments, w.deploymentRow(s, d, now))
	}
	body.Pagination.Count = len(found)
	return http.StatusOK, body, nil
}

// deploymentFilter returns what the query asks for.
func (s *state) deploymentFilter(r *http.Request, now time.Time) (func(deployment) bool, error) {
	query := r.URL.Query()
	team, err := s.scopeOf(r)
	if err != nil {
		return nil, err
	}
	project := cmp.Or(query.Get("projectId"), query.Get("app"))
	if project != "" {
		p, err := s.projectIn(r, project)
		if err != nil {
			return nil, err
		}
		project = p.ID
	}
	since, err := numberOf(query, "since") // ms
	if err != nil {
		return nil, err
	}
	until, err := numberOf(query, "until", "from") // ms
	if err != nil {
		return nil, err
	}
	target, branch, states := query.Get("target"), query.Get("branch"), query.Get("state")
	return func(d deployment) bool {
		if project != "" && d.Project != project {
			return false
		}
		of, _ := s.project(d.Project) // a project is never removed
		created := d.Created.UnixMilli()
		return of.TeamID == team &&
			(target == "" || cmp.Or(d.CustomEnvironment, d.Target) == target) &&
			(branch == "" || d.branch() == branch) &&
			(states == "" || slices.Contains(strings.Split(states, ","), d.state(now))) &&
			created >= since && (until == 0 || created < until)
	}, nil
}

func (w *World) getDeployment(r *http.Request) (int, any, error) {
	s, now := w.look()
	d, err := w.deploymentOf(s, r, r.PathValue("id"), now)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, w.deploymentAnswer(s, d, now), nil
}

// deploymentOf finds a deployment of the team that a request names.
func (w *World) deploymentOf(s *state, r *http.Request, idOrURL string, now time.Time) (deployment, error) {
	team, err := s.scopeOf(r)
	if err != nil {
		return deployment{}, err
	}
	d, ok := w.findDeployment(s, idOrURL, now)
	project, _ := s.project(d.Project)
	if !ok || project.TeamID != team {
		return deployment{}, notFound("Deployment")
	}
	return d, nil
}

// findDeployment finds a deployment that is not deleted by its id, its url or an
// alias that leads to it, with a scheme or without.
func (w *World) findDeployment(s *state, idOrURL string, now time.Time) (deployment, bool) {
	_, address, hasScheme := strings.Cut(idOrURL, "://")
	if !hasScheme {
		address = idOrURL
	}
	d, found := deployment{}, false
	if path, ours := strings.CutPrefix(strings.TrimRight(address, "/"), w.service.host()); ours {
		d, found = s.lead(path, now)
	} else {
		d, found = s.deployment(address)
	}
	return d, found && !reached(d.DeletedAt, now)
}

// redeployFields is a request for a deployment. Only repeating one is possible
// here, since there are no files to upload.
type redeployFields struct {
	DeploymentID      string            `json:"deploymentId"`
	Name              string            `json:"name"`
	Target            string            `json:"target"` // "" or null: preview
	Meta              map[string]string `json:"meta"`
	CustomEnvironment string            `json:"customEnvironmentSlugOrId"`
}

func (f redeployFields) check() error {
	switch {
	case f.Name == "":
		return badRequest("Invalid request: missing required property `name`")
	case f.DeploymentID == "":
		return badRequest("Invalid request: the sandbox only repeats deployments, `deploymentId` is required")
	case !slices.Contains([]string{"", vercel.TargetProduction, vercel.TargetPreview}, f.Target):
		return badRequest("Invalid request: `target` should be equal to one of the allowed values")
	}
	return nil
}

func (w *World) redeploy(r *http.Request) (int, any, error) {
	var fields redeployFields
	if err := decodeBody(r, &fields); err != nil {
		return 0, nil, err
	}
	if err := fields.check(); err != nil {
		return 0, nil, err
	}
	var body deploymentAnswer
	err := w.update(func(s *state, now time.Time) error {
		from, err := w.deploymentOf(s, r, fields.DeploymentID, now)
		if err != nil {
			return err
		}
		project, _ := s.project(from.Project) // a project is never removed
		if fields.Name != project.Name {
			return badRequest("The deployment belongs to the project %s", project.Name)
		}
		d := deployment{
			Target: cmp.Or(fields.Target, vercel.TargetPreview), Mark: fields.Meta[vercel.MetaMark], CreatedBy: actor(r),
		}
		if fields.CustomEnvironment != "" {
			custom, ok := project.custom(fields.CustomEnvironment)
			if !ok {
				return notFound("Custom Environment")
			}
			d.Target, d.CustomEnvironment = vercel.TargetPreview, custom.Slug
		}
		if d.Target == vercel.TargetPreview {
			d.Branch = from.Branch
		}
		if d.ID, err = newID(w.options.Random, "dpl_"); err != nil {
			return err
		}
		body = w.deploymentAnswer(s, s.deploy(project, d, w.options.BuildTime, now), now)
		return nil
	})
	return http.StatusOK, body, err
}

func (w *World) deleteDeployment(r *http.Request) (int, any, error) {
	var body vercel.DeletedAnswer
	err := w.update(func(s *state, now time.Time) error {
		d, err := w.deploymentOf(s, r, r.PathValue("id"), now)
		if err != nil {
			return err
		}
		s.Deployments[s.indexOf(d)].DeletedAt = now
		body = vercel.DeletedAnswer{UID: d.ID, State: vercel.StateDeleted}
		return nil
	})
	return http.StatusOK, body, err
}

// cancelDeployment ends a build that is under way.
func (w *World) cancelDeployment(r *http.Request) (int, any, error) {
	var body deploymentAnswer
	err := w.update(func(s *state, now time.Time) error {
		d, err := w.deploymentOf(s, r, r.PathValue("id"), now)
		if err != nil {
			return err
		}
		switch state := d.state(now); state {
		case vercel.StateReady, vercel.StateError, vercel.StateCanceled:
			return badRequest("The deployment is %s and cannot be canceled", state)
		}
		d.CanceledAt = now
		d.ReadyAt, d.AliasAt, d.FailedAt = time.Time{}, time.Time{}, time.Time{}
		s.Deployments[s.indexOf(d)] = d
		body = w.deploymentAnswer(s, d, now)
		return nil
	})
	return http.StatusOK, body, err
}

// indexOf finds a deployment that is known to be there.
func (s *state) indexOf(d deployment) int {
	return slices.IndexFunc(s.Deployments, func(other deployment) bool { return other.ID == d.ID })
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
	d, err := w.deploymentOf(s, r, r.PathValue("id"), now)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, w.answerAliases(s, []deployment{d}, now), nil
}

func (w *World) listAliases(r *http.Request) (int, any, error) {
	s, now := w.look()
	keep, err := s.deploymentFilter(r, now)
	if err != nil {
		return 0, nil, err
	}
	var list []deployment
	for _, d := range s.Deployments {
		if keep(d) {
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
