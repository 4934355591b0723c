package steps

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"keyturn/checklist"
	"keyturn/steps/vercel"
)

// addKey adds a key's variable to every target: one row for each Vercel
// target, so that each can be sensitive where that is allowed and be removed
// without touching another.
type addKey struct {
	*Outside
	role checklist.Role
}

// row is one variable that should exist.
type row struct {
	target      Target
	environment checklist.Environment
	vercel      string // Vercel's own target
}

func (r row) String() string { return fmt.Sprintf("%s %s", r.target.Name, r.vercel) }

func (o *Outside) rows(environments []checklist.Environment) []row {
	var rows []row
	for _, e := range environments {
		for _, t := range o.Targets {
			for _, v := range vercelTargets(e) {
				rows = append(rows, row{t, e, v})
			}
		}
	}
	return rows
}

func (a addKey) Plan(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	id := sc.Session.Key(a.role)
	plan := checklist.Plan{Summary: fmt.Sprintf("Add %s to %s", id.Variable(), environmentWords(sc)), Risk: checklist.Change}
	for _, r := range a.rows(sc.Environments()) {
		plan.Actions = append(plan.Actions, checklist.Action{
			Target: r.target.Name, Environment: r.environment,
			Words: fmt.Sprintf("create %s, %s, for %s", id.Variable(), vercel.TypeFor(r.vercel), r.vercel),
			Command: fmt.Sprintf("POST /v10/projects/%s/env {\"key\":%q,\"value\":\"$SECRET\",\"type\":%q,\"target\":[%q]}",
				r.target.Project, id.Variable(), vercel.TypeFor(r.vercel), r.vercel),
		})
	}
	existing, err := a.existing(ctx, sc)
	if err != nil {
		return plan, err
	}
	for _, v := range existing {
		if len(v.Target) > 1 || v.GitBranch != "" {
			plan.Warnings = append(plan.Warnings, fmt.Sprintf("%s has a row %s for %v %s, which is left as it is", v.Key, v.ID, v.Target, v.GitBranch))
		}
	}
	plan.Inventory, err = a.inventory(ctx, id)
	return plan, err
}

// existing returns the variables that the key has in the item's environments,
// by the row that they fill.
func (a addKey) existing(ctx context.Context, sc *checklist.Scope) (map[string]vercel.Variable, error) {
	all, err := a.variables(ctx)
	if err != nil {
		return nil, err
	}
	found := map[string]vercel.Variable{}
	for _, r := range a.rows(sc.Environments()) {
		for _, v := range all[r.target.Project] {
			if v.Key == sc.Session.Key(a.role).Variable() && v.Serves(r.vercel) && v.GitBranch == "" {
				found[r.String()] = v
			}
		}
	}
	return found, nil
}

func (a addKey) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	existing, err := a.existing(ctx, sc)
	if err != nil {
		return false, err
	}
	ready := 0
	for r, v := range existing {
		switch {
		case v.Comment == comment(sc):
			ready++
		case !oursBefore(sc, v):
			return false, checklist.WithHint(
				fmt.Errorf("%s has %s already, row %s, which this session did not make", r, v.Key, v.ID),
				"find out who added it; remove it at Vercel or start a session with the next free key id")
		}
	}
	return ready == len(a.rows(sc.Environments())), nil
}

// comment marks a row as made by this item in this round, in Vercel's
// dashboard and for Check.
func comment(sc *checklist.Scope) string { return "keyturn " + mark(sc) }

// oursBefore reports a row that the session made in an earlier round of the
// item: its value is not to be trusted, so it is replaced.
func oursBefore(sc *checklist.Scope, v vercel.Variable) bool {
	return strings.HasPrefix(v.Comment, "keyturn "+sc.Session.ID()+" ") && v.Comment != comment(sc)
}

func (a addKey) Do(ctx context.Context, sc *checklist.Scope) error {
	existing, err := a.existing(ctx, sc)
	if err != nil {
		return err
	}
	board := newBoard(sc, a.cells(sc.Environments()))
	// Staging before production, and the targets of one side by side.
	for _, e := range sc.Environments() {
		err := each(ctx, a.cells([]checklist.Environment{e}), func(ctx context.Context, c cell) error {
			return board.work(c, "adding", func() error { return a.fill(ctx, sc, c, existing) })
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// fill adds the rows that a cell lacks, and replaces those whose value is not
// to be trusted.
func (a addKey) fill(ctx context.Context, sc *checklist.Scope, c cell, existing map[string]vercel.Variable) error {
	for _, v := range vercelTargets(c.environment) {
		r := row{c.target, c.environment, v}
		there, ok := existing[r.String()]
		if ok && !oursBefore(sc, there) {
			continue
		}
		if ok {
			if err := a.remove(ctx, sc, doomed{r, there}); err != nil {
				return err
			}
		}
		if err := a.add(ctx, sc, r); err != nil {
			return err
		}
	}
	return nil
}

func (a addKey) add(ctx context.Context, sc *checklist.Scope, r row) error {
	id := sc.Session.Key(a.role)
	effect := checklist.Effect{
		Name: "vercel.env.create", Target: r.target.Name, Environment: r.environment,
		Words: fmt.Sprintf("create %s in %s", id.Variable(), r),
	}
	return sc.Effect(ctx, effect, func(ctx context.Context) (string, error) {
		secret, err := a.secret(ctx, sc.Session, r.environment, a.role)
		if err != nil {
			return "", err
		}
		created, err := a.Vercel.CreateVariable(ctx, r.target.Project, vercel.NewVariable{
			Key: id.Variable(), Value: secret, Type: vercel.TypeFor(r.vercel), Target: r.vercel, Comment: comment(sc),
		})
		if lost := (*vercel.UnknownOutcomeError)(nil); errors.As(err, &lost) || errors.Is(err, vercel.ErrExists) {
			return a.findLost(ctx, sc, r, err)
		}
		return "row " + created.ID, err
	})
}

// findLost looks whether a request whose answer was lost has taken place.
func (a addKey) findLost(ctx context.Context, sc *checklist.Scope, r row, cause error) (string, error) {
	existing, err := a.existing(ctx, sc)
	if err != nil {
		return "", errors.Join(unknown(cause), err)
	}
	v, ok := existing[r.String()]
	switch {
	case ok && v.Comment == comment(sc):
		return "row " + v.ID + ", found after its answer was lost", nil
	case ok:
		return "", cause
	}
	return "", checklist.WithHint(fmt.Errorf("%w; the row is not there", cause), "run the item again")
}

func (a addKey) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	id := sc.Session.Key(a.role)
	evidence := checklist.Evidence{Tables: []checklist.Table{{
		Title: id.Variable(), Columns: []string{"Target", "Vercel target", "Row", "Type"},
	}}}
	existing, err := a.existing(ctx, sc)
	if err != nil {
		return evidence, err
	}
	for _, r := range a.rows(sc.Environments()) {
		v, ok := existing[r.String()]
		if !ok {
			return evidence, fmt.Errorf("%s has no row %s after it was added", r, id.Variable())
		}
		if !slices.Equal(v.Target, []string{r.vercel}) {
			return evidence, fmt.Errorf("row %s of %s serves %v, want %s alone", v.ID, r, v.Target, r.vercel)
		}
		evidence.Tables[0].Rows = append(evidence.Tables[0].Rows, []string{r.target.Name, r.vercel, v.ID, v.Type})
	}
	evidence.Summary = fmt.Sprintf("%s has %d rows in %s; it takes effect with the next deployment", id.Variable(), len(existing), environmentWords(sc))
	return evidence, a.compareInventory(ctx, sc, id, &evidence)
}
