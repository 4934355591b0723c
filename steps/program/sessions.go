package program

import (
	"context"
	"errors"
	"fmt"

	"keyturn/checklist"
	"keyturn/checklist/journal"
	"keyturn/keygen"
	"keyturn/steps/rollback"
)

// sessions is the realm's sessions, for a step that is about another one.
type sessions struct{ program *Program }

var _ rollback.Sessions = sessions{}

// Session implements rollback.Sessions.
func (s sessions) Session(ctx context.Context, id string) (*checklist.Session, error) {
	events, err := s.Events(ctx, id)
	if err != nil {
		return nil, err
	}
	return checklist.Fold(events)
}

// Events implements rollback.Sessions.
func (s sessions) Events(_ context.Context, id string) ([]checklist.Event, error) {
	return journal.Read(s.program.sessionsDir(), id)
}

// Compromised implements rollback.Sessions. A journal that cannot be read may be
// the one that tells of a compromise. Where its text names the key with the
// removal of an emergency, the error is a *suspicion; any other is told, and
// keeps no service without the key that it needs.
func (s sessions) Compromised(ctx context.Context, id keygen.KeyID, e checklist.Environment) (session string, ok bool, err error) {
	all, problems, err := s.program.sessions()
	if err != nil {
		return "", false, err
	}
	for _, other := range all {
		if revoked(other, id, e) {
			return other.ID(), true, nil
		}
	}
	rest, err := s.program.unfolded()
	if err != nil {
		return "", false, err
	}
	for _, u := range rest {
		switch may := u.mayRevoke(id, e); {
		case may && u.intact && u.whole:
			return u.session, true, nil
		case may:
			return "", false, &suspicion{key: id, environment: e, session: u.session}
		}
	}
	for _, problem := range problems {
		checklist.ReportProgress(ctx, checklist.Progress{Words: fmt.Sprintf("nothing says that %s was compromised, although one session could not be asked: %v", id, problem)})
	}
	return "", false, nil
}

// suspicion says that a key may be compromised: a journal that cannot be read
// names it in an emergency.
type suspicion struct {
	key         keygen.KeyID
	environment checklist.Environment
	session     string
}

func (s *suspicion) Error() string {
	return fmt.Sprintf("%s may be compromised in %s: session %s, which cannot be read, names it in an emergency", s.key, s.environment, s.session)
}

// Hint implements checklist.Hinter.
func (s *suspicion) Hint() string {
	return fmt.Sprintf("put back a copy of the journal of %s, which tells; without one, keyturn emergency puts a new key into service", s.session)
}

// revoked reports whether a session took a key out of an environment because it
// was compromised. A removal that was only begun counts: what made it necessary
// does not end with it.
func revoked(s *checklist.Session, id keygen.KeyID, e checklist.Environment) bool {
	if s.Checklist.ID != checklist.KindEmergency || s.Key(checklist.OldKey) != id {
		return false
	}
	touches := false
	for _, of := range s.Environments() {
		touches = touches || of == e
	}
	for _, i := range s.Checklist.Items() {
		if st := s.State(i.ID); i.Step == checklist.StepRemoveCompromisedKey && touches {
			return st.Status == checklist.StatusPassed || len(st.Effects) > 0 || len(st.Pending) > 0
		}
	}
	return false
}

// RolledBack implements rollback.Sessions.
func (s sessions) RolledBack(ctx context.Context, id, itemID, by string, seen map[string]string) error {
	return s.write(id, func(e *checklist.Engine) error { return e.RollBack(ctx, itemID, by, seen, silent{}) })
}

// Abandon implements rollback.Sessions. A session that was abandoned already, and
// not recorded, is recorded.
func (s sessions) Abandon(ctx context.Context, id, reason string) error {
	return s.write(id, func(e *checklist.Engine) error {
		if e.Session().Outcome == checklist.Abandoned {
			_, err := e.Record(ctx)
			return err
		}
		return e.AbandonUndone(ctx, reason, silent{})
	})
}

// write opens a session as its writer for one act.
func (s sessions) write(id string, act func(*checklist.Engine) error) error {
	p := s.program
	j, err := journal.Open(p.sessionsDir(), id, journal.Options{Clock: p.clock, By: p.operator})
	if err != nil {
		return err
	}
	e, err := p.engine(j)
	if err != nil {
		return err
	}
	if holder := e.Holder(); holder != "" {
		return errors.Join(checklist.WithHint(fmt.Errorf("write to session %s: %w: it is driven by %s", id, checklist.ErrReadOnly, holder),
			"leave %s there (nothing is lost by it), then run the item again", id), e.Close())
	}
	return errors.Join(act(e), e.Close())
}

// silent is the operator of a session that another one writes to: nothing is
// shown, and nothing may be asked.
type silent struct{}

func (silent) Show(checklist.Event)        {}
func (silent) Progress(checklist.Progress) {}
func (silent) Ask(context.Context, checklist.Question) (checklist.Answer, error) {
	return checklist.Answer{}, errors.New("nobody is here to be asked")
}
