package approval

import (
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"keyturn/keygen"
)

// DefaultValidity is how long a request may be answered. Only the verifier's
// clock enforces it.
const DefaultValidity = 24 * time.Hour

const idBytes = 16 // 128 random bits, for a request is used once

// The actions that a request is about, as codes.
const (
	Items      = "items"       // what the items named do
	PassedOver = "passed-over" // an item is left out
	Overridden = "overridden"  // an item's gate is passed
	Narrowed   = "narrowed"    // a target is taken out of the session
	Afterwards = "afterwards"  // what was done already, as its record tells it
)

// Fingerprints are those of one key.
type Fingerprints struct{ Staging, Production keygen.Fingerprint } // empty where there is none

// Request is what a second person is asked to approve.
type Request struct {
	ID string // random, single use: see Issue

	Trail   string // the trail's id
	Records int    // how many records the trail has
	Head    string // SHA-256 of the last record in hex; 64 zeros for none

	Rotation string // the session's id
	Events   int    // how many events of the journal Journal covers
	Journal  string // SHA-256 of line Events of the journal, with its line feed

	Service      string
	Team         string   // empty for a personal account
	Environments []string // where the session may act
	Action       string   // one of the codes above

	// Items are "ID=STEP", in the checklist's order. A parsed request has none
	// when they did not fit into a line; ItemCount and ItemSum bind them all the
	// same.
	Items     []string
	ItemCount int
	ItemSum   string // SHA-256 of the sorted items, each with a line feed

	Gate   string // of Overridden
	Target string // of Narrowed: the name, or its SHA-256 in hex where it does not fit

	OldKey, NewKey keygen.KeyID // empty where there is none
	OldFp, NewFp   Fingerprints

	// Targets are the names, sorted. What is said of Items holds for them too.
	Targets     []string
	TargetCount int
	TargetSum   string // SHA-256 of the sorted names, each with a line feed

	Plan string // SHA-256 of all that is approved

	Requester    string // principal
	RequesterKey string // fingerprint "SHA256:…"
	Requested    time.Time
	Expires      time.Time
	Reason       string // for people; Plan binds it to its last letter
}

// Issue completes a request: it draws the id, fills in what follows from other
// fields, sets Requested to now and, unless set, Expires to DefaultValidity
// later, and makes Reason and Target fit into their lines (see Fit).
func Issue(random io.Reader, now time.Time, r Request) (Request, error) {
	raw := make([]byte, idBytes)
	if _, err := io.ReadFull(random, raw); err != nil {
		return Request{}, fmt.Errorf("issue approval request: read %d random bytes: %w", idBytes, err)
	}
	r.ID = formatID(raw)
	r.Requested = now.UTC().Truncate(time.Second)
	if r.Expires.IsZero() {
		r.Expires = r.Requested.Add(DefaultValidity)
	}
	r.Expires = r.Expires.UTC().Truncate(time.Second)
	r.Targets = slices.Sorted(slices.Values(r.Targets))
	r.TargetCount, r.TargetSum = len(r.Targets), Sum(r.Targets)
	r.ItemCount, r.ItemSum = len(r.Items), Sum(r.Items)
	if len("Target: ")+len(r.Target) > lineWidth {
		sum := sha256.Sum256([]byte(r.Target))
		r.Target = hex.EncodeToString(sum[:])
	}
	r.Reason = Fit(r.Reason, lineWidth-len("Reason: "))
	if _, err := r.Text(); err != nil {
		return Request{}, fmt.Errorf("issue approval request: %w", err)
	}
	return r, nil
}

// Sum returns the digest that binds any number of names: the SHA-256 of the
// sorted names, each with a line feed, in hex.
func Sum(names []string) string {
	h := sha256.New()
	for _, name := range slices.Sorted(slices.Values(names)) {
		_, _ = io.WriteString(h, name+"\n") // a hash never returns an error
	}
	return hex.EncodeToString(h.Sum(nil))
}

// Fit makes free text safe for one line of a request: what is not printable
// ASCII becomes a question mark, runs of white space become one space, and what
// is longer than width ends in "...".
func Fit(text string, width int) string {
	text = strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, strings.Join(strings.Fields(text), " "))
	if text == "" {
		return "none given"
	}
	if len(text) > width {
		text = strings.TrimRight(text[:width-3], " ") + "..."
	}
	return text
}

// formatID writes random bytes as people can read them aloud:
// "k7qm-3fzd-9x2p-…".
func formatID(raw []byte) string {
	text := strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(raw))
	var groups []string
	for group := range slices.Chunk([]byte(text), 4) {
		groups = append(groups, string(group))
	}
	return strings.Join(groups, "-")
}

func checkID(id string) error {
	raw, err := base32.StdEncoding.WithPadding(base32.NoPadding).
		DecodeString(strings.ToUpper(strings.ReplaceAll(id, "-", "")))
	if err != nil || len(raw) != idBytes || formatID(raw) != id {
		return fmt.Errorf("%q is no request id", id)
	}
	return nil
}
