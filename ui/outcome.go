package ui

import (
	"context"
	"errors"

	"keyturn/checklist"
)

// left reports whether the operator, and not a fault, ended a task.
func left(err error) bool {
	return errors.Is(err, checklist.ErrCancelled) || errors.Is(err, checklist.ErrDeclined) || errors.Is(err, context.Canceled)
}

// withHint returns an error's text and what to do next.
func withHint(err error) string {
	if hint := checklist.Hint(err); hint != "" {
		return err.Error() + "; " + hint
	}
	return err.Error()
}
