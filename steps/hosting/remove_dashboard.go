package hosting

import (
	"context"
	"fmt"
	"strings"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/target"
)

// removeByHand is removeKey in the dashboard. What is proved before a removal by
// the API is proved before this one.
type removeByHand struct {
	*Dashboard
	role checklist.Role
}

func (r removeByHand) acts(sc *checklist.Scope) []act {
	var acts []act
	for _, row := range r.Rows(sc.Environments()) {
		acts = append(acts, r.act(sc, row))
	}
	return acts
}

func (r removeByHand) act(sc *checklist.Scope, row target.Place) act {
	id := sc.Session.Key(r.role)
	name, place := id.Variable(), dashboardName(row.Slot)
	if row.Slot.Branch != "" {
		place += ", branch " + row.Slot.Branch
	}
	return act{
		effect: byHand(sc, removalByHand(row, id)),
		title:  fmt.Sprintf("At Vercel: remove %s from %s", name, row.Row()),
		clicks: []string{
			"Open " + r.page(row.Target, pageVariables) + " and search for " + name,
			fmt.Sprintf("Find the row of %s. No other variable is to be touched.", place),
			fmt.Sprintf("If it names nothing but %s: open its menu (⋯), press Delete, and confirm.", place),
			fmt.Sprintf("If it names other environments too: open its menu (⋯), press Edit, take away %s alone, and press Save. The others keep their value.", place),
			"Once more: no row of " + name + " may name " + place + " now.",
		},
		done: "It is removed",
	}
}

// removalByHand is what the journal says of a row of a key that is removed by hand: from
// all of the environment where the row names no slot.
func removalByHand(r target.Place, id keygen.KeyID) checklist.Effect {
	return checklist.Effect{
		Code: checklist.VariableDelete, Target: r.Target.Name, Environment: r.Environment, Key: id, Place: r.Slot.String(),
	}
}

func (r removeByHand) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	id := sc.Session.Key(r.role)
	plan := checklist.Plan{Summary: fmt.Sprintf("Remove %s from %s, by hand", id.Variable(), sc.EnvironmentWords()), Risk: checklist.Change}
	if r.role == checklist.OldKey {
		plan.Risk, plan.Confirm = checklist.Irreversible, string(id)
		plan.Warnings = append(plan.Warnings, "Vercel cannot give the value back. A rollback takes it from the vault.")
	}
	for _, row := range r.Rows(sc.Environments()) {
		plan.Actions = append(plan.Actions, checklist.Action{
			Target: row.Target.Name, Environment: row.Environment, Words: fmt.Sprintf("you remove %s from %s", id.Variable(), row.Slot.String()),
		})
	}
	if names := r.Unaskable(r.Probed(sc.Environments())); len(names) > 0 {
		plan.Warnings = append(plan.Warnings, fmt.Sprintf("Whether %s accept another key is not proved: without the API nobody knows their deployments' addresses.", strings.Join(names, ", ")))
	}
	return plan, nil
}

func (r removeByHand) Check(_ context.Context, sc *checklist.Scope) (bool, error) {
	return allSaid(sc, r.acts(sc)), nil
}

func (r removeByHand) Do(ctx context.Context, sc *checklist.Scope) error {
	// The proofs of the gate may be hours old; nothing is removed on them alone.
	if r.role == checklist.OldKey {
		if err := r.ProveAgain(ctx, sc); err != nil {
			return err
		}
	}
	return r.guided(ctx, sc, "removing", r.acts(sc))
}

func (r removeByHand) Verify(_ context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	return removedByHand(sc, sc.Session.Key(r.role).Variable(), r.Rows(sc.Environments()), r.acts(sc))
}

func removedByHand(sc *checklist.Scope, name string, rows []target.Place, acts []act) (checklist.Evidence, error) {
	if !allSaid(sc, acts) {
		return checklist.Evidence{}, fmt.Errorf("%s is not removed everywhere in %s", name, sc.EnvironmentWords())
	}
	return checklist.Evidence{
		Summary: fmt.Sprintf("%s was removed by hand from %s, as %s says; running deployments accept it until the next one serves, and only a refused request proves the removal",
			name, sc.EnvironmentWords(), sc.Session.Opening.Operator),
		Tables: []checklist.Table{byHandTable(sc, rows, name+", removed")},
	}, nil
}
