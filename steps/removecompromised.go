package steps

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"keyturn/checklist"
	"keyturn/steps/vercel"
)

// removeCompromised deletes every row of the compromised key: of each target,
// branch and custom environment. Unlike removeKey it waits for no other key to
// be proved. It revokes nothing before the next deployment.
type removeCompromised struct{ *Outside }

// environmentsOf returns the environments that a row reaches. A custom
// environment is one before production, and so is a target that is not known.
func environmentsOf(v vercel.Variable) []checklist.Environment {
	var in []checklist.Environment
	if len(v.CustomEnvironmentIDs) > 0 || len(v.Target) == 0 ||
		slices.ContainsFunc(v.Target, func(t string) bool { return t != vercel.TargetProduction }) {
		in = append(in, checklist.Staging)
	}
	if v.Serves(vercel.TargetProduction) {
		in = append(in, checklist.Production)
	}
	return in
}

// reach names what a row serves, for people.
func reach(v vercel.Variable) string {
	words := strings.Join(v.Target, "+")
	if v.GitBranch != "" {
		words += " branch " + v.GitBranch
	}
	if len(v.CustomEnvironmentIDs) > 0 {
		words += " custom environment " + strings.Join(v.CustomEnvironmentIDs, ", ")
	}
	return strings.TrimSpace(words)
}

// doomed lists the rows of the key, refusing any that also reaches what the
// session may not touch.
func (r removeCompromised) doomed(ctx context.Context, sc *checklist.Scope) ([]doomed, error) {
	all, err := r.variables(ctx)
	if err != nil {
		return nil, err
	}
	var rows []doomed
	for _, t := range r.Targets {
		for _, v := range all[t.Project] {
			if v.Key != sc.Session.Key(checklist.OldKey).Variable() {
				continue
			}
			reached := environmentsOf(v)
			outside := slices.DeleteFunc(slices.Clone(reached), func(e checklist.Environment) bool { return slices.Contains(sc.Environments(), e) })
			switch {
			case len(outside) == len(reached):
			case len(outside) > 0:
				return nil, checklist.WithHint(
					fmt.Errorf("row %s of %s in %s serves %s, and the session may not touch %s", v.ID, v.Key, t.Name, reach(v), outside[0]),
					"split the row at Vercel into one for each target, or start an emergency for every environment")
			default:
				rows = append(rows, doomed{row: row{target: t, environment: reached[len(reached)-1], vercel: reach(v)}, variable: v})
			}
		}
	}
	return rows, nil
}

func (r removeCompromised) Plan(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	id := sc.Session.Key(checklist.OldKey)
	plan := checklist.Plan{
		Summary: fmt.Sprintf("Remove %s from %s, every row of it", id.Variable(), environmentWords(sc)),
		Risk:    checklist.Irreversible, Confirm: string(id),
		Warnings: []string{"Nothing is revoked before the redeploy: running deployments go on accepting the key."},
	}
	rows, err := r.doomed(ctx, sc)
	if err != nil {
		return plan, err
	}
	for _, d := range rows {
		plan.Actions = append(plan.Actions, checklist.Action{
			Target: d.target.Name, Environment: d.environment,
			Words:   fmt.Sprintf("delete row %s, which serves %s", d.variable.ID, d.vercel),
			Command: d.command(),
		})
	}
	plan.Inventory, err = r.inventory(ctx, id)
	return plan, err
}

func (r removeCompromised) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	rows, err := r.doomed(ctx, sc)
	return len(rows) == 0, err
}

func (r removeCompromised) Do(ctx context.Context, sc *checklist.Scope) error {
	rows, err := r.doomed(ctx, sc)
	if err != nil {
		return err
	}
	// All environments at once: each moment that the key stays is one too many.
	cells := r.cells(sc.Environments())
	board := newBoard(sc, cells)
	return each(ctx, cells, func(ctx context.Context, c cell) error {
		return board.work(c, "removing", func() error { return r.removeRows(ctx, sc, lostBy(rows, c)) })
	})
}

func (r removeCompromised) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	id := sc.Session.Key(checklist.OldKey)
	rows, err := r.doomed(ctx, sc)
	if err != nil {
		return checklist.Evidence{}, err
	}
	if len(rows) > 0 {
		return checklist.Evidence{}, fmt.Errorf("%s still has %d rows in %s", id.Variable(), len(rows), environmentWords(sc))
	}
	evidence := checklist.Evidence{
		Summary: fmt.Sprintf("%s has no row left in %s; it is accepted until the next deployment serves", id.Variable(), environmentWords(sc)),
	}
	return evidence, r.compareInventory(ctx, sc, id, &evidence)
}
