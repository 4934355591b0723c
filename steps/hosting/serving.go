package hosting

import (
	"context"
	"fmt"
	"slices"
	"time"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/target"
	"keyturn/steps/vercel"
)

// filled returns a target's rows by the environment whose slots they fill. A
// row that fills slots of both is in both.
func (a *API) filled(ctx context.Context, t target.Target) (map[checklist.Environment][]vercel.Variable, error) {
	rows, err := a.Vercel.Variables(ctx, t.Project)
	if err != nil {
		return nil, err
	}
	known, err := CustomsOf(ctx, a.Vercel, t, rows)
	if err == nil {
		err = t.LacksCustoms(known)
	}
	if err != nil {
		return nil, err
	}
	serving := map[checklist.Environment][]vercel.Variable{}
	for _, e := range []checklist.Environment{checklist.Staging, checklist.Production} {
		serving[e] = slices.DeleteFunc(slices.Clone(rows), func(v vercel.Variable) bool {
			return !slices.ContainsFunc(t.SlotsOf(e), func(s target.Slot) bool { return s.FilledBy(v, known) })
		})
	}
	return serving, nil
}

// InService implements Hosting: a key is in service since its first row was made.
func (a *API) InService(ctx context.Context) (map[checklist.Environment]map[keygen.KeyID]time.Time, error) {
	at := map[checklist.Environment]map[keygen.KeyID]time.Time{checklist.Staging: {}, checklist.Production: {}}
	for _, t := range a.Targets {
		filled, err := a.filled(ctx, t)
		if err != nil {
			return at, fmt.Errorf("look at the keys of %s: %w", t.Name, err)
		}
		for e, rows := range filled {
			for _, v := range rows {
				id, ok := keygen.ParseVariable(v.Key)
				created := time.UnixMilli(v.CreatedAt).UTC()
				if since, seen := at[e][id]; ok && (!seen || created.Before(since)) {
					at[e][id] = created
				}
			}
		}
	}
	return at, nil
}
