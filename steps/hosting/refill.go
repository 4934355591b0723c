package hosting

import (
	"context"
	"fmt"

	"keyturn/checklist"
	"keyturn/steps/target"
	"keyturn/steps/vercel"
)

// allowAny admits all rows, for a key that may have been there before.
func allowAny(*checklist.Scope, map[string]vercel.Variable) error { return nil }

// Missing returns the rows that the key lacks. One that was there before the
// session is as good as one of ours.
func (a addKey) Missing(ctx context.Context, sc *checklist.Scope) ([]target.Place, error) {
	existing, err := a.existing(ctx, sc)
	if err != nil {
		return nil, err
	}
	var missing []target.Place
	for _, r := range a.Rows(sc.Environments()) {
		if v, ok := existing[r.Row()]; !ok || oursBefore(sc, v) {
			missing = append(missing, r)
		}
	}
	return missing, nil
}

func (a addKey) PlanRefill(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	id := sc.Session.Key(a.role)
	var plan checklist.Plan
	existing, err := a.existing(ctx, sc)
	if err != nil {
		return plan, err
	}
	for _, r := range a.Rows(sc.Environments()) {
		action := checklist.Action{Target: r.Target.Name, Environment: r.Environment}
		if v, ok := existing[r.Row()]; ok && !oursBefore(sc, v) {
			action.Words = fmt.Sprintf("leave row %s for %s as it is", v.ID, r.Slot.String())
		} else {
			action.Words = fmt.Sprintf("create %s, %s, for %s, with the value from %s", id.Variable(), r.Slot.VariableType(), r.Slot.String(), a.Vault.Describe())
			action.Command = commandAdding(r, id.Variable())
		}
		plan.Actions = append(plan.Actions, action)
	}
	now, err := a.variables(ctx, a.Targets)
	if err == nil {
		plan.Inventory = a.inventory(now, id)
	}
	return plan, err
}

func (a addKey) Refill(ctx context.Context, sc *checklist.Scope) error {
	return a.do(ctx, sc, allowAny)
}

func (a addKey) VerifyRefill(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	id := sc.Session.Key(a.role)
	evidence := checklist.Evidence{Tables: []checklist.Table{{
		Title: id.Variable(), Columns: []string{"Target", "Vercel target", "Row", "Type", "How"},
	}}}
	existing, err := a.existing(ctx, sc)
	if err != nil {
		return evidence, err
	}
	added := 0
	for _, r := range a.Rows(sc.Environments()) {
		v, ok := existing[r.Row()]
		if !ok {
			return evidence, fmt.Errorf("%s has no row %s after it was put back", r.Row(), id.Variable())
		}
		how := "was there"
		if v.Comment == sc.Mark().Comment() {
			how = "put back"
			added++
		}
		evidence.Tables[0].Rows = append(evidence.Tables[0].Rows, []string{r.Target.Name, r.Slot.String(), v.ID, v.Type, how})
	}
	evidence.Summary = fmt.Sprintf("%s has all its rows in %s, %d of them put back; it takes effect with the next deployment", id.Variable(), sc.EnvironmentWords(), added)
	return evidence, a.CompareInventory(ctx, sc, id, &evidence)
}
