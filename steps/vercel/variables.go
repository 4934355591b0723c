package vercel

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"keyturn/keygen"
)

// Variables returns every row of the project's environment: of all targets,
// branches and custom environments, and of all keys, so that a caller can prove
// that nothing else moved.
func (c *Client) Variables(ctx context.Context, project string) ([]Variable, error) {
	subject := RequestError{Operation: "list variables", Project: project}
	var all []Variable
	seen := map[string]bool{}
	err := pages(func(next cursor) (cursor, error) {
		var answer variablesJSON
		err := c.do(ctx, call{
			subject: subject, method: http.MethodGet, path: path("v10", "projects", project, "env"),
			query: untilQuery(next), into: &answer,
		})
		for _, v := range answer.Rows {
			if !seen[v.ID] {
				seen[v.ID] = true
				all = append(all, v)
			}
		}
		return answer.Next, err
	})
	if err != nil {
		return nil, subject.because(err)
	}
	return all, nil
}

// CreateVariable adds one row. It is refused with ErrExists where the key has a
// row for the target; nothing is ever overwritten. After an UnknownOutcomeError,
// list: the row may be there.
func (c *Client) CreateVariable(ctx context.Context, project string, v NewVariable) (Variable, error) {
	subject := RequestError{Operation: "create variable", Project: project, Variable: v.Key, Target: v.Target}
	if err := v.check(); err != nil {
		return Variable{}, subject.because(err)
	}
	var answer createdJSON
	err := c.do(ctx, call{
		subject: subject, method: http.MethodPost, path: path("v10", "projects", project, "env"),
		body:   v.body(),
		secret: v.Value, write: true, into: &answer,
	})
	if err != nil {
		return Variable{}, err
	}
	if len(answer.Failed) > 0 { // whatever the status: a 201 can carry failures
		return Variable{}, subject.because(c.refused(http.StatusCreated, answer.Failed[0], v.Value))
	}
	for _, row := range answer.Rows {
		if row.ID != "" && row.Key == v.Key && v.is(row) {
			return row, nil
		}
	}
	return Variable{}, subject.because(&UnknownOutcomeError{Err: errors.New("the answer does not show the row that was asked for")})
}

// body is the request that makes the row.
func (v NewVariable) body() CreateBody {
	body := CreateBody{Key: v.Key, Value: NewValue(v.Value.Reveal()), Type: v.Type, GitBranch: v.GitBranch, Comment: v.Comment}
	if v.CustomEnvironmentID != "" {
		body.CustomEnvironmentIDs = []string{v.CustomEnvironmentID}
	} else {
		body.Target = []string{v.Target}
	}
	return body
}

// check refuses what must never be sent.
func (v NewVariable) check() error {
	if _, ours := keygen.ParseVariable(v.Key); !ours {
		return errors.New("not a variable of ours: want HMAC_SECRET_ and an upper-case key id")
	}
	if v.Value.IsZero() {
		return errors.New("value is empty")
	}
	switch {
	case v.CustomEnvironmentID != "":
		if v.Target != "" || v.GitBranch != "" {
			return errors.New("custom environment: want no target and no git branch beside it")
		}
	case !slices.Contains([]string{TargetProduction, TargetPreview, TargetDevelopment}, v.Target):
		return fmt.Errorf("target %q: want production, preview or development", v.Target)
	case v.GitBranch != "" && v.Target != TargetPreview:
		return fmt.Errorf("git branch %q of %s: only preview has rows of a branch", v.GitBranch, v.Target)
	}
	if !slices.Contains([]string{TypeSensitive, TypeEncrypted}, v.Type) {
		return fmt.Errorf("type %q: want sensitive or encrypted", v.Type)
	}
	return nil
}

// DeleteVariable removes one row, with all its targets. ErrGone if there was no
// such row. Removing revokes nothing before the next deployment serves.
func (c *Client) DeleteVariable(ctx context.Context, project, id string) error {
	return gone(c.do(ctx, call{
		subject: RequestError{Operation: "delete variable", Project: project, Variable: id},
		method:  http.MethodDelete, path: path("v9", "projects", project, "env", id), write: true,
	}))
}

// DeleteVariables removes rows of one project in one request, each with all its
// targets, and returns the ids of those that were there: a row that is not among
// them was gone already. After an UnknownOutcomeError, list. Removing revokes
// nothing before the next deployment serves.
func (c *Client) DeleteVariables(ctx context.Context, project string, ids []string) ([]string, error) {
	subject := RequestError{Operation: "delete variables", Project: project, Variable: strings.Join(ids, ", ")}
	if len(ids) == 0 || slices.Contains(ids, "") {
		return nil, subject.because(errors.New("want the id of each row"))
	}
	var answer struct {
		IDs texts `json:"ids"`
	}
	err := c.do(ctx, call{
		subject: subject, method: http.MethodDelete, path: path("v1", "projects", project, "env"),
		body: DeleteBody{IDs: ids}, write: true, into: &answer,
	})
	if err != nil {
		return nil, err
	}
	for _, id := range answer.IDs {
		if !slices.Contains(ids, id) {
			return nil, subject.because(&UnknownOutcomeError{Err: errors.New("the answer names a row that was not asked for")})
		}
	}
	return answer.IDs, nil
}

// NarrowVariable takes targets away from a row of ours, so that it goes on
// serving keep alone, with the value that it has: so is a row that serves two
// environments removed from one of them. After an UnknownOutcomeError, list.
func (c *Client) NarrowVariable(ctx context.Context, project string, v Variable, keep []string) error {
	subject := RequestError{Operation: "narrow variable " + v.Key, Project: project, Variable: v.ID}
	if _, ours := keygen.ParseVariable(v.Key); !ours {
		return subject.because(errors.New("not a variable of ours: want HMAC_SECRET_ and an upper-case key id"))
	}
	if len(keep) == 0 || len(keep) >= len(v.Target) {
		return subject.because(fmt.Errorf("keep %v of %v: want some of them", keep, v.Target))
	}
	for _, target := range keep {
		if !v.Serves(target) {
			return subject.because(fmt.Errorf("keep %v of %v: want some of them", keep, v.Target))
		}
	}
	var answer variableJSON
	err := c.do(ctx, call{
		subject: subject, method: http.MethodPatch, path: path("v9", "projects", project, "env", v.ID),
		body: NarrowBody{Target: keep}, write: true, into: &answer,
	})
	if err == nil && !sameTexts(answer.Target, keep) {
		err = subject.because(&UnknownOutcomeError{Err: errors.New("the answer does not show the targets that were asked for")})
	}
	return err
}

// sameTexts reports whether two lists have the same texts in any order.
func sameTexts(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
