package steps

import (
	"context"
	"slices"

	"keyturn/checklist"
	"keyturn/steps/vercel"
)

// Serving returns a target's rows by the environment whose slots they fill. A
// row that fills slots of both is in both.
func (o *Outside) Serving(ctx context.Context, t Target) (map[checklist.Environment][]vercel.Variable, error) {
	rows, err := o.Vercel.Variables(ctx, t.Project)
	if err != nil {
		return nil, err
	}
	known, err := o.customsOf(ctx, t, rows)
	if err != nil {
		return nil, err
	}
	serving := map[checklist.Environment][]vercel.Variable{}
	for _, e := range []checklist.Environment{checklist.Staging, checklist.Production} {
		serving[e] = slices.DeleteFunc(slices.Clone(rows), func(v vercel.Variable) bool {
			return !slices.ContainsFunc(t.SlotsOf(e), func(s Slot) bool { return s.filledBy(v, known) })
		})
	}
	return serving, nil
}
