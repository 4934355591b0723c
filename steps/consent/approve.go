package consent

import (
	"context"
	"fmt"
	"strings"

	"keyturn/checklist"
)

// Approve gets the consent of second persons to the items that wait for this one.
// Both the requests and the approvals are in the journal, and nothing else is
// changed.
type Approve struct{}

func (Approve) agreed(sc *checklist.Scope) (agreed []checklist.Approval, required int) {
	return sc.Session.Agreed(checklist.Consent{Item: sc.Item.ID}, sc.Now()), sc.Session.Required()
}

func (a Approve) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	agreed, required := a.agreed(sc)
	plan := checklist.Plan{Summary: "Ask a second person", Risk: checklist.Look}
	switch {
	case len(agreed) >= required:
		plan.Summary = "Ask nobody: " + approvedWords(agreed, required)
	case required > 1:
		plan.Summary = fmt.Sprintf("Ask %d people other than you", required)
	}
	if note := whoAgreed(agreed, required); note != "" && len(agreed) < required {
		plan.Warnings = []string{note}
	}
	for _, i := range sc.Session.ApprovedBy(sc.Item.ID) {
		for _, e := range i.Environments {
			plan.Actions = append(plan.Actions, checklist.Action{Environment: e, Words: strings.ToLower(i.Title)})
		}
	}
	return plan, nil
}

func (a Approve) Check(_ context.Context, sc *checklist.Scope) (bool, error) {
	agreed, required := a.agreed(sc)
	return len(agreed) >= required, nil
}

func (Approve) Do(ctx context.Context, sc *checklist.Scope) error {
	_, err := sc.Approve(ctx, checklist.Consent{})
	return err
}

func (a Approve) Verify(_ context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	agreed, required := a.agreed(sc)
	if len(agreed) < required {
		return checklist.Evidence{}, fmt.Errorf("%d of %d people have approved it", len(agreed), required)
	}
	return checklist.Evidence{Summary: approvedWords(agreed, required)}, nil
}

// approvedWords says who approved and when, and how many people had to.
func approvedWords(agreed []checklist.Approval, required int) string {
	var people []string
	for _, a := range agreed {
		people = append(people, fmt.Sprintf("%s at %s", a.By, a.At.UTC().Format("2006-01-02 15:04 MST")))
	}
	return fmt.Sprintf("approved by %s (required: %d)", strings.Join(people, " and "), required)
}
