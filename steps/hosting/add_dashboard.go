package hosting

import (
	"context"
	"fmt"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/target"
)

// addByHand is addKey in the dashboard: one variable for each slot, whose value
// goes over the clipboard. That the value has arrived is seen by the probes
// behind the next deployment.
type addByHand struct {
	*Dashboard
	role checklist.Role
}

// acts are what is to be done for every slot, staging before production.
func (a addByHand) acts(sc *checklist.Scope) []act {
	var acts []act
	for _, r := range a.Rows(sc.Environments()) {
		acts = append(acts, a.act(sc, r))
	}
	return acts
}

func (a addByHand) act(sc *checklist.Scope, r target.Place) act {
	name := sc.Session.Key(a.role).Variable()
	effect := byHand(sc, r.Creation(sc.Session.Key(a.role)))
	has := fmt.Sprintf("If %s is there for %s", name, dashboardName(r.Slot))
	there := has + ": stop (esc), it is not ours."
	switch {
	case a.role != checklist.NewKey:
		there = has + ", leave it: this is done."
	case sc.Round() > 0 || effect.Among(sc.Pending()):
		there = has + ", this session added it: delete it."
	}
	return act{
		effect: effect,
		title:  fmt.Sprintf("At Vercel: add %s to %s", name, r.Row()),
		clicks: []string{
			"Open " + a.page(r.Target, pageVariables),
			there,
			"Press Add Environment Variable. " + kindWords(r.Slot),
			"Key: " + name,
			fmt.Sprintf("Value: copy it here, the secret of %s, and paste it there.", r.Environment),
			"Environments: " + placeWords(r.Slot) + ". Then press Save.",
		},
		done: "It is saved",
		also: checklist.ItemNewKeyInService,
		value: func(ctx context.Context) (keygen.Secret, error) {
			return a.Secret(ctx, sc.Session, r.Environment, a.role)
		},
	}
}

func (a addByHand) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	plan := checklist.Plan{
		Summary: fmt.Sprintf("Add %s to %s, by hand", sc.Session.Key(a.role).Variable(), sc.EnvironmentWords()), Risk: checklist.Change,
		Warnings: []string{
			a.Clipboard.Notice(clipTime),
			"Keyturn cannot see the variables: look for rows of the same name before you add one.",
		},
	}
	for _, r := range a.Rows(sc.Environments()) {
		plan.Actions = append(plan.Actions, checklist.Action{
			Target: r.Target.Name, Environment: r.Environment,
			Words: fmt.Sprintf("you create %s, %s, for %s", sc.Session.Key(a.role).Variable(), r.Slot.VariableType(), r.Slot.String()),
		})
	}
	return plan, nil
}

func (a addByHand) PlanRefill(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	return a.Plan(ctx, sc)
}

func (a addByHand) Refill(ctx context.Context, sc *checklist.Scope) error { return a.Do(ctx, sc) }

func (a addByHand) VerifyRefill(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	return a.Verify(ctx, sc)
}

func (a addByHand) Missing(_ context.Context, sc *checklist.Scope) ([]target.Place, error) {
	var missing []target.Place
	for _, r := range a.Rows(sc.Environments()) {
		if !a.act(sc, r).said(sc) {
			missing = append(missing, r)
		}
	}
	return missing, nil
}

func (a addByHand) Check(_ context.Context, sc *checklist.Scope) (bool, error) {
	return allSaid(sc, a.acts(sc)), nil
}

func (a addByHand) Do(ctx context.Context, sc *checklist.Scope) error {
	return a.guided(ctx, sc, "adding", a.acts(sc))
}

func (a addByHand) Verify(_ context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	name, rows := sc.Session.Key(a.role).Variable(), a.Rows(sc.Environments())
	if !allSaid(sc, a.acts(sc)) {
		return checklist.Evidence{}, fmt.Errorf("%s is not added everywhere in %s", name, sc.EnvironmentWords())
	}
	return checklist.Evidence{
		Summary: fmt.Sprintf("%s was added by hand in %s, %d times, as %s says; only the probes behind the next deployment can prove it",
			name, sc.EnvironmentWords(), len(rows), sc.Session.Opening.Operator),
		Tables: []checklist.Table{byHandTable(sc, rows, name+", added")},
	}, nil
}
