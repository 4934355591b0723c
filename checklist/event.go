package checklist

import (
	"fmt"
	"time"

	"keyturn/keygen"
)

// Kind says what an event reports.
type Kind string

// The kinds of event, in about the order in which an item sees them.
const (
	Opened     Kind = "opened"      // the session began
	Resumed    Kind = "resumed"     // a driver came back to it
	Recovered  Kind = "recovered"   // a torn last line was dropped from the journal
	Turned     Kind = "turned"      // the sandbox's clock was turned forward
	Planned    Kind = "planned"     // a step said what it will do
	Agreed     Kind = "agreed"      // the operator consented to the plan
	Declined   Kind = "declined"    // the operator did not
	Started    Kind = "started"     // the step may now have effects
	Intended   Kind = "intended"    // an outside effect is about to be made
	Done       Kind = "done"        // the effect was made
	Unmade     Kind = "not made"    // the effect was refused, and changed nothing
	Unknown    Kind = "unknown"     // nobody knows whether it was made
	Answered   Kind = "answered"    // the operator answered a step's question
	Measured   Kind = "measured"    // a metric was read
	Left       Kind = "left"        // the operator went away in the middle; the text says what was changed
	Waiting    Kind = "waiting"     // the item needs more time, and says why
	Passed     Kind = "passed"      // the item is done and proved
	Failed     Kind = "failed"      // the item is not done; the text says what was changed
	PassedOver Kind = "passed over" // the operator left the item out, with a reason
	Reopened   Kind = "reopened"    // the item, and all after it, are to be done again, with a reason
	RolledBack Kind = "rolled back" // another session put the old key back; the text names it
	Noted      Kind = "noted"       // a remark by the operator
	Overridden Kind = "overridden"  // a gate was passed with a reason
	Observed   Kind = "observed"    // what the outside looked like after a change
	Drifted    Kind = "drifted"     // the outside differs from what was observed
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
	// Text is a reason, an answer, a remark, or what went wrong.
	Text string `json:"text,omitempty"`
	Hint string `json:"hint,omitempty"` // failed: what to do next
	Gate string `json:"gate,omitempty"` // overridden

	Opening  *Opening          `json:"opening,omitempty"`
	Plan     *Plan             `json:"plan,omitempty"`
	Effect   *Effect           `json:"effect,omitempty"`
	Question string            `json:"question,omitempty"` // answered
	Evidence *Evidence         `json:"evidence,omitempty"`
	Until    *time.Time        `json:"until,omitempty"` // waiting, turned
	Seen     map[string]string `json:"seen,omitempty"`  // observed
	Drift    []Drift           `json:"drift,omitempty"`
	Approval *Approval         `json:"approval,omitempty"`
	// Torn is the SHA-256 of the bytes that a recovery dropped, in hex.
	Torn string `json:"torn,omitempty"`
}

// Opening is what a session is about. It is fixed when the session is opened.
type Opening struct {
	Session   string `json:"session"`
	Checklist string `json:"checklist"`
	Digest    string `json:"digest"` // of the checklist
	// Sandbox marks a session whose world is the embedded sandbox.
	Sandbox      bool          `json:"sandbox"`
	Operator     string        `json:"operator"` // the principal who opened it
	Reason       string        `json:"reason"`
	Service      string        `json:"service"`
	Targets      []string      `json:"targets"`
	Environments []Environment `json:"environments"`
	// Grace chooses the order of an emergency: the new key first, then the
	// removal. The runbook's order, and the default, is to remove at once.
	Grace bool `json:"grace,omitempty"`
	// Parent is the session that a rollback is about; empty when it is alone.
	Parent       string       `json:"parent,omitempty"`
	Old          keygen.KeyID `json:"old,omitempty"`
	New          keygen.KeyID `json:"new,omitempty"`
	DualKeyDays  int          `json:"dual_key_days,omitempty"`
	RotationDays int          `json:"rotation_days,omitempty"`
	// UTCOffset is the operator's, in seconds, so that a day begins at the
	// operator's midnight wherever the session is resumed.
	UTCOffset int    `json:"utc_offset"`
	Trail     string `json:"trail"`      // the trail's id
	TrailHead string `json:"trail_head"` // SHA-256 of the last record, 64 zeros for none
	TrailSeq  int    `json:"trail_seq"`
	Tool      string `json:"tool"` // Keyturn's version
}

// Effect is one change to the outside world. Each one that was intended is
// done, not made or unknown in the end; one that the journal ends with is
// unknown as well.
type Effect struct {
	Name        string      `json:"name"` // such as "vercel.env.create"
	Target      string      `json:"target,omitempty"`
	Environment Environment `json:"environment,omitempty"`
	Words       string      `json:"words"`
	Outcome     string      `json:"outcome,omitempty"` // done: such as the id that was made
}

// same reports whether o is the same change, whatever came of it.
func (e Effect) same(o Effect) bool {
	e.Outcome, o.Outcome = "", ""
	return e == o
}

func (e Effect) String() string {
	if e.Outcome == "" {
		return e.Words
	}
	return fmt.Sprintf("%s (%s)", e.Words, e.Outcome)
}

// Drift is one thing that is no longer as Keyturn left it.
type Drift struct {
	Subject  string `json:"subject"`
	Believed string `json:"believed"` // empty: it was not there
	Found    string `json:"found"`    // empty: it is gone
}

func (d Drift) String() string {
	switch {
	case d.Believed == "":
		return fmt.Sprintf("%s appeared: %s", d.Subject, d.Found)
	case d.Found == "":
		return fmt.Sprintf("%s is gone: it was %s", d.Subject, d.Believed)
	}
	return fmt.Sprintf("%s changed: it was %s, now %s", d.Subject, d.Believed, d.Found)
}
