package traffic

import (
	"context"
	"fmt"
	"slices"

	"keyturn/checklist"
	"keyturn/steps/requestlog"
)

// UpdateClients shows who still signs with the old key, and lets the operator
// say that they have been told to move.
type UpdateClients struct {
	checklist.AskOnly
	Requests
}

// clientsOf returns the environment whose clients have to move: production,
// unless the session may not touch it.
func clientsOf(s *checklist.Session) checklist.Environment {
	if slices.Contains(s.Environments(), checklist.Production) {
		return checklist.Production
	}
	return checklist.Staging
}

func (u UpdateClients) Plan(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	plan := checklist.Plan{
		Summary: fmt.Sprintf("Tell every client to sign with %s", sc.Session.Key(checklist.NewKey)), Risk: checklist.Look,
	}
	now := sc.Now()
	log, err := u.Read(ctx, clientsOf(sc.Session), now.Add(-Day), now)
	if err != nil {
		return plan, err
	}
	for _, s := range requestlog.Stragglers(log, sc.Session.Key(checklist.OldKey)) {
		plan.Actions = append(plan.Actions, checklist.Action{
			Environment: clientsOf(sc.Session),
			Words:       fmt.Sprintf("%s: %d requests with %s in the last 24 hours", s.Sender, s.Total, sc.Session.Key(checklist.OldKey)),
		})
	}
	return plan, nil
}

func (u UpdateClients) Do(ctx context.Context, sc *checklist.Scope) error {
	a, err := sc.Ask(ctx, checklist.Question{
		Kind: checklist.Confirm, Asked: checklist.Asked{ID: "clients-told"}, Default: checklist.No,
		Title: fmt.Sprintf("Have the owners of all clients been told to sign with %s?", sc.Session.Key(checklist.NewKey)),
		Body:  "The request log will show who has moved. Nobody needs to have moved yet.",
	})
	if err != nil {
		return err
	}
	if a.Text != checklist.Yes {
		return checklist.WithHint(fmt.Errorf("the clients have not been told"), "tell them, then run the item again")
	}
	return nil
}

func (u UpdateClients) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	now := sc.Now()
	log, err := u.Read(ctx, clientsOf(sc.Session), now.Add(-Day), now)
	if err != nil {
		return checklist.Evidence{}, err
	}
	return checklist.Evidence{
		Summary: "the owners of all clients have been told", Tables: UsageTables(log, sc.Session.Key(checklist.OldKey)),
	}, nil
}
