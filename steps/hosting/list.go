package hosting

import (
	"context"
	"slices"
	"time"

	"keyturn/keygen"
	"keyturn/steps/target"
	"keyturn/steps/vercel"
)

// Listing is what the targets' variables were when they were listed.
type Listing struct {
	variables map[string][]vercel.Variable // by project
	customs   map[string]target.Customs    // by project
	at        time.Time                    // when the list was complete
	unseen    bool                         // nobody can look
}

// RowsOf are the rows of a key with which the place's deployments are made.
func (l Listing) RowsOf(id keygen.KeyID, p target.Place) []vercel.Variable {
	return slices.DeleteFunc(ofKey(l.variables[p.Target.Project], id.Variable()), func(v vercel.Variable) bool {
		return !p.Slot.Gets(v, l.customs[p.Target.Project])
	})
}

// MayServe reports whether a key has a row with which the place's deployments are
// made. Where nobody can look, it may.
func (l Listing) MayServe(id keygen.KeyID, p target.Place) bool {
	return l.unseen || len(l.RowsOf(id, p)) > 0
}

// variables lists the rows of targets.
func (a *API) variables(ctx context.Context, targets []target.Target) (Listing, error) {
	found := make([][]vercel.Variable, len(targets))
	err := target.EachIndex(ctx, targets, func(ctx context.Context, i int, t target.Target) (err error) {
		found[i], err = a.Vercel.Variables(ctx, t.Project)
		return err
	})
	if err != nil {
		return Listing{}, err
	}
	all := Listing{variables: map[string][]vercel.Variable{}, customs: map[string]target.Customs{}, at: a.Vercel.Now()}
	for i, t := range targets {
		all.variables[t.Project] = found[i]
	}
	return all, nil
}

// list is variables with the custom environments that the rows of a key or the
// slots name.
func (a *API) list(ctx context.Context, key string, targets []target.Target) (Listing, error) {
	a.last.show(Listing{}) // what was seen before is of no use any more
	all, err := a.variables(ctx, targets)
	if err != nil {
		return all, err
	}
	known := make([]target.Customs, len(targets))
	err = target.EachIndex(ctx, targets, func(ctx context.Context, i int, t target.Target) (err error) {
		known[i], err = CustomsOf(ctx, a.Vercel, t, ofKey(all.variables[t.Project], key))
		return err
	})
	for i, t := range targets {
		all.customs[t.Project] = known[i]
	}
	return all, err
}

// listToFill is list that refuses slots which cannot be filled.
func (a *API) listToFill(ctx context.Context, key string, targets []target.Target) (Listing, error) {
	all, err := a.list(ctx, key, targets)
	for _, t := range targets {
		if err == nil {
			err = t.LacksCustoms(all.customs[t.Project])
		}
	}
	return all, err
}

// lastListed returns what a step has listed this moment, or else what a new look
// finds.
func (a *API) lastListed(ctx context.Context) (Listing, error) {
	if l, ok := a.last.take(a.Vercel.Now()); ok && len(l.variables) == len(a.Targets) {
		return l, nil
	}
	return a.variables(ctx, a.Targets)
}

// CustomsOf returns the ids of a target's custom environments, by slug. Vercel is
// asked only where it matters: a slot names one, or a row is in one. A slot may
// name one that is not among them.
func CustomsOf(ctx context.Context, api *vercel.Client, t target.Target, rows []vercel.Variable) (target.Customs, error) {
	inOne := slices.ContainsFunc(rows, func(v vercel.Variable) bool { return len(v.CustomEnvironmentIDs) > 0 })
	if !inOne && len(t.NamedCustoms()) == 0 {
		return nil, nil
	}
	all, err := api.CustomEnvironments(ctx, t.Project)
	if err != nil {
		return nil, err
	}
	found := target.Customs{}
	for _, c := range all {
		found[c.Slug] = c.ID
	}
	return found, nil
}

// ofKey returns the rows of a key.
func ofKey(variables []vercel.Variable, key string) []vercel.Variable {
	return slices.DeleteFunc(slices.Clone(variables), func(v vercel.Variable) bool { return v.Key != key })
}
