package checklist

import (
	"fmt"
	"slices"
	"strings"
)

// presence says whether a key is in service.
type presence int

const (
	absent presence = iota
	perhaps
	present
)

// Leaves says which of the session's keys are in service where, as far as it
// knows: by what its items did, and not by looking. It is such as "staging: v1,
// v2; production: v1, perhaps v2".
func (s *Session) Leaves() string {
	var places []string
	for _, e := range s.Environments() {
		var keys []string
		for _, r := range []Role{OldKey, NewKey, BackupKey} {
			switch s.presence(e, r) {
			case present:
				keys = append(keys, string(s.Key(r)))
			case perhaps:
				keys = append(keys, fmt.Sprintf("perhaps %s", s.Key(r)))
			}
		}
		if len(keys) == 0 {
			keys = []string{"none of its keys"}
		}
		places = append(places, string(e)+": "+strings.Join(keys, ", "))
	}
	return strings.Join(places, "; ")
}

// presence follows a key of an environment through the items.
func (s *Session) presence(e Environment, r Role) presence {
	if s.Key(r) == "" || r == BackupKey && (s.Key(OldKey) == s.Key(r) || s.Fingerprint(e, r) == "") {
		return absent // also a backup key that nobody wanted, or that there is not
	}
	is := s.presenceBefore(r)
	for _, i := range s.Checklist.Items() {
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
	case "add-new-key", "new-key-in-service":
		return present, r == NewKey
	case "add-backup-key":
		return present, r == BackupKey
	case "re-add-old-key":
		return present, r == OldKey
	case "remove-old-key", "remove-compromised-key":
		return absent, r == OldKey
	case "remove-new-key":
		return absent, r == NewKey
	case "decide": // a decision to resume changes no key
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
	case s.Left == "": // another session has undone it
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
