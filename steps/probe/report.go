package probe

import (
	"slices"
	"time"
)

// Report is what a suite found out.
type Report struct {
	Suite     string
	URL       string
	Started   time.Time // by the prober's clock
	Finished  time.Time
	Rows      []Row
	Notes     []string   // what the rows together leave unproved
	Diagnosis *Diagnosis // of a key that was refused and should not have been
	Sent      int        // requests, trial signatures included
}

// Failed reports whether anything was not as expected, or not proved.
func (r Report) Failed() bool {
	return len(r.Rows) == 0 || slices.ContainsFunc(r.Rows, func(row Row) bool { return row.Verdict != OK })
}

// Anchored reports whether some key was accepted, as it should be. Without
// that, refusals can not be told from those of a service that refuses all.
func (r Report) Anchored() bool {
	return slices.ContainsFunc(r.Rows, func(row Row) bool { return row.Expect == Accepted && row.Verdict == OK })
}

// Bypassed reports whether the service lets anyone in without a key.
func (r Report) Bypassed() bool {
	if r.Diagnosis != nil && r.Diagnosis.Fault.bypass() {
		return true
	}
	return slices.ContainsFunc(r.Rows, func(row Row) bool { return row.Bypass })
}

// Deployments returns the deployments that answered, in the order in which
// they first did.
func (r Report) Deployments() []string {
	var seen []string
	for _, row := range r.Rows {
		if row.Deployment != "" && !slices.Contains(seen, row.Deployment) {
			seen = append(seen, row.Deployment)
		}
	}
	return seen
}
