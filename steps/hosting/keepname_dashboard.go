package hosting

import (
	"context"
	"fmt"
	"strings"

	"keyturn/checklist"
	"keyturn/steps/proof"
)

// keepNameByHand is keepName where nobody can look at Vercel.
type keepNameByHand struct {
	checklist.LookOnly
	proof.Services
}

func (u keepNameByHand) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	return checklist.Plan{Summary: "Keep versioned names", Risk: checklist.Look, Actions: []checklist.Action{
		{Words: fmt.Sprintf("one request with %s to each service, which must accept it", sc.Session.Key(checklist.NewKey))},
	}}, nil
}

func (u keepNameByHand) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	if err := u.AcceptedEverywhere(ctx, sc, checklist.NewKey); err != nil {
		return checklist.Evidence{}, err
	}
	var names []string
	for _, t := range u.Verifiers() {
		names = append(names, t.Name)
	}
	return checklist.Evidence{
		Summary: fmt.Sprintf("%s keeps its name, and %s accept it; the next rotation goes on from it", sc.Session.Key(checklist.NewKey), strings.Join(names, ", ")),
	}, nil
}
