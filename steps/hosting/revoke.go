package hosting

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/target"
)

// revoke deletes every row of the compromised key: of each target,
// branch and custom environment. A row that also serves an environment outside the
// session loses what is the session's. Unlike removeKey it waits for no other key
// to be proved. It revokes nothing before the next deployment.
type revoke struct{ *API }

// removals lists what the session's environments lose of the key.
func (r revoke) removals(ctx context.Context, sc *checklist.Scope) ([]removal, error) {
	id := sc.Session.Key(checklist.OldKey)
	now, err := r.list(ctx, id.Variable(), r.Targets)
	if err != nil {
		return nil, err
	}
	return revocationsFrom(now, id, sc.Environments(), r.Targets)
}

// revocationsFrom returns every row of a key that is in one of the environments,
// with what it keeps elsewhere.
func revocationsFrom(now Listing, id keygen.KeyID, environments []checklist.Environment, targets []target.Target) ([]removal, error) {
	var rows []removal
	for _, t := range targets {
		for _, v := range ofKey(now.variables[t.Project], id.Variable()) {
			takes, keeps := t.DivideAll(v, now.customs[t.Project], environments)
			switch {
			case takes.Empty():
				continue
			case inseparable(takes, keeps):
				return nil, checklist.WithHint(
					fmt.Errorf("row %s of %s in %s serves %s, of which the session may take only %s", v.ID, v.Key, t.Name, target.Reach(v), takes),
					"split the row at Vercel into one for each custom environment, or start an emergency for every environment")
			}
			d := removal{
				Place: target.Place{Target: t, Environment: takes.Environments[0]}, variable: v, serves: takes.String(), places: takes.Places(), keep: keeps.Targets,
			}
			if slices.Contains(takes.Environments, checklist.Production) {
				d.Environment = checklist.Production
			}
			rows = append(rows, d)
		}
	}
	return rows, nil
}

func (r revoke) Plan(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	id := sc.Session.Key(checklist.OldKey)
	plan := checklist.Plan{
		Summary: fmt.Sprintf("Remove %s from %s, every row of it", id.Variable(), sc.EnvironmentWords()),
		Risk:    checklist.Irreversible, Confirm: string(id),
		Warnings: []string{"Nothing is revoked before the redeploy: running deployments go on accepting the key."},
	}
	now, err := r.list(ctx, id.Variable(), r.Targets)
	if err != nil {
		return plan, err
	}
	rows, err := revocationsFrom(now, id, sc.Environments(), r.Targets)
	if err != nil {
		return plan, err
	}
	for _, d := range rows {
		plan.Actions = append(plan.Actions, checklist.Action{
			Target: d.Target.Name, Environment: d.Environment, Words: d.words(), Command: d.command(),
		})
		if len(d.keep) > 0 {
			plan.Warnings = append(plan.Warnings, fmt.Sprintf(
				"Row %s of %s in %s goes on serving %s with the same secret, which is compromised there too: this session may not touch it. Declare another emergency for it.",
				d.variable.ID, d.variable.Key, d.Target.Name, strings.Join(d.keep, "+")))
		}
	}
	shared, err := r.aboutShared(ctx, id, true)
	if err != nil { // it is no reason to keep the key in service
		shared = []string{fmt.Sprintf("Whether a shared variable of the team gives the key to the projects is not known: %v", err)}
	}
	plan.Warnings = append(plan.Warnings, shared...)
	plan.Inventory = r.inventory(now, id)
	return plan, ctx.Err()
}

func (r revoke) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	rows, err := r.removals(ctx, sc)
	return len(rows) == 0, err
}

func (r revoke) Do(ctx context.Context, sc *checklist.Scope) error {
	rows, err := r.removals(ctx, sc)
	if err != nil {
		return err
	}
	// All environments at once: each moment that the key stays is one too many.
	cells := r.Whole(sc.Environments())
	board := target.NewBoard(sc, cells)
	return target.Each(ctx, cells, func(ctx context.Context, c target.Place) error {
		return board.Work(c, "removing", func() error { return r.removeRows(ctx, sc, lostBy(rows, c)) })
	})
}

func (r revoke) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	id := sc.Session.Key(checklist.OldKey)
	rows, err := r.removals(ctx, sc)
	if err != nil {
		return checklist.Evidence{}, err
	}
	if len(rows) > 0 {
		return checklist.Evidence{}, fmt.Errorf("%s still has %d rows in %s", id.Variable(), len(rows), sc.EnvironmentWords())
	}
	evidence := checklist.Evidence{
		Summary: fmt.Sprintf("%s has no row left in %s; it is accepted until the next deployment serves", id.Variable(), sc.EnvironmentWords()),
	}
	for _, e := range slices.Concat(sc.Made(), sc.Pending()) { // what was left pending is seen to be done
		if e.Code == checklist.VariableNarrow {
			evidence.Issues = append(evidence.Issues, fmt.Sprintf("the compromised secret stays in service elsewhere: %s", e))
		}
	}
	return evidence, r.CompareInventory(ctx, sc, id, &evidence)
}

// Left implements Hosting.
func (a *API) Left(ctx context.Context, sc *checklist.Scope) (int, error) {
	rows, err := revoke{a}.removals(ctx, sc)
	return len(rows), err
}
