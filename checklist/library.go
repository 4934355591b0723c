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

// Find returns the checklist that an opening names, as this version knows it.
func Find(o Opening) (Checklist, error) {
	all := append(All(o.DualKeyDays), Emergency(true))
	if o.Grace { // both emergencies have one id
		slices.Reverse(all)
	}
	for _, c := range all {
		if c.ID == o.Checklist {
			return c, nil
		}
	}
	return Checklist{}, fmt.Errorf("checklist %q is not known to this version", o.Checklist)
}
