package vercel

import (
	"cmp"
	"encoding/json"
	"fmt"
)

// This file holds the bodies as they go over the wire, in the strict shapes that
// Vercel's own SDK accepts: a stand-in server encodes with them, so that other
// clients accept it too. The client sends the bodies whose names end in Body, and reads
// everything with the lax decoders of decode.go.

// CreateBody is the request of POST /v10/projects/{p}/env.
type CreateBody struct {
	Key     string   `json:"key"`
	Value   Value    `json:"value"`
	Type    string   `json:"type"`
	Target  []string `json:"target,omitempty"`
	Comment string   `json:"comment,omitempty"`

	GitBranch            string   `json:"gitBranch,omitempty"`
	CustomEnvironmentIDs []string `json:"customEnvironmentIds,omitempty"`
}

// DeleteBody is the request of DELETE /v1/projects/{p}/env.
type DeleteBody struct {
	IDs []string `json:"ids"`
}

// NarrowBody is the request of PATCH /v9/projects/{p}/env/{id} that changes
// which targets a row serves and nothing else.
type NarrowBody struct {
	Target []string `json:"target"`
}

// RedeployBody is the request of POST /v13/deployments?forceNew=1. Target is
// left out for preview, as Vercel's CLI does.
type RedeployBody struct {
	DeploymentID string            `json:"deploymentId"`
	Name         string            `json:"name"`
	Meta         map[string]string `json:"meta"`
	Target       string            `json:"target,omitempty"`
	// CustomEnvironment is a slug, in place of a target.
	CustomEnvironment string `json:"customEnvironmentSlugOrId,omitempty"`
}

// The keys of RedeployBody.Meta.
const (
	MetaAction = "action"      // always "redeploy"
	MetaMark   = "keyturnMark" // see Client.RedeployMarked
	metaBranch = "githubCommitRef"
)

// ErrorBody is the answer to a refused request.
type ErrorBody struct {
	Error ErrorDetail `json:"error"`
}

// ErrorDetail says why a request was refused.
type ErrorDetail struct {
	Code         string `json:"code"`
	Message      string `json:"message"`
	InvalidToken bool   `json:"invalidToken,omitempty"`
	EnvVarKey    string `json:"envVarKey,omitempty"`
	EnvVarID     string `json:"envVarId,omitempty"`
	Limit        *Limit `json:"limit,omitempty"`
}

// Limit is the rate limit that a 429 met.
type Limit struct {
	Remaining int64 `json:"remaining"`
	Reset     int64 `json:"reset"`   // s since 1970
	ResetMs   int64 `json:"resetMs"` // ms since 1970
	Total     int64 `json:"total"`
}

// Pagination closes a list. Next and Prev are times in ms, null at the ends.
type Pagination struct {
	Count int    `json:"count"`
	Next  *int64 `json:"next"`
	Prev  *int64 `json:"prev"`
}

// UserAnswer answers GET /v2/user.
type UserAnswer struct {
	User UserRow `json:"user"`
}

// UserRow is the user in a UserAnswer.
type UserRow struct {
	ID            string `json:"id"`
	Email         string `json:"email"`
	Name          string `json:"name"`
	Username      string `json:"username"`
	Avatar        any    `json:"avatar"`
	DefaultTeamID any    `json:"defaultTeamId"`
}

// AnswerUser builds the answer to GET /v2/user.
func AnswerUser(u User) UserAnswer {
	return UserAnswer{User: UserRow{ID: u.ID, Email: u.Email, Name: u.Name, Username: u.Username}}
}

// ProjectAnswer answers GET /v9/projects/{p}.
type ProjectAnswer struct {
	ID                    string         `json:"id"`
	Name                  string         `json:"name"`
	AccountID             string         `json:"accountId"`
	NodeVersion           string         `json:"nodeVersion"`
	DeploymentExpiration  struct{}       `json:"deploymentExpiration"`
	Alias                 []string       `json:"alias"`
	DefaultResourceConfig ResourceConfig `json:"defaultResourceConfig"`
	ResourceConfig        ResourceConfig `json:"resourceConfig"`
	DirectoryListing      bool           `json:"directoryListing"`
}

// ResourceConfig is required twice in a ProjectAnswer.
type ResourceConfig struct {
	FunctionDefaultRegions []string `json:"functionDefaultRegions"`
}

// AnswerProject builds the answer to GET /v9/projects/{p}.
func AnswerProject(p Project) ProjectAnswer {
	region := ResourceConfig{FunctionDefaultRegions: []string{"iad1"}}
	return ProjectAnswer{
		ID: p.ID, Name: p.Name, AccountID: p.AccountID, NodeVersion: "22.x", Alias: []string{},
		DefaultResourceConfig: region, ResourceConfig: region,
	}
}

// VariableRow is a row of a project's environment, without its value: Vercel
// leaves that empty for sensitive rows in any case.
type VariableRow struct {
	ID                   string     `json:"id"`
	Key                  string     `json:"key"`
	Value                string     `json:"value"`
	Type                 string     `json:"type"`
	Target               []string   `json:"target"`
	GitBranch            *string    `json:"gitBranch"`
	CustomEnvironmentIDs []string   `json:"customEnvironmentIds"`
	Comment              string     `json:"comment,omitempty"`
	CreatedAt            int64      `json:"createdAt"`
	UpdatedAt            int64      `json:"updatedAt"`
	CreatedBy            string     `json:"createdBy"`
	UpdatedBy            string     `json:"updatedBy,omitempty"`
	Decrypted            bool       `json:"decrypted"`
	Visibility           string     `json:"visibility"`
	SecurityIssues       []struct{} `json:"securityIssues"`
}

// AnswerVariable builds one row, which is also the answer to its DELETE.
func AnswerVariable(v Variable) VariableRow {
	row := VariableRow{
		ID: v.ID, Key: v.Key, Type: v.Type, Comment: v.Comment,
		Target: notNil(v.Target), CustomEnvironmentIDs: notNil(v.CustomEnvironmentIDs),
		CreatedAt: v.CreatedAt, UpdatedAt: v.UpdatedAt, CreatedBy: cmp.Or(v.CreatedBy, "user"), UpdatedBy: v.UpdatedBy,
		Visibility: "config", SecurityIssues: []struct{}{},
	}
	if v.Type == TypeSensitive {
		row.Visibility = "secret"
	}
	if v.GitBranch != "" {
		row.GitBranch = &v.GitBranch
	}
	return row
}

// VariablesAnswer answers GET /v10/projects/{p}/env.
type VariablesAnswer struct {
	Envs       []VariableRow `json:"envs"`
	Pagination Pagination    `json:"pagination"`
}

// AnswerVariables builds the answer to GET /v10/projects/{p}/env.
func AnswerVariables(vs []Variable) VariablesAnswer {
	rows := make([]VariableRow, 0, len(vs))
	for _, v := range vs {
		rows = append(rows, AnswerVariable(v))
	}
	return VariablesAnswer{Envs: rows, Pagination: Pagination{Count: len(rows)}}
}

// CreateAnswer answers POST /v10/projects/{p}/env, with status 201 even where
// Failed is not empty.
type CreateAnswer struct {
	Created any         `json:"created"` // one VariableRow, or several for a request with several
	Failed  []ErrorBody `json:"failed"`
}

// AnswerCreate builds the answer to a POST of one row.
func AnswerCreate(v Variable) CreateAnswer {
	return CreateAnswer{Created: AnswerVariable(v), Failed: []ErrorBody{}}
}

// DeploymentRow is a deployment in a list: its id is called uid there.
type DeploymentRow struct {
	UID           string            `json:"uid"`
	Name          string            `json:"name"`
	ProjectID     string            `json:"projectId"`
	URL           string            `json:"url"`
	Target        *string           `json:"target"` // null: preview
	ReadyState    string            `json:"readyState"`
	State         string            `json:"state"`
	Created       int64             `json:"created"`
	CreatedAt     int64             `json:"createdAt"`
	Ready         int64             `json:"ready,omitempty"`
	Type          string            `json:"type"`
	Creator       Creator           `json:"creator"`
	Meta          map[string]string `json:"meta"`
	InspectorURL  string            `json:"inspectorUrl"`
	AliasAssigned any               `json:"aliasAssigned,omitempty"` // a time in ms here
	AliasError    *AliasError       `json:"aliasError,omitempty"`
}

// Creator is who made a deployment.
type Creator struct {
	UID      string `json:"uid"`
	Username string `json:"username"`
}

// AliasError says why the aliases of a deployment were not assigned.
type AliasError struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// DeploymentsAnswer answers GET /v7/deployments.
type DeploymentsAnswer struct {
	Deployments []DeploymentRow `json:"deployments"`
	Pagination  Pagination      `json:"pagination"`
}

// AnswerDeployments builds the answer to GET /v7/deployments.
func AnswerDeployments(ds []Deployment) DeploymentsAnswer {
	rows := make([]DeploymentRow, 0, len(ds))
	for _, d := range ds {
		row := DeploymentRow{
			UID: d.ID, Name: d.Name, ProjectID: d.ProjectID, URL: d.URL, Target: orNull(d.Target),
			ReadyState: d.ReadyState, State: d.ReadyState, Created: d.Created, CreatedAt: d.Created, Ready: d.Ready,
			Type: "LAMBDAS", Creator: Creator{UID: "user", Username: "user"}, Meta: metaOf(d),
			AliasError: aliasError(d),
		}
		if d.AliasAssigned {
			row.AliasAssigned = first(d.Ready, d.Created, 1)
		}
		rows = append(rows, row)
	}
	return DeploymentsAnswer{Deployments: rows, Pagination: Pagination{Count: len(rows)}}
}

// DeploymentAnswer answers GET /v13/deployments/{idOrUrl} and a redeploy. The
// SDK drops fields without a word unless every one of these is there.
type DeploymentAnswer struct {
	ID                        string            `json:"id"`
	URL                       string            `json:"url"`
	Name                      string            `json:"name"`
	ReadyState                string            `json:"readyState"`
	Status                    string            `json:"status"`
	Type                      string            `json:"type"`
	Plan                      string            `json:"plan"`
	Regions                   []string          `json:"regions"`
	Meta                      map[string]string `json:"meta"`
	Env                       []string          `json:"env"`
	Build                     Build             `json:"build"`
	Creator                   Creator           `json:"creator"`
	ProjectSettings           struct{}          `json:"projectSettings"`
	Target                    *string           `json:"target"`
	Alias                     []string          `json:"alias"`
	AliasAssigned             bool              `json:"aliasAssigned"`
	AliasError                *AliasError       `json:"aliasError"`
	Version                   int               `json:"version"`
	Public                    bool              `json:"public"`
	CreatedAt                 int64             `json:"createdAt"`
	CreatedIn                 string            `json:"createdIn"`
	BootedAt                  int64             `json:"bootedAt"`
	BuildingAt                int64             `json:"buildingAt"`
	Ready                     int64             `json:"ready,omitempty"`
	InspectorURL              string            `json:"inspectorUrl"`
	OwnerID                   string            `json:"ownerId"`
	ProjectID                 string            `json:"projectId"`
	Routes                    []struct{}        `json:"routes"`
	IsInConcurrentBuildsQueue bool              `json:"isInConcurrentBuildsQueue"`
	IsInSystemBuildsQueue     bool              `json:"isInSystemBuildsQueue"`
	BuildSkipped              bool              `json:"buildSkipped"`
}

// Build is required in a DeploymentAnswer.
type Build struct {
	Env []string `json:"env"`
}

// AnswerDeployment builds the answer to GET /v13/deployments/{idOrUrl}.
func AnswerDeployment(d Deployment) DeploymentAnswer {
	return DeploymentAnswer{
		ID: d.ID, URL: d.URL, Name: d.Name, ReadyState: d.ReadyState, Status: d.ReadyState, Type: "LAMBDAS",
		Plan: "pro", Regions: []string{"iad1"}, Meta: metaOf(d), Env: []string{}, Build: Build{Env: []string{}},
		Creator: Creator{UID: "user", Username: "user"}, Target: orNull(d.Target),
		Alias: notNil(d.Alias), AliasAssigned: d.AliasAssigned, AliasError: aliasError(d), Version: 2,
		CreatedAt: d.Created, CreatedIn: "iad1", BootedAt: d.Created, BuildingAt: d.Created, Ready: d.Ready,
		OwnerID: "user", ProjectID: d.ProjectID, Routes: []struct{}{},
	}
}

// DeletedAnswer answers DELETE /v13/deployments/{id}.
type DeletedAnswer struct {
	UID   string `json:"uid"`
	State string `json:"state"` // DELETED
}

func metaOf(d Deployment) map[string]string {
	meta := map[string]string{}
	if d.Mark != "" {
		meta[MetaAction], meta[MetaMark] = "redeploy", d.Mark
	}
	if d.Branch != "" {
		meta[metaBranch] = d.Branch
	}
	return meta
}

func aliasError(d Deployment) *AliasError {
	if d.AliasError == "" {
		return nil
	}
	return &AliasError{Code: "alias_error", Message: d.AliasError}
}

func orNull(s string) *string {
	if s == "" {
		return nil
	}
	return &s
}

// notNil makes an empty list encode as [] and not as null, which the SDK refuses.
func notNil(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

// bytesOf encodes a request body.
func bytesOf(body any) ([]byte, error) {
	if body == nil {
		return nil, nil
	}
	data, err := json.Marshal(body)
	if err != nil {
		return nil, fmt.Errorf("encode request: %w", err)
	}
	return data, nil
}
