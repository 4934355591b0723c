package target

import (
	"cmp"
	"slices"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/vercel"
)

// Place is a target in an environment, and of it one slot: where a row is, or
// what deployments are made for. Without a slot it is the whole environment.
type Place struct {
	Target      Target
	Environment checklist.Environment
	Slot        Slot
}

// String names the place: the slot only where the environment's address does not
// lead to it.
func (p Place) String() string { return p.Target.Name + " " + p.Where() }

// Where names the place within its target.
func (p Place) Where() string { return string(p.Environment) + p.Suffix() }

// Suffix is the slot after a blank, and nothing for the whole environment and for
// its first slot.
func (p Place) Suffix() string {
	if p.Slot == (Slot{}) || p.IsFirst() {
		return ""
	}
	return " " + p.Slot.String()
}

// Row names the place as that of a variable's row.
func (p Place) Row() string { return p.Target.Name + " " + p.Slot.String() }

// Whole is all of the place's environment.
func (p Place) Whole() Place { return Place{Target: p.Target, Environment: p.Environment} }

// Deployed are the slots of the environment that deployments are made for.
func (p Place) Deployed() []Place {
	var places []Place
	for _, s := range p.Target.SlotsOf(p.Environment) {
		if s.Target != vercel.TargetDevelopment {
			places = append(places, Place{p.Target, p.Environment, s})
		}
	}
	if len(places) == 0 { // the configuration is refused before
		places = append(places, Place{p.Target, p.Environment, Slot{Target: vercelTargets(p.Environment)[0]}})
	}
	return places
}

// First is the deployed slot that the environment's address leads to.
func (p Place) First() Place { return p.Deployed()[0] }

// IsFirst reports whether the environment's address leads to the place.
func (p Place) IsFirst() bool { return p.Slot == p.First().Slot }

// DeployTarget is the Vercel target of the place's deployments, or the slug of its
// custom environment.
func (p Place) DeployTarget() string { return cmp.Or(p.Slot.CustomEnvironment, p.Slot.Target) }

// Mark is that of the item, and names the slot unless it is the environment's
// first.
func (p Place) Mark(sc *checklist.Scope) string {
	m := sc.Mark()
	if !p.IsFirst() {
		m.Slot = p.Slot.String()
	}
	return m.String()
}

// Made reports whether a deployment was made for the place. That of a branch which
// has a slot of its own is none of all branches.
func (p Place) Made(d vercel.Deployment) bool {
	switch {
	case d.Environment() != p.DeployTarget():
		return false
	case p.Slot.Branch != "":
		return d.Branch == p.Slot.Branch
	}
	return !slices.ContainsFunc(p.branches(), func(branch string) bool { return branch == d.Branch })
}

// Shares reports whether branches of the place's target have slots of their own.
func (p Place) Shares() bool { return p.Slot.Branch == "" && len(p.branches()) > 0 }

// branches are those that have slots of their own beside the place.
func (p Place) branches() []string {
	var branches []string
	for _, other := range p.Deployed() {
		if other.Slot.Branch != "" && other.DeployTarget() == p.DeployTarget() {
			branches = append(branches, other.Slot.Branch)
		}
	}
	return branches
}

// DeploymentFact names the fact that holds the deployment which served when the
// item passed.
func (p Place) DeploymentFact() string {
	return "deployment/" + string(p.Environment) + "/" + p.Target.Project
}

// Creation is what the journal says of a row of a key that is made.
func (p Place) Creation(id keygen.KeyID) checklist.Effect {
	return checklist.Effect{
		Code: checklist.VariableCreate, Target: p.Target.Name, Environment: p.Environment, Key: id, Place: p.Slot.String(),
	}
}

// Redeployment is what the journal says of the place's new deployment.
func (p Place) Redeployment() checklist.Effect {
	return checklist.Effect{
		Code: checklist.DeploymentCreate, Target: p.Target.Name, Environment: p.Environment, Place: p.Slot.String(),
	}
}

// Targets are those that a session binds.
type Targets []Target

// Whole are the environments of all targets.
func (ts Targets) Whole(environments []checklist.Environment) []Place {
	var places []Place
	for _, e := range environments {
		for _, t := range ts {
			places = append(places, Place{Target: t, Environment: e})
		}
	}
	return places
}

// Rows are the places of all targets that a variable has its rows in.
func (ts Targets) Rows(environments []checklist.Environment) []Place {
	var places []Place
	for _, p := range ts.Whole(environments) {
		for _, s := range p.Target.SlotsOf(p.Environment) {
			places = append(places, Place{p.Target, p.Environment, s})
		}
	}
	return places
}

// Deployed are the places of all targets that deployments are made for.
func (ts Targets) Deployed(environments []checklist.Environment) []Place {
	var places []Place
	for _, p := range ts.Whole(environments) {
		places = append(places, p.Deployed()...)
	}
	return places
}

// Verifiers are the targets that can be probed.
func (ts Targets) Verifiers() []Target {
	return slices.DeleteFunc(slices.Clone(ts), func(t Target) bool { return !t.Verifies() })
}

// Probed are the environments that can be probed.
func (ts Targets) Probed(environments []checklist.Environment) []Place {
	return slices.DeleteFunc(ts.Whole(environments), func(p Place) bool { return !p.Target.Verifies() })
}

// Of are those of the targets that a session binds. One that was configured later,
// or was taken out of the session, is neither looked at nor changed.
func (ts Targets) Of(s *checklist.Session) Targets {
	names := s.Setup().TargetNames()
	return slices.DeleteFunc(slices.Clone(ts), func(t Target) bool { return !slices.Contains(names, t.Name) })
}
