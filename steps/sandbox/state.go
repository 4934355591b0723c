package sandbox

import (
	"encoding/hex"
	"fmt"
	"io"
	"maps"
	"slices"
	"time"
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

	Teams    []Team           `json:"teams,omitempty"`
	Members  []member         `json:"members,omitempty"`
	Shared   []sharedVariable `json:"shared,omitempty"`
	Switches []aliasSwitch    `json:"switches,omitempty"` // oldest first
	Bypasses map[string]ref   `json:"bypasses,omitempty"` // project id → protection-bypass secret

	secrets map[ref]string // in the sealed part of the file
}

// member is a person of the account with a token; the owner's is VercelToken.
type member struct {
	Member
	Token ref `json:"token"`
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

func (s *state) clone() *state {
	next := *s
	next.Seeds = maps.Clone(s.Seeds)
	next.Projects = slices.Clone(s.Projects)
	next.Variables = slices.Clone(s.Variables)
	next.Deployments = slices.Clone(s.Deployments)
	next.Nonces = slices.Clone(s.Nonces)
	next.Requests = slices.Clone(s.Requests)
	next.Straggling = slices.Clone(s.Straggling)
	next.Teams = slices.Clone(s.Teams)
	next.Members = slices.Clone(s.Members)
	next.Shared = slices.Clone(s.Shared)
	next.Switches = slices.Clone(s.Switches)
	next.Bypasses = maps.Clone(s.Bypasses)
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
	for _, r := range s.Bypasses {
		used[r] = true
	}
	for _, who := range s.Members {
		used[who.Token] = true
	}
	for _, v := range s.Variables {
		used[v.Value] = true
	}
	for _, v := range s.Shared {
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
