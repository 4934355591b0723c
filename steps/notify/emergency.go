package notify

import (
	"strings"
	"time"

	"keyturn/keygen"
)

// Compromise is what the message of an emergency tells.
type Compromise struct {
	About
	Key, New keygen.KeyID // the compromised key and the one that replaces it
	Declared time.Time
	Since    time.Time // of the compromise; zero where that is not known
	KnownBy  string
	// Refused and Accepted are since when the compromised key is proved refused
	// and the new one accepted; zero while they are not.
	Refused, Accepted time.Time
	Findings          []string // what else whoever is on call must know
}

// Emergency tells that a key was compromised, what is refused, and what to do.
func Emergency(c Compromise) Message {
	state := "is being revoked"
	if !c.Refused.IsZero() {
		state = "has been revoked"
	}
	m := c.begin("SECURITY: HMAC key %s of %s is compromised and %s", c.Key, c.Service, state)
	m.add("- declared %s by %s", utc(c.Declared), c.Operator)
	if !c.Since.IsZero() {
		m.add("- compromised since %s", utc(c.Since))
	}
	if c.KnownBy != "" {
		m.add("- known by: %s", c.KnownBy)
	}
	if c.Refused.IsZero() {
		m.add("- NOT yet refused everywhere in %s", c.where())
	} else {
		m.add("- refused in %s since %s: whoever still signs with %s gets an error", c.where(), utc(c.Refused), c.Key)
	}
	if c.Accepted.IsZero() {
		m.add("- %s is not accepted yet: another message follows", c.New)
	} else {
		m.add("- sign with key id %s: it is accepted since %s", c.New, utc(c.Accepted))
	}
	for _, f := range c.Findings {
		m.add("- %s", f)
	}
	return m.end(c.About)
}

// Return is what the message of a rollback tells.
type Return struct {
	About
	Parent   string // the session that was rolled back; empty when there is none
	Old, New keygen.KeyID
	Accepted time.Time // since when the old key is accepted again
	Trouble  string
	Decision string // how it goes on
}

// RolledBack tells that the old key is in service again.
func RolledBack(r Return) Message {
	m := r.begin("HMAC key %s of %s is in service again: the rotation was rolled back", r.Old, r.Service)
	if r.Parent != "" {
		m.add("- rolled back: %s", r.Parent)
	}
	if r.Trouble != "" {
		m.add("- trouble: %s", r.Trouble)
	}
	if !r.Accepted.IsZero() {
		m.add("- %s is accepted in %s since %s", r.Old, r.where(), utc(r.Accepted))
	}
	if r.Decision != "" {
		m.add("- how it goes on: %s", r.Decision)
	}
	return m.end(r.About)
}

func join(names []string) string { return strings.Join(names, ", ") }
