package program

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/target"
	"keyturn/steps/vercel"
	"keyturn/vault"
)

// keysAtVercel are the variables of one target.
type keysAtVercel struct {
	target    target.Target
	variables []vercel.Variable
	shared    []vercel.Variable // of the team
	customs   map[string]string // ids of custom environments, by slug
}

// ours returns the rows that hold keys.
func ours(variables []vercel.Variable) []vercel.Variable {
	return slices.DeleteFunc(slices.Clone(variables), func(v vercel.Variable) bool {
		_, ok := keygen.ParseVariable(v.Key)
		return !ok
	})
}

// places are the names of the slots that a row fills.
func (k keysAtVercel) places(v vercel.Variable) []string {
	return slotNames(target.Places(v, k.customs))
}

func slotNames(slots []target.Slot) []string {
	var names []string
	for _, s := range slots {
		names = append(names, s.String())
	}
	return names
}

// keys looks whether each key of an environment fills all its slots, once.
func (d *doctor) keys(k keysAtVercel, e checklist.Environment) {
	what := fmt.Sprintf("keys of %s in %s", k.target.Name, e)
	slots := slotNames(k.target.SlotsOf(e))
	if d.customsMissing(k, what, e) {
		return
	}
	rows := map[string]map[string]int{} // how many rows a key has in each slot
	for _, v := range ours(k.variables) {
		for _, place := range k.places(v) {
			if !slices.Contains(slots, place) {
				continue
			}
			if id, ok := keygen.ParseVariable(v.Key); ok {
				d.inUse[vault.Name(string(e)+"/"+string(id))] = true
			}
			if rows[v.Key] == nil {
				rows[v.Key] = map[string]int{}
			}
			rows[v.Key][place]++
		}
	}
	if len(rows) == 0 {
		d.bad(what, fmt.Sprintf("there is none in %s, so that there is nothing to rotate", strings.Join(slots, ", ")),
			fmt.Sprintf("see that %s is the project that holds the keys, and that %s under its [[targets]] names the right slots", k.target.Name, e))
		return
	}
	whole := true
	var names []string
	for _, key := range slices.Sorted(maps.Keys(rows)) {
		names = append(names, key)
		for _, slot := range slots {
			switch n := rows[key][slot]; {
			case n == 0:
				whole = false
				d.bad(what, fmt.Sprintf("%s is in %s and not in %s", key, strings.Join(slices.Sorted(maps.Keys(rows[key])), ", "), slot),
					fmt.Sprintf("add it to %s at Vercel with the same value, or leave that slot out of %s under the [[targets]] of %s", slot, e, k.target.Name))
			case n > 1:
				whole = false
				d.bad(what, fmt.Sprintf("%s has %d rows in %s", key, n, slot), "find out at Vercel which one is in service, and remove the others")
			}
		}
	}
	if whole {
		d.good(what, "%s, each in %s", strings.Join(names, ", "), strings.Join(slots, ", "))
	}
}

// customsMissing reports slots of custom environments that the project lacks.
func (d *doctor) customsMissing(k keysAtVercel, what string, e checklist.Environment) bool {
	missing := false
	have := slices.Sorted(maps.Keys(k.customs))
	for _, s := range k.target.SlotsOf(e) {
		if s.CustomEnvironment == "" || slices.Contains(have, s.CustomEnvironment) {
			continue
		}
		missing = true
		known := "it has none"
		if len(have) > 0 {
			known = "it has " + strings.Join(have, ", ")
		}
		d.bad(what, fmt.Sprintf("the project has no custom environment %s", s.CustomEnvironment),
			fmt.Sprintf("correct %q under the [[targets]] of %s: %s", s.String(), k.target.Name, known))
	}
	return missing
}

// oddRows reports rows of ours that a rotation would stumble over.
func (d *doctor) oddRows(k keysAtVercel) {
	what := "rows of " + k.target.Name
	staging, production := slotNames(k.target.SlotsOf(checklist.Staging)), slotNames(k.target.SlotsOf(checklist.Production))
	for _, v := range ours(k.variables) {
		places := k.places(v)
		in := func(slots []string) bool {
			return slices.ContainsFunc(places, func(p string) bool { return slices.Contains(slots, p) })
		}
		if in(staging) && in(production) {
			d.bad(what, fmt.Sprintf("row %s of %s serves %s: one secret for both environments", v.ID, v.Key, strings.Join(places, ", ")),
				"rotate the key: its successor gets a secret and a row of its own in each environment, and this row is taken out of one after the other")
		}
		for _, place := range places {
			if slices.Contains(staging, place) || slices.Contains(production, place) {
				continue
			}
			d.bad(what, fmt.Sprintf("row %s of %s serves %s, which is no slot of either environment", v.ID, v.Key, place),
				fmt.Sprintf("remove it at Vercel, or add %q to staging under the [[targets]] of %s, so that new keys get a row there too", place, k.target.Name))
		}
		if v.Type == "plain" {
			d.bad(what, fmt.Sprintf("row %s of %s is plain: everybody in the project can read it", v.ID, v.Key),
				"take the key out of service by a rotation: its successor is "+vercel.TypeSensitive)
		}
	}
	for _, v := range k.shared {
		if _, ok := keygen.ParseVariable(v.Key); ok {
			d.bad(what, fmt.Sprintf("the team's shared variable %s (%s) reaches the project too", v.Key, v.ID),
				"give each linked project rows of its own with the same value, then unlink it: a shared variable changes all projects at once")
		}
	}
}
