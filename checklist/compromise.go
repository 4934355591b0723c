package checklist

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

// Choice returns the order that the session was opened for.
func (s *Session) Choice() string {
	if s.Opening.Grace {
		return ChoiceGrace
	}
	return ChoiceNow
}

// What a rollback's decision is answered with, and the fact that holds the answer.
const (
	Resume       = "resume"
	Abandon      = "abandon"
	FactDecision = "decision"
)

// AskedDecision is the question how it goes on from a rollback.
func AskedDecision() Asked { return Asked{ID: "decide"} }
