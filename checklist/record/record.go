package record

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"keyturn/checklist"
)

// Schema names the version of record.json. Within it, members are only added,
// and every added one is optional.
const Schema = "keyturn.record/v2"

const (
	recordFile    = "record.json"
	signatureFile = "record.json.sig"
	reportFile    = "report.md"
	journalFile   = "journal.jsonl"
)

// noDigest stands where there is no earlier record.
var noDigest = strings.Repeat("0", hex.EncodedLen(sha256.Size))

// Where a session took place. A sandbox record must never pass for a real one,
// so the word stands in the record, the report and every summary.
const (
	WorldReal    = "real"
	WorldSandbox = "sandbox"
)

// How a session ended.
const (
	Completed = "completed"
	Abandoned = "abandoned"
)

// Recording is the status of the item that writes the record: it is under way
// when the journal is copied.
const Recording = "recording"

// Record is the content of record.json: codes, parameters, and texts that people
// wrote or that the journal recorded, in this order and with no sentence of the
// program's. Times are UTC in whole seconds, digests are lower-case hex.
type Record struct {
	Schema     string      `json:"schema"`
	Trail      Link        `json:"trail"`
	Rotation   Rotation    `json:"rotation"`
	Deviations []Deviation `json:"deviations"`
	// Milestones are what a session with a limit had to reach, in order.
	Milestones []Milestone `json:"milestones,omitempty"`
	Checklist  Checklist   `json:"checklist"`
	Keys       []Keys      `json:"keys"`
	Targets    []Target    `json:"targets"`
	Approvals  []Approval  `json:"approvals"`
	Refusals   []Refusal   `json:"refusals,omitempty"`
	Items      []Item      `json:"items"`
	Issues     []Issue     `json:"issues"` // for the next rotation to look at
	Journal    Journal     `json:"journal"`
	Report     Twin        `json:"report"`
	Policy     Policy      `json:"policy"`
	Signer     Signer      `json:"signer"`
	CreatedAt  string      `json:"created_at"`
	Tool       string      `json:"tool"`
}

// Link is the record's place in its trail.
type Link struct {
	ID         string `json:"id"`
	Seq        int    `json:"seq"` // 1 for the first
	PrevSHA256 string `json:"prev_sha256"`
}

// Rotation says what the session was about and how it ended.
type Rotation struct {
	ID           string   `json:"id"`
	Kind         string   `json:"kind"` // the checklist's id
	Grace        bool     `json:"grace"`
	World        string   `json:"world"`
	Environments []string `json:"environments"`
	Service      string   `json:"service"`
	Team         string   `json:"team"`
	Hosting      string   `json:"hosting"`
	Operator     string   `json:"operator"`
	Reason       string   `json:"reason"`
	Parent       string   `json:"parent"` // the session that a rollback is about
	StartedAt    string   `json:"started_at"`
	FinishedAt   string   `json:"finished_at"`
	Outcome      string   `json:"outcome"`
	DualKeyDays  int      `json:"dual_key_days"`
}

// Deviation is something done otherwise than the checklist says: see
// checklist.Deviation.
type Deviation struct {
	At         string               `json:"at"`
	By         string               `json:"by"`
	Kind       checklist.Kind       `json:"kind"`
	Item       string               `json:"item"`
	Gate       string               `json:"gate,omitempty"`
	Session    string               `json:"session,omitempty"`
	Target     string               `json:"target,omitempty"`
	Drift      *checklist.Drift     `json:"drift,omitempty"`
	Leaves     []checklist.Presence `json:"leaves,omitempty"`
	Reason     string               `json:"reason"`
	ApprovedBy []string             `json:"approved_by"`
}

// Milestone is something that had to be reached within a limit. Counts are whole
// seconds, from the start of the session.
type Milestone struct {
	Item         string `json:"item"`
	LimitSeconds int    `json:"limit_seconds"`
	ReachedAt    string `json:"reached_at"`    // empty: it was not
	AfterSeconds int    `json:"after_seconds"` // 0 where it was not reached
	LateSeconds  int    `json:"late_seconds"`  // over the limit; below 0, what was left of it
}

// Checklist says what the session's checklist has beside what its kind demands.
type Checklist struct {
	Added []string `json:"added"` // ids of items that people added
}

// Keys are the ids and fingerprints in one environment; empty where there is
// no such key.
type Keys struct {
	Environment string `json:"environment"`
	OldID       string `json:"old_id"`
	OldFp       string `json:"old_fp"`
	NewID       string `json:"new_id"`
	NewFp       string `json:"new_fp"`
}

// Target is a place that the session was about.
type Target struct {
	Name     string `json:"name"`
	Platform string `json:"platform"`
	Project  string `json:"project"`
	Role     string `json:"role"`
	// NotChangedSince is when it was taken out of the session; empty for one that
	// was not.
	NotChangedSince string `json:"not_changed_since"`
}

// Approval is a second person's signed consent. Several people may have answered
// one request.
type Approval struct {
	ID         string         `json:"id"` // of the request
	Item       string         `json:"item"`
	Deviation  checklist.Kind `json:"deviation,omitempty"`
	Gate       string         `json:"gate,omitempty"`
	Target     string         `json:"target,omitempty"`
	Principal  string         `json:"principal"`
	AcceptedAt string         `json:"accepted_at"`
	Mandate    string         `json:"mandate"`
	Request    string         `json:"request"`   // the exact text that was signed
	Signature  string         `json:"signature"` // its armor
}

// Refusal is a second person's signed no, which takes back what others had agreed
// to by the same request.
type Refusal struct {
	ID         string `json:"id"` // of the request
	Item       string `json:"item"`
	Principal  string `json:"principal"`
	AcceptedAt string `json:"accepted_at"`
	Reason     string `json:"reason"` // as it was signed; empty where none was given
	// Request is the exact text that was refused. What was signed is that text with
	// the reason and another last line.
	Request   string `json:"request"`
	Signature string `json:"signature"` // its armor
}

// Item is one line of the checklist and how it went.
type Item struct {
	ID     string `json:"id"`
	Step   string `json:"step"`
	Status string `json:"status"` // a checklist.Status, or Recording
	At     string `json:"at"`
	By     string `json:"by"`
	Reason string `json:"reason"` // as recorded: why it failed, waits or was passed over
	// Changes were made outside. Of Pending nobody knows whether they were.
	Changes []checklist.Effect `json:"changes"`
	Pending []checklist.Effect `json:"pending,omitempty"`
}

// Issue is something for the next rotation to look at.
type Issue struct {
	Item   string `json:"item"`
	Failed bool   `json:"failed"` // the item failed, and did not pass since
	Text   string `json:"text"`   // as recorded
}

// Journal pins the journal's copy: its bytes, its length and its last line. A
// chain alone would not show that lines are missing from its end.
type Journal struct {
	Name       string `json:"name"`
	Format     string `json:"format"`
	Events     int    `json:"events"`
	HeadSHA256 string `json:"head_sha256"` // of the last line with its line feed
	FileSHA256 string `json:"file_sha256"`
}

// Twin pins the report for people.
type Twin struct {
	Name   string `json:"name"`
	SHA256 string `json:"sha256"`
}

// Policy is what the signer went by. A verifier goes by its own.
type Policy struct {
	AllowedSignersSHA256 string `json:"allowed_signers_sha256"`
	ApprovalsRequired    int    `json:"approvals_required"`
}

// PolicyOf returns the policy of a roster's exact bytes and the number of
// second persons that a change of production needs.
func PolicyOf(roster []byte, approvals int) Policy {
	return Policy{AllowedSignersSHA256: digestOf(roster), ApprovalsRequired: approvals}
}

// Signer names who signed, so that another member of the roster cannot replace
// the signature by their own.
type Signer struct {
	Principal string `json:"principal"`
	Key       string `json:"key"` // "SHA256:…"
}

// Name is the record's folder in its trail, such as "000412-rot-7f3a".
func (r Record) Name() string { return folderName(r.Trail.Seq, r.Rotation.ID) }

// Summary says in one line what the record is about.
func (r Record) Summary() string {
	words := fmt.Sprintf("%s %s of %s by %s, %s on %s", r.Rotation.Kind, r.Rotation.ID, r.Rotation.Service,
		r.Rotation.Operator, r.Rotation.Outcome, r.Rotation.FinishedAt)
	switch n := len(r.Deviations); n {
	case 0:
	case 1:
		words += ", with 1 deviation"
	default:
		words += fmt.Sprintf(", with %d deviations", n)
	}
	if r.Rotation.World == WorldSandbox {
		return "SANDBOX: " + words
	}
	return words
}

// idPattern admits session ids that are one safe folder name on every system.
var idPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

func folderName(seq int, id string) string { return fmt.Sprintf("%06d-%s", seq, id) }
