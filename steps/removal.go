package steps

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/vercel"
)

// doomed is what one environment loses of a row.
type doomed struct {
	row
	variable vercel.Variable
	places   []string // the slots that are lost; row.vercel is for people
	// keep are the Vercel targets that the row goes on serving, with the value
	// that it has; none: the row is deleted.
	keep []string
}

// words says what is to be done with the row.
func (d doomed) words() string {
	if len(d.keep) == 0 {
		return fmt.Sprintf("delete row %s, which serves %s", d.variable.ID, reach(d.variable))
	}
	return fmt.Sprintf("take %s from row %s, which goes on serving %s with its value", d.row.vercel, d.variable.ID, strings.Join(d.keep, "+"))
}

// command is the request that does it.
func (d doomed) command() string {
	if len(d.keep) == 0 {
		return fmt.Sprintf("DELETE /v1/projects/%s/env {\"ids\":[%q]}", d.target.Project, d.variable.ID)
	}
	return fmt.Sprintf("PATCH /v9/projects/%s/env/%s {\"target\":[\"%s\"]}", d.target.Project, d.variable.ID, strings.Join(d.keep, `","`))
}

// doomedRows returns what the environments lose when a key is removed from
// them, staging before production. A row that serves both is narrowed for the
// one and deleted for the other.
func doomedRows(now holding, id keygen.KeyID, environments []checklist.Environment, targets []Target) ([]doomed, error) {
	var all []doomed
	left := map[string][]string{} // Vercel targets that a row has left, by its id
	for _, e := range environments {
		for _, t := range targets {
			for _, v := range ofKey(now.variables[t.Project], id.Variable()) {
				if serves, seen := left[v.ID]; seen {
					v.Target = serves
				}
				takes, keep := t.split(e, v.Target, v.GitBranch)
				takesCustom, keepsCustom := t.splitCustoms(e, v, now.customs[t.Project])
				switch {
				case len(takes) == 0 && len(takesCustom) == 0:
					continue
				case len(takesCustom) > 0 && (len(keep) > 0 || len(keepsCustom) > 0), len(keep) == 0 && len(keepsCustom) > 0:
					return nil, checklist.WithHint(
						fmt.Errorf("row %s of %s in %s serves %s, of which %s may lose only %s", v.ID, v.Key, t.Name, reach(v), e, strings.Join(append(takes, takesCustom...), "+")),
						"split the row at Vercel into one for each custom environment, then run the item again")
				}
				left[v.ID] = keep
				all = append(all, doomed{
					row:      row{target: t, environment: e, vercel: strings.Join(append(takes, takesCustom...), "+")},
					variable: v, places: append(slotsIn(takes, v.GitBranch), takesCustom...), keep: keep,
				})
			}
		}
	}
	return all, nil
}

// slotsIn names the slots of Vercel targets, of a branch where there is one.
func slotsIn(targets []string, branch string) []string {
	var names []string
	for _, target := range targets {
		names = append(names, Slot{Target: target, Branch: branch}.String())
	}
	return names
}

// split divides the Vercel targets of a row into those that belong to an
// environment and the others.
func (t Target) split(e checklist.Environment, serves []string, branch string) (takes, keeps []string) {
	for _, target := range serves {
		if slices.ContainsFunc(t.slots(e), func(s Slot) bool { return s.reaches(target, branch) }) {
			takes = append(takes, target)
		} else {
			keeps = append(keeps, target)
		}
	}
	return takes, keeps
}

// splitCustoms is split for the custom environments of a row.
func (t Target) splitCustoms(e checklist.Environment, v vercel.Variable, known customs) (takes, keeps []string) {
	for _, id := range v.CustomEnvironmentIDs {
		custom := Slot{CustomEnvironment: known.slug(id)}
		if slices.ContainsFunc(t.slots(e), func(s Slot) bool { return s.CustomEnvironment == custom.CustomEnvironment }) {
			takes = append(takes, custom.String())
		} else {
			keeps = append(keeps, custom.String())
		}
	}
	return takes, keeps
}

// lostBy returns the rows that one environment of one target loses.
func lostBy(rows []doomed, c cell) []doomed {
	return slices.DeleteFunc(slices.Clone(rows), func(d doomed) bool {
		return d.environment != c.environment || d.target.Project != c.target.Project
	})
}

// removeRows takes rows of one key from one environment of one target: it
// narrows those that serve another one too, and deletes all others with one
// request.
func (o *Outside) removeRows(ctx context.Context, sc *checklist.Scope, rows []doomed) error {
	var whole []doomed
	for _, d := range rows {
		if len(d.keep) == 0 {
			whole = append(whole, d)
		} else if err := o.narrow(ctx, sc, d); err != nil {
			return err
		}
	}
	if len(whole) == 0 {
		return nil
	}
	return o.deleteRows(ctx, sc, whole)
}

// loss is what the journal says of rows of one key in one environment of one
// target.
func loss(code checklist.EffectCode, rows ...doomed) checklist.Effect {
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
		Code: code, Target: rows[0].target.Name, Environment: rows[0].environment, Key: id,
		Place: strings.Join(places, ","), Object: strings.Join(ids, ","),
	}
}

// deleteRows deletes rows of one key in one environment of one target.
func (o *Outside) deleteRows(ctx context.Context, sc *checklist.Scope, rows []doomed) error {
	var ids []string
	for _, d := range rows {
		ids = append(ids, d.variable.ID)
	}
	return sc.Effect(ctx, loss(checklist.VariableDelete, rows...), func(ctx context.Context) (checklist.Result, error) {
		deleted, err := o.Vercel.DeleteVariables(ctx, rows[0].target.Project, ids)
		if lost := (*vercel.UnknownOutcomeError)(nil); errors.As(err, &lost) {
			return o.findLostRemoval(ctx, rows[0].target, ids, err)
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
func (o *Outside) findLostRemoval(ctx context.Context, t Target, ids []string, cause error) (checklist.Result, error) {
	variables, err := o.Vercel.Variables(ctx, t.Project)
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
func (o *Outside) narrow(ctx context.Context, sc *checklist.Scope, d doomed) error {
	return sc.Effect(ctx, loss(checklist.VariableNarrow, d), func(ctx context.Context) (checklist.Result, error) {
		cause := o.Vercel.NarrowVariable(ctx, d.target.Project, d.variable, d.keep)
		lost := (*vercel.UnknownOutcomeError)(nil)
		if cause != nil && !errors.As(cause, &lost) {
			return checklist.Result{}, cause
		}
		variables, err := o.Vercel.Variables(ctx, d.target.Project)
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
			return checklist.Result{}, checklist.WithHint(fmt.Errorf("%w; the row serves %s as before", cause, reach(variables[i])), "run the item again")
		}
		return checklist.Result{}, fmt.Errorf("row %s serves %s, want %s alone", d.variable.ID, reach(variables[i]), strings.Join(d.keep, "+"))
	})
}

// sameTargets reports whether two lists have the same targets in any order.
func sameTargets(a, b []string) bool {
	return slices.Equal(slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b)))
}
