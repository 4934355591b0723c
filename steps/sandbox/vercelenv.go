package sandbox

import (
	"bytes"
	"encoding/json"
	"errors"
	"net/http"
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
	if len(v.Target) == 0 {
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
	a, b := slices.Sorted(slices.Values(v.Target)), slices.Sorted(slices.Values(other.Target))
	return slices.Equal(slices.Compact(a), slices.Compact(b))
}

// clashes reports whether two rows would give one deployment the same key.
func (v variable) clashes(other variable) bool {
	return v.ID != other.ID && v.Project == other.Project && v.Key == other.Key && v.GitBranch == other.GitBranch &&
		slices.ContainsFunc(v.Target, func(t string) bool { return slices.Contains(other.Target, t) })
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

func (f variableFields) applyTo(v *variable) error {
	if len(f.CustomEnvironmentIDs) > 0 {
		return badRequest("The project has no custom environments")
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
	branch := r.URL.Query().Get("gitBranch")
	rows := []vercel.VariableRow{}
	for _, v := range s.Variables {
		if v.Project == project.ID && (branch == "" || v.GitBranch == "" || v.GitBranch == branch) {
			rows = append(rows, w.variableRow(s, v))
		}
	}
	return http.StatusOK, vercel.VariablesAnswer{Envs: rows, Pagination: vercel.Pagination{Count: len(rows)}}, nil
}

// variableRow shows a row as a list does: the value of a sensitive one never
// comes back, that of an encrypted one comes as ciphertext.
func (w *World) variableRow(s *state, v variable) vercel.VariableRow {
	row := vercel.AnswerVariable(vercel.Variable{
		ID: v.ID, Key: v.Key, Type: v.Type, Target: v.Target, GitBranch: v.GitBranch, Comment: v.Comment,
		CreatedAt: v.Created.UnixMilli(), UpdatedAt: v.Updated.UnixMilli(),
	})
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
	created, failed := []vercel.VariableRow{}, []vercel.ErrorBody{}
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

func (w *World) createVariable(r *http.Request, fields variableFields, upsert bool) (vercel.VariableRow, error) {
	if fields.Value == nil {
		return vercel.VariableRow{}, badRequest("Invalid request: missing required property `value`")
	}
	var row vercel.VariableRow
	err := w.update(func(s *state, now time.Time) error {
		project, err := s.projectOf(r)
		if err != nil {
			return err
		}
		id, err := newID(w.options.Random, "")
		if err != nil {
			return err
		}
		v := variable{ID: id, Project: project.ID, Created: now, Updated: now}
		if err := fields.applyTo(&v); err != nil {
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
			v.ID, v.Created = existing.ID, existing.Created
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
	var row vercel.VariableRow
	err := w.update(func(s *state, now time.Time) error {
		i, err := s.variableOf(r)
		if err != nil {
			return err
		}
		v := s.Variables[i]
		if v.Type == vercel.TypeSensitive && fields.Type != nil && *fields.Type != vercel.TypeSensitive {
			return badRequest("You cannot change the type of a Sensitive Environment Variable")
		}
		if err := fields.applyTo(&v); err != nil {
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
		v.Updated = now
		s.Variables[i] = v
		row = w.variableRow(s, v)
		return nil
	})
	return http.StatusOK, row, err
}

func (w *World) deleteVariable(r *http.Request) (int, any, error) {
	var row vercel.VariableRow
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
