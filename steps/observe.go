package steps

import (
	"context"
	"fmt"
	"slices"

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
	all, err := o.glanced(ctx)
	if err != nil {
		return nil, err
	}
	seen := map[string]string{}
	for _, t := range o.Targets {
		for _, v := range ours(all[t.Project]) {
			if !t.inEnvironments(v, s.Environments()) {
				continue
			}
			seen[fmt.Sprintf("%s %s row %s", t.Name, v.Key, v.ID)] = fmt.Sprintf("%s for %v, changed %s", v.Type, v.Target, v.LastChange())
		}
	}
	return seen, nil
}

// inEnvironments reports whether a row serves one of the environments.
func (t Target) inEnvironments(v vercel.Variable, environments []checklist.Environment) bool {
	for _, e := range environments {
		takes, _ := t.split(e, v.Target, v.GitBranch)
		custom := slices.ContainsFunc(t.slots(e), func(s Slot) bool { return s.CustomEnvironment != "" })
		if len(takes) > 0 || custom && len(v.CustomEnvironmentIDs) > 0 {
			return true
		}
	}
	return false
}
