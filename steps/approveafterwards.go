package steps

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"keyturn/checklist"
)

// approveAfterwards gets the consent that an emergency did not wait for, and puts
// it beside the record, which is signed already.
type approveAfterwards struct{ *Outside }

func (a approveAfterwards) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
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
	approvals, err := sc.Approve(ctx, checklist.Consent{Record: exported.Digest})
	if err != nil {
		return err
	}
	request, err := a.signed(ctx, sc, approvals)
	if err != nil {
		return err
	}
	effect := checklist.Effect{Code: checklist.RecordApprove, Object: strings.Join(signers(approvals), ",")}
	return sc.Effect(ctx, effect, func(ctx context.Context) (checklist.Result, error) {
		return checklist.Result{ID: exported.Dir}, a.Trail.ApproveLate(ctx, sc.Session.ID(), request, approvals)
	})
}

// signed returns the request that the approvals are signatures of. All must be of
// one, since the folder beside the record holds one text.
func (a approveAfterwards) signed(ctx context.Context, sc *checklist.Scope, approvals []checklist.Approval) (checklist.Request, error) {
	of := approvals[len(approvals)-1].Request
	older := slices.DeleteFunc(slices.Clone(approvals), func(o checklist.Approval) bool { return o.Request == of })
	if len(older) > 0 {
		return checklist.Request{}, checklist.WithHint(
			fmt.Errorf("%s signed an earlier request, which ran out before the others signed", strings.Join(signers(older), " and ")),
			"run the item again a day after they signed: they are then asked to sign the new request")
	}
	events, err := a.Sessions.Events(ctx, sc.Session.ID())
	if err != nil {
		return checklist.Request{}, fmt.Errorf("read the request that was signed: %w", err)
	}
	for _, e := range events {
		if e.Request != nil && e.Request.ID == of {
			return *e.Request, nil
		}
	}
	return checklist.Request{}, fmt.Errorf("the journal has no request %s", of)
}

func (a approveAfterwards) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
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
