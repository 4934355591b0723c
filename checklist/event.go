package checklist

import (
	"time"

	"keyturn/keygen"
)

// Format names the version of the journal's format. Within it, fields are only
// added, and every added one is optional.
const Format = "keyturn.journal/v2"

// Kind says what an event reports.
type Kind string

// The kinds of event, in about the order in which an item sees them. They are
// format: none is ever renamed or reused.
const (
	Opened     Kind = "opened"      // the session began
	Resumed    Kind = "resumed"     // a driver came back to it
	Recovered  Kind = "recovered"   // a torn last line was dropped from the journal
	Turned     Kind = "turned"      // the sandbox's clock was turned forward
	Configured Kind = "configured"  // the operator agreed to go on with another configuration
	Narrowed   Kind = "narrowed"    // a target was taken out of the session, with a reason
	Planned    Kind = "planned"     // a step said what it will do
	Agreed     Kind = "agreed"      // the operator consented to the plan
	Declined   Kind = "declined"    // the operator did not
	Requested  Kind = "requested"   // a second person is about to be asked
	Approved   Kind = "approved"    // a second person's signature was accepted
	Refused    Kind = "refused"     // a second person signed that they refuse
	Started    Kind = "started"     // the step may now have effects
	Intended   Kind = "intended"    // an outside effect is about to be made
	Done       Kind = "done"        // the effect was made
	Unmade     Kind = "not-made"    // the effect was refused, and changed nothing
	Unknown    Kind = "unknown"     // nobody knows whether it was made
	Answered   Kind = "answered"    // the operator answered a step's question
	Measured   Kind = "measured"    // a metric was read
	Left       Kind = "left"        // the operator went away in the middle
	Waiting    Kind = "waiting"     // the item needs more time, and says why
	Passed     Kind = "passed"      // the item is done and proved
	Failed     Kind = "failed"      // the item is not done
	Deferred   Kind = "deferred"    // the others wait for the item no longer; a later one makes up for it
	PassedOver Kind = "passed-over" // the operator left the item out, with a reason
	Reopened   Kind = "reopened"    // the item, and all after it, are to be done again, with a reason
	RolledBack Kind = "rolled-back" // another session put the old key back
	Noted      Kind = "noted"       // a remark by the operator
	Overridden Kind = "overridden"  // a gate was passed with a reason
	Observed   Kind = "observed"    // what the outside looked like after a change
	Drifted    Kind = "drifted"     // the outside or the configuration differs from what was seen
	Finished   Kind = "finished"    // the session ended, every item settled
	Abandoned  Kind = "abandoned"   // the session ended before that, with a reason
)

// Event is one line of the journal. It never holds a secret.
type Event struct {
	Seq  int       `json:"seq"`  // 1 for the first
	Prev string    `json:"prev"` // SHA-256 of the previous line with its line feed, in hex; 64 zeros for the first
	At   time.Time `json:"at"`   // UTC
	By   string    `json:"by"`   // the operator's principal
	Kind Kind      `json:"kind"`
	Item string    `json:"item,omitempty"`
	// Run is a random id of the program's run; opened and resumed.
	Run string `json:"run,omitempty"`
	// Text is a reason, an answer, a remark, or what went wrong. It is for people:
	// nothing is decided by it.
	Text    string `json:"text,omitempty"`
	Hint    string `json:"hint,omitempty"`    // failed: what to do next
	Redo    string `json:"redo,omitempty"`    // failed: the item that puts it right when it is done again
	Changed string `json:"changed,omitempty"` // failed, left: what the run had changed, in words
	Gate    string `json:"gate,omitempty"`    // overridden
	Session string `json:"session,omitempty"` // rolled-back: the session that did it
	Target  string `json:"target,omitempty"`  // narrowed

	Opening  *Opening          `json:"opening,omitempty"`
	Setup    *Setup            `json:"setup,omitempty"` // configured
	Plan     *Plan             `json:"plan,omitempty"`
	Plans    []string          `json:"plans,omitempty"` // agreed: the digests of the plans
	Effect   *Effect           `json:"effect,omitempty"`
	Question *Asked            `json:"question,omitempty"` // answered
	Evidence *Evidence         `json:"evidence,omitempty"`
	Until    *time.Time        `json:"until,omitempty"` // waiting, turned
	Seen     map[string]string `json:"seen,omitempty"`  // observed, rolled-back
	Drift    []Drift           `json:"drift,omitempty"`
	Accepted bool              `json:"accepted,omitempty"` // drifted: the operator went on with what was found
	Leaves   []Presence        `json:"leaves,omitempty"`   // abandoned: what is left in service
	Undone   bool              `json:"undone,omitempty"`   // abandoned: another session has undone it
	Request  *Request          `json:"request,omitempty"`  // requested
	Approval *Approval         `json:"approval,omitempty"` // approved
	Refusal  *Refusal          `json:"refusal,omitempty"`  // refused
	// Approvals are the ids of the requests to which second persons agreed;
	// overridden, passed-over, narrowed.
	Approvals []string `json:"approvals,omitempty"`
	// Torn is the SHA-256 of the bytes that a recovery dropped, in hex.
	Torn string `json:"torn,omitempty"`
}

// Asked names a question of a step. ID is the question's own, never renamed or
// reused, and About what it was asked about where it is asked several times,
// such as an environment.
type Asked struct {
	ID    string `json:"id"`
	About string `json:"about,omitempty"`
}

// Opening is what a session is about. It is fixed when the session is opened,
// and carries all that a later version needs to go on with it: the checklist
// with its texts, and the setup.
type Opening struct {
	Format    string    `json:"format"`
	Session   string    `json:"session"` // ends in 128 random bits
	Checklist Checklist `json:"checklist"`
	// Sandbox marks a session whose world is the embedded sandbox.
	Sandbox  bool   `json:"sandbox"`
	Operator string `json:"operator"` // the principal who opened it
	Reason   string `json:"reason"`
	Setup    Setup  `json:"setup"`
	// Environments are where the session acts, of those of its checklist.
	Environments []Environment `json:"environments"`
	// Grace chooses the order of an emergency: the new key first, then the
	// removal. The runbook's order, and the default, is to remove at once.
	Grace bool `json:"grace,omitempty"`
	// Parent is the session that a rollback is about; empty when it is alone.
	Parent string       `json:"parent,omitempty"`
	Old    keygen.KeyID `json:"old,omitempty"`
	New    keygen.KeyID `json:"new,omitempty"`
	// UTCOffset is the operator's, in seconds, so that a day begins at the
	// operator's midnight wherever the session is resumed.
	UTCOffset int    `json:"utc_offset"`
	Trail     string `json:"trail"`      // the trail's id
	TrailHead string `json:"trail_head"` // SHA-256 of the last record, 64 zeros for none
	TrailSeq  int    `json:"trail_seq"`
	Tool      string `json:"tool"` // Keyturn's version
}

// Drift is one thing that is no longer as Keyturn left it. Subject names it in
// the form of what was observed: see Observer and Setup.
type Drift struct {
	Subject  string `json:"subject"`
	Believed string `json:"believed"` // empty: it was not there
	Found    string `json:"found"`    // empty: it is gone
}
