package program

import (
	"context"
	"errors"
	"fmt"

	"keyturn/checklist"
	"keyturn/checklist/journal"
)

// recorder signs the record of a session that was given up.
type recorder struct{ trail *trail }

var _ checklist.Recorder = recorder{}

// Record implements checklist.Recorder. Where another Keyturn runs, it only looks.
func (r recorder) Record(ctx context.Context, s *checklist.Session) (checklist.Evidence, error) {
	exported, ok, err := r.trail.Exported(ctx, s.ID())
	switch {
	case err != nil:
		return checklist.Evidence{}, err
	case !ok && r.trail.program.watched != nil:
		return checklist.Evidence{}, r.trail.program.watched
	case !ok:
		if exported, err = r.trail.Export(ctx, s); err != nil {
			return checklist.Evidence{}, err
		}
	}
	return exported.Evidence(r.trail.program.options.Return), nil
}

// recordAbandoned makes up for the records of sessions that were given up: a
// process may have died between the end and the record. What cannot be signed
// keeps nothing from being opened; the overview names it.
func (p *Program) recordAbandoned(ctx context.Context) error {
	if p.trail.records == nil { // the overview names that
		return nil
	}
	ids, err := journal.List(p.sessionsDir())
	if err != nil {
		return err
	}
	var problems []error
	for _, id := range ids {
		if err := p.recordIfAbandoned(ctx, id); err != nil {
			problems = append(problems, fmt.Errorf("sign the record of %s, which was abandoned: %w", id, err))
		}
	}
	p.unrecorded = problems
	return nil
}

// recordIfAbandoned looks at a session unless the trail has it already. A journal
// that cannot be read is told of where sessions are listed.
func (p *Program) recordIfAbandoned(ctx context.Context, id string) error {
	if _, _, ok, err := p.trail.holding(id); ok || err != nil {
		return err
	}
	s, err := sessions{p}.Session(ctx, id)
	if err != nil || s.Outcome != checklist.Abandoned || s.Opening.Trail != p.trail.id() {
		return nil
	}
	e, err := p.Open(ctx, id)
	if err != nil {
		return err
	}
	_, err = e.Record(ctx)
	return errors.Join(err, e.Close())
}
