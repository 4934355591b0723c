package sandbox

import (
	"encoding/hex"
	"fmt"
	"io"
	"maps"
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

// ref names a secret text inside the sealed part of the world's file.
type ref string

// state is all that a world remembers. A published state is never changed: a
// writer clones it. Slices and maps inside its elements are replaced whole,
// never written to, so that a clone may share them.
type state struct {
	Created     time.Time      `json:"created"`
	Seed        string         `json:"seed"`         // decides the clients' habits; hex
	ClockOffset time.Duration  `json:"clock_offset"` // ns, added to real time
	ClockSeen   time.Time      `json:"clock_seen"`   // the world's time of the last change
	Ports       ports          `json:"ports"`
	VercelToken ref            `json:"vercel_token"`
	LogToken    ref            `json:"log_token"`
	Seeds       map[string]ref `json:"seeds"` // environment → secret of v1

	Projects    []Project    `json:"projects"`
	Variables   []variable   `json:"variables"`
	Deployments []deployment `json:"deployments"` // in the order of their making
	Nonces      []nonce      `json:"nonces"`      // oldest first
	Requests    []request    `json:"requests"`    // real ones, oldest first
	Fault       faultState   `json:"fault"`
	Straggling  []period     `json:"straggling"` // when the straggler fault was in force

	secrets map[ref]string // in the sealed part of the file
}

// ports are the loopback ports of the three servers.
type ports struct {
	Vercel  int `json:"vercel"`
	Log     int `json:"log"`
	Service int `json:"service"`
}

// period is a stretch of the world's time. A zero To means: still going on.
type period struct {
	From time.Time `json:"from"`
	To   time.Time `json:"to,omitzero"`
}

func (p period) contains(t time.Time) bool {
	return !t.Before(p.From) && (p.To.IsZero() || t.Before(p.To))
}

// newState makes the company as it was before its next rotation: two projects,
// one secret v1 for each environment, and two deployments for each project and
// target, of which the older still answers at its own address.
func newState(options Options) (*state, error) {
	s := &state{secrets: map[ref]string{}, Seeds: map[string]ref{}}
	s.Created = s.now(options.RealNow())
	s.ClockSeen = s.Created
	maker := maker{state: s, random: options.Random}
	maker.seed()
	s.VercelToken = maker.token()
	s.LogToken = maker.token()
	for _, name := range []string{"orders-api", "payments-api"} {
		s.Projects = append(s.Projects, Project{ID: maker.id("prj_"), Name: name})
	}
	for _, environment := range []string{Staging, Production} {
		maker.environment(environment)
	}
	if maker.err != nil {
		return nil, fmt.Errorf("draw random bytes: %w", maker.err)
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
		m.err = do()
	}
}

// environment gives every project the key v1 of an environment and two
// deployments that hold it.
func (m *maker) environment(environment string) {
	lastRotation := m.state.Created.Add(-keyAge)
	seed := m.token()
	m.state.Seeds[environment] = seed
	for _, project := range m.state.Projects {
		for _, row := range seedRows(environment) {
			row.ID, row.Project = m.id(""), project.ID
			row.Created, row.Updated = lastRotation, lastRotation
			row.Value = seed
			m.state.Variables = append(m.state.Variables, row)
		}
		for _, created := range []time.Time{lastRotation.Add(10 * time.Minute), m.state.Created.Add(-lastBuildAge)} {
			ready := created.Add(time.Minute)
			target := targetOf(environment)
			m.state.Deployments = append(m.state.Deployments, deployment{
				ID: m.id("dpl_"), Project: project.ID, Target: target, Env: m.state.bake(project.ID, target),
				Created: created, BuildingAt: created, ReadyAt: ready, AliasAt: ready,
			})
		}
	}
	slices.SortStableFunc(m.state.Deployments, func(a, b deployment) int { return a.Created.Compare(b.Created) })
}

// seedRows returns the rows of key v1 in an environment. Development has its
// own, since a sensitive row is refused there.
func seedRows(environment string) []variable {
	key := keygen.KeyID("v1").Variable()
	if environment == Production {
		return []variable{{Key: key, Type: vercel.TypeSensitive, Target: []string{vercel.TargetProduction}}}
	}
	return []variable{
		{Key: key, Type: vercel.TypeSensitive, Target: []string{vercel.TargetPreview}},
		{Key: key, Type: vercel.TypeEncrypted, Target: []string{vercel.TargetDevelopment}},
	}
}

func (s *state) clone() *state {
	next := *s
	next.Seeds = maps.Clone(s.Seeds)
	next.Projects = slices.Clone(s.Projects)
	next.Variables = slices.Clone(s.Variables)
	next.Deployments = slices.Clone(s.Deployments)
	next.Nonces = slices.Clone(s.Nonces)
	next.Requests = slices.Clone(s.Requests)
	next.Straggling = slices.Clone(s.Straggling)
	next.secrets = maps.Clone(s.secrets)
	return &next
}

// keep puts a text into the sealed part and returns its reference.
func (s *state) keep(random io.Reader, text string) (ref, error) {
	id, err := newID(random, "sec_")
	if err != nil {
		return "", err
	}
	s.secrets[ref(id)] = text
	return ref(id), nil
}

func (s *state) secret(r ref) string { return s.secrets[r] }

// dropUnusedSecrets forgets every text that no row, no deployment and no token
// refers to any more.
func (s *state) dropUnusedSecrets() {
	used := map[ref]bool{s.VercelToken: true, s.LogToken: true}
	for _, r := range s.Seeds {
		used[r] = true
	}
	for _, v := range s.Variables {
		used[v.Value] = true
	}
	for _, d := range s.Deployments {
		for _, r := range d.Env {
			used[r] = true
		}
	}
	maps.DeleteFunc(s.secrets, func(r ref, _ string) bool { return !used[r] })
}

// project finds a project by id or name.
func (s *state) project(idOrName string) (Project, bool) {
	for _, p := range s.Projects {
		if p.ID == idOrName || p.Name == idOrName {
			return p, true
		}
	}
	return Project{}, false
}

// newID returns the prefix and 24 hex characters.
func newID(random io.Reader, prefix string) (string, error) {
	raw := make([]byte, 12)
	if _, err := io.ReadFull(random, raw); err != nil {
		return "", fmt.Errorf("draw id: %w", err)
	}
	return prefix + hex.EncodeToString(raw), nil
}
