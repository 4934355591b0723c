package steps

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"keyturn/checklist"
	"keyturn/steps/probe"
	"keyturn/steps/vercel"
)

// removeKey deletes a key's variables from the item's environments: exactly
// the rows that it listed, by id. It revokes nothing before the next deployment.
type removeKey struct {
	*Outside
	role checklist.Role
}

// doomed is one row that is to be removed.
type doomed struct {
	row
	variable vercel.Variable
}

// doomed lists the rows of the key, refusing any that also serves an
// environment that this item may not touch.
func (r removeKey) doomed(ctx context.Context, sc *checklist.Scope) ([]doomed, error) {
	var all []doomed
	seen := map[string]bool{}
	allowed := map[string]bool{}
	for _, e := range sc.Environments() {
		for _, v := range vercelTargets(e) {
			allowed[v] = true
		}
	}
	variables, err := r.variables(ctx)
	if err != nil {
		return nil, err
	}
	for _, c := range r.cells(sc.Environments()) {
		for _, v := range variables[c.target.Project] {
			if v.Key != sc.Session.Key(r.role).Variable() || seen[v.ID] || !servesAny(v, vercelTargets(c.environment)) {
				continue
			}
			for _, target := range v.Target {
				if !allowed[target] {
					return nil, checklist.WithHint(
						fmt.Errorf("row %s of %s in %s also serves %s, which this item may not touch", v.ID, v.Key, c.target.Name, target),
						"split the row at Vercel into one for each target, then run the item again")
				}
			}
			seen[v.ID] = true
			all = append(all, doomed{row{c.target, c.environment, strings.Join(v.Target, "+")}, v})
		}
	}
	return all, nil
}

func servesAny(v vercel.Variable, targets []string) bool {
	for _, t := range targets {
		if v.Serves(t) {
			return true
		}
	}
	return false
}

func (r removeKey) Plan(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	id := sc.Session.Key(r.role)
	plan := checklist.Plan{
		Summary: fmt.Sprintf("Remove %s from %s", id.Variable(), environmentWords(sc)),
		Risk:    checklist.Change,
	}
	if r.role == checklist.OldKey {
		plan.Risk, plan.Confirm = checklist.Irreversible, string(id)
		plan.Warnings = append(plan.Warnings, "Vercel cannot give the value back. A rollback takes it from the vault.")
	}
	rows, err := r.doomed(ctx, sc)
	if err != nil {
		return plan, err
	}
	for _, d := range rows {
		plan.Actions = append(plan.Actions, checklist.Action{
			Target: d.target.Name, Environment: d.environment,
			Words:   fmt.Sprintf("delete row %s, which serves %s", d.variable.ID, d.vercel),
			Command: fmt.Sprintf("DELETE /v9/projects/%s/env/%s", d.target.Project, d.variable.ID),
		})
	}
	plan.Inventory, err = r.inventory(ctx, id)
	return plan, err
}

func (r removeKey) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	rows, err := r.doomed(ctx, sc)
	return len(rows) == 0, err
}

func (r removeKey) Do(ctx context.Context, sc *checklist.Scope) error {
	rows, err := r.doomed(ctx, sc)
	if err != nil {
		return err
	}
	// The proofs of the gate may be hours old; nothing is removed on them alone.
	if r.role == checklist.OldKey {
		if err := r.proveAgain(ctx, sc); err != nil {
			return err
		}
	}
	board := newBoard(sc, r.cells(sc.Environments()))
	// Staging before production, and the targets of one side by side.
	for _, e := range sc.Environments() {
		err := each(ctx, r.cells([]checklist.Environment{e}), func(ctx context.Context, c cell) error {
			return board.work(c, "removing", func() error {
				for _, d := range rows {
					if d.environment != c.environment || d.target.Project != c.target.Project {
						continue
					}
					if err := r.remove(ctx, sc, d); err != nil {
						return err
					}
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// remove deletes one row.
func (o *Outside) remove(ctx context.Context, sc *checklist.Scope, d doomed) error {
	effect := checklist.Effect{
		Name: "vercel.env.delete", Target: d.target.Name, Environment: d.environment,
		Words: fmt.Sprintf("delete %s from %s", d.variable.Key, d.row),
	}
	return sc.Effect(ctx, effect, func(ctx context.Context) (string, error) {
		err := o.Vercel.DeleteVariable(ctx, d.target.Project, d.variable.ID)
		if lost := (*vercel.UnknownOutcomeError)(nil); errors.As(err, &lost) {
			return o.findLostRemoval(ctx, d, err)
		}
		if errors.Is(err, vercel.ErrGone) {
			return "row " + d.variable.ID + " was gone already", nil
		}
		return "row " + d.variable.ID, err
	})
}

// findLostRemoval looks whether a deletion whose answer was lost has taken place.
func (o *Outside) findLostRemoval(ctx context.Context, d doomed, cause error) (string, error) {
	variables, err := o.Vercel.Variables(ctx, d.target.Project)
	if err != nil {
		return "", errors.Join(unknown(cause), err)
	}
	for _, v := range variables {
		if v.ID == d.variable.ID {
			return "", checklist.WithHint(fmt.Errorf("%w; the row is still there", cause), "run the item again")
		}
	}
	return "row " + d.variable.ID + ", found gone after the answer was lost", nil
}

// proveAgain asks every target to accept the new key, and the vault to give
// the old one, right before the old one is removed.
func (r removeKey) proveAgain(ctx context.Context, sc *checklist.Scope) error {
	id := sc.Session.Key(checklist.NewKey)
	return each(ctx, r.cells(sc.Environments()), func(ctx context.Context, c cell) error {
		if _, err := r.secret(ctx, sc.Session, c.environment, checklist.OldKey); err != nil {
			return err
		}
		secret, err := r.secret(ctx, sc.Session, c.environment, checklist.NewKey)
		if err != nil {
			return err
		}
		got, err := r.Prober.Probe(ctx, probe.Target{URL: c.target.URLs[c.environment]}, probe.Key{ID: id, Secret: secret, Expect: probe.Accepted})
		if err != nil {
			return fmt.Errorf("probe %s with %s: %w", c, id, err)
		}
		if got.Verdict != probe.OK {
			return checklist.WithHint(fmt.Errorf("%s does not accept %s: %s", c, id, got.Detail),
				"nothing was removed; find out why the new key is refused")
		}
		return nil
	})
}

func (r removeKey) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	id := sc.Session.Key(r.role)
	rows, err := r.doomed(ctx, sc)
	if err != nil {
		return checklist.Evidence{}, err
	}
	if len(rows) > 0 {
		return checklist.Evidence{}, fmt.Errorf("%s still has %d rows in %s", id.Variable(), len(rows), environmentWords(sc))
	}
	evidence := checklist.Evidence{
		Summary: fmt.Sprintf("%s has no row left in %s; running deployments accept it until the next one serves", id.Variable(), environmentWords(sc)),
	}
	return evidence, r.compareInventory(ctx, sc, id, &evidence)
}

// environmentWords names the item's environments for a sentence.
func environmentWords(sc *checklist.Scope) string {
	var names []string
	for _, e := range sc.Environments() {
		names = append(names, string(e))
	}
	return strings.Join(names, " and ")
}
