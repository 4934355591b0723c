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

// The owner of the account and of World.VercelToken.
const (
	owner     = "user_sandbox"
	ownerName = "sandbox"
)

// users returns everybody in the account, the owner first.
func (s *state) users() []Member {
	users := []Member{{ID: owner, Username: ownerName, Name: "Keyturn Sandbox"}}
	for _, who := range s.Members {
		users = append(users, who.Member)
	}
	return users
}

func (s *state) user(id string) Member {
	for _, who := range s.users() {
		if who.ID == cmp.Or(id, owner) {
			return who
		}
	}
	return Member{ID: id, Username: id, Name: id}
}

// scopeOf returns the id of the team that a request names, "" for the personal
// account. Where there are no teams, any team will do, since a personal
// account's own id is accepted too.
func (s *state) scopeOf(r *http.Request) (string, error) {
	query := r.URL.Query()
	named := cmp.Or(query.Get("teamId"), query.Get("slug"))
	if named == "" || len(s.Teams) == 0 {
		return "", nil
	}
	team, ok := s.team(named)
	if !ok {
		return "", refuse(http.StatusForbidden, "forbidden", "Not authorized: trying to access resource under scope %q", named)
	}
	return team.ID, nil
}

func (s *state) team(idOrSlug string) (Team, bool) {
	for _, team := range s.Teams {
		if team.ID == idOrSlug || team.Slug == idOrSlug {
			return team, true
		}
	}
	return Team{}, false
}

func (w *World) getUser(r *http.Request) (int, any, error) {
	s := w.state.Load()
	who := s.user(actor(r))
	body := vercel.AnswerUser(vercel.User{
		ID: who.ID, Username: who.Username, Email: who.Username + "@example.com", Name: who.Name,
	})
	if len(s.Teams) > 0 {
		body.User.DefaultTeamID = s.Teams[0].ID
	}
	return http.StatusOK, body, nil
}

// teamRow is a team as the API shows it.
type teamRow struct {
	ID              string         `json:"id"`
	Slug            string         `json:"slug"`
	Name            string         `json:"name"`
	CreatorID       string         `json:"creatorId"`
	Avatar          *string        `json:"avatar"`
	Description     *string        `json:"description"`
	Billing         *struct{}      `json:"billing"`
	StagingPrefix   string         `json:"stagingPrefix"`
	UpdatedAt       int64          `json:"updatedAt"`
	CreatedAt       int64          `json:"createdAt"`
	Created         int64          `json:"created"`
	Membership      membership     `json:"membership"`
	ResourceConfig  map[string]any `json:"resourceConfig"`
	PreviewSuffix   *string        `json:"previewDeploymentSuffix"`
	SensitivePolicy string         `json:"sensitiveEnvironmentVariablePolicy"`
	EnableFeedback  *string        `json:"enablePreviewFeedback"`
}

type membership struct {
	Confirmed       bool     `json:"confirmed"`
	Role            string   `json:"role"`
	TeamID          string   `json:"teamId"`
	UID             string   `json:"uid"`
	Created         int64    `json:"created"`
	CreatedAt       int64    `json:"createdAt"`
	Permissions     []string `json:"permissions"`
	TeamRoles       []string `json:"teamRoles"`
	TeamPermissions []string `json:"teamPermissions"`
}

func (s *state) teamRow(team Team, who string) teamRow {
	made := s.Created.Add(-2 * keyAge).UnixMilli()
	return teamRow{
		ID: team.ID, Slug: team.Slug, Name: team.Name, CreatorID: owner, CreatedAt: made, Created: made, UpdatedAt: made,
		ResourceConfig: map[string]any{}, SensitivePolicy: "default",
		Membership: membership{
			Confirmed: true, Role: "OWNER", TeamID: team.ID, UID: who, Created: made, CreatedAt: made,
			Permissions: []string{}, TeamRoles: []string{}, TeamPermissions: []string{},
		},
	}
}

func (w *World) listTeams(r *http.Request) (int, any, error) {
	s := w.state.Load()
	rows := []teamRow{}
	for _, team := range s.Teams {
		rows = append(rows, s.teamRow(team, actor(r)))
	}
	return http.StatusOK, map[string]any{"teams": rows, "pagination": vercel.Pagination{Count: len(rows)}}, nil
}

func (w *World) getTeam(r *http.Request) (int, any, error) {
	s := w.state.Load()
	team, ok := s.team(r.PathValue("team"))
	if !ok {
		return 0, nil, refuse(http.StatusForbidden, "forbidden", "Not authorized")
	}
	return http.StatusOK, s.teamRow(team, actor(r)), nil
}

func (w *World) listMembers(r *http.Request) (int, any, error) {
	s := w.state.Load()
	if _, ok := s.team(r.PathValue("team")); !ok {
		return 0, nil, refuse(http.StatusForbidden, "forbidden", "Not authorized")
	}
	made := s.Created.Add(-2 * keyAge).UnixMilli()
	rows := []map[string]any{}
	for _, who := range s.users() {
		role := "MEMBER"
		if who.ID == owner {
			role = "OWNER"
		}
		rows = append(rows, map[string]any{
			"uid": who.ID, "username": who.Username, "name": who.Name, "email": who.Username + "@example.com",
			"role": role, "confirmed": true, "createdAt": made, "accessRequestedAt": made, "projects": []any{},
		})
	}
	page := map[string]any{"count": len(rows), "hasNext": false, "next": nil, "prev": nil}
	return http.StatusOK, map[string]any{"members": rows, "pagination": page}, nil
}

// projectRow is a project as the API shows it.
type projectRow struct {
	vercel.ProjectAnswer
	CreatedAt        int64             `json:"createdAt"`
	UpdatedAt        int64             `json:"updatedAt"`
	Framework        *string           `json:"framework"`
	Live             bool              `json:"live"`
	LastAliasRequest *aliasRequest     `json:"lastAliasRequest"`
	Protection       map[string]string `json:"ssoProtection"`
}

func (s *state) projectRow(project Project) projectRow {
	row := projectRow{
		ProjectAnswer: vercel.AnswerProject(vercel.Project{
			ID: project.ID, Name: project.Name, AccountID: cmp.Or(project.TeamID, owner),
		}),
		CreatedAt: s.projectMade(project), LastAliasRequest: s.lastAliasRequest(project.ID),
	}
	row.UpdatedAt = row.CreatedAt
	if project.Protected {
		row.Protection = map[string]string{"deploymentType": "prod_deployment_urls_and_all_previews"}
	}
	return row
}

// projectMade returns when a project was made, ms: one second after another, so
// that a list of them has pages.
func (s *state) projectMade(project Project) int64 {
	i := slices.IndexFunc(s.Projects, func(p Project) bool { return p.ID == project.ID })
	return s.Created.Add(-2*keyAge - time.Duration(i)*time.Second).UnixMilli()
}

// projectOf finds the project that a request's path names, in the team that it
// names.
func (s *state) projectOf(r *http.Request) (Project, error) {
	return s.projectIn(r, r.PathValue("project"))
}

func (s *state) projectIn(r *http.Request, idOrName string) (Project, error) {
	team, err := s.scopeOf(r)
	if err != nil {
		return Project{}, err
	}
	project, ok := s.project(idOrName)
	if !ok || project.TeamID != team {
		return Project{}, notFound("Project")
	}
	return project, nil
}

func (w *World) getProject(r *http.Request) (int, any, error) {
	s := w.state.Load()
	project, err := s.projectOf(r)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, s.projectRow(project), nil
}

func (w *World) listProjects(r *http.Request) (int, any, error) {
	s := w.state.Load()
	team, err := s.scopeOf(r)
	if err != nil {
		return 0, nil, err
	}
	query := r.URL.Query()
	limit, err := limitOf(query, listLimit)
	if err != nil {
		return 0, nil, err
	}
	before, err := numberOf(query, "until", "from") // the next page, by either name
	if err != nil {
		return 0, nil, err
	}
	rows := []projectRow{}
	var page vercel.Pagination
	for _, p := range s.Projects {
		if p.TeamID != team || !strings.Contains(p.Name, query.Get("search")) || before > 0 && s.projectMade(p) >= before {
			continue
		}
		if len(rows) == limit {
			next := rows[limit-1].CreatedAt
			page.Next = &next
			break
		}
		rows = append(rows, s.projectRow(p))
	}
	page.Count = len(rows)
	return http.StatusOK, map[string]any{"projects": rows, "pagination": page}, nil
}

// limitOf reads how many rows a page is to have.
func limitOf(query url.Values, otherwise int) (int, error) {
	text := query.Get("limit")
	if text == "" {
		return otherwise, nil
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 || n > 100 {
		return 0, badRequest("Invalid request: `limit` should be a number from 1 to 100")
	}
	return n, nil
}

// numberOf reads the first of the parameters that is given; 0 if none is.
func numberOf(query url.Values, names ...string) (int64, error) {
	for _, name := range names {
		if text := query.Get(name); text != "" {
			n, err := strconv.ParseInt(text, 10, 64)
			if err != nil {
				return 0, badRequest("Invalid request: `%s` should be a number", name)
			}
			return n, nil
		}
	}
	return 0, nil
}

// customLimit is how many custom environments the plan of the account allows.
const customLimit = 12

// customRow is a custom environment as the API shows it.
type customRow struct {
	ID          string `json:"id"`
	Slug        string `json:"slug"`
	Type        string `json:"type"`
	Description string `json:"description"`
	CreatedAt   int64  `json:"createdAt"`
	UpdatedAt   int64  `json:"updatedAt"`
}

func (s *state) customRow(project Project, custom CustomEnvironment) customRow {
	made := s.projectMade(project)
	return customRow{ID: custom.ID, Slug: custom.Slug, Type: vercel.TargetPreview, CreatedAt: made, UpdatedAt: made}
}

func (w *World) listCustomEnvironments(r *http.Request) (int, any, error) {
	s := w.state.Load()
	project, err := s.projectOf(r)
	if err != nil {
		return 0, nil, err
	}
	rows := []customRow{}
	for _, custom := range project.CustomEnvironments {
		rows = append(rows, s.customRow(project, custom))
	}
	limit := map[string]int{"total": customLimit}
	return http.StatusOK, map[string]any{"environments": rows, "accountLimit": limit}, nil
}

// pullVariables answers GET /v3/env/pull/{project}/{target}, which the CLI's env
// pull asks for: sensitive values are never part of it.
func (w *World) pullVariables(r *http.Request) (int, any, error) {
	s := w.state.Load()
	project, err := s.projectOf(r)
	if err != nil {
		return 0, nil, err
	}
	env := map[string]string{}
	for _, v := range s.Variables {
		if v.Project != project.ID || v.GitBranch != "" || !slices.Contains(v.Target, r.PathValue("target")) {
			continue
		}
		env[v.Key] = s.secret(v.Value)
		if v.Type == vercel.TypeSensitive {
			env[v.Key] = "[SENSITIVE]"
		}
	}
	return http.StatusOK, map[string]any{"env": env, "buildEnv": map[string]string{}}, nil
}
