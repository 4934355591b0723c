package target

import (
	"slices"
	"strings"

	"keyturn/checklist"
	"keyturn/steps/vercel"
)

// Share is a part of a row's places.
type Share struct {
	Environments []checklist.Environment // that the places belong to, in the order of the row
	Targets      []string                // Vercel targets
	Customs      []string                // custom environments, as slots

	branch string // of preview
}

func (s *Share) add(place Slot, e checklist.Environment) {
	if !slices.Contains(s.Environments, e) {
		s.Environments = append(s.Environments, e)
	}
	if place.CustomEnvironment != "" {
		s.Customs = append(s.Customs, place.String())
	} else {
		s.Targets, s.branch = append(s.Targets, place.Target), place.Branch
	}
}

// Empty reports whether there is nothing in the share.
func (s Share) Empty() bool { return len(s.Environments) == 0 }

// Places names the slots.
func (s Share) Places() []string {
	var names []string
	for _, target := range s.Targets {
		names = append(names, Slot{Target: target, Branch: s.branch}.String())
	}
	return append(names, s.Customs...)
}

func (s Share) String() string { return strings.Join(slices.Concat(s.Targets, s.Customs), "+") }

// Divide splits a row into what of it belongs to an environment by the slots of
// the target, and the rest.
func (t Target) Divide(v vercel.Variable, known Customs, e checklist.Environment) (takes, keeps Share) {
	return t.divide(v, known, func(place Slot) bool { return t.reaches(e, place) })
}

// DivideAll is Divide for several environments to which all belongs that no other
// one's slots reach. A row that is nowhere is staging's.
func (t Target) DivideAll(v vercel.Variable, known Customs, environments []checklist.Environment) (takes, keeps Share) {
	takes, keeps = t.divide(v, known, func(place Slot) bool { return slices.Contains(environments, t.Owner(place)) })
	if takes.Empty() && keeps.Empty() && slices.Contains(environments, checklist.Staging) {
		takes.Environments = []checklist.Environment{checklist.Staging}
	}
	return takes, keeps
}

func (t Target) divide(v vercel.Variable, known Customs, belongs func(Slot) bool) (takes, keeps Share) {
	for _, place := range Places(v, known) {
		share := &keeps
		if belongs(place) {
			share = &takes
		}
		share.add(place, t.Owner(place))
	}
	return takes, keeps
}

// reaches reports whether a slot of the environment reaches a place.
func (t Target) reaches(e checklist.Environment, place Slot) bool {
	return slices.ContainsFunc(t.SlotsOf(e), func(s Slot) bool { return s.reaches(place) })
}

// Named returns the environment whose slots reach a place, and nothing where none
// does.
func (t Target) Named(place Slot) checklist.Environment {
	for _, e := range []checklist.Environment{checklist.Staging, checklist.Production} {
		if t.reaches(e, place) {
			return e
		}
	}
	return ""
}

// Owner returns the environment that a place belongs to. What no slot reaches is
// production's if it is Vercel's own production, and else staging's: everything
// before production is.
func (t Target) Owner(place Slot) checklist.Environment {
	switch e := t.Named(place); {
	case e != "":
		return e
	case place.Target == vercel.TargetProduction:
		return checklist.Production
	}
	return checklist.Staging
}

// Reach names what a row serves, for people.
func Reach(v vercel.Variable) string {
	words := strings.Join(v.Target, "+")
	if v.GitBranch != "" {
		words += " branch " + v.GitBranch
	}
	if len(v.CustomEnvironmentIDs) > 0 {
		words += " custom environment " + strings.Join(v.CustomEnvironmentIDs, ", ")
	}
	return strings.TrimSpace(words)
}
