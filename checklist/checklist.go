package checklist

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"
)

// Environment is where a service runs. Staging is Vercel's preview and
// development, production its production.
type Environment string

// The two environments of the runbook, in the order in which changes are made.
const (
	Staging    Environment = "staging"
	Production Environment = "production"
)

// Role says which of a rotation's two keys is meant.
type Role string

// A rotation replaces the old key by the new one. A drill's only key is new. An
// emergency may put the backup key into service until the new one is there.
const (
	OldKey    Role = "old"
	NewKey    Role = "new"
	BackupKey Role = "backup"
)

// Checklist is one of the runbook's checklists, as data.
type Checklist struct {
	ID      string  `json:"id"`
	Title   string  `json:"title"`
	Purpose string  `json:"purpose"`
	Phases  []Phase `json:"phases"`
	// Environments holds every environment that an item may touch. A checklist
	// without Production cannot reach it: see Scope.Environments.
	Environments []Environment `json:"environments"`
	// Limit is the time from opening to the end, and zero where there is none.
	Limit time.Duration `json:"limit,omitempty"`
}

// Phase is a group of items that belongs to a day.
type Phase struct {
	ID    string `json:"id"`
	Title string `json:"title"`
	// Day is the earliest day, counted from the day on which the session is
	// opened, which is day 0.
	Day   int    `json:"day"`
	Items []Item `json:"items"`
}

// Item is one line of a checklist.
type Item struct {
	ID    string `json:"id"`
	Title string `json:"title"` // in the runbook's words
	Why   string `json:"why"`   // why it matters, for the operator
	// Runbook says what the runbook would have done and why Keyturn does
	// otherwise. It is empty where Keyturn does as written.
	Runbook string `json:"runbook,omitempty"`
	// Step names the step in the catalog that does the item.
	Step string `json:"step"`
	// Environments are where the item acts, in this order.
	Environments []Environment `json:"environments,omitempty"`
	Gates        []Gate        `json:"gates,omitempty"`
	// Covers quotes the lines of the runbook that the item carries out.
	Covers []string `json:"covers,omitempty"`
	// Required items cannot be passed over, whatever the reason.
	Required bool `json:"required,omitempty"`
	// Patience limits how long the items behind this one wait for it, counted
	// from when PatienceFrom passed. Then it is put off, and what comes later in
	// the checklist makes up for it.
	Patience     time.Duration `json:"patience,omitempty"`
	PatienceFrom string        `json:"patience_from,omitempty"`
	// BreakGlass items may be passed over with a reason alone, also in
	// production: when a second person is what is missing.
	BreakGlass bool `json:"break_glass,omitempty"`
	// Milestone names what has been reached once the item has passed, where the
	// checklist has a limit.
	Milestone string `json:"milestone,omitempty"`
	// Repeat allows an item that has passed to be done again, such as a reading
	// or an approval that has run out.
	Repeat bool `json:"repeat,omitempty"`
}

// In reports whether the item acts in the environment.
func (i Item) In(e Environment) bool { return slices.Contains(i.Environments, e) }

// All yields all items in order.
func (c Checklist) All() iter.Seq[Item] {
	return func(yield func(Item) bool) {
		for _, p := range c.Phases {
			for _, i := range p.Items {
				if !yield(i) {
					return
				}
			}
		}
	}
}

// Items returns all items in order.
func (c Checklist) Items() []Item { return slices.Collect(c.All()) }

// Item finds an item and its phase by the item's id.
func (c Checklist) Item(id string) (Item, Phase, bool) {
	for _, p := range c.Phases {
		for _, i := range p.Items {
			if i.ID == id {
				return i, p, true
			}
		}
	}
	return Item{}, Phase{}, false
}

// LastDay returns the day of the last phase.
func (c Checklist) LastDay() int {
	last := 0
	for _, p := range c.Phases {
		last = max(last, p.Day)
	}
	return last
}

// Validate reports what is wrong with the checklist as data: ids that are
// missing or used twice, days that go backwards, gates that name no earlier
// item, and items that act outside the checklist's environments.
func (c Checklist) Validate() error {
	var problems []error
	seen := map[string]bool{}
	day := 0
	for _, p := range c.Phases {
		if p.Day < day {
			problems = append(problems, fmt.Errorf("phase %s: day %d comes after day %d", p.ID, p.Day, day))
		}
		day = p.Day
		for _, i := range p.Items {
			switch {
			case i.ID == "" || i.Title == "" || i.Why == "" || i.Step == "":
				problems = append(problems, fmt.Errorf("item %q: want an id, a title, a why and a step", i.ID))
			case seen[i.ID]:
				problems = append(problems, fmt.Errorf("item %s: id is used twice", i.ID))
			}
			for _, g := range i.Gates {
				if g.Item != "" && !seen[g.Item] {
					problems = append(problems, fmt.Errorf("item %s: gate names %q, which is no earlier item", i.ID, g.Item))
				}
			}
			if i.Patience > 0 && !seen[i.PatienceFrom] {
				problems = append(problems, fmt.Errorf("item %s: its patience counts from %q, which is no earlier item", i.ID, i.PatienceFrom))
			}
			for _, e := range i.Environments {
				if !slices.Contains(c.Environments, e) {
					problems = append(problems, fmt.Errorf("item %s: acts in %s, which the checklist may not touch", i.ID, e))
				}
			}
			seen[i.ID] = true
		}
	}
	return errors.Join(problems...)
}
