package sshsig

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Why a roster does not vouch for a signature.
var (
	ErrNotInRoster  = errors.New("key is not in the roster")
	ErrNotPermitted = errors.New("roster does not permit this key to sign for this purpose")
	ErrNotValid     = errors.New("key is not valid at this time")
)

// Member is one line of a roster: a key, whose it is, and for what and when it
// may sign. One person may have several keys, hence several members.
type Member struct {
	Principal   string // the person or program, such as alice@example.com
	Namespaces  []string
	ValidAfter  time.Time // inclusive; zero is no limit
	ValidBefore time.Time // inclusive; zero is no limit
	Key         PublicKey
	Comment     string
	Line        int // in the roster's file, from 1; 0 for a member made in memory
}

// Roster says whose keys may sign. It is always the reader's own, never taken
// from what is being verified.
type Roster struct {
	name    string
	members []Member
	byKey   map[string]int // fingerprint to index in members
}

// Name is the file name given to ParseRoster.
func (r Roster) Name() string { return r.name }

// Members returns every line in file order.
func (r Roster) Members() []Member { return slices.Clone(r.members) }

// Lookup finds the member with a key's fingerprint ("SHA256:…").
func (r Roster) Lookup(fingerprint string) (Member, bool) {
	i, ok := r.byKey[fingerprint]
	if !ok {
		return Member{}, false
	}
	return r.members[i], true
}

// KeysOf returns the members with a principal, compared exactly.
func (r Roster) KeysOf(principal string) []Member {
	var found []Member
	for _, m := range r.members {
		if m.Principal == principal {
			found = append(found, m)
		}
	}
	return found
}

// Verify finds the key that made armor, and checks that the roster lets it
// sign in namespace at that time and that the signature fits message. The
// member is returned with ErrNotPermitted and ErrNotValid too, so that an
// error can name the person.
func (r Roster) Verify(armor, namespace string, message []byte, at time.Time) (Member, error) {
	signature, err := unarmor(armor)
	if err != nil {
		return Member{}, err
	}
	member, ok := r.Lookup(signature.key.Fingerprint())
	if !ok {
		return Member{}, fmt.Errorf("%w: %s", ErrNotInRoster, signature.key.Fingerprint())
	}
	if err := signature.verify(namespace, message, member.Key); err != nil {
		return Member{}, err
	}
	return member, member.May(namespace, at)
}

// May says whether the member's line lets it sign in namespace at a time. The
// error is ErrNotPermitted or ErrNotValid.
func (m Member) May(namespace string, at time.Time) error {
	if !slices.Contains(m.Namespaces, namespace) {
		return fmt.Errorf("%w: %s may sign for %s, not for %q", ErrNotPermitted, m.Principal, strings.Join(m.Namespaces, ", "), namespace)
	}
	if !m.ValidAfter.IsZero() && at.Before(m.ValidAfter) {
		return fmt.Errorf("%w: the key of %s is valid from %s, not at %s", ErrNotValid, m.Principal, stamp(m.ValidAfter), stamp(at))
	}
	// ssh-keygen counts whole seconds and lets the last one pass.
	if !m.ValidBefore.IsZero() && at.Truncate(time.Second).After(m.ValidBefore) {
		return fmt.Errorf("%w: the key of %s is valid until %s, not at %s", ErrNotValid, m.Principal, stamp(m.ValidBefore), stamp(at))
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }
