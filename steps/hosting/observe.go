package hosting

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/target"
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
// target of the session, in its environments.
func (a *API) Observe(ctx context.Context, s *checklist.Session) (map[string]string, error) {
	bound := *a
	bound.Targets = a.Of(s)
	all, err := bound.lastListed(ctx)
	if err != nil {
		return nil, err
	}
	seen := map[string]string{}
	for _, t := range bound.Targets {
		for _, v := range ours(all.variables[t.Project]) {
			if !inEnvironments(t, v, s.Environments()) {
				continue
			}
			seen[checklist.VariableSubject(t.Name, v.Key, v.ID)] = rowState(v)
		}
	}
	return seen, nil
}

// rowState is what is observed of a row: its type, where it is, when it was
// changed last, and by which account where that is known. The form is format: a
// session that was opened by one version is compared by another.
func rowState(v vercel.Variable) string {
	var places []string
	for _, place := range target.Places(v, nil) {
		places = append(places, place.String())
	}
	slices.Sort(places) // Vercel promises no order
	changed := time.UnixMilli(max(v.CreatedAt, v.UpdatedAt)).UTC().Format(time.RFC3339)
	return strings.TrimSpace(strings.Join([]string{v.Type, strings.Join(places, ","), changed, cmp.Or(v.UpdatedBy, v.CreatedBy)}, " "))
}

// inEnvironments reports whether a row serves one of the environments.
func inEnvironments(t target.Target, v vercel.Variable, environments []checklist.Environment) bool {
	for _, e := range environments {
		takes, _ := t.Divide(v, nil, e)
		custom := slices.ContainsFunc(t.SlotsOf(e), func(s target.Slot) bool { return s.CustomEnvironment != "" })
		if len(takes.Targets) > 0 || custom && len(v.CustomEnvironmentIDs) > 0 {
			return true
		}
	}
	return false
}

// Concerns reports whether an effect of any session is about a subject of
// Observe: a row of the same target and the same key.
func Concerns(e checklist.Effect, subject string) bool {
	target, variable, _, ok := checklist.ParseVariable(subject)
	if !ok || e.Target != target || e.Key == "" || e.Key.Variable() != variable {
		return false
	}
	switch e.Code {
	case checklist.VariableCreate, checklist.VariableDelete, checklist.VariableNarrow:
		return true
	}
	return false
}
