package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"strings"
	"time"
)

const (
	schema   = "keyturn.record/v1"
	renderer = "keyturn.report/v1"

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

// Record is the content of record.json. It has strings and whole numbers only,
// in this order; times are UTC in whole seconds, digests are lower-case hex.
type Record struct {
	Schema     string      `json:"schema"`
	Trail      Link        `json:"trail"`
	Rotation   Rotation    `json:"rotation"`
	Deviations []Deviation `json:"deviations"`
	// Milestones are what a session with a limit had to reach, in order.
	Milestones []Milestone `json:"milestones,omitempty"`
	Keys       []Keys      `json:"keys"`
	Targets    []string    `json:"targets"`
	Approvals  []Approval  `json:"approvals"`
	Items      []Item      `json:"items"`
	Issues     []string    `json:"issues"` // for the next rotation to look at
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
	ID              string   `json:"id"`
	Kind            string   `json:"kind"`  // the checklist's id
	Title           string   `json:"title"` // the checklist's
	World           string   `json:"world"`
	Environments    []string `json:"environments"`
	Service         string   `json:"service"`
	Operator        string   `json:"operator"`
	Reason          string   `json:"reason"`
	StartedAt       string   `json:"started_at"`
	FinishedAt      string   `json:"finished_at"`
	Outcome         string   `json:"outcome"`
	ChecklistSHA256 string   `json:"checklist_sha256"`
}

// Deviation is something done otherwise than the checklist says.
type Deviation struct {
	At         string `json:"at"`
	By         string `json:"by"`
	Item       string `json:"item"`
	What       string `json:"what"`
	Reason     string `json:"reason"`
	ApprovedBy string `json:"approved_by"`
}

// Milestone is something that had to be reached within a limit. Counts are whole
// seconds, from the start of the session.
type Milestone struct {
	Name         string `json:"name"`
	LimitSeconds int    `json:"limit_seconds"`
	ReachedAt    string `json:"reached_at"`    // empty: it was not
	AfterSeconds int    `json:"after_seconds"` // 0 where it was not reached
	LateSeconds  int    `json:"late_seconds"`  // over the limit; below 0, what was left of it
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

// Approval is a second person's signed consent.
type Approval struct {
	Item       string `json:"item"`
	Principal  string `json:"principal"`
	AcceptedAt string `json:"accepted_at"`
	PlanSHA256 string `json:"plan_sha256"`
	Request    string `json:"request"`   // the exact text that was signed
	Signature  string `json:"signature"` // its armor
}

// Item is one line of the checklist and how it went.
type Item struct {
	ID       string   `json:"id"`
	Phase    string   `json:"phase"`
	Title    string   `json:"title"`
	Status   string   `json:"status"`
	At       string   `json:"at"`
	By       string   `json:"by"`
	Evidence string   `json:"evidence"`
	Reason   string   `json:"reason"`
	Changes  []string `json:"changes"` // made outside
}

// Journal pins the journal's copy: its bytes, its length and its last line. A
// chain alone would not show that lines are missing from its end.
type Journal struct {
	Name       string `json:"name"`
	Events     int    `json:"events"`
	HeadSHA256 string `json:"head_sha256"` // of the last line with its line feed
	FileSHA256 string `json:"file_sha256"`
}

// Twin pins the report for people.
type Twin struct {
	Name     string `json:"name"`
	SHA256   string `json:"sha256"`
	Renderer string `json:"renderer"`
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

// encode is the one encoding of a record.
func (r Record) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(r); err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	return b.Bytes(), nil
}

// decode reads exactly what encode writes. Go's decoder takes the last of two
// equal members and matches names in any case; other readers take the first.
// What encodes to the same bytes again leaves no room for two readings.
func decode(text []byte) (Record, error) {
	dec := json.NewDecoder(bytes.NewReader(text))
	dec.DisallowUnknownFields()
	var r Record
	if err := dec.Decode(&r); err != nil {
		return Record{}, fmt.Errorf("decode record: %w", err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return Record{}, errors.New("decode record: something follows it")
	}
	again, err := r.encode()
	if err != nil {
		return Record{}, err
	}
	if !bytes.Equal(again, text) {
		return Record{}, fmt.Errorf("decode record: it is not written as Keyturn writes it, from byte %d", firstDifference(again, text)+1)
	}
	return r, nil
}

func firstDifference(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

const stampLayout = "2006-01-02T15:04:05Z"

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(stampLayout)
}

func parseStamp(s string) (time.Time, error) {
	t, err := time.Parse(stampLayout, s)
	if err != nil || stamp(t) != s {
		return time.Time{}, fmt.Errorf("%q is no time like 2026-01-05T16:21:00Z", s)
	}
	return t, nil
}
