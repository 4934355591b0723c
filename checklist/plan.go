package checklist

import "time"

// Risk is how much consent a plan needs.
type Risk string

// The risks, from least to most.
const (
	Look         Risk = "look"         // changes nothing that people rely on: no consent is asked
	Change       Risk = "change"       // can be undone: a yes is asked
	Irreversible Risk = "irreversible" // cannot be undone: the key id must be typed
)

// Plan is what a step is about to do. It is made without changing anything
// and never holds a secret.
type Plan struct {
	Summary string   `json:"summary"`
	Risk    Risk     `json:"risk"`
	Actions []Action `json:"actions,omitempty"`
	// Confirm is the text to be typed before an irreversible plan.
	Confirm string `json:"confirm,omitempty"`
	// Inventory is what else is there, by target, so that it can be shown
	// afterwards that nothing else moved.
	Inventory map[string]string `json:"inventory,omitempty"`
	// Warnings are what the operator should weigh before agreeing.
	Warnings []string `json:"warnings,omitempty"`
}

// Action is one outside effect of a plan.
type Action struct {
	Target      string      `json:"target,omitempty"`
	Environment Environment `json:"environment,omitempty"`
	Words       string      `json:"words"`
	// Command is what a person would have to type for the same effect, with
	// $SECRET or $TOKEN where a secret belongs.
	Command string `json:"command,omitempty"`
}

// Digest returns the SHA-256 of the plan in hex.
func (p Plan) Digest() string { return digest(p) }

// Evidence is what proves that an item is done.
type Evidence struct {
	Summary string `json:"summary"`
	// Facts are what later steps and gates rely on, by name (see Fact). An
	// empty value withdraws an earlier fact.
	Facts    map[string]string `json:"facts,omitempty"`
	Tables   []Table           `json:"tables,omitempty"`
	Commands []string          `json:"commands,omitempty"` // for doing the same check by hand
	Readings []Reading         `json:"readings,omitempty"`
	// Issues are what the next rotation should look at.
	Issues []string `json:"issues,omitempty"`
}

// Table is a result in rows, such as a probe suite's.
type Table struct {
	Title   string     `json:"title"`
	Columns []string   `json:"columns"`
	Rows    [][]string `json:"rows"`
}

// Reading is what a metric said at a moment.
type Reading struct {
	Metric Metric    `json:"metric"`
	Value  float64   `json:"value"`
	At     time.Time `json:"at"`
	Detail string    `json:"detail,omitempty"` // such as the senders behind the number
}

// Metric names something that a gate watches.
type Metric string

// The metrics of the runbook.
const (
	// OldKeyRequests counts requests in production that named the old key in the last 24 hours.
	OldKeyRequests Metric = "old-key-requests"
	// FailuresPerHour is the number of refused signatures in production in the last hour.
	FailuresPerHour Metric = "failures-per-hour"
)

// Fact names a fact about a key in an environment: Fact("accepted",
// Production, NewKey) is "accepted/production/new".
func Fact(what string, e Environment, r Role) string {
	return what + "/" + string(e) + "/" + string(r)
}

// The facts that gates rely on; each is recorded per environment and role.
const (
	FactFingerprint = "fingerprint" // the secret's fingerprint, once it is in the vault
	FactRecoverable = "recoverable" // the vault's copy was read back and accepted by the service
	FactAccepted    = "accepted"    // the serving deployment accepted a signed probe, and no control
	FactRefused     = "refused"     // the serving deployment refused a signed probe
)

// The facts by which a record vouches for the files that an audit exported, which
// are not part of it: SHA-256 digests in lower-case hex.
const (
	FactAuditCSV   = "audit/csv-sha256"
	FactAuditJSONL = "audit/jsonl-sha256"
)
