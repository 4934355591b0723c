package hosting

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/target"
	"keyturn/steps/vercel"
)

// removal is what one environment loses of a row.
type removal struct {
	target.Place
	variable vercel.Variable
	serves   string   // what is lost, for people
	places   []string // the slots that are lost
	// keep are the Vercel targets that the row goes on serving, with the value
	// that it has; none: the row is deleted.
	keep []string
}

// words says what is to be done with the row.
func (d removal) words() string {
	if len(d.keep) == 0 {
		return fmt.Sprintf("delete row %s, which serves %s", d.variable.ID, target.Reach(d.variable))
	}
	return fmt.Sprintf("take %s from row %s, which goes on serving %s with its value", d.serves, d.variable.ID, strings.Join(d.keep, "+"))
}

// command is the request that does it.
func (d removal) command() string {
	if len(d.keep) == 0 {
		return fmt.Sprintf("DELETE /v1/projects/%s/env {\"ids\":[%q]}", d.Target.Project, d.variable.ID)
	}
	return fmt.Sprintf("PATCH /v9/projects/%s/env/%s {\"target\":[\"%s\"]}", d.Target.Project, d.variable.ID, strings.Join(d.keep, `","`))
}

// removalsFrom returns what the environments lose when a key is removed from
// them, staging before production. A row that serves both is narrowed for the
// one and deleted for the other.
func removalsFrom(now Listing, id keygen.KeyID, environments []checklist.Environment, targets []target.Target) ([]removal, error) {
	var all []removal
	left := map[string][]string{} // Vercel targets that a row has left, by its id
	for _, e := range environments {
		for _, t := range targets {
			for _, v := range ofKey(now.variables[t.Project], id.Variable()) {
				if serves, seen := left[v.ID]; seen {
					v.Target = serves
				}
				takes, keeps := t.Divide(v, now.customs[t.Project], e)
				switch {
				case takes.Empty():
					continue
				case inseparable(takes, keeps):
					return nil, checklist.WithHint(
						fmt.Errorf("row %s of %s in %s serves %s, of which %s may lose only %s", v.ID, v.Key, t.Name, target.Reach(v), e, takes),
						"split the row at Vercel into one for each custom environment, then run the item again")
				}
				left[v.ID] = keeps.Targets
				all = append(all, removal{
					Place: target.Place{Target: t, Environment: e}, variable: v, serves: takes.String(), places: takes.Places(), keep: keeps.Targets,
				})
			}
		}
	}
	return all, nil
}

// inseparable reports whether what a row is to lose cannot be taken from it: only
// Vercel's own targets can be left to a row.
func inseparable(takes, keeps target.Share) bool {
	return !keeps.Empty() && (len(takes.Customs) > 0 || len(keeps.Targets) == 0)
}

// lostBy returns the rows that one environment of one target loses.
func lostBy(rows []removal, c target.Place) []removal {
	return slices.DeleteFunc(slices.Clone(rows), func(d removal) bool {
		return d.Environment != c.Environment || d.Target.Project != c.Target.Project
	})
}

// removeRows takes rows of one key from one environment of one target: it
// narrows those that serve another one too, and deletes all others with one
// request.
func (a *API) removeRows(ctx context.Context, sc *checklist.Scope, rows []removal) error {
	var whole []removal
	for _, d := range rows {
		if len(d.keep) == 0 {
			whole = append(whole, d)
		} else if err := a.narrow(ctx, sc, d); err != nil {
			return err
		}
	}
	if len(whole) == 0 {
		return nil
	}
	return a.deleteRows(ctx, sc, whole)
}

// loss is what the journal says of rows of one key in one environment of one
// target.
func loss(code checklist.EffectCode, rows ...removal) checklist.Effect {
	var ids, places []string
	for _, d := range rows {
		ids = append(ids, d.variable.ID)
		for _, place := range d.places {
			if !slices.Contains(places, place) {
				places = append(places, place)
			}
		}
	}
	id, _ := keygen.ParseVariable(rows[0].variable.Key) // it was listed by the key
	return checklist.Effect{
		Code: code, Target: rows[0].Target.Name, Environment: rows[0].Environment, Key: id,
		Place: strings.Join(places, ","), Object: strings.Join(ids, ","),
	}
}

// deleteRows deletes rows of one key in one environment of one target.
func (a *API) deleteRows(ctx context.Context, sc *checklist.Scope, rows []removal) error {
	var ids []string
	for _, d := range rows {
		ids = append(ids, d.variable.ID)
	}
	return sc.Effect(ctx, loss(checklist.VariableDelete, rows...), func(ctx context.Context) (checklist.Result, error) {
		deleted, err := a.Vercel.DeleteVariables(ctx, rows[0].Target.Project, ids)
		if lost := (*vercel.UnknownOutcomeError)(nil); errors.As(err, &lost) {
			return a.findLostRemoval(ctx, rows[0].Target, ids, err)
		}
		if err != nil {
			return checklist.Result{}, err
		}
		gone := slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(deleted, id) })
		switch {
		case len(gone) == len(ids):
			return checklist.Result{How: checklist.Gone}, nil
		case len(gone) > 0:
			return checklist.Result{Note: fmt.Sprintf("row %s was gone already", strings.Join(gone, ", "))}, nil
		}
		return checklist.Result{}, nil
	})
}

// findLostRemoval looks whether a deletion whose answer was lost has taken place.
func (a *API) findLostRemoval(ctx context.Context, t target.Target, ids []string, cause error) (checklist.Result, error) {
	variables, err := a.Vercel.Variables(ctx, t.Project)
	if err != nil {
		return checklist.Result{}, errors.Join(unknown(cause), err)
	}
	var still []string
	for _, v := range variables {
		if slices.Contains(ids, v.ID) {
			still = append(still, v.ID)
		}
	}
	switch {
	case len(still) == 0:
		return checklist.Result{How: checklist.Found}, nil
	case len(still) < len(ids): // none or all, unless somebody meddles
		return checklist.Result{}, fmt.Errorf("%w; of the rows, %s is still there", unknown(cause), strings.Join(still, ", "))
	}
	return checklist.Result{}, checklist.WithHint(fmt.Errorf("%w; the row is still there", cause), "run the item again")
}

// narrow takes an environment's targets from a row that also serves others, and
// lists again to see that it serves those and nothing else.
func (a *API) narrow(ctx context.Context, sc *checklist.Scope, d removal) error {
	return sc.Effect(ctx, loss(checklist.VariableNarrow, d), func(ctx context.Context) (checklist.Result, error) {
		cause := a.Vercel.NarrowVariable(ctx, d.Target.Project, d.variable, d.keep)
		lost := (*vercel.UnknownOutcomeError)(nil)
		if cause != nil && !errors.As(cause, &lost) {
			return checklist.Result{}, cause
		}
		variables, err := a.Vercel.Variables(ctx, d.Target.Project)
		if err != nil {
			return checklist.Result{}, errors.Join(unknown(cause), err)
		}
		i := slices.IndexFunc(variables, func(v vercel.Variable) bool { return v.ID == d.variable.ID })
		switch {
		case i < 0:
			return checklist.Result{}, checklist.WithHint(fmt.Errorf("row %s is gone: somebody removed it in the same moment", d.variable.ID),
				"see whether %s still needs it, then run the item again", strings.Join(d.keep, " and "))
		case sameTargets(variables[i].Target, d.keep):
			result := checklist.Result{Note: fmt.Sprintf("it serves %s alone, as listed", strings.Join(d.keep, "+"))}
			if cause != nil {
				result.How = checklist.Found
			}
			return result, nil
		case cause != nil:
			return checklist.Result{}, checklist.WithHint(fmt.Errorf("%w; the row serves %s as before", cause, target.Reach(variables[i])), "run the item again")
		}
		return checklist.Result{}, fmt.Errorf("row %s serves %s, want %s alone", d.variable.ID, target.Reach(variables[i]), strings.Join(d.keep, "+"))
	})
}

// sameTargets reports whether two lists have the same targets in any order.
func sameTargets(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
