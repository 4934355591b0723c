package steps

import (
	"context"
	"errors"
	"fmt"

	"keyturn/checklist"
	"keyturn/steps/approval"
)

// LateApprover gets a second person's consent to what is done and recorded.
type LateApprover interface {
	// ApproveRecord asks for consent to a session as its record tells it.
	ApproveRecord(ctx context.Context, s *checklist.Session, item checklist.Item, x Exported, ask checklist.Asker) (checklist.Approval, error)
}

var _ LateApprover = (*Approver)(nil)

// ApproveRecord implements LateApprover. The request names the record as the
// head of the trail, and the journal as far as the record pins it.
func (a *Approver) ApproveRecord(ctx context.Context, s *checklist.Session, item checklist.Item, x Exported, ask checklist.Asker) (checklist.Approval, error) {
	return a.obtain(ctx, s, item, approval.Request{
		Records: x.Seq, Head: x.Digest, Events: x.Events, Journal: x.Journal,
		Action: fmt.Sprintf("afterwards: revoke %s, put %s into service", s.Opening.Old, s.Opening.New),
		Plan:   x.Digest, // the record is what is approved
		Reason: s.Opening.Reason,
	}, ask)
}

// approveAfterwards asks the second person for the consent that an emergency
// did not wait for, and puts it beside the record, which is signed already.
type approveAfterwards struct{ *Outside }

func (a approveAfterwards) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	if len(sc.Environments()) == 0 {
		return checklist.Plan{Summary: "Nobody has to approve: production was not touched", Risk: checklist.Look}, nil
	}
	return checklist.Plan{Summary: "Ask a second person, afterwards", Risk: checklist.Look, Actions: []checklist.Action{
		{Environment: checklist.Production, Words: "have the record signed by a second person"},
		{Words: "write the request and the signature beside the record"},
	}}, nil
}

func (a approveAfterwards) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	if len(sc.Environments()) == 0 {
		return true, nil
	}
	_, ok, err := a.Trail.ApprovedLate(ctx, sc.Session.ID())
	return ok, err
}

func (a approveAfterwards) Do(ctx context.Context, sc *checklist.Scope) error {
	exported, ok, err := a.Trail.Exported(ctx, sc.Session.ID())
	if err != nil {
		return err
	}
	if !ok {
		return errors.New("the session has no record yet")
	}
	got, err := a.Afterwards.ApproveRecord(ctx, sc.Session, sc.Item, exported, sc.Asker())
	if err != nil {
		return err
	}
	effect := checklist.Effect{Name: "record.approve", Words: "put the approval by " + got.By + " beside the record"}
	return sc.Effect(ctx, effect, func(ctx context.Context) (string, error) {
		return exported.Dir, a.Trail.ApproveLate(ctx, sc.Session.ID(), got)
	})
}

func (a approveAfterwards) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	if len(sc.Environments()) == 0 {
		return checklist.Evidence{Summary: "production was not touched: nobody had to approve"}, nil
	}
	got, ok, err := a.Trail.ApprovedLate(ctx, sc.Session.ID())
	if err != nil {
		return checklist.Evidence{}, err
	}
	if !ok {
		return checklist.Evidence{}, errors.New("no approval is beside the record")
	}
	got.Item = sc.Item.ID
	return checklist.Evidence{Summary: "approved afterwards by " + got.By + "; the record verifies with it", Approval: &got}, nil
}
