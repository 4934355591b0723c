package consent

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"keyturn/checklist"
	"keyturn/checklist/record"
)

// ApproveAfterwards gets the consent that an emergency did not wait for, and puts
// it beside the record, which is signed already.
type ApproveAfterwards struct {
	Trail    LateTrail
	Sessions Journal
}

func (a ApproveAfterwards) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	if len(sc.Environments()) == 0 {
		return checklist.Plan{Summary: "Ask nobody: production was not touched", Risk: checklist.Look}, nil
	}
	summary := "Ask a second person, afterwards"
	if required := sc.Session.Required(); required > 1 {
		summary = fmt.Sprintf("Ask %d people other than you, afterwards", required)
	}
	return checklist.Plan{Summary: summary, Risk: checklist.Look, Actions: []checklist.Action{
		{Environment: checklist.Production, Words: "have the record signed by as many second persons as must agree"},
		{Words: "write the request and the signatures beside the record"},
	}}, nil
}

func (a ApproveAfterwards) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	if len(sc.Environments()) == 0 {
		return true, nil
	}
	_, ok, err := a.Trail.ApprovedLate(ctx, sc.Session.ID())
	return ok, err
}

func (a ApproveAfterwards) Do(ctx context.Context, sc *checklist.Scope) error {
	exported, ok, err := a.Trail.Exported(ctx, sc.Session.ID())
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("the session has no record yet")
	}
	approvals, err := sc.Approve(ctx, checklist.Consent{Record: exported.Digest})
	if err != nil {
		return err
	}
	all, err := a.signed(ctx, sc, approvals)
	if err != nil {
		return err
	}
	effect := checklist.Effect{Code: checklist.RecordApprove, Object: strings.Join(signers(approvals), ",")}
	return sc.Effect(ctx, effect, func(ctx context.Context) (checklist.Result, error) {
		return checklist.Result{ID: exported.Dir}, a.Trail.ApproveLate(ctx, sc.Session.ID(), all)
	})
}

// signed returns approvals with the texts that were signed, which the journal has.
func (a ApproveAfterwards) signed(ctx context.Context, sc *checklist.Scope, approvals []checklist.Approval) ([]record.Late, error) {
	events, err := a.Sessions.Events(ctx, sc.Session.ID())
	if err != nil {
		return nil, fmt.Errorf("read the request that was signed: %w", err)
	}
	texts := map[string]string{}
	for _, e := range events {
		if e.Request != nil {
			texts[e.Request.ID] = e.Request.Text
		}
	}
	var all []record.Late
	for _, o := range approvals {
		all = append(all, record.Late{Request: texts[o.Request], Signature: o.Signature})
	}
	return all, nil
}

func (a ApproveAfterwards) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	if len(sc.Environments()) == 0 {
		return checklist.Evidence{Summary: "production was not touched: nobody had to approve"}, nil
	}
	by, ok, err := a.Trail.ApprovedLate(ctx, sc.Session.ID())
	if err != nil {
		return checklist.Evidence{}, err
	}
	if !ok {
		return checklist.Evidence{}, fmt.Errorf("the approval beside the record is missing or not complete (required: %d)", sc.Session.Required())
	}
	return checklist.Evidence{Summary: fmt.Sprintf("approved afterwards by %s (required: %d); the record verifies with it",
		strings.Join(by, " and "), sc.Session.Required())}, nil
}

// LateTrail keeps what second persons sign beside a record that is signed already.
type LateTrail interface {
	// Exported returns the record of a session; ok is false when there is none.
	Exported(ctx context.Context, session string) (exported record.Pinned, ok bool, err error)
	// ApproveLate puts the consent of second persons beside the record of a session.
	// It replaces what is there.
	ApproveLate(ctx context.Context, session string, all []record.Late) error
	// ApprovedLate verifies the record of a session with the consent beside it, and
	// returns who gave it. ok is true when as many people agreed as the session
	// requires, and all that is there verifies.
	ApprovedLate(ctx context.Context, session string) (by []string, ok bool, err error)
}

// Journal gives a session's events.
type Journal interface {
	Events(ctx context.Context, id string) ([]checklist.Event, error)
}
