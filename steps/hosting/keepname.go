package hosting

import (
	"context"
	"fmt"
	"strings"

	"keyturn/checklist"
)

// keepName records which name the current key goes by.
type keepName struct {
	checklist.LookOnly
	*API
}

func (u keepName) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	return checklist.Plan{Summary: "Keep versioned names", Risk: checklist.Look, Actions: []checklist.Action{
		{Words: fmt.Sprintf("look that %s is there and HMAC_SECRET_DEFAULT is not served beside it with another value", sc.Session.Key(checklist.NewKey).Variable())},
	}}, nil
}

func (u keepName) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	evidence := checklist.Evidence{Tables: []checklist.Table{{
		Title: "Keys at Vercel", Columns: []string{"Target", "Variable", "Serves"},
	}}}
	listed, err := u.variables(ctx, u.Targets)
	if err != nil {
		return evidence, err
	}
	for _, t := range u.Targets {
		current := false
		for _, v := range ours(listed.variables[t.Project]) {
			evidence.Tables[0].Rows = append(evidence.Tables[0].Rows, []string{t.Name, v.Key, strings.Join(v.Target, ", ")})
			current = current || v.Key == sc.Session.Key(checklist.NewKey).Variable()
		}
		if !current {
			return evidence, fmt.Errorf("%s has no %s", t.Name, sc.Session.Key(checklist.NewKey).Variable())
		}
	}
	evidence.Summary = fmt.Sprintf("%s keeps its name; the next rotation goes on from it", sc.Session.Key(checklist.NewKey))
	return evidence, nil
}
