package sandbox

import (
	"cmp"
	"net/http"
	"slices"
	"time"

	"keyturn/steps/vercel"
)

// sharedVariable is a variable of a team that projects are linked to. It reaches
// their deployments although it is in no project's list.
type sharedVariable struct {
	variable
	TeamID     string   `json:"team_id"`
	ProjectIDs []string `json:"project_ids"`
}

// sharedRow is a shared variable as the API shows it.
type sharedRow struct {
	ID                           string     `json:"id"`
	Key                          string     `json:"key"`
	Value                        string     `json:"value"`
	Type                         string     `json:"type"`
	Target                       []string   `json:"target"`
	ProjectID                    []string   `json:"projectId"` // several, whatever its name
	OwnerID                      string     `json:"ownerId"`
	ApplyToAllCustomEnvironments bool       `json:"applyToAllCustomEnvironments"`
	Created                      string     `json:"created"` // RFC 3339
	CreatedAt                    int64      `json:"createdAt"`
	UpdatedAt                    int64      `json:"updatedAt"`
	CreatedBy                    string     `json:"createdBy"`
	UpdatedBy                    string     `json:"updatedBy"`
	Decrypted                    bool       `json:"decrypted"`
	SecurityIssues               []struct{} `json:"securityIssues"`
}

// listShared answers GET /v1/env: the variables of the team, or of those the
// ones that a project is linked to.
func (w *World) listShared(r *http.Request) (int, any, error) {
	s := w.state.Load()
	team, err := s.scopeOf(r)
	if err != nil {
		return 0, nil, err
	}
	project := r.URL.Query().Get("projectId")
	rows := []sharedRow{}
	for _, v := range s.Shared {
		if v.TeamID != team || project != "" && !slices.Contains(v.ProjectIDs, project) {
			continue
		}
		row := sharedRow{
			ID: v.ID, Key: v.Key, Type: v.Type, Target: v.Target, ProjectID: v.ProjectIDs, OwnerID: v.TeamID,
			Created: v.Created.Format(time.RFC3339), CreatedAt: v.Created.UnixMilli(), UpdatedAt: v.Updated.UnixMilli(),
			CreatedBy: cmp.Or(v.CreatedBy, owner), UpdatedBy: cmp.Or(v.UpdatedBy, owner), SecurityIssues: []struct{}{},
		}
		if v.Type == vercel.TypeEncrypted {
			row.Value = w.seal.opaque(s.secret(v.Value), v.ID)
		}
		rows = append(rows, row)
	}
	return http.StatusOK, map[string]any{"data": rows, "pagination": vercel.Pagination{Count: len(rows)}}, nil
}
