package sandbox

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"time"

	"keyturn/keygen"
	"keyturn/steps/vercel"
)

const (
	// keyAge is the age of key v1 in a new world: two days before the quarterly
	// rotation is due.
	keyAge = 88 * 24 * time.Hour
	// lastBuildAge is the age of the deployments that serve in a new world.
	lastBuildAge = 3 * 24 * time.Hour

	seedBytes = 16
)

// newState makes the company as it was before its next rotation: its projects,
// one secret v1 for each environment, and two deployments for each project and
// address, of which the older still answers at its own.
func newState(options Options) (*state, error) {
	if options.History != nil {
		return historic(options)
	}
	account := options.Account
	if len(account.Projects) == 0 {
		account.Projects = rehearsalProjects()
	}
	if err := account.check(); err != nil {
		return nil, fmt.Errorf("check account: %w", err)
	}
	s := &state{secrets: map[ref]string{}, Seeds: map[string]ref{}}
	s.Created = s.now(options.RealNow())
	s.ClockSeen = s.Created
	m := maker{state: s, random: options.Random}
	m.seed()
	s.VercelToken = m.token()
	s.LogToken = m.token()
	m.people(account)
	for _, p := range account.Projects {
		m.project(p)
	}
	for _, environment := range []string{Staging, Production} {
		s.Seeds[environment] = m.token()
	}
	for i, p := range account.Projects {
		m.variables(s.Projects[i], p)
	}
	for _, v := range account.Shared {
		m.shared(v)
	}
	for i, p := range account.Projects {
		m.deployments(s.Projects[i], p)
	}
	slices.SortStableFunc(s.Deployments, func(a, b deployment) int { return a.Created.Compare(b.Created) })
	if m.err != nil {
		return nil, m.err
	}
	return s, nil
}

// maker fills a new state and remembers the first error.
type maker struct {
	state  *state
	random io.Reader
	err    error
}

func (m *maker) seed() {
	raw := make([]byte, seedBytes)
	m.try(func() error { _, err := io.ReadFull(m.random, raw); return err })
	m.state.Seed = hex.EncodeToString(raw)
}

func (m *maker) token() ref {
	var token keygen.Secret
	m.try(func() (err error) { token, err = keygen.Generate(m.random); return err })
	return m.keep(token.Reveal())
}

func (m *maker) keep(text string) ref {
	var r ref
	m.try(func() (err error) { r, err = m.state.keep(m.random, text); return err })
	return r
}

func (m *maker) id(prefix string) string {
	var id string
	m.try(func() (err error) { id, err = newID(m.random, prefix); return err })
	return id
}

func (m *maker) try(do func() error) {
	if m.err == nil {
		if err := do(); err != nil {
			m.err = fmt.Errorf("draw random bytes: %w", err)
		}
	}
}

func (m *maker) refuse(what string, err error) {
	if m.err == nil && err != nil {
		m.err = fmt.Errorf("%s: %w", what, err)
	}
}

func (m *maker) people(account Account) {
	for _, team := range account.Teams {
		if team.ID == "" {
			team.ID = m.id("team_")
		}
		team.Name = cmp.Or(team.Name, team.Slug)
		m.state.Teams = append(m.state.Teams, team)
	}
	for _, who := range account.Members {
		if who.ID == "" {
			who.ID = m.id("user_")
		}
		who.Name = cmp.Or(who.Name, who.Username)
		m.state.Members = append(m.state.Members, member{Member: who, Token: m.token()})
	}
}

func (m *maker) project(options ProjectOptions) {
	p := Project{ID: m.id("prj_"), Name: options.Name, TeamID: m.team(options.Team), Protected: options.Protected}
	for _, slug := range options.CustomEnvironments {
		p.CustomEnvironments = append(p.CustomEnvironments, CustomEnvironment{ID: m.id("env_"), Slug: slug})
	}
	if p.Protected {
		if m.state.Bypasses == nil {
			m.state.Bypasses = map[string]ref{}
		}
		m.state.Bypasses[p.ID] = m.token()
	}
	m.state.Projects = append(m.state.Projects, p)
}

// team returns the id of a team by its slug.
func (m *maker) team(slug string) string {
	for _, team := range m.state.Teams {
		if slug == "" || team.Slug == slug {
			return team.ID
		}
	}
	return ""
}

// user returns the id of a member by the username.
func (m *maker) user(name string) string {
	for _, who := range m.state.Members {
		if who.Username == name {
			return who.ID
		}
	}
	if name != "" && name != ownerName {
		m.refuse("user "+name, fmt.Errorf("there is no such member"))
	}
	return owner
}

// variables makes the rows of a project.
func (m *maker) variables(project Project, options ProjectOptions) {
	rows := options.Variables
	if !options.WithoutKey {
		rows = slices.Concat(seedRows(), rows)
	}
	for _, wanted := range rows {
		row := variable{ID: m.id(""), Project: project.ID}
		m.fill(&row, wanted)
		row.CustomEnvironmentIDs = project.customIDs(wanted.CustomEnvironments)
		what := fmt.Sprintf("variable %s of %s", wanted.Key, project.Name)
		m.refuse(what, row.check())
		if len(row.CustomEnvironmentIDs) != len(wanted.CustomEnvironments) {
			m.refuse(what, fmt.Errorf("no such custom environment in %v", wanted.CustomEnvironments))
		}
		if slices.ContainsFunc(m.state.Variables, row.clashes) {
			m.refuse(what, fmt.Errorf("there is one already for one of its targets"))
		}
		m.state.Variables = append(m.state.Variables, row)
	}
}

// seedRows returns the rows of key v1. Development has its own, since a
// sensitive row is refused there.
func seedRows() []VariableOptions {
	var rows []VariableOptions
	for _, target := range []string{vercel.TargetPreview, vercel.TargetDevelopment, vercel.TargetProduction} {
		rows = append(rows, VariableOptions{Key: seedKey, Target: []string{target}, Age: keyAge})
	}
	return rows
}

const seedKey = "HMAC_SECRET_V1"

func (m *maker) shared(options SharedOptions) {
	v := sharedVariable{TeamID: m.team(options.Team), variable: variable{ID: m.id("env_")}}
	m.fill(&v.variable, options.VariableOptions)
	m.refuse("shared variable "+v.Key, v.check())
	for _, name := range options.Projects {
		if p, ok := m.state.project(name); ok {
			v.ProjectIDs = append(v.ProjectIDs, p.ID)
		}
	}
	m.state.Shared = append(m.state.Shared, v)
}

// fill sets what rows of projects and of teams have in common.
func (m *maker) fill(row *variable, options VariableOptions) {
	row.Key, row.GitBranch, row.Target = options.Key, options.GitBranch, options.Target
	row.Type = options.Type
	if row.Type == "" {
		row.Type = vercel.TypeSensitive
		if slices.Contains(row.Target, vercel.TargetDevelopment) {
			row.Type = vercel.TypeEncrypted
		}
	}
	row.Created = m.state.Created.Add(-options.Age)
	row.Updated = row.Created
	row.CreatedBy = m.user(options.CreatedBy)
	row.UpdatedBy = row.CreatedBy
	switch {
	case !options.Value.IsZero():
		row.Value = m.keep(options.Value.Reveal())
	case row.Key == seedKey && slices.Contains(row.Target, vercel.TargetProduction):
		row.Value = m.state.Seeds[Production]
	case row.Key == seedKey:
		row.Value = m.state.Seeds[Staging]
	default:
		row.Value = m.token()
	}
}

// deployments makes two of each kind that a project has: the older as old as its
// key, the newer the one that serves.
func (m *maker) deployments(project Project, options ProjectOptions) {
	kinds := []deployment{{Target: vercel.TargetPreview}, {Target: vercel.TargetProduction}}
	for _, branch := range options.Branches {
		kinds = append(kinds, deployment{Target: vercel.TargetPreview, Branch: branch})
	}
	for _, slug := range options.CustomEnvironments {
		kinds = append(kinds, deployment{Target: vercel.TargetPreview, CustomEnvironment: slug})
	}
	for _, d := range kinds {
		first := m.state.Created.Add(-keyAge).Add(10 * time.Minute)
		for _, created := range []time.Time{first, m.state.Created.Add(-lastBuildAge)} {
			d.ID, d.Project, d.CreatedBy = m.id("dpl_"), project.ID, owner
			d.Env = m.state.bake(project, d)
			d.Created, d.BuildingAt = created, created
			d.ReadyAt = created.Add(time.Minute)
			d.AliasAt = d.ReadyAt
			m.state.Deployments = append(m.state.Deployments, d)
		}
	}
}
