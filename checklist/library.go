package checklist

import "fmt"

// All returns the four checklists of the runbook.
func All(dualKeyDays int) []Checklist {
	return []Checklist{Quarterly(dualKeyDays), Drill(), Emergency(), Rollback()}
}

// Find returns the checklist that an opening names, as this version knows it.
func Find(o Opening) (Checklist, error) {
	for _, c := range All(o.DualKeyDays) {
		if c.ID == o.Checklist {
			return c, nil
		}
	}
	return Checklist{}, fmt.Errorf("checklist %q is not known to this version", o.Checklist)
}
