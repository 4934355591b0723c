package steps

import (
	"context"
	"fmt"

	"keyturn/checklist"
	"keyturn/steps/probe"
)

// removeKey takes a key's variables from the item's environments: exactly the
// rows that it listed, by id. A row that also serves another environment loses
// only the targets of the item's. It revokes nothing before the next deployment.
type removeKey struct {
	*Outside
	role checklist.Role
}

// doomed lists what the item's environments lose, of some targets.
func (r removeKey) doomed(ctx context.Context, sc *checklist.Scope, targets []Target) ([]removal, error) {
	id := sc.Session.Key(r.role)
	now, err := r.hold(ctx, id.Variable(), targets)
	if err != nil {
		return nil, err
	}
	return doomedRows(now, id, sc.Environments(), targets)
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
	now, err := r.hold(ctx, id.Variable(), r.Targets)
	if err != nil {
		return plan, err
	}
	rows, err := doomedRows(now, id, sc.Environments(), r.Targets)
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
	plan.Inventory = r.inventoryOf(now.variables, id)
	r.glance.show(now.at, now.variables)
	return plan, err
}

// Check stops at the first target that still has a row.
func (r removeKey) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	return untilFalse(ctx, r.Targets, func(ctx context.Context, some []Target) (bool, error) {
		rows, err := r.doomed(ctx, sc, some)
		return len(rows) == 0, err
	})
}

func (r removeKey) Do(ctx context.Context, sc *checklist.Scope) error {
	rows, err := r.doomed(ctx, sc, r.Targets)
	if err != nil {
		return err
	}
	// The proofs of the gate may be hours old; nothing is removed on them alone.
	if r.role == checklist.OldKey {
		if err := r.proveAgain(ctx, sc); err != nil {
			return err
		}
	}
	board := newBoard(sc, r.Whole(sc.Environments()))
	// Staging before production, and the targets of one side by side.
	for _, e := range sc.Environments() {
		err := each(ctx, r.Whole([]checklist.Environment{e}), func(ctx context.Context, c Place) error {
			return board.work(c, "removing", func() error {
				return r.removeRows(ctx, sc, lostBy(rows, c))
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// proveAgain asks every target to accept the new key, and the vault to give
// the old one, right before the old one is removed. Where no item has proved that
// the vault's copy is the one in service, the targets are asked now: once the rows
// are gone, nobody can find out any more.
func (r removeKey) proveAgain(ctx context.Context, sc *checklist.Scope) error {
	recoverable := true
	for _, e := range sc.Environments() {
		if _, err := r.secret(ctx, sc.Session, e, checklist.OldKey); err != nil {
			return err
		}
		recoverable = recoverable && sc.Session.Facts[checklist.Fact(checklist.FactRecoverable, e, checklist.OldKey)] != ""
	}
	if err := r.acceptedEverywhere(ctx, sc, checklist.NewKey); err != nil || recoverable {
		return err
	}
	return r.acceptedEverywhere(ctx, sc, checklist.OldKey)
}

// acceptedEverywhere asks every target to accept the key that is to stay, right
// before the other one is removed. That each slot's deployment did is what opened
// the gate; here it is asked for at the environments' addresses alone, which
// somebody can have moved to another deployment since: to find the deployments of
// all slots again would take a call of Vercel's rate limit for each.
func (o *Outside) acceptedEverywhere(ctx context.Context, sc *checklist.Scope, role checklist.Role) error {
	id := sc.Session.Key(role)
	return each(ctx, o.Probed(sc.Environments()), func(ctx context.Context, c Place) error {
		secret, err := o.secret(ctx, sc.Session, c.Environment, role)
		if err != nil {
			return err
		}
		got, err := o.Prober.Probe(ctx, c.Target.probeTarget(c.Environment), probe.Key{ID: id, Secret: secret, Expect: probe.Accepted})
		if err != nil {
			return fmt.Errorf("probe %s with %s: %w", c, id, err)
		}
		if got.Verdict != probe.OK {
			return checklist.WithHint(fmt.Errorf("%s does not accept %s: %s", c, id, got.Detail),
				"nothing was removed; find out why the %s key is refused", role)
		}
		return nil
	})
}

func (r removeKey) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	id := sc.Session.Key(r.role)
	now, err := r.hold(ctx, id.Variable(), r.Targets)
	if err != nil {
		return checklist.Evidence{}, err
	}
	rows, err := doomedRows(now, id, sc.Environments(), r.Targets)
	if err != nil {
		return checklist.Evidence{}, err
	}
	if len(rows) > 0 {
		return checklist.Evidence{}, fmt.Errorf("%s still has %d rows in %s", id.Variable(), len(rows), sc.EnvironmentWords())
	}
	evidence := checklist.Evidence{
		Summary: fmt.Sprintf("%s has no row left in %s; running deployments accept it until the next one serves", id.Variable(), sc.EnvironmentWords()),
	}
	r.compareInventoryWith(sc, now.variables, id, &evidence)
	r.glance.show(now.at, now.variables)
	return evidence, nil
}
