package checklist

import (
	"context"
	"errors"
	"fmt"
	"strings"
)

// Recorder signs the records of sessions that were given up. One that is
// finished signs its own, with an item of its checklist.
type Recorder interface {
	// Record signs the session's record and adds it to the trail, unless it is
	// there already, and returns where it is and how to verify it.
	Record(context.Context, *Session) (Evidence, error)
}

// Abandon ends a session before its end, and signs its record. It changes
// nothing outside. The journal keeps which keys are left in service, as far as
// the session knows.
//
// An error behind the end itself, such as of a disk that is full, says that the
// session is abandoned and not recorded yet; Record makes up for that.
func (e *Engine) Abandon(ctx context.Context, reason string, op Operator) error {
	return e.abandon(ctx, Event{Kind: Abandoned, Text: reason, Leaves: e.Session().InService()}, op)
}

// AbandonUndone is Abandon for a session that another one has undone: of what is
// left in service that one knows, and the reason says it.
func (e *Engine) AbandonUndone(ctx context.Context, reason string, op Operator) error {
	return e.abandon(ctx, Event{Kind: Abandoned, Text: reason, Undone: true}, op)
}

func (e *Engine) abandon(ctx context.Context, ev Event, op Operator) error {
	release, err := e.acquire()
	if err != nil {
		return err
	}
	defer release()
	if strings.TrimSpace(ev.Text) == "" {
		return errors.New("a reason is needed to abandon a session")
	}
	if err := e.record(ctx, op, ev); err != nil {
		return err
	}
	if _, err := e.Record(ctx); err != nil {
		return WithHint(fmt.Errorf("session %s is abandoned, and its record is not signed yet: %w", e.Session().ID(), err),
			"put that right and open Keyturn here again: it makes up for the record")
	}
	return nil
}

// Record returns the evidence of an abandoned session's signed record, and signs
// it first where a crash or an error came between the end and the record. It is
// empty where the engine has no Recorder.
func (e *Engine) Record(ctx context.Context) (Evidence, error) {
	s := e.Session()
	if s.Outcome != Abandoned {
		return Evidence{}, fmt.Errorf("session %s was not abandoned", s.ID())
	}
	if e.cfg.Recorder == nil {
		return Evidence{}, nil
	}
	return e.cfg.Recorder.Record(ctx, s)
}
