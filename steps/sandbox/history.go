package sandbox

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"keyturn/keygen"
	"keyturn/steps/vercel"
)

// History is what a world that is made anew has been through: the rows and
// deployments that sessions of another world left, with their ids. It takes the
// place of the rows and deployments that Account would make.
type History struct {
	Began time.Time // when the world was made; key v1 is as much older as in any other
	Now   time.Time // what its clock shows
	// Seeds are the secrets of key v1, by environment.
	Seeds       map[string]keygen.Secret
	Projects    []Project
	Variables   []PastVariable
	Deployments []PastDeployment
}

// PastVariable is a row that is there.
type PastVariable struct {
	ID      string
	Project string // name
	Key     string
	Type    string
	Target  []string
	Comment string
	Value   keygen.Secret
	Changed time.Time
}

// PastDeployment is a deployment that was made, the newest of an environment
// last. It is READY and has its environment's address.
type PastDeployment struct {
	ID      string
	Project string // name
	Target  string // preview or production
	Mark    string
	Env     map[string]keygen.Secret // variable → value
	Created time.Time
	Deleted time.Time // zero: not deleted
}

// historic makes the state of a world that has been through a history.
func historic(options Options) (*state, error) {
	h := options.History
	s := &state{secrets: map[ref]string{}, Seeds: map[string]ref{}}
	s.ClockOffset = h.Now.Sub(options.RealNow().Round(0))
	s.Created, s.ClockSeen = h.Began, h.Now
	m := maker{state: s, random: options.Random}
	m.seed()
	s.VercelToken = m.token()
	s.LogToken = m.token()
	s.Projects = slices.Clone(h.Projects)
	kept := map[string]ref{} // one reference for one value
	keep := func(secret keygen.Secret) ref {
		text := secret.Reveal()
		if kept[text] == "" {
			kept[text] = m.keep(text)
		}
		return kept[text]
	}
	for environment, seed := range maps.All(h.Seeds) {
		s.Seeds[environment] = keep(seed)
	}
	for _, v := range h.Variables {
		project, ok := s.project(v.Project)
		row := variable{
			ID: v.ID, Project: project.ID, Key: v.Key, Type: v.Type, Target: v.Target, Comment: v.Comment,
			Value: keep(v.Value), Created: v.Changed, Updated: v.Changed, CreatedBy: owner, UpdatedBy: owner,
		}
		what := fmt.Sprintf("variable %s of %s", v.Key, v.Project)
		m.refuse(what, row.check())
		if !ok {
			m.refuse(what, fmt.Errorf("there is no such project"))
		}
		if slices.ContainsFunc(s.Variables, row.clashes) {
			m.refuse(what, fmt.Errorf("there is one already for one of its targets"))
		}
		s.Variables = append(s.Variables, row)
	}
	for _, d := range h.Deployments {
		project, ok := s.project(d.Project)
		if !ok || d.Target != vercel.TargetPreview && d.Target != vercel.TargetProduction {
			m.refuse("deployment "+d.ID, fmt.Errorf("want a project and a target of the world, not %q and %q", d.Project, d.Target))
		}
		made := deployment{
			ID: d.ID, Project: project.ID, Target: d.Target, Mark: d.Mark, Env: map[string]ref{}, CreatedBy: owner,
			Created: d.Created, BuildingAt: d.Created, ReadyAt: d.Created, AliasAt: d.Created, DeletedAt: d.Deleted,
		}
		for name, value := range d.Env {
			made.Env[name] = keep(value)
		}
		s.Deployments = append(s.Deployments, made)
	}
	return s, m.err
}
