package hosting

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"keyturn/checklist"
	"keyturn/steps/target"
	"keyturn/steps/vercel"
)

// addKey adds a key's variable to every target: one row for each slot, so that
// each can be sensitive where that is allowed and be removed without touching
// another.
type addKey struct {
	*API
	role checklist.Role
}

// commandAdding is the request that makes the row.
func commandAdding(r target.Place, variable string) string {
	place := fmt.Sprintf("\"target\":[%q]", r.Slot.Target)
	switch {
	case r.Slot.CustomEnvironment != "":
		place = fmt.Sprintf("\"customEnvironmentIds\":[%q]", r.Slot.CustomEnvironment)
	case r.Slot.Branch != "":
		place += fmt.Sprintf(",\"gitBranch\":%q", r.Slot.Branch)
	}
	return fmt.Sprintf("POST /v10/projects/%s/env {\"key\":%q,\"value\":\"$SECRET\",\"type\":%q,%s}",
		r.Target.Project, variable, r.Slot.VariableType(), place)
}

func (a addKey) Plan(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	id := sc.Session.Key(a.role)
	plan := checklist.Plan{Summary: fmt.Sprintf("Add %s to %s", id.Variable(), sc.EnvironmentWords()), Risk: checklist.Change}
	for _, r := range a.Rows(sc.Environments()) {
		plan.Actions = append(plan.Actions, checklist.Action{
			Target: r.Target.Name, Environment: r.Environment,
			Words:   fmt.Sprintf("create %s, %s, for %s", id.Variable(), r.Slot.VariableType(), r.Slot.String()),
			Command: commandAdding(r, id.Variable()),
		})
	}
	now, err := a.listToFill(ctx, id.Variable(), a.Targets)
	if err != nil {
		return plan, err
	}
	plan.Warnings, err = a.awkward(ctx, sc, now, id, false)
	plan.Inventory = a.inventory(now, id)
	a.last.show(now)
	return plan, err
}

// existing returns the variables that the key has in the item's environments,
// by the row that they fill.
func (a addKey) existing(ctx context.Context, sc *checklist.Scope) (map[string]vercel.Variable, error) {
	now, err := a.listToFill(ctx, sc.Session.Key(a.role).Variable(), a.Targets)
	if err != nil {
		return nil, err
	}
	return a.filled(sc, now), nil
}

// filled is existing of variables that were listed already.
func (a addKey) filled(sc *checklist.Scope, now Listing) map[string]vercel.Variable {
	found := map[string]vercel.Variable{}
	for _, r := range a.Rows(sc.Environments()) {
		for _, v := range ofKey(now.variables[r.Target.Project], sc.Session.Key(a.role).Variable()) {
			if r.Slot.FilledBy(v, now.customs[r.Target.Project]) {
				found[r.Row()] = v
			}
		}
	}
	return found
}

// Check stops at the first targets that lack a row. A row of somebody else
// stops the item.
func (a addKey) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	return target.UntilFalse(ctx, a.Targets, func(ctx context.Context, some []target.Target) (bool, error) {
		now, err := a.listToFill(ctx, sc.Session.Key(a.role).Variable(), some)
		if err != nil {
			return false, err
		}
		existing := a.filled(sc, now)
		if err := foreign(sc, existing); err != nil {
			return false, err
		}
		for _, r := range a.Rows(sc.Environments()) {
			if _, asked := now.variables[r.Target.Project]; !asked {
				continue
			}
			if v, ok := existing[r.Row()]; !ok || v.Comment != sc.Mark().Comment() {
				return false, nil
			}
		}
		return true, nil
	})
}

// foreign refuses rows that the session did not make.
func foreign(sc *checklist.Scope, existing map[string]vercel.Variable) error {
	for _, r := range slices.Sorted(maps.Keys(existing)) {
		if v := existing[r]; v.Comment != sc.Mark().Comment() && !oursBefore(sc, v) {
			return checklist.WithHint(
				fmt.Errorf("%s has %s already, row %s, which this session did not make", r, v.Key, v.ID),
				"find out who added it; remove it at Vercel or start a session with the next free key id")
		}
	}
	return nil
}

// oursBefore reports a row that the item made in an earlier round: its value is
// not to be trusted, so it is replaced.
func oursBefore(sc *checklist.Scope, v vercel.Variable) bool { return sc.Mark().ReplacesRow(v.Comment) }

func (a addKey) Do(ctx context.Context, sc *checklist.Scope) error {
	return a.do(ctx, sc, foreign)
}

// do fills what is empty. admit may refuse what is there before anything is
// made.
func (a addKey) do(ctx context.Context, sc *checklist.Scope, admit func(*checklist.Scope, map[string]vercel.Variable) error) error {
	now, err := a.listToFill(ctx, sc.Session.Key(a.role).Variable(), a.Targets)
	if err != nil {
		return err
	}
	existing := a.filled(sc, now)
	if err := admit(sc, existing); err != nil {
		return err
	}
	board := target.NewBoard(sc, a.Whole(sc.Environments()))
	// Staging before production, and the targets of one side by side.
	for _, e := range sc.Environments() {
		err := target.Each(ctx, a.Whole([]checklist.Environment{e}), func(ctx context.Context, c target.Place) error {
			return board.Work(c, "adding", func() error { return a.fill(ctx, sc, c, existing, now.customs[c.Target.Project]) })
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// fill adds the rows that an environment lacks, and replaces those whose value is not
// to be trusted.
func (a addKey) fill(ctx context.Context, sc *checklist.Scope, c target.Place, existing map[string]vercel.Variable, known target.Customs) error {
	for _, s := range c.Target.SlotsOf(c.Environment) {
		r := target.Place{Target: c.Target, Environment: c.Environment, Slot: s}
		there, ok := existing[r.Row()]
		if ok && !oursBefore(sc, there) {
			continue
		}
		if ok {
			if err := a.removeRows(ctx, sc, []removal{{Place: r, variable: there, places: []string{r.Slot.String()}}}); err != nil {
				return err
			}
		}
		if err := a.add(ctx, sc, r, known); err != nil {
			return err
		}
	}
	return nil
}

func (a addKey) add(ctx context.Context, sc *checklist.Scope, r target.Place, known target.Customs) error {
	id := sc.Session.Key(a.role)
	return sc.Effect(ctx, r.Creation(id), func(ctx context.Context) (checklist.Result, error) {
		secret, err := a.Secret(ctx, sc.Session, r.Environment, a.role)
		if err != nil {
			return checklist.Result{}, err
		}
		created, err := a.Vercel.CreateVariable(ctx, r.Target.Project, vercel.NewVariable{
			Key: id.Variable(), Value: secret, Type: r.Slot.VariableType(), Comment: sc.Mark().Comment(),
			Target: r.Slot.Target, GitBranch: r.Slot.Branch, CustomEnvironmentID: known[r.Slot.CustomEnvironment],
		})
		if lost := (*vercel.UnknownOutcomeError)(nil); errors.As(err, &lost) || errors.Is(err, vercel.ErrExists) {
			return a.findLost(ctx, sc, r, err)
		}
		return checklist.Result{ID: created.ID}, err
	})
}

// findLost looks whether a request whose answer was lost has taken place.
func (a addKey) findLost(ctx context.Context, sc *checklist.Scope, r target.Place, cause error) (checklist.Result, error) {
	now, err := a.listToFill(ctx, sc.Session.Key(a.role).Variable(), []target.Target{r.Target})
	if err != nil {
		return checklist.Result{}, errors.Join(unknown(cause), err)
	}
	v, ok := a.filled(sc, now)[r.Row()]
	switch {
	case ok && v.Comment == sc.Mark().Comment():
		return checklist.Result{How: checklist.Found, ID: v.ID}, nil
	case ok:
		return checklist.Result{}, cause
	}
	return checklist.Result{}, checklist.WithHint(fmt.Errorf("%w; the row is not there", cause), "run the item again")
}

func (a addKey) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	id := sc.Session.Key(a.role)
	evidence := checklist.Evidence{Tables: []checklist.Table{{
		Title: id.Variable(), Columns: []string{"Target", "Vercel target", "Row", "Type"},
	}}}
	now, err := a.listToFill(ctx, id.Variable(), a.Targets)
	if err != nil {
		return evidence, err
	}
	existing := a.filled(sc, now)
	for _, r := range a.Rows(sc.Environments()) {
		v, ok := existing[r.Row()]
		if !ok {
			return evidence, fmt.Errorf("%s has no row %s after it was added", r.Row(), id.Variable())
		}
		if len(v.Target)+len(v.CustomEnvironmentIDs) != 1 {
			return evidence, fmt.Errorf("row %s of %s serves %s, want %s alone", v.ID, r.Row(), target.Reach(v), r.Slot.String())
		}
		evidence.Tables[0].Rows = append(evidence.Tables[0].Rows, []string{r.Target.Name, r.Slot.String(), v.ID, v.Type})
	}
	evidence.Summary = fmt.Sprintf("%s has %d rows in %s; it takes effect with the next deployment", id.Variable(), len(existing), sc.EnvironmentWords())
	a.compareInventory(sc, now, id, &evidence)
	a.last.show(now)
	return evidence, nil
}
