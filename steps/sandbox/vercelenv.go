package sandbox

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"time"

	"keyturn/steps/vercel"
)

// typePlain is the type of a variable that anyone may read. Keyturn never makes
// one, but a project can have them.
const typePlain = "plain"

// variable is one row of a project's environment.
type variable struct {
	ID        string    `json:"id"`
	Project   string    `json:"project"` // id
	Key       string    `json:"key"`
	Type      string    `json:"type"`
	Target    []string  `json:"target"`
	GitBranch string    `json:"git_branch,omitempty"`
	Comment   string    `json:"comment,omitempty"`
	Value     ref       `json:"value"`
	Created   time.Time `json:"created"`
	Updated   time.Time `json:"updated"`

	CustomEnvironmentIDs []string `json:"custom_environment_ids,omitempty"`
	CreatedBy            string   `json:"created_by,omitempty"` // id of a user; "" is the owner
	UpdatedBy            string   `json:"updated_by,omitempty"`
}

var keyPattern = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]{0,255}$`)

// check refuses a row that Vercel would refuse by itself.
func (v variable) check() error {
	if !keyPattern.MatchString(v.Key) {
		return badRequest("The name contains invalid characters. Only letters, digits, and underscores are allowed")
	}
	if !slices.Contains([]string{typePlain, vercel.TypeEncrypted, vercel.TypeSensitive}, v.Type) {
		return badRequest("Invalid request: `type` should be equal to one of the allowed values")
	}
	if len(v.Target) == 0 && len(v.CustomEnvironmentIDs) == 0 {
		return badRequest("Invalid request: missing required property `target`")
	}
	for _, t := range v.Target {
		if !slices.Contains([]string{vercel.TargetProduction, vercel.TargetPreview, vercel.TargetDevelopment}, t) {
			return badRequest("Invalid request: `target` should be equal to one of the allowed values")
		}
	}
	if v.Type == vercel.TypeSensitive && slices.Contains(v.Target, vercel.TargetDevelopment) {
		return badRequest("You cannot set a Sensitive Environment Variable's target to development")
	}
	if v.GitBranch != "" && !slices.Equal(v.Target, []string{vercel.TargetPreview}) {
		return badRequest("A Git branch can only be set for the preview target")
	}
	return nil
}

// sameTargets reports whether two rows have the same set of targets.
func (v variable) sameTargets(other variable) bool {
	sorted := func(v variable) []string {
		all := slices.Concat(v.Target, v.CustomEnvironmentIDs) // an id is no target's name
		slices.Sort(all)
		return slices.Compact(all)
	}
	return slices.Equal(sorted(v), sorted(other))
}

// clashes reports whether two rows would give one deployment the same key.
func (v variable) clashes(other variable) bool {
	overlap := func(a, b []string) bool {
		return slices.ContainsFunc(a, func(t string) bool { return slices.Contains(b, t) })
	}
	return v.ID != other.ID && v.Project == other.Project && v.Key == other.Key && v.GitBranch == other.GitBranch &&
		(overlap(v.Target, other.Target) || overlap(v.CustomEnvironmentIDs, other.CustomEnvironmentIDs))
}

// conflict is the refusal of a row that clashes with an existing one: code
// ENV_ALREADY_EXISTS where their targets are the same, else ENV_CONFLICT.
func (v variable) conflict(existing variable) *refusal {
	r := refuse(http.StatusBadRequest, "ENV_CONFLICT", "Another Environment Variable with the name %s already exists for one of the given targets", v.Key)
	if v.sameTargets(existing) {
		r = refuse(http.StatusForbidden, "ENV_ALREADY_EXISTS", "A variable with the name %s already exists for the given targets", v.Key)
	}
	r.detail.EnvVarKey, r.detail.EnvVarID = v.Key, existing.ID
	return r
}

// variableFields is what a request says of a row; a nil field is left out.
type variableFields struct {
	Key       *string  `json:"key"`
	Value     *string  `json:"value"`
	Type      *string  `json:"type"`
	Target    textList `json:"target"`
	GitBranch *string  `json:"gitBranch"`
	Comment   *string  `json:"comment"`

	CustomEnvironmentIDs []string `json:"customEnvironmentIds"`
}

// textList reads a list of strings that may also be one string.
type textList []string

// UnmarshalJSON implements json.Unmarshaler.
func (l *textList) UnmarshalJSON(data []byte) error {
	var one string
	if json.Unmarshal(data, &one) == nil && one != "" {
		*l = textList{one}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(l))
}

func (f variableFields) applyTo(v *variable, project Project) error {
	if f.CustomEnvironmentIDs != nil {
		v.CustomEnvironmentIDs = project.customIDs(f.CustomEnvironmentIDs)
		if len(v.CustomEnvironmentIDs) != len(f.CustomEnvironmentIDs) {
			return badRequest("The project has no such custom environment")
		}
	}
	for _, field := range []struct {
		from *string
		to   *string
	}{{f.Key, &v.Key}, {f.Type, &v.Type}, {f.GitBranch, &v.GitBranch}, {f.Comment, &v.Comment}} {
		if field.from != nil {
			*field.to = *field.from
		}
	}
	if f.Target != nil {
		v.Target = f.Target
	}
	return v.check()
}

func (w *World) listVariables(r *http.Request) (int, any, error) {
	s := w.state.Load()
	project, err := s.projectOf(r)
	if err != nil {
		return 0, nil, err
	}
	keep, err := rowFilter(project, r.URL.Query())
	if err != nil {
		return 0, nil, err
	}
	rows := []variableRow{}
	for _, v := range s.Variables {
		if v.Project == project.ID && keep(v) {
			rows = append(rows, w.variableRow(s, v))
		}
	}
	return http.StatusOK, variablesAnswer{Envs: rows, Pagination: vercel.Pagination{Count: len(rows)}}, nil
}

// rowFilter returns what the query of a list asks for. The target is one that
// only Vercel's CLI asks for.
func rowFilter(project Project, query url.Values) (func(variable) bool, error) {
	branch, target := query.Get("gitBranch"), query.Get("target")
	custom := cmp.Or(query.Get("customEnvironmentId"), query.Get("customEnvironmentSlug"))
	if custom != "" {
		environment, ok := project.custom(custom)
		if !ok {
			return nil, notFound("Custom Environment")
		}
		custom = environment.ID
	}
	return func(v variable) bool {
		return (branch == "" || v.GitBranch == "" || v.GitBranch == branch) &&
			(target == "" || slices.Contains(v.Target, target)) &&
			(custom == "" || slices.Contains(v.CustomEnvironmentIDs, custom))
	}, nil
}

// variableRow is a row as the API shows it, with who changed it last.
type variableRow struct {
	vercel.VariableRow
	UpdatedBy string `json:"updatedBy"`
}

// variablesAnswer answers GET /projects/{project}/env.
type variablesAnswer struct {
	Envs       []variableRow     `json:"envs"`
	Pagination vercel.Pagination `json:"pagination"`
}

// variableRow shows a row as a list does: the value of a sensitive one never
// comes back, that of an encrypted one comes as ciphertext.
func (w *World) variableRow(s *state, v variable) variableRow {
	row := variableRow{
		VariableRow: vercel.AnswerVariable(vercel.Variable{
			ID: v.ID, Key: v.Key, Type: v.Type, Target: v.Target, GitBranch: v.GitBranch, Comment: v.Comment,
			CustomEnvironmentIDs: v.CustomEnvironmentIDs,
			CreatedAt:            v.Created.UnixMilli(), UpdatedAt: v.Updated.UnixMilli(),
		}),
		UpdatedBy: cmp.Or(v.UpdatedBy, owner),
	}
	row.CreatedBy = cmp.Or(v.CreatedBy, owner)
	switch v.Type {
	case vercel.TypeEncrypted:
		row.Value = w.seal.opaque(s.secret(v.Value), v.ID)
	case typePlain:
		row.Value = s.secret(v.Value)
	}
	return row
}

func (w *World) getVariable(r *http.Request) (int, any, error) {
	s := w.state.Load()
	i, err := s.variableOf(r)
	if err != nil {
		return 0, nil, err
	}
	v := s.Variables[i]
	row := w.variableRow(s, v)
	if v.Type == vercel.TypeEncrypted {
		row.Value, row.Decrypted = s.secret(v.Value), true
	}
	return http.StatusOK, row, nil
}

// createVariables makes one row, or each of a list; of a list, those that are
// refused are named in a 201.
func (w *World) createVariables(r *http.Request) (int, any, error) {
	var body json.RawMessage
	if err := decodeBody(r, &body); err != nil {
		return 0, nil, err
	}
	upsert := r.URL.Query().Get("upsert") == "true"
	if !bytes.HasPrefix(body, []byte("[")) {
		var fields variableFields
		if json.Unmarshal(body, &fields) != nil {
			return 0, nil, badRequest("Invalid request")
		}
		row, err := w.createVariable(r, fields, upsert)
		if err != nil {
			return 0, nil, err
		}
		return http.StatusCreated, createdAnswer{Created: row, Failed: []vercel.ErrorBody{}}, nil
	}
	var list []variableFields
	if json.Unmarshal(body, &list) != nil {
		return 0, nil, badRequest("Invalid request")
	}
	created, failed := []variableRow{}, []vercel.ErrorBody{}
	for _, fields := range list {
		row, err := w.createVariable(r, fields, upsert)
		if refused := (*refusal)(nil); errors.As(err, &refused) {
			failed = append(failed, vercel.ErrorBody{Error: refused.detail})
		} else if err != nil {
			return 0, nil, err
		} else {
			created = append(created, row)
		}
	}
	return http.StatusCreated, createdAnswer{Created: created, Failed: failed}, nil
}

// createdAnswer answers a POST of one row or of a list.
type createdAnswer struct {
	Created any                `json:"created"`
	Failed  []vercel.ErrorBody `json:"failed"`
}

func (w *World) createVariable(r *http.Request, fields variableFields, upsert bool) (variableRow, error) {
	if fields.Value == nil {
		return variableRow{}, badRequest("Invalid request: missing required property `value`")
	}
	var row variableRow
	err := w.update(func(s *state, now time.Time) error {
		project, err := s.projectOf(r)
		if err != nil {
			return err
		}
		id, err := newID(w.options.Random, "")
		if err != nil {
			return err
		}
		by := actor(r)
		v := variable{ID: id, Project: project.ID, Created: now, Updated: now, CreatedBy: by, UpdatedBy: by}
		if err := fields.applyTo(&v, project); err != nil {
			return err
		}
		if v.Value, err = s.keep(w.options.Random, s.Fault.mangle(*fields.Value)); err != nil {
			return err
		}
		if i := slices.IndexFunc(s.Variables, v.clashes); i >= 0 {
			existing := s.Variables[i]
			if !upsert || !v.sameTargets(existing) {
				return v.conflict(existing)
			}
			v.ID, v.Created, v.CreatedBy = existing.ID, existing.Created, existing.CreatedBy
			s.Variables[i] = v
		} else {
			s.Variables = append(s.Variables, v)
		}
		row = w.variableRow(s, v)
		return nil
	})
	return row, err
}

func (w *World) editVariable(r *http.Request) (int, any, error) {
	var fields variableFields
	if err := decodeBody(r, &fields); err != nil {
		return 0, nil, err
	}
	var row variableRow
	err := w.update(func(s *state, now time.Time) error {
		i, err := s.variableOf(r)
		if err != nil {
			return err
		}
		v := s.Variables[i]
		project, _ := s.project(v.Project) // a project is never removed
		if v.Type == vercel.TypeSensitive && fields.Type != nil && *fields.Type != vercel.TypeSensitive {
			return badRequest("You cannot change the type of a Sensitive Environment Variable")
		}
		if err := fields.applyTo(&v, project); err != nil {
			return err
		}
		if other := slices.IndexFunc(s.Variables, v.clashes); other >= 0 {
			return v.conflict(s.Variables[other])
		}
		if fields.Value != nil {
			if v.Value, err = s.keep(w.options.Random, s.Fault.mangle(*fields.Value)); err != nil {
				return err
			}
		}
		v.Updated, v.UpdatedBy = now, actor(r)
		s.Variables[i] = v
		row = w.variableRow(s, v)
		return nil
	})
	return http.StatusOK, row, err
}

func (w *World) deleteVariable(r *http.Request) (int, any, error) {
	var row variableRow
	err := w.update(func(s *state, _ time.Time) error {
		i, err := s.variableOf(r)
		if err != nil {
			return err
		}
		row = w.variableRow(s, s.Variables[i])
		s.Variables = slices.Delete(s.Variables, i, i+1)
		return nil
	})
	return http.StatusOK, row, err
}

// deleteVariables removes the rows of a list of ids that exist.
func (w *World) deleteVariables(r *http.Request) (int, any, error) {
	var body struct {
		IDs []string `json:"ids"`
	}
	if err := decodeBody(r, &body); err != nil {
		return 0, nil, err
	}
	deleted := []string{}
	err := w.update(func(s *state, _ time.Time) error {
		project, err := s.projectOf(r)
		if err != nil {
			return err
		}
		s.Variables = slices.DeleteFunc(s.Variables, func(v variable) bool {
			gone := v.Project == project.ID && slices.Contains(body.IDs, v.ID)
			if gone {
				deleted = append(deleted, v.ID)
			}
			return gone
		})
		return nil
	})
	return http.StatusOK, map[string]any{"deleted": len(deleted), "ids": deleted}, err
}

// variableOf finds the row that a request's path names.
func (s *state) variableOf(r *http.Request) (int, error) {
	project, err := s.projectOf(r)
	if err != nil {
		return 0, err
	}
	id := r.PathValue("id")
	i := slices.IndexFunc(s.Variables, func(v variable) bool { return v.Project == project.ID && v.ID == id })
	if i < 0 {
		return 0, notFound("Environment Variable")
	}
	return i, nil
}
