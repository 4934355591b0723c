package steps

import (
	"context"
	"fmt"
	"slices"
	"time"

	"keyturn/checklist"
	"keyturn/steps/vercel"
)

// slots returns where the target's variable of an environment lives, the one
// that is deployed first.
func (t Target) slots(e checklist.Environment) []Slot {
	if slots := t.Slots[e]; len(slots) > 0 {
		return slots
	}
	var slots []Slot
	for _, target := range vercelTargets(e) {
		slots = append(slots, Slot{Target: target})
	}
	return slots
}

// String names the slot as the configuration writes it.
func (s Slot) String() string {
	switch {
	case s.CustomEnvironment != "":
		return "custom:" + s.CustomEnvironment
	case s.Branch != "":
		return s.Target + ":" + s.Branch
	}
	return s.Target
}

// variableType is the type that a secret should have in the slot.
func (s Slot) variableType() string {
	if s.Type != "" {
		return s.Type
	}
	return vercel.TypeFor(s.Target)
}

// filledBy reports whether the row is the slot's own: not one of a branch for a
// slot of all branches, nor the other way round.
func (s Slot) filledBy(v vercel.Variable, customs customs) bool {
	if s.CustomEnvironment != "" {
		return slices.Contains(v.CustomEnvironmentIDs, customs[s.CustomEnvironment])
	}
	return v.Serves(s.Target) && v.GitBranch == s.Branch
}

// reaches reports whether the part of a row that serves a Vercel target belongs
// to the slot: a branch's own row of preview to that of all branches too.
func (s Slot) reaches(target, branch string) bool {
	return s.CustomEnvironment == "" && s.Target == target && (s.Branch == "" || s.Branch == branch)
}

// customs are the ids of a project's custom environments, by slug.
type customs map[string]string

// slug returns the slug of a custom environment by its id; the id if it is not
// known.
func (c customs) slug(id string) string {
	for slug, known := range c {
		if known == id {
			return slug
		}
	}
	return id
}

// customsOf returns the custom environments of a target. Vercel is asked only
// where it matters: a slot names one, or a row serves one.
func (o *Outside) customsOf(ctx context.Context, t Target, rows []vercel.Variable) (customs, error) {
	named := slices.ContainsFunc(rows, func(v vercel.Variable) bool { return len(v.CustomEnvironmentIDs) > 0 })
	for _, slots := range t.Slots {
		named = named || slices.ContainsFunc(slots, func(s Slot) bool { return s.CustomEnvironment != "" })
	}
	if !named {
		return nil, nil
	}
	all, err := o.Vercel.CustomEnvironments(ctx, t.Project)
	found := customs{}
	for _, c := range all {
		found[c.Slug] = c.ID
	}
	if err != nil {
		return nil, err
	}
	for _, slots := range t.Slots {
		for _, s := range slots {
			if s.CustomEnvironment != "" && found[s.CustomEnvironment] == "" {
				return nil, checklist.WithHint(fmt.Errorf("%s has no custom environment %q", t.Name, s.CustomEnvironment),
					"make it at Vercel, or take custom:%s out of the configuration", s.CustomEnvironment)
			}
		}
	}
	return found, nil
}

// holding is what the targets' variables were when they were listed.
type holding struct {
	variables map[string][]vercel.Variable // by project
	customs   map[string]customs           // by project
	at        time.Time                    // when the list was complete
}

// hold lists the variables of the targets, and the custom environments that the
// rows of a key or the slots name.
func (o *Outside) hold(ctx context.Context, key string, targets []Target) (holding, error) {
	o.glance.show(time.Time{}, nil) // what was seen before is of no use any more
	found := make([]holding, len(targets))
	err := eachIndex(ctx, targets, func(ctx context.Context, i int, t Target) error {
		variables, err := o.Vercel.Variables(ctx, t.Project)
		if err != nil {
			return err
		}
		known, err := o.customsOf(ctx, t, ofKey(variables, key))
		found[i] = holding{variables: map[string][]vercel.Variable{t.Project: variables}, customs: map[string]customs{t.Project: known}}
		return err
	})
	all := holding{map[string][]vercel.Variable{}, map[string]customs{}, o.Vercel.Now()}
	if err != nil {
		return all, err
	}
	for i, t := range targets {
		all.variables[t.Project], all.customs[t.Project] = found[i].variables[t.Project], found[i].customs[t.Project]
	}
	return all, nil
}

// ofKey returns the rows of a key.
func ofKey(variables []vercel.Variable, key string) []vercel.Variable {
	return slices.DeleteFunc(slices.Clone(variables), func(v vercel.Variable) bool { return v.Key != key })
}

// untilFalse asks about targets, several at a time, until the answer for one is
// no: most questions of the kind "is all done" need not look everywhere.
func untilFalse(ctx context.Context, targets []Target, ask func(context.Context, []Target) (bool, error)) (bool, error) {
	for some := range slices.Chunk(targets, concurrency) {
		if yes, err := ask(ctx, some); !yes || err != nil {
			return false, err
		}
	}
	return true, nil
}
