package program

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"keyturn/checklist"
	"keyturn/checklist/journal"
	"keyturn/checklist/record"
	"keyturn/keygen/sshsig"
	"keyturn/steps"
	"keyturn/steps/approval"
	"keyturn/steps/paperwork"
)

// trail is the realm's trail of records, signed with the operator's key.
type trail struct {
	program *Program
	realm   string        // the id that the realm gives it
	folder  string        // of the newest trail: one that goes on after another has its own
	records *record.Trail // nil while it cannot be read; see whole
	problem error         // why not, when the realm was opened
	journal *journal.File // of the session that is exported; nil for reading
}

var _ steps.Trail = (*trail)(nil)

// openTrail opens the trail with the realm's id. One that is damaged can be
// opened all the same, so that it keeps nobody from revoking a key: whatever
// needs its records says what is wrong with it.
func openTrail(p *Program, id string) (*trail, error) {
	t := &trail{program: p, realm: id}
	if has := trailIDOf(p.dir); has != "" && has != id {
		return nil, checklist.WithHint(fmt.Errorf("open %s: it has the trail %s, and %s names %s", p.dir, has, realmFile, id),
			"put back what was there before: a folder put together of two keeps neither's promises")
	}
	lineage, err := record.Lineage(filepath.Join(p.dir, trailFolder))
	if err != nil {
		return nil, fmt.Errorf("look for the newest trail: %w", err)
	}
	t.folder = lineage[len(lineage)-1]
	t.records, t.problem = record.OpenTrail(t.dir())
	if t.problem == nil && t.records.ID() != id {
		t.records, t.problem = nil, fmt.Errorf("open trail %s: its id is not %s", t.dir(), id)
	}
	return t, nil
}

func (t *trail) id() string  { return t.realm }
func (t *trail) dir() string { return t.folder }

// holding returns the trail that has the record of a session: the newest, or one
// that it goes on after. ok is false where none has.
func (t *trail) holding(session string) (records *record.Trail, e record.Exported, ok bool, err error) {
	if records, err = t.whole(); err != nil {
		return nil, e, false, err
	}
	lineage, err := record.Lineage(filepath.Join(t.program.dir, trailFolder))
	if err != nil {
		return nil, e, false, err
	}
	for _, dir := range slices.Backward(lineage) {
		if dir != records.Dir() {
			if records, err = record.OpenTrail(dir); err != nil {
				return nil, e, false, err
			}
		}
		if e, ok, err = records.Find(session); ok || err != nil {
			return records, e, ok, err
		}
	}
	return nil, e, false, nil
}

// whole returns the records, looking once more where they could not be read.
func (t *trail) whole() (*record.Trail, error) {
	if t.records != nil {
		return t.records, nil
	}
	again, err := openTrail(t.program, t.realm)
	if err != nil {
		return nil, err
	}
	if again.problem != nil {
		return nil, checklist.WithHint(again.problem, "put back a copy of the trail in which nothing was changed; keyturn verify %s says where it was", checklist.ShellWord(t.dir()))
	}
	t.folder, t.records, t.problem = again.folder, again.records, nil
	return t.records, nil
}

// head names the last record. Of a trail that cannot be read it is what HEAD
// says, as far as that can be read.
func (t *trail) head() record.Head {
	if t.records != nil {
		return t.records.Head()
	}
	text, err := os.ReadFile(filepath.Join(t.dir(), "HEAD"))
	if head, parseErr := record.ParseHead(string(text)); err == nil && parseErr == nil && head.Trail == t.realm {
		return head
	}
	return record.Head{Trail: t.realm, Digest: strings.Repeat("0", sha256.Size*2)}
}

// said is what the doctor says of the trail.
func (t *trail) said() (string, error) {
	if _, err := t.whole(); err != nil {
		return "", err
	}
	return fmt.Sprintf("%s has %s", t.dir(), counted(t.head().Seq, "record")), nil
}

// unreadable returns the files of the records that cannot be read: all of them
// where the trail cannot.
func (t *trail) unreadable() []string {
	entries, _ := os.ReadDir(t.dir()) // its problem is told where the trail is
	var files []string
	for _, e := range entries {
		if !recordFolder.MatchString(e.Name()) {
			continue
		}
		number, _, _ := strings.Cut(e.Name(), "-")
		seq, err := strconv.Atoi(number)
		if err == nil && t.records != nil {
			_, err = t.records.Record(seq)
		}
		if err != nil || t.records == nil {
			files = append(files, filepath.Join(t.dir(), e.Name(), "record.json"), filepath.Join(t.dir(), e.Name(), journalFile))
		}
	}
	return files
}

// of returns the trail for exporting the session of a journal.
func (t *trail) of(j *journal.File) *trail {
	of := *t
	of.journal = j
	return &of
}

// Review implements steps.Trail.
func (t *trail) Review(ctx context.Context) (paperwork.Reviewed, bool, error) {
	records, err := t.whole()
	if err != nil {
		return paperwork.Reviewed{}, false, err
	}
	last, ok, err := records.Last()
	if err != nil || !ok {
		return paperwork.Reviewed{}, false, err
	}
	roster, err := t.program.roster()
	if err != nil {
		return paperwork.Reviewed{}, false, err
	}
	if _, err := record.VerifyTrail(ctx, []string{filepath.Join(records.Dir(), last.Name())}, record.Options{Roster: roster, Requests: approval.Texts{}}); err != nil {
		return paperwork.Reviewed{}, false, err
	}
	reviewed := paperwork.Reviewed{Name: last.Name(), Words: last.Summary()}
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
func (t *trail) Exported(_ context.Context, session string) (record.Pinned, bool, error) {
	records, e, ok, err := t.holding(session)
	if err != nil || !ok {
		return record.Pinned{}, false, err
	}
	r, err := records.Record(e.Seq)
	if err != nil {
		return record.Pinned{}, false, err
	}
	return record.Pinned{Exported: e, Events: r.Journal.Events, Journal: r.Journal.HeadSHA256}, true, nil
}

// ApproveLate implements steps.Trail.
func (t *trail) ApproveLate(ctx context.Context, session string, all []record.Late) error {
	records, _, ok, err := t.holding(session)
	if err == nil && !ok {
		err = fmt.Errorf("the trail has no record of %s", session)
	}
	if err != nil {
		return err
	}
	return records.ApproveLate(ctx, session, all)
}

// ApprovedLate implements steps.Trail. An approval that does not verify is none:
// another can be put in its place.
func (t *trail) ApprovedLate(ctx context.Context, session string) (by []string, ok bool, err error) {
	records, e, ok, err := t.holding(session)
	if err != nil || !ok {
		return nil, false, err
	}
	late, err := records.ApprovedLate(session)
	if err != nil || len(late) == 0 {
		return nil, false, err
	}
	roster, err := t.program.roster()
	if err != nil {
		return nil, false, err
	}
	report, err := record.VerifyTrail(ctx, []string{e.Dir}, record.Options{Roster: roster, Requests: approval.Texts{}})
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
func (t *trail) Export(ctx context.Context, s *checklist.Session) (record.Pinned, error) {
	key, err := t.program.signingKey(ctx, operatorKey)
	if err != nil {
		return record.Pinned{}, err
	}
	lines, err := os.ReadFile(t.program.RosterPath())
	if errors.Is(err, fs.ErrNotExist) {
		return record.Pinned{}, checklist.WithHint(fmt.Errorf("read the roster: %w", err), "keyturn doctor prints the line that lets you sign")
	}
	if err != nil {
		return record.Pinned{}, fmt.Errorf("read the roster: %w", err)
	}
	text, err := t.journal.Bytes()
	if err != nil {
		return record.Pinned{}, err
	}
	roster, err := sshsig.ParseRoster(t.program.RosterPath(), lines)
	if err != nil {
		return record.Pinned{}, err
	}
	required := 0
	if slices.Contains(s.Environments(), checklist.Production) {
		required = s.Required()
	}
	records, err := t.whole()
	if err != nil {
		return record.Pinned{}, err
	}
	exported, err := records.Append(ctx, record.Draft{
		Journal: text, Signer: t.program.operator, Policy: record.PolicyOf(lines, required),
		CreatedAt: t.program.clock(), Tool: "keyturn " + Version, Roster: roster, Requests: approval.Texts{},
	}, key)
	return record.Pinned{Exported: exported}, err
}
