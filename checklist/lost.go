package checklist

import (
	"context"
	"errors"
	"fmt"
)

// LostError says that a session's journal can no longer be trusted: its file was
// moved, replaced or changed by somebody else, or its lock keeps nobody out. From
// then on nothing may be changed outside, since the journal would not tell of it.
type LostError struct {
	Found string // what became of the journal
	Next  string // what to do
}

func (e *LostError) Error() string {
	return "the session's journal cannot be trusted any more: " + e.Found
}

// Hint says what to do.
func (e *LostError) Hint() string { return e.Next }

// journalKey finds the running item's journal in a context.
type journalKey struct{}

// MayChange returns a *LostError once the journal of the item that ctx belongs
// to can no longer be trusted, and nil where there is none. Like ReportProgress
// it is for clients of outside systems: one that waits asks it after each wait,
// before the request that changes something.
func MayChange(ctx context.Context) error {
	if j, ok := ctx.Value(journalKey{}).(Journal); ok {
		return j.Check()
	}
	return nil
}

// lost returns why the session's own journal cannot be trusted; nil where it can.
// An error may tell of another session's, which this one wrote to.
func (r *run) lost() *LostError {
	var lost *LostError
	_ = errors.As(r.engine.cfg.Journal.Check(), &lost) // a full disk is no loss
	return lost
}

// stopped says once that the journal was lost, and what was changed until then.
// Each layer that the error came through has tried to write, and would say so.
func (r *run) stopped(err error) error {
	var told *LostError
	if lost := r.lost(); lost != nil && errors.As(err, &told) {
		return fmt.Errorf("%s was stopped: %w; %s", r.item.ID, lost, r.changes())
	}
	return err
}
