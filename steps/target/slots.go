package target

import (
	"fmt"
	"slices"

	"keyturn/checklist"
	"keyturn/steps/vercel"
)

// SlotsOf returns where the target's variable of an environment lives, the one
// that is deployed first.
func (t Target) SlotsOf(e checklist.Environment) []Slot {
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

// SlotWords names the slots of places.
func SlotWords(places []Place) []string {
	words := make([]string, len(places))
	for i, s := range places {
		words[i] = s.Slot.String()
	}
	return words
}

// VariableType is the type that a secret should have in the slot.
func (s Slot) VariableType() string {
	if s.Type != "" {
		return s.Type
	}
	return vercel.TypeFor(s.Target)
}

// FilledBy reports whether the row is the slot's own: not one of a branch for a
// slot of all branches, nor the other way round.
func (s Slot) FilledBy(v vercel.Variable, customs Customs) bool {
	if s.CustomEnvironment != "" {
		return slices.Contains(v.CustomEnvironmentIDs, customs[s.CustomEnvironment])
	}
	return v.Serves(s.Target) && v.GitBranch == s.Branch
}

// Gets reports whether deployments of the slot are made with the row: that of a
// branch also with those of all branches.
func (s Slot) Gets(v vercel.Variable, customs Customs) bool {
	return s.FilledBy(v, customs) || s.Branch != "" && v.Serves(s.Target) && v.GitBranch == ""
}

// reaches reports whether a place belongs to the slot: a branch's own place of
// preview to that of all branches too.
func (s Slot) reaches(place Slot) bool {
	if s.CustomEnvironment != "" || place.CustomEnvironment != "" {
		return s.CustomEnvironment == place.CustomEnvironment
	}
	return s.Target == place.Target && (s.Branch == "" || s.Branch == place.Branch)
}

// Places returns where a row is: a slot for each of its Vercel targets and custom
// environments, whether the configuration names it or not. customs are the ids of
// the project's custom environments by slug; one that is not among them is named
// by its id.
func Places(v vercel.Variable, customs Customs) []Slot {
	var places []Slot
	for _, target := range v.Target {
		places = append(places, Slot{Target: target, Branch: v.GitBranch})
	}
	for _, id := range v.CustomEnvironmentIDs {
		places = append(places, Slot{CustomEnvironment: customs.Slug(id)})
	}
	return places
}

// Customs are the ids of a project's custom environments, by slug.
type Customs map[string]string

// Slug returns the slug of a custom environment by its id; the id if it is not
// known.
func (c Customs) Slug(id string) string {
	for slug, known := range c {
		if known == id {
			return slug
		}
	}
	return id
}

// LacksCustoms refuses slots whose custom environment is not there: they cannot be
// filled.
func (t Target) LacksCustoms(known Customs) error {
	for _, slug := range t.NamedCustoms() {
		if known[slug] == "" {
			return checklist.WithHint(fmt.Errorf("%s has no custom environment %q", t.Name, slug),
				"make it at Vercel, or take custom:%s out of the configuration", slug)
		}
	}
	return nil
}

// NamedCustoms are the slugs of the custom environments that slots name.
func (t Target) NamedCustoms() []string {
	var slugs []string
	for _, e := range []checklist.Environment{checklist.Staging, checklist.Production} {
		for _, s := range t.SlotsOf(e) {
			if s.CustomEnvironment != "" {
				slugs = append(slugs, s.CustomEnvironment)
			}
		}
	}
	return slugs
}
