package vercel

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

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
		body: CreateBody{
			Key: v.Key, Value: NewValue(v.Value.Reveal()), Type: v.Type, Target: []string{v.Target}, Comment: v.Comment,
		},
		secret: v.Value, write: true, into: &answer,
	})
	if err != nil {
		return Variable{}, err
	}
	if len(answer.Failed) > 0 { // whatever the status: a 201 can carry failures
		clean := newCleaner(c.options.Token, v.Value)
		return Variable{}, subject.because(&APIError{
			Status: http.StatusCreated, Code: clean.clean(answer.Failed[0].Code), Message: clean.clean(answer.Failed[0].Message),
		})
	}
	for _, row := range answer.Rows {
		if row.ID != "" && row.Key == v.Key && slices.Equal(row.Target, []string{v.Target}) {
			return row, nil
		}
	}
	return Variable{}, subject.because(&UnknownOutcomeError{Err: errors.New("the answer does not show the row that was asked for")})
}

// check refuses what must never be sent.
func (v NewVariable) check() error {
	if _, ours := keygen.ParseVariable(v.Key); !ours {
		return errors.New("not a variable of ours: want HMAC_SECRET_ and an upper-case key id")
	}
	if v.Value.IsZero() {
		return errors.New("value is empty")
	}
	if !slices.Contains([]string{TargetProduction, TargetPreview, TargetDevelopment}, v.Target) {
		return fmt.Errorf("target %q: want production, preview or development", v.Target)
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
