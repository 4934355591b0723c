package checklist

import (
	"fmt"
	"slices"
)

// All returns the four checklists of the runbook, the emergency in the
// runbook's order.
func All(dualKeyDays int) []Checklist {
	return []Checklist{Quarterly(dualKeyDays), Drill(), Emergency(false), Rollback()}
}

// Find returns a checklist of this version for a new session. grace chooses the
// order of an emergency.
func Find(id string, dualKeyDays int, grace bool) (Checklist, error) {
	all := append(All(dualKeyDays), Emergency(true))
	if grace { // both emergencies have one id
		slices.Reverse(all)
	}
	for _, c := range all {
		if c.ID == id {
			return c, nil
		}
	}
	return Checklist{}, fmt.Errorf("checklist %q is not known to this version", id)
}
