package steps

import (
	"context"
	"fmt"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/vercel"
)

// ours returns the variables that hold HMAC secrets.
func ours(variables []vercel.Variable) []vercel.Variable {
	var kept []vercel.Variable
	for _, v := range variables {
		if _, ok := keygen.ParseVariable(v.Key); ok {
			kept = append(kept, v)
		}
	}
	return kept
}

// Observe implements checklist.Observer: every row of an HMAC secret in every
// target, in the environments of the session.
func (o *Outside) Observe(ctx context.Context, s *checklist.Session) (map[string]string, error) {
	all, err := o.variables(ctx)
	if err != nil {
		return nil, err
	}
	seen := map[string]string{}
	for _, t := range o.Targets {
		for _, v := range ours(all[t.Project]) {
			if !inEnvironments(v, s.Environments()) {
				continue
			}
			seen[fmt.Sprintf("%s %s row %s", t.Name, v.Key, v.ID)] = fmt.Sprintf("%s for %v, changed %s", v.Type, v.Target, v.LastChange())
		}
	}
	return seen, nil
}

func inEnvironments(v vercel.Variable, environments []checklist.Environment) bool {
	for _, e := range environments {
		if servesAny(v, vercelTargets(e)) {
			return true
		}
	}
	return false
}
