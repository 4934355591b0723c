package program

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"keyturn/checklist"
	"keyturn/checklist/journal"
	"keyturn/checklist/record"
	"keyturn/keygen/sshsig"
	"keyturn/steps"
	"keyturn/steps/approval"
)

// trail is the realm's trail of records, signed with the operator's key.
type trail struct {
	program *Program
	records *record.Trail
	journal *journal.File // of the session that is exported; nil for reading
}

var _ steps.Trail = (*trail)(nil)

func openTrail(p *Program) (*trail, error) {
	records, err := record.OpenTrail(filepath.Join(p.dir, "trail"))
	if err != nil {
		return nil, err
	}
	return &trail{program: p, records: records}, nil
}

func (t *trail) id() string        { return t.records.ID() }
func (t *trail) head() record.Head { return t.records.Head() }

// of returns the trail for exporting the session of a journal.
func (t *trail) of(j *journal.File) *trail {
	return &trail{program: t.program, records: t.records, journal: j}
}

// Review implements steps.Trail.
func (t *trail) Review(ctx context.Context) (steps.Reviewed, bool, error) {
	last, ok, err := t.records.Last()
	if err != nil || !ok {
		return steps.Reviewed{}, false, err
	}
	roster, err := t.program.roster()
	if err != nil {
		return steps.Reviewed{}, false, err
	}
	if _, err := record.VerifyTrail(ctx, []string{filepath.Join(t.records.Dir(), last.Name())}, record.Options{Roster: roster, Requests: approval.Fields}); err != nil {
		return steps.Reviewed{}, false, err
	}
	reviewed := steps.Reviewed{Name: last.Name(), Words: last.Summary()}
	for _, issue := range last.Issues {
		words := issue.Text
		if issue.Failed {
			words = issue.Item + " failed: " + words
		}
		reviewed.Issues = append(reviewed.Issues, words)
	}
	return reviewed, true, nil
}

// Exported implements steps.Trail.
func (t *trail) Exported(_ context.Context, session string) (steps.Exported, bool, error) {
	e, ok, err := t.records.Find(session)
	if err != nil || !ok {
		return steps.Exported{}, false, err
	}
	r, err := t.records.Record(e.Seq)
	if err != nil {
		return steps.Exported{}, false, err
	}
	return steps.Exported{
		Dir: e.Dir, Head: e.Head, Digest: e.Digest, Seq: e.Seq, Events: r.Journal.Events, Journal: r.Journal.HeadSHA256,
	}, true, nil
}

// ApproveLate implements steps.Trail.
func (t *trail) ApproveLate(ctx context.Context, session string, all []steps.Signed) error {
	var late []record.Late
	for _, signed := range all {
		late = append(late, record.Late(signed))
	}
	return t.records.ApproveLate(ctx, session, late)
}

// ApprovedLate implements steps.Trail. An approval that does not verify is none:
// another can be put in its place.
func (t *trail) ApprovedLate(ctx context.Context, session string) (by []string, ok bool, err error) {
	late, err := t.records.ApprovedLate(session)
	if err != nil || len(late) == 0 {
		return nil, false, err
	}
	e, _, err := t.records.Find(session)
	if err != nil {
		return nil, false, err
	}
	roster, err := t.program.roster()
	if err != nil {
		return nil, false, err
	}
	report, err := record.VerifyTrail(ctx, []string{e.Dir}, record.Options{Roster: roster, Requests: approval.Fields})
	var failure *record.Failure
	if errors.As(err, &failure) && failure.OfLateApproval() {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, err
	}
	return report.Verified[0].ApprovedLate, len(report.Missing()) == 0, nil
}

// Export implements steps.Trail.
func (t *trail) Export(ctx context.Context, s *checklist.Session) (steps.Exported, error) {
	key, err := t.program.signingKey(ctx, operatorKey)
	if err != nil {
		return steps.Exported{}, err
	}
	lines, err := os.ReadFile(t.program.RosterPath())
	if errors.Is(err, fs.ErrNotExist) {
		return steps.Exported{}, checklist.WithHint(fmt.Errorf("read the roster: %w", err), "keyturn doctor prints the line that lets you sign")
	}
	if err != nil {
		return steps.Exported{}, fmt.Errorf("read the roster: %w", err)
	}
	text, err := t.journal.Bytes()
	if err != nil {
		return steps.Exported{}, err
	}
	roster, err := sshsig.ParseRoster(t.program.RosterPath(), lines)
	if err != nil {
		return steps.Exported{}, err
	}
	required := 0
	if slices.Contains(s.Environments(), checklist.Production) {
		required = s.Required()
	}
	exported, err := t.records.Append(ctx, record.Draft{
		Journal: text, Signer: t.program.operator, Policy: record.PolicyOf(lines, required),
		CreatedAt: t.program.clock(), Tool: "keyturn " + Version, Roster: roster, Requests: approval.Fields,
	}, key)
	return steps.Exported{Dir: exported.Dir, Head: exported.Head, Digest: exported.Digest}, err
}
