package sandbox

import (
	"cmp"
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

	Branch            string `json:"branch,omitempty"`             // of a preview; "" is previewBranch
	CustomEnvironment string `json:"custom_environment,omitempty"` // slug
	CreatedBy         string `json:"created_by,omitempty"`         // id of a user

	BuildingAt time.Time `json:"building_at"`
	ReadyAt    time.Time `json:"ready_at,omitzero"`  // zero: never
	FailedAt   time.Time `json:"failed_at,omitzero"` // zero: never
	AliasAt    time.Time `json:"alias_at,omitzero"`  // zero: never
	CanceledAt time.Time `json:"canceled_at,omitzero"`
	DeletedAt  time.Time `json:"deleted_at,omitzero"` // zero: not deleted
}

// slot names the address that the deployment takes when it is ready: production,
// staging, the slug of a custom environment or the BranchSlot of its branch.
func (d deployment) slot() string {
	switch {
	case d.CustomEnvironment != "":
		return d.CustomEnvironment
	case d.Target == vercel.TargetProduction:
		return Production
	case d.Branch != "" && d.Branch != previewBranch:
		return BranchSlot(d.Branch)
	}
	return Staging
}

// branch returns the git branch that the deployment was built from.
func (d deployment) branch() string {
	if d.Target == vercel.TargetProduction {
		return "main"
	}
	return cmp.Or(d.Branch, previewBranch)
}

// state returns what Vercel calls the readyState.
func (d deployment) state(now time.Time) string {
	switch {
	case reached(d.CanceledAt, now):
		return vercel.StateCanceled
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

// bake returns the variables that a deployment made now would hold. A row of a
// project goes before a team's shared one, and a row of a branch before one for
// all branches.
func (s *state) bake(project Project, d deployment) map[string]ref {
	env := map[string]ref{}
	for _, v := range s.Shared {
		if slices.Contains(v.ProjectIDs, project.ID) && d.CustomEnvironment == "" && slices.Contains(v.Target, d.Target) {
			env[v.Key] = v.Value
		}
	}
	for _, branch := range []string{"", d.branch()} {
		for _, v := range s.Variables {
			if v.Project == project.ID && v.GitBranch == branch && v.serves(project, d) {
				env[v.Key] = v.Value
			}
		}
	}
	return env
}

// serves reports whether the deployment is of an environment that the row is
// for, whatever their branches.
func (v variable) serves(project Project, d deployment) bool {
	if d.CustomEnvironment == "" {
		return slices.Contains(v.Target, d.Target)
	}
	custom, ok := project.custom(d.CustomEnvironment)
	return ok && slices.Contains(v.CustomEnvironmentIDs, custom.ID)
}

// deploy finishes and keeps a deployment of the project's present variables,
// which is READY after a build time unless the fault in force says otherwise.
func (s *state) deploy(project Project, d deployment, buildTime time.Duration, now time.Time) deployment {
	d.Project, d.Env = project.ID, s.bake(project, d)
	d.Created, d.BuildingAt = now, now.Add(buildTime/4)
	d.ReadyAt, d.AliasAt = now.Add(buildTime), now.Add(buildTime)
	switch {
	case s.Fault.strike(DeploymentStuck):
		d.ReadyAt, d.AliasAt = time.Time{}, time.Time{}
	case s.Fault.strike(DeploymentFailed):
		d.FailedAt = d.ReadyAt
		d.ReadyAt, d.AliasAt = time.Time{}, time.Time{}
	case s.Fault.strike(AliasLag):
		d.AliasAt = d.ReadyAt.Add(aliasLagBuilds * buildTime)
	}
	if d.slot() == Production && s.rolledBack(project.ID) {
		d.AliasAt = time.Time{} // until somebody promotes one
	}
	s.Deployments = append(s.Deployments, d)
	return d
}

// finishHeldUp ends what the faults deployment-stuck and alias-lag held up.
func (s *state) finishHeldUp(now time.Time) {
	for i := range s.Deployments {
		d := &s.Deployments[i]
		if d.FailedAt.IsZero() && d.ReadyAt.IsZero() && d.CanceledAt.IsZero() {
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
		at    time.Time
		moved bool // by a rollback or a promotion
	}
	var takers []taker
	for i, d := range s.Deployments {
		if d.Project != project || d.slot() != environment {
			continue
		}
		deletedBefore := !d.DeletedAt.IsZero() && d.DeletedAt.Before(d.AliasAt)
		if reached(d.AliasAt, now) && !deletedBefore {
			takers = append(takers, taker{deployment: d, order: i, at: d.AliasAt})
		}
	}
	for _, moved := range s.Switches { // after the builds of the same moment
		i := slices.IndexFunc(s.Deployments, func(d deployment) bool { return d.ID == moved.To })
		if moved.Project == project && environment == Production && reached(moved.At, now) {
			takers = append(takers, taker{deployment: s.Deployments[i], order: i, at: moved.At, moved: true})
		}
	}
	slices.SortStableFunc(takers, func(a, b taker) int { return a.at.Compare(b.at) })
	var list []serving
	newest := -1
	for _, d := range takers {
		// A build that was overtaken by a later one does not take the address back.
		if d.order < newest && !d.moved {
			continue
		}
		newest = max(newest, d.order)
		if last := len(list) - 1; last >= 0 {
			list[last].To = d.at
		}
		list = append(list, serving{period: period{From: d.at}, deployment: d.deployment})
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
