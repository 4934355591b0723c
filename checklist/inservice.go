package checklist

import (
	"fmt"
	"slices"
	"strings"

	"keyturn/keygen"
)

// presence says whether a key is in service.
type presence int

const (
	absent presence = iota
	perhaps
	present
)

// Presence is a key that is in service, as far as a session knows.
type Presence struct {
	Environment Environment  `json:"environment"`
	Key         keygen.KeyID `json:"key,omitempty"` // empty: none of the session's keys
	Perhaps     bool         `json:"perhaps,omitempty"`
}

// InService says which of the session's keys are in service where, as far as it
// knows: by what its items did, and not by looking.
func (s *Session) InService() []Presence {
	var all []Presence
	for _, e := range s.Environments() {
		none := true
		for _, r := range []Role{OldKey, NewKey, BackupKey} {
			if is := s.presence(e, r); is != absent {
				all, none = append(all, Presence{Environment: e, Key: s.Key(r), Perhaps: is == perhaps}), false
			}
		}
		if none {
			all = append(all, Presence{Environment: e})
		}
	}
	return all
}

// LeavesWords says which keys are in service, such as "staging: v1, v2;
// production: v1, perhaps v2".
func LeavesWords(all []Presence) string {
	var words strings.Builder
	var last Environment
	for _, p := range all {
		key := string(p.Key)
		switch {
		case key == "":
			key = "none of its keys"
		case p.Perhaps:
			key = "perhaps " + key
		}
		switch {
		case p.Environment == last:
			words.WriteString(", " + key)
		case last != "":
			words.WriteString("; " + string(p.Environment) + ": " + key)
		default:
			words.WriteString(string(p.Environment) + ": " + key)
		}
		last = p.Environment
	}
	return words.String()
}

// presence follows a key of an environment through the items.
func (s *Session) presence(e Environment, r Role) presence {
	if s.Key(r) == "" || r == BackupKey && (s.Key(OldKey) == s.Key(r) || s.Fingerprint(e, r) == "") {
		return absent // also a backup key that nobody wanted, or that there is not
	}
	is := s.presenceBefore(r)
	for i := range s.Checklist.All() {
		to, moves := s.moves(i, r)
		if !moves || !i.In(e) {
			continue
		}
		switch st := s.state(i.ID); {
		case st.Status == StatusPassed:
			is = to
		case is != to && st.changed([]Environment{e}):
			is = perhaps
		}
	}
	return is
}

// presenceBefore is a key's presence when the session was opened.
func (s *Session) presenceBefore(r Role) presence {
	rollback := s.Checklist.ID == Rollback().ID
	switch {
	case r == OldKey && rollback:
		return perhaps // it was missed somewhere, and may be there elsewhere
	case r == OldKey, r == NewKey && rollback:
		return present
	}
	return absent
}

// moves reports whether an item puts a key into service or takes it out.
func (s *Session) moves(i Item, r Role) (to presence, ok bool) {
	switch i.Step {
	case StepAddNewKey, StepNewKeyInService:
		return present, r == NewKey
	case StepAddBackupKey:
		return present, r == BackupKey
	case StepReAddOldKey:
		return present, r == OldKey
	case StepRemoveOldKey, StepRemoveCompromisedKey:
		return absent, r == OldKey
	case StepRemoveNewKey:
		return absent, r == NewKey
	case StepDecide: // a decision to resume changes no key
		return absent, r == NewKey && s.state(i.ID).changed(s.Environments())
	}
	return absent, false
}

// WayOn says what to do next about a session that was abandoned.
func (s *Session) WayOn() string {
	in := func(r Role) bool {
		return slices.ContainsFunc(s.Environments(), func(e Environment) bool { return s.presence(e, r) != absent })
	}
	oldID, newID := s.Key(OldKey), s.Key(NewKey)
	switch id := s.Checklist.ID; {
	case s.Undone:
		return ""
	case id == Emergency(false).ID && in(OldKey):
		return fmt.Sprintf("%s is compromised and may still be in service: begin keyturn emergency again.", oldID)
	case id == Emergency(false).ID:
		return fmt.Sprintf("%s is taken out; keyturn emergency again finds the deployments that may still accept it.", oldID)
	case id == Drill().ID && in(NewKey):
		return fmt.Sprintf("Delete %s from staging at Vercel and redeploy staging.", newID.Variable())
	case id == Rollback().ID:
		return "keyturn rollback begins another one, where the service is not back yet."
	case in(NewKey) && !in(OldKey):
		return fmt.Sprintf("%s alone is in service: keyturn doctor tries whether all is as it should be.", newID)
	case in(NewKey):
		return fmt.Sprintf("keyturn rollback takes %s out of service again, where it is not wanted.", newID)
	}
	return fmt.Sprintf("It leaves no new key in service: keyturn %s begins anew.", s.Checklist.ID)
}
