package program

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/checklist/journal"
	"keyturn/steps"
)

// Checklists returns the checklists that this build can run to their end.
func (p *Program) Checklists() []checklist.Checklist {
	var complete []checklist.Checklist
	for _, c := range checklist.All(p.dualKeyDays) {
		if checklist.Complete(c, steps.NewCatalog(p.outside)) {
			complete = append(complete, c)
		}
	}
	return complete
}

// InProgress returns the id of the session of a checklist that has not ended;
// "" when there is none.
//
// A journal that cannot be read may be the one that is looked for, unless its
// name says that it is another checklist's. For an emergency or a rollback that
// changes nothing: opening a second one is safe, since each looks at the
// outside first, and waiting is not. For a rotation or a drill it is an error,
// since the lost session may have left a key in service half-way, until the
// operator sets it aside; its key ids stay used then.
func (p *Program) InProgress(checklistID string) (string, error) {
	sessions, problems, err := p.sessions()
	if err != nil {
		return "", err
	}
	for _, s := range sessions {
		if s.Checklist.ID == checklistID && s.Outcome == "" {
			return s.ID(), nil
		}
	}
	if urgent(checklistID) {
		return "", nil
	}
	var mine []error
	for _, problem := range problems {
		if u := (*unreadable)(nil); errors.As(problem, &u) && strings.HasPrefix(u.session, checklistID+"-") {
			mine = append(mine, checklist.WithHint(problem,
				"the file was left as it is; put back a copy from a backup, or see with keyturn status which keys are in service and set the session aside by moving the folder %s to %s",
				filepath.Join(p.sessionsDir(), u.session), filepath.Join(p.oldSessionsDir(), u.session)))
		}
	}
	return "", errors.Join(mine...)
}

// urgent reports whether a checklist is for a service that is in danger: what
// it does not need must not keep it from being opened.
func urgent(checklistID string) bool {
	return checklistID == checklist.KindEmergency || checklistID == checklist.KindRollback
}

// Begin opens a new session of a checklist.
func (p *Program) Begin(ctx context.Context, checklistID string, op checklist.Operator) (*checklist.Engine, error) {
	if p.watched != nil {
		return nil, p.watched
	}
	if id, err := p.InProgress(checklistID); err != nil {
		return nil, err
	} else if id != "" {
		return nil, checklist.WithHint(fmt.Errorf("session %s is in progress", id), "resume it with %s", p.ReturnCommand(id))
	}
	begun := p.clock() // before any question: an emergency's hour runs already
	opening, err := p.propose(ctx, checklistID, op)
	if err != nil {
		return nil, err
	}
	if err := checklist.CheckSkeleton(opening, checklist.Released()); err != nil {
		return nil, err
	}
	j, err := journal.Create(p.sessionsDir(), opening.Session, journal.Options{Clock: p.clock, By: p.operator})
	if err != nil {
		return nil, err
	}
	if err := checklist.Open(ctx, p.wrapped(j), opening, p.run, begun); err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return p.engine(j)
}

// Open returns the engine of an existing session, read-only when somebody else
// drives it.
func (p *Program) Open(_ context.Context, sessionID string) (*checklist.Engine, error) {
	j, err := journal.Open(p.sessionsDir(), sessionID, journal.Options{Clock: p.clock, By: p.operator})
	if err != nil {
		return nil, err
	}
	return p.engine(j)
}

func (p *Program) wrapped(j *journal.File) checklist.Journal {
	if p.options.WrapJournal != nil {
		return p.options.WrapJournal(j)
	}
	return j
}

func (p *Program) engine(j *journal.File) (*checklist.Engine, error) {
	// Each session's export needs its own journal.
	outside := *p.outside
	trail := p.trail.of(j)
	outside.Trail = trail
	config := checklist.Config{
		Journal: p.wrapped(j), Steps: steps.NewCatalog(&outside), Setup: p.setup(), Run: p.run,
		Meter: &outside, Observer: &outside, Approver: p.approver, Recorder: recorder{trail}, Explainer: explainer{p}, Clock: p.clock, Operator: p.operator,
	}
	if p.byHand() { // nobody can look
		config.Observer = nil
	}
	e, err := checklist.NewEngine(config)
	if err != nil {
		return nil, errors.Join(err, j.Close())
	}
	return e, nil
}

// TurnClock turns the sandbox's clock forward and journals it.
func (p *Program) TurnClock(ctx context.Context, e *checklist.Engine, to time.Time, op checklist.Operator) error {
	if p.world == nil {
		return errors.New("only the sandbox's clock can be turned")
	}
	if err := p.world.Clock().AdvanceTo(to); err != nil {
		return err
	}
	return e.Turn(ctx, to, op)
}

// ReturnCommand is the one command that returns to a session.
func (p *Program) ReturnCommand(sessionID string) string {
	name, _, _ := strings.Cut(sessionID, "-")
	return p.options.Return + " " + name
}
