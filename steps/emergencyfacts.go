package steps

import "keyturn/checklist"

// The facts of an emergency that other items and the paper rely on.
const (
	FactCompromisedSince = "compromise/since"    // RFC 3339, UTC
	FactKnownBy          = "compromise/known-by" // how the compromise is known, in the operator's words
	FactChoice           = "compromise/choice"   // ChoiceNow or ChoiceGrace
)

// The orders between which an emergency chooses.
const (
	ChoiceNow   = "now"   // remove first, as the runbook says
	ChoiceGrace = "grace" // the new key first, then remove
)

// choiceOf returns the order that a session was opened for.
func choiceOf(s *checklist.Session) string {
	if s.Opening.Grace {
		return ChoiceGrace
	}
	return ChoiceNow
}

// seenFact names the fact that the vault's copy of the compromised key was
// accepted before the removal: only then does its refusal prove anything.
func seenFact(e checklist.Environment) string { return "compromise/copy/" + string(e) }
