package sandbox

import (
	"slices"
	"time"

	"keyturn/keygen"
	"keyturn/steps/vercel"
)

// previewBranch is the git branch that preview deployments are built from.
const previewBranch = "staging"

// deployment is one build. What becomes of it, and when, is decided when it is
// made; its state is a matter of looking at the clock. It serves the variables
// of the moment it was made in, for as long as it is not deleted.
type deployment struct {
	ID      string         `json:"id"`
	Project string         `json:"project"` // id
	Target  string         `json:"target"`  // production or preview
	Env     map[string]ref `json:"env"`     // variable → value
	Mark    string         `json:"mark,omitempty"`
	Created time.Time      `json:"created"`

	BuildingAt time.Time `json:"building_at"`
	ReadyAt    time.Time `json:"ready_at,omitzero"`   // zero: never
	FailedAt   time.Time `json:"failed_at,omitzero"`  // zero: never
	AliasAt    time.Time `json:"alias_at,omitzero"`   // zero: never
	DeletedAt  time.Time `json:"deleted_at,omitzero"` // zero: not deleted
}

// state returns what Vercel calls the readyState.
func (d deployment) state(now time.Time) string {
	switch {
	case reached(d.FailedAt, now):
		return vercel.StateError
	case reached(d.ReadyAt, now):
		return vercel.StateReady
	case reached(d.BuildingAt, now):
		return vercel.StateBuilding
	}
	return vercel.StateQueued
}

// live reports whether the deployment answers at its own address.
func (d deployment) live(now time.Time) bool {
	return reached(d.ReadyAt, now) && !reached(d.DeletedAt, now)
}

// reached reports whether a moment that may never come, zero, is past.
func reached(moment, now time.Time) bool { return !moment.IsZero() && !now.Before(moment) }

func targetOf(environment string) string {
	if environment == Production {
		return vercel.TargetProduction
	}
	return vercel.TargetPreview
}

func environmentOf(target string) string {
	if target == vercel.TargetProduction {
		return Production
	}
	return Staging
}

// bake returns the variables that a deployment made now would hold. A row of the
// preview branch goes before one for all branches.
func (s *state) bake(project, target string) map[string]ref {
	env := map[string]ref{}
	for _, branch := range []string{"", previewBranch} {
		for _, v := range s.Variables {
			if v.Project == project && v.GitBranch == branch && slices.Contains(v.Target, target) {
				env[v.Key] = v.Value
			}
		}
	}
	return env
}

// deploy makes a deployment of the project's present variables, which is READY
// after a build time unless the fault in force says otherwise.
func (s *state) deploy(id string, project Project, target, mark string, buildTime time.Duration, now time.Time) deployment {
	d := deployment{
		ID: id, Project: project.ID, Target: target, Env: s.bake(project.ID, target), Mark: mark,
		Created: now, BuildingAt: now.Add(buildTime / 4), ReadyAt: now.Add(buildTime), AliasAt: now.Add(buildTime),
	}
	switch {
	case s.Fault.strike(DeploymentStuck):
		d.ReadyAt, d.AliasAt = time.Time{}, time.Time{}
	case s.Fault.strike(DeploymentFailed):
		d.FailedAt = d.ReadyAt
		d.ReadyAt, d.AliasAt = time.Time{}, time.Time{}
	case s.Fault.strike(AliasLag):
		d.AliasAt = d.ReadyAt.Add(aliasLagBuilds * buildTime)
	}
	s.Deployments = append(s.Deployments, d)
	return d
}

// finishHeldUp ends what the faults deployment-stuck and alias-lag held up.
func (s *state) finishHeldUp(now time.Time) {
	for i := range s.Deployments {
		d := &s.Deployments[i]
		if d.FailedAt.IsZero() && d.ReadyAt.IsZero() {
			d.ReadyAt, d.AliasAt = now, now
		}
		if d.live(now) && d.AliasAt.After(now) {
			d.AliasAt = now
		}
	}
}

func (s *state) deployment(id string) (deployment, bool) {
	for _, d := range s.Deployments {
		if d.ID == id {
			return d, true
		}
	}
	return deployment{}, false
}

// serving is a stretch of time in which one deployment had an environment's
// address. After its deletion nothing has it, and gone is true.
type serving struct {
	period
	deployment deployment
	gone       bool
}

// servings returns who had the address of a project's environment up to now,
// oldest first and without gaps.
func (s *state) servings(project, environment string, now time.Time) []serving {
	type taker struct {
		deployment
		order int // of its making
	}
	var takers []taker
	for i, d := range s.Deployments {
		deletedBefore := !d.DeletedAt.IsZero() && d.DeletedAt.Before(d.AliasAt)
		if d.Project == project && d.Target == targetOf(environment) && reached(d.AliasAt, now) && !deletedBefore {
			takers = append(takers, taker{d, i})
		}
	}
	slices.SortStableFunc(takers, func(a, b taker) int { return a.AliasAt.Compare(b.AliasAt) })
	var list []serving
	newest := -1
	for _, d := range takers {
		// A build that was overtaken by a later one does not take the address back.
		if d.order < newest {
			continue
		}
		newest = d.order
		if last := len(list) - 1; last >= 0 {
			list[last].To = d.AliasAt
		}
		list = append(list, serving{period: period{From: d.AliasAt}, deployment: d.deployment})
	}
	return splitAtDeletion(list)
}

func splitAtDeletion(list []serving) []serving {
	var split []serving
	for _, sv := range list {
		deleted := sv.deployment.DeletedAt
		if deleted.IsZero() || !sv.contains(deleted) {
			split = append(split, sv)
			continue
		}
		before, after := sv, sv
		before.To, after.From, after.gone = deleted, deleted, true
		split = append(split, before, after)
	}
	return split
}

// serves returns the deployment that has the address of a project's environment.
func (s *state) serves(project, environment string, now time.Time) (deployment, bool) {
	list := s.servings(project, environment, now)
	if len(list) == 0 || list[len(list)-1].gone {
		return deployment{}, false
	}
	return list[len(list)-1].deployment, true
}

// works reports whether a client that has the right secret is accepted under a
// key id. A secret that was mangled on its way into a variable is not the right
// one any more, and none that is well formed was.
func (s *state) works(d deployment, id keygen.KeyID) bool {
	value, held := d.Env[id.Variable()]
	if !held {
		return false
	}
	_, err := keygen.ParseSecret(s.secret(value))
	return err == nil
}
