package vercel

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"keyturn/steps/httpclient"
)

// This file reads answers. It is lax on purpose: unknown fields and unknown enum
// values are kept or ignored, a missing field is zero, and a field may have any
// of the shapes that versions of the API gave it. A row without an id is an
// error, since nothing can be done with it.

// texts reads a list of strings that may also be one string or null.
type texts []string

func (t *texts) UnmarshalJSON(data []byte) error {
	var one string
	if err := json.Unmarshal(data, &one); err == nil {
		if *t = nil; one != "" {
			*t = texts{one}
		}
		return nil
	}
	return json.Unmarshal(data, (*[]string)(t))
}

// millis reads a time that may be a number, a number in quotes or null.
type millis int64

func (m *millis) UnmarshalJSON(data []byte) error {
	text := strings.Trim(string(data), `"`)
	if text == "null" || text == "" {
		*m = 0
		return nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil {
		*m = 0 // a date in words is of no use here, and no reason to refuse a row
		return nil
	}
	*m = millis(f)
	return nil
}

// truth reads a bool that may also be a time (true) or null (false).
type truth bool

func (t *truth) UnmarshalJSON(data []byte) error {
	switch string(data) {
	case "null", "false", "0", `""`:
		*t = false
	default:
		*t = true
	}
	return nil
}

// text reads a string; null and anything else is empty. Control characters are
// dropped, since much of this ends up in a terminal.
type text string

func (t *text) UnmarshalJSON(data []byte) error {
	var s string
	if json.Unmarshal(data, &s) != nil {
		s = ""
	}
	*t = text(httpclient.Printable(s))
	return nil
}

// fault reads an error that may be an object, a string or null.
type fault string

func (f *fault) UnmarshalJSON(data []byte) error {
	var detail ErrorDetail
	var words string
	switch {
	case string(data) == "null":
		*f = ""
	case json.Unmarshal(data, &words) == nil:
		*f = fault(httpclient.Printable(words))
	case json.Unmarshal(data, &detail) == nil && (detail.Code != "" || detail.Message != ""):
		*f = fault(httpclient.Printable(strings.Trim(detail.Code+": "+detail.Message, ": ")))
	default:
		*f = "unreadable error"
	}
	return nil
}

// meta reads the string values of an object and leaves out the others.
type meta map[string]string

func (m *meta) UnmarshalJSON(data []byte) error {
	var raw map[string]text
	*m = meta{}
	if json.Unmarshal(data, &raw) != nil {
		return nil
	}
	for key, value := range raw {
		(*m)[key] = string(value)
	}
	return nil
}

// cursor reads where the next page begins: a number, a string or null.
type cursor string

func (c *cursor) UnmarshalJSON(data []byte) error {
	*c = cursor(strings.Trim(string(data), `"`))
	if *c == "null" || *c == "false" || *c == "0" {
		*c = ""
	}
	return nil
}

type page struct {
	Next cursor `json:"next"`
}

type userJSON struct {
	ID       text `json:"id"`
	UID      text `json:"uid"`
	Username text `json:"username"`
	Email    text `json:"email"`
	Name     text `json:"name"`
}

func (u userJSON) user() User {
	return User{ID: string(first(u.ID, u.UID)), Username: string(u.Username), Email: string(u.Email), Name: string(u.Name)}
}

type projectJSON struct {
	ID        text `json:"id"`
	Name      text `json:"name"`
	AccountID text `json:"accountId"`
}

type variableJSON struct {
	ID                   text   `json:"id"`
	Key                  text   `json:"key"`
	Type                 text   `json:"type"`
	Target               texts  `json:"target"`
	GitBranch            text   `json:"gitBranch"`
	CustomEnvironmentIDs texts  `json:"customEnvironmentIds"`
	Comment              text   `json:"comment"`
	CreatedAt            millis `json:"createdAt"`
	UpdatedAt            millis `json:"updatedAt"`
	CreatedBy            text   `json:"createdBy"`
	UpdatedBy            text   `json:"updatedBy"`
}

func (v variableJSON) variable() Variable {
	return Variable{
		ID: string(v.ID), Key: string(v.Key), Type: string(v.Type),
		Target: v.Target, GitBranch: string(v.GitBranch), CustomEnvironmentIDs: v.CustomEnvironmentIDs,
		Comment: string(v.Comment), CreatedAt: int64(v.CreatedAt), UpdatedAt: int64(v.UpdatedAt),
		CreatedBy: string(v.CreatedBy), UpdatedBy: string(v.UpdatedBy),
	}
}

// variablesJSON reads the three shapes of a list: {"envs"}, {"envs",
// "pagination"} and one bare row.
type variablesJSON struct {
	Rows []Variable
	Next cursor
}

func (l *variablesJSON) UnmarshalJSON(data []byte) error {
	var list struct {
		Envs       *[]variableJSON `json:"envs"`
		Pagination page            `json:"pagination"`
	}
	if err := json.Unmarshal(data, &list); err != nil {
		return err
	}
	var rows []variableJSON
	if list.Envs != nil {
		rows = *list.Envs
	} else {
		var bare variableJSON
		if err := json.Unmarshal(data, &bare); err != nil {
			return err
		}
		rows = []variableJSON{bare}
	}
	*l = variablesJSON{Next: list.Pagination.Next}
	for i, row := range rows {
		// Without its id a row can be neither shown to be gone nor removed, and
		// leaving it out would hide a key.
		if row.ID == "" || row.Key == "" {
			return httpclient.Unreadable(fmt.Sprintf("variable %d of the list has no id or no key", i))
		}
		l.Rows = append(l.Rows, row.variable())
	}
	return nil
}

// createdJSON reads {"created":row or [rows],"failed":[…]} and the bare row of
// older versions.
type createdJSON struct {
	Rows   []Variable
	Failed []ErrorDetail
}

func (c *createdJSON) UnmarshalJSON(data []byte) error {
	var answer struct {
		Created json.RawMessage `json:"created"`
		Failed  []failureJSON   `json:"failed"`
		ID      text            `json:"id"`
	}
	if err := json.Unmarshal(data, &answer); err != nil {
		return err
	}
	*c = createdJSON{}
	for _, f := range answer.Failed {
		c.Failed = append(c.Failed, f.Detail)
	}
	raw := bytes.TrimSpace(answer.Created)
	if len(raw) == 0 && answer.ID != "" {
		raw = data
	}
	var rows []variableJSON
	switch {
	case len(raw) == 0 || string(raw) == "null":
	case raw[0] == '[':
		if err := json.Unmarshal(raw, &rows); err != nil {
			return err
		}
	default:
		rows = make([]variableJSON, 1)
		if err := json.Unmarshal(raw, &rows[0]); err != nil {
			return err
		}
	}
	for _, row := range rows {
		c.Rows = append(c.Rows, row.variable())
	}
	return nil
}

// failureJSON reads {"error":{…}} and, failing that, whatever else stands there:
// a failure that cannot be read is still a failure.
type failureJSON struct{ Detail ErrorDetail }

func (f *failureJSON) UnmarshalJSON(data []byte) error {
	f.Detail = parseErrorDetail(data)
	if f.Detail.Code == "" && f.Detail.Message == "" {
		f.Detail.Code = "unreadable_failure"
	}
	return nil
}

// parseErrorDetail reads the body of a refusal; the zero detail if it is none.
func parseErrorDetail(data []byte) ErrorDetail {
	var body struct {
		Error struct {
			Code         text  `json:"code"`
			Message      text  `json:"message"`
			InvalidToken truth `json:"invalidToken"`
			EnvVarKey    text  `json:"envVarKey"`
			EnvVarID     text  `json:"envVarId"`
			Limit        *struct {
				Remaining millis `json:"remaining"`
				Reset     millis `json:"reset"`
				ResetMs   millis `json:"resetMs"`
				Total     millis `json:"total"`
			} `json:"limit"`
		} `json:"error"`
	}
	if json.Unmarshal(data, &body) != nil {
		return ErrorDetail{}
	}
	e := body.Error
	detail := ErrorDetail{
		Code: string(e.Code), Message: string(e.Message), InvalidToken: bool(e.InvalidToken),
		EnvVarKey: string(e.EnvVarKey), EnvVarID: string(e.EnvVarID),
	}
	if l := e.Limit; l != nil {
		detail.Limit = &Limit{Remaining: int64(l.Remaining), Reset: int64(l.Reset), ResetMs: int64(l.ResetMs), Total: int64(l.Total)}
	}
	return detail
}

// deploymentJSON reads a deployment of a list (uid, created, state) and one by
// itself (id, createdAt, readyState).
type deploymentJSON struct {
	ID                text   `json:"id"`
	UID               text   `json:"uid"`
	URL               text   `json:"url"`
	Name              text   `json:"name"`
	ProjectID         text   `json:"projectId"`
	Project           idJSON `json:"project"`
	Target            text   `json:"target"`
	CustomEnvironment idJSON `json:"customEnvironment"`
	ReadyState        text   `json:"readyState"`
	State             text   `json:"state"`
	Status            text   `json:"status"`
	Created           millis `json:"created"`
	CreatedAt         millis `json:"createdAt"`
	Ready             millis `json:"ready"`
	Alias             texts  `json:"alias"`
	AliasAssigned     truth  `json:"aliasAssigned"`
	AliasError        fault  `json:"aliasError"`
	Meta              meta   `json:"meta"`
}

// idJSON reads the id and the slug of an object; null and other shapes are empty.
type idJSON struct{ ID, Slug string }

func (i *idJSON) UnmarshalJSON(data []byte) error {
	var object struct {
		ID   text `json:"id"`
		Slug text `json:"slug"`
	}
	if json.Unmarshal(data, &object) == nil {
		i.ID, i.Slug = string(object.ID), string(object.Slug)
	}
	return nil
}

func (d deploymentJSON) deployment() (Deployment, error) {
	out := Deployment{
		ID: string(first(d.ID, d.UID)), URL: string(d.URL), Name: string(d.Name),
		ProjectID: first(string(d.ProjectID), d.Project.ID), Target: string(d.Target),
		CustomEnvironment: first(d.CustomEnvironment.Slug, d.CustomEnvironment.ID), Branch: d.Meta[metaBranch],
		ReadyState: string(first(d.ReadyState, d.State, d.Status)),
		Created:    int64(first(d.Created, d.CreatedAt)), Ready: int64(d.Ready),
		Alias: d.Alias, AliasAssigned: bool(d.AliasAssigned), AliasError: string(d.AliasError),
		Mark: d.Meta[MetaMark],
	}
	if out.Target == TargetPreview {
		out.Target = "" // one spelling for one thing
	}
	if out.ID == "" {
		return Deployment{}, fmt.Errorf("deployment has no id")
	}
	return out, nil
}

type deploymentsJSON struct {
	Deployments []deploymentJSON `json:"deployments"`
	Pagination  page             `json:"pagination"`
}

// first returns the first of its arguments that is not zero.
func first[T comparable](values ...T) T {
	var zero T
	for _, v := range values {
		if v != zero {
			return v
		}
	}
	return zero
}
