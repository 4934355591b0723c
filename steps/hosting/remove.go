package hosting

import (
	"context"
	"fmt"

	"keyturn/checklist"
	"keyturn/steps/target"
)

// removeKey takes a key's variables from the item's environments: exactly the
// rows that it listed, by id. A row that also serves another environment loses
// only the targets of the item's. It revokes nothing before the next deployment.
type removeKey struct {
	*API
	role checklist.Role
}

// removals lists what the item's environments lose, of some targets.
func (r removeKey) removals(ctx context.Context, sc *checklist.Scope, targets []target.Target) ([]removal, error) {
	id := sc.Session.Key(r.role)
	now, err := r.listToFill(ctx, id.Variable(), targets)
	if err != nil {
		return nil, err
	}
	return removalsFrom(now, id, sc.Environments(), targets)
}

func (r removeKey) Plan(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	id := sc.Session.Key(r.role)
	plan := checklist.Plan{
		Summary: fmt.Sprintf("Remove %s from %s", id.Variable(), sc.EnvironmentWords()),
		Risk:    checklist.Change,
	}
	if r.role == checklist.OldKey {
		plan.Risk, plan.Confirm = checklist.Irreversible, string(id)
		plan.Warnings = append(plan.Warnings, "Vercel cannot give the value back. A rollback takes it from the vault.")
	}
	now, err := r.listToFill(ctx, id.Variable(), r.Targets)
	if err != nil {
		return plan, err
	}
	rows, err := removalsFrom(now, id, sc.Environments(), r.Targets)
	if err != nil {
		return plan, err
	}
	for _, d := range rows {
		plan.Actions = append(plan.Actions, checklist.Action{
			Target: d.Target.Name, Environment: d.Environment, Words: d.words(), Command: d.command(),
		})
	}
	warnings, err := r.awkward(ctx, sc, now, id, true)
	plan.Warnings = append(plan.Warnings, warnings...)
	plan.Inventory = r.inventory(now, id)
	r.last.show(now)
	return plan, err
}

// Check stops at the first target that still has a row.
func (r removeKey) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	return target.UntilFalse(ctx, r.Targets, func(ctx context.Context, some []target.Target) (bool, error) {
		rows, err := r.removals(ctx, sc, some)
		return len(rows) == 0, err
	})
}

func (r removeKey) Do(ctx context.Context, sc *checklist.Scope) error {
	rows, err := r.removals(ctx, sc, r.Targets)
	if err != nil {
		return err
	}
	// The proofs of the gate may be hours old; nothing is removed on them alone.
	if r.role == checklist.OldKey {
		if err := r.ProveAgain(ctx, sc); err != nil {
			return err
		}
	}
	board := target.NewBoard(sc, r.Whole(sc.Environments()))
	// Staging before production, and the targets of one side by side.
	for _, e := range sc.Environments() {
		err := target.Each(ctx, r.Whole([]checklist.Environment{e}), func(ctx context.Context, c target.Place) error {
			return board.Work(c, "removing", func() error {
				return r.removeRows(ctx, sc, lostBy(rows, c))
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r removeKey) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	id := sc.Session.Key(r.role)
	now, err := r.listToFill(ctx, id.Variable(), r.Targets)
	if err != nil {
		return checklist.Evidence{}, err
	}
	rows, err := removalsFrom(now, id, sc.Environments(), r.Targets)
	if err != nil {
		return checklist.Evidence{}, err
	}
	if len(rows) > 0 {
		return checklist.Evidence{}, fmt.Errorf("%s still has %d rows in %s", id.Variable(), len(rows), sc.EnvironmentWords())
	}
	evidence := checklist.Evidence{
		Summary: fmt.Sprintf("%s has no row left in %s; running deployments accept it until the next one serves", id.Variable(), sc.EnvironmentWords()),
	}
	r.compareInventory(sc, now, id, &evidence)
	r.last.show(now)
	return evidence, nil
}
