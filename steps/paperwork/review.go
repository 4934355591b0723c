package paperwork

import (
	"context"
	"fmt"

	"keyturn/checklist"
	"keyturn/checklist/record"
)

// PaperTrail is where the signed records of finished sessions are kept.
type PaperTrail interface {
	// Review verifies the last record and returns it in words, with its open
	// issues. An empty trail has no record: ok is false.
	Review(ctx context.Context) (last Reviewed, ok bool, err error)
	// Exported returns the record of a session; ok is false when there is none.
	Exported(ctx context.Context, session string) (exported record.Pinned, ok bool, err error)
	// Export signs and appends the record of a session.
	Export(ctx context.Context, s *checklist.Session) (record.Pinned, error)
}

// Reviewed is a record that has been verified.
type Reviewed struct {
	Name   string // such as "000003-quarterly-20261124-7f3a"
	Words  string // one line: what it says
	Issues []string
}

// Review verifies the last record and lists its open issues.
type Review struct {
	checklist.LookOnly
	Trail PaperTrail
}

func (r Review) Plan(context.Context, *checklist.Scope) (checklist.Plan, error) {
	return checklist.Plan{Summary: "Read the last record", Risk: checklist.Look, Actions: []checklist.Action{
		{Words: "verify the last record of the trail and list its open issues"},
	}}, nil
}

func (r Review) Verify(ctx context.Context, _ *checklist.Scope) (checklist.Evidence, error) {
	last, ok, err := r.Trail.Review(ctx)
	if err != nil {
		return checklist.Evidence{}, checklist.WithHint(fmt.Errorf("verify the last record: %w", err),
			"run keyturn verify on the trail; a record that does not verify was changed after it was signed")
	}
	if !ok {
		return checklist.Evidence{Summary: "this is the first session of the trail: there is no record to review"}, nil
	}
	evidence := checklist.Evidence{Summary: "the last record verifies: " + last.Words}
	if len(last.Issues) > 0 {
		t := checklist.Table{Title: "Open issues of " + last.Name, Columns: []string{"Issue"}}
		for _, issue := range last.Issues {
			t.Rows = append(t.Rows, []string{issue})
		}
		evidence.Tables = append(evidence.Tables, t)
	}
	return evidence, nil
}

// ExportRecord signs the record and appends it to the trail. The record pins
// the journal up to the moment of the export.
type ExportRecord struct{ Trail PaperTrail }

func (x ExportRecord) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	return checklist.Plan{Summary: "Sign the record and append it to the trail", Risk: checklist.Change, Actions: []checklist.Action{
		{Words: "write record.json, its signature, the Markdown report and the journal's copy to a new folder of the trail"},
	}}, nil
}

func (x ExportRecord) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	_, ok, err := x.Trail.Exported(ctx, sc.Session.ID())
	return ok, err
}

func (x ExportRecord) Do(ctx context.Context, sc *checklist.Scope) error {
	return sc.Effect(ctx, checklist.Effect{Code: checklist.RecordExport}, func(ctx context.Context) (checklist.Result, error) {
		exported, err := x.Trail.Export(ctx, sc.Session)
		return checklist.Result{ID: exported.Dir}, err
	})
}

func (x ExportRecord) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	exported, ok, err := x.Trail.Exported(ctx, sc.Session.ID())
	if err != nil {
		return checklist.Evidence{}, err
	}
	if !ok {
		return checklist.Evidence{}, fmt.Errorf("the trail has no record of %s", sc.Session.ID())
	}
	if _, _, err := x.Trail.Review(ctx); err != nil {
		return checklist.Evidence{}, fmt.Errorf("verify the record just written: %w", err)
	}
	evidence := exported.Evidence("keyturn")
	evidence.Summary, evidence.Facts = "the record is signed and verifies: "+exported.Dir, map[string]string{"record": exported.Digest}
	return evidence, nil
}
