package hosting

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/target"
	"keyturn/steps/vercel"
)

// awkward explains the rows of a key that are not one for one Vercel target:
// what each means for the plan, and what to do about it where anything can be.
// removing says that the plan takes the key away.
func (a *API) awkward(ctx context.Context, sc *checklist.Scope, now Listing, id keygen.KeyID, removing bool) ([]string, error) {
	var words []string
	for _, t := range a.Targets {
		rows := ofKey(now.variables[t.Project], id.Variable())
		for _, v := range rows {
			words = append(words, aboutRow(t, sc, v, now.customs[t.Project], removing)...)
		}
		words = append(words, duplicates(t, rows, now.customs[t.Project])...)
	}
	shared, err := a.aboutShared(ctx, id, removing)
	return append(words, shared...), err
}

// aboutRow explains one row.
func aboutRow(t target.Target, sc *checklist.Scope, v vercel.Variable, known target.Customs, removing bool) []string {
	var words []string
	name := fmt.Sprintf("Row %s of %s in %s", v.ID, v.Key, t.Name)
	var owners []string
	for _, e := range []checklist.Environment{checklist.Staging, checklist.Production} {
		if takes, _ := t.Divide(v, known, e); len(takes.Targets) > 0 {
			owners = append(owners, string(e))
		}
	}
	switch {
	case len(owners) > 1 && removing:
		words = append(words, fmt.Sprintf("%s serves %s: staging and production have had one secret, and who has it from the one can sign for the other. Each environment is taken from the row by itself, and what is left keeps its value.", name, target.Reach(v)))
	case len(owners) > 1 || len(v.Target) > 1 && !removing:
		words = append(words, fmt.Sprintf("%s serves %s together. It is left as it is.", name, target.Reach(v)))
	}
	if v.GitBranch != "" {
		takes := false
		for _, e := range sc.Environments() {
			some, _ := t.Divide(v, known, e)
			takes = takes || len(some.Targets) > 0
		}
		switch {
		case removing && takes:
			words = append(words, fmt.Sprintf("%s is for the git branch %s alone, and goes before the row of all branches there. It is removed with the others.", name, v.GitBranch))
		case removing:
			words = append(words, fmt.Sprintf("%s is for the git branch %s alone, which belongs to no environment of this item. It stays.", name, v.GitBranch))
		default:
			words = append(words, fmt.Sprintf("%s is for the git branch %s alone, and goes before the row of all branches there: deployments of that branch do not get the key of this session. Remove it at Vercel, unless that is meant.", name, v.GitBranch))
		}
	}
	for _, id := range v.CustomEnvironmentIDs {
		slot := target.Slot{CustomEnvironment: known.Slug(id)}
		owner := t.Named(slot)
		if owner == "" {
			words = append(words, fmt.Sprintf("%s serves the custom environment %s, which the configuration gives to no environment: it is not touched, and its deployments go on with the key that they have. Add %s to the target's staging or production to have it rotated.",
				name, slot.CustomEnvironment, slot))
		} else if removing && slices.Contains(sc.Environments(), owner) {
			words = append(words, fmt.Sprintf("%s serves the custom environment %s, which belongs to %s. It is removed with the others.", name, slot.CustomEnvironment, owner))
		}
	}
	return words
}

// duplicates explains rows of one key that would give one deployment two
// values.
func duplicates(t target.Target, rows []vercel.Variable, known target.Customs) []string {
	var words []string
	first := map[string]vercel.Variable{}
	for _, v := range rows {
		for _, slot := range target.Places(v, known) {
			place := slot.String()
			if other, ok := first[place]; ok {
				words = append(words, fmt.Sprintf("%s has %s twice for %s, rows %s and %s: nobody can say which one a deployment gets. Remove the one that is not wanted at Vercel.",
					t.Name, v.Key, place, other.ID, v.ID))
				continue
			}
			first[place] = v
		}
	}
	return words
}

// aboutShared explains the variables of the team that give a key to targets.
// They are shared with projects that are none of ours, and never changed.
func (api *API) aboutShared(ctx context.Context, id keygen.KeyID, removing bool) ([]string, error) {
	all, err := api.Vercel.TeamVariables(ctx)
	if err != nil {
		return nil, fmt.Errorf("look for shared variables: %w", err)
	}
	var words []string
	for _, v := range all {
		if v.Key != id.Variable() {
			continue
		}
		names, err := api.linked(ctx, v)
		if err != nil {
			return nil, err
		}
		if len(names) == 0 {
			continue
		}
		text := fmt.Sprintf("The team's shared variable %s (%s, for %s) is linked to %s. It is never touched here, since other projects may use it; a row of the project goes before it.",
			v.Key, v.ID, cmp.Or(target.Reach(v.Variable), "no target"), strings.Join(names, ", "))
		if removing {
			text += " When the rows are removed, the next deployments get its value: unlink it in the team's settings (Environment Variables, Shared) before the redeploy, or the key stays in service."
		} else {
			text += " Unlink it in the team's settings (Environment Variables, Shared), or it comes back when the key is removed."
		}
		words = append(words, text)
	}
	return words, nil
}

// linked names the targets that a shared variable is linked to.
func (a *API) linked(ctx context.Context, v vercel.SharedVariable) ([]string, error) {
	var names []string
	for _, t := range a.Targets {
		id := t.Project
		if !strings.HasPrefix(id, "prj_") { // the link names projects by their ids
			project, err := a.Vercel.Project(ctx, t.Project)
			if err != nil {
				return nil, err
			}
			id = project.ID
		}
		if slices.Contains(v.ProjectIDs, id) {
			names = append(names, t.Name)
		}
	}
	return names, nil
}
