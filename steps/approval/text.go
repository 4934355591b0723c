package approval

import (
	"encoding/hex"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"keyturn/keygen"
)

const (
	version = "2" // of the text; the first was never released
	heading = "keyturn approval request v"
	closing = "Signing this text approves exactly the action above"
	none    = "none"
	unfit   = " (listed in the plan)" // after the count of names that do not fit into a line

	lineWidth = 76   // columns, so that no mail program wraps a line
	maxText   = 4096 // bytes; the fixed lines come to less than half of it
)

// Why a text is no request that this version can read.
var (
	// ErrMalformed marks a text that is not exactly a request as Text writes it.
	ErrMalformed = errors.New("malformed approval request")
	// ErrPreRelease and ErrNewer mark requests of other versions.
	ErrPreRelease = errors.New("the approval request was made by a pre-release version of Keyturn; verify it with that version")
	ErrNewer      = errors.New("the approval request was made by a newer Keyturn; verify it with that version")
)

// field is one line of the text. set may check form only; get must write what
// set has read.
type field struct {
	name string
	get  func(*Request) string
	set  func(*Request, string) error
}

// fields are the lines between the first and the closing one, in their order.
// The order, the names and the closing line are part of what is signed: a change
// of any is a new version.
func fields() []field {
	return []field{
		{"Request", func(r *Request) string { return r.ID }, func(r *Request, s string) error { r.ID = s; return checkID(s) }},
		{"Trail", func(r *Request) string { return r.Trail }, func(r *Request, s string) error { r.Trail = s; return checkName(s) }},
		{"Records", func(r *Request) string { return strconv.Itoa(r.Records) }, func(r *Request, s string) error { return setCount(&r.Records, s) }},
		{"Head", func(r *Request) string { return r.Head }, func(r *Request, s string) error { r.Head = s; return checkDigest(s) }},
		{"Rotation", func(r *Request) string { return r.Rotation }, func(r *Request, s string) error { r.Rotation = s; return checkName(s) }},
		{"Events", func(r *Request) string { return strconv.Itoa(r.Events) }, func(r *Request, s string) error { return setCount(&r.Events, s) }},
		{"Journal", func(r *Request) string { return r.Journal }, func(r *Request, s string) error { r.Journal = s; return checkDigest(s) }},
		{"Service", func(r *Request) string { return r.Service }, func(r *Request, s string) error { r.Service = s; return checkName(s) }},
		{"Team", func(r *Request) string { return orNone(r.Team) }, func(r *Request, s string) error { return setName(&r.Team, s) }},
		{"Environments", func(r *Request) string { return strings.Join(r.Environments, " ") }, setEnvironments},
		{"Action", func(r *Request) string { return r.Action }, setAction},
		{"Items", itemsLine, setItems},
		{"Items-Sum", func(r *Request) string { return r.ItemSum }, func(r *Request, s string) error { r.ItemSum = s; return checkDigest(s) }},
		{"Gate", func(r *Request) string { return orNone(r.Gate) }, func(r *Request, s string) error { return setName(&r.Gate, s) }},
		{"Target", func(r *Request) string { return orNone(r.Target) }, setTarget},
		{"Old-Key", func(r *Request) string { return orNone(string(r.OldKey)) }, func(r *Request, s string) error { return setKeyID(&r.OldKey, s) }},
		{"Old-Stg-Fp", func(r *Request) string { return orNone(string(r.OldFp.Staging)) }, func(r *Request, s string) error { return setFingerprint(&r.OldFp.Staging, s) }},
		{"Old-Prd-Fp", func(r *Request) string { return orNone(string(r.OldFp.Production)) }, func(r *Request, s string) error { return setFingerprint(&r.OldFp.Production, s) }},
		{"New-Key", func(r *Request) string { return orNone(string(r.NewKey)) }, func(r *Request, s string) error { return setKeyID(&r.NewKey, s) }},
		{"New-Stg-Fp", func(r *Request) string { return orNone(string(r.NewFp.Staging)) }, func(r *Request, s string) error { return setFingerprint(&r.NewFp.Staging, s) }},
		{"New-Prd-Fp", func(r *Request) string { return orNone(string(r.NewFp.Production)) }, func(r *Request, s string) error { return setFingerprint(&r.NewFp.Production, s) }},
		{"Targets", targetsLine, setTargets},
		{"Target-Sum", func(r *Request) string { return r.TargetSum }, func(r *Request, s string) error { r.TargetSum = s; return checkDigest(s) }},
		{"Plan", func(r *Request) string { return r.Plan }, func(r *Request, s string) error { r.Plan = s; return checkDigest(s) }},
		{"Requester", func(r *Request) string { return r.Requester }, func(r *Request, s string) error { r.Requester = s; return checkName(s) }},
		{"Requester-Key", func(r *Request) string { return r.RequesterKey }, func(r *Request, s string) error { r.RequesterKey = s; return checkName(s) }},
		{"Requested", func(r *Request) string { return stamp(r.Requested) }, func(r *Request, s string) error { return setTime(&r.Requested, s) }},
		{"Expires", func(r *Request) string { return stamp(r.Expires) }, func(r *Request, s string) error { return setTime(&r.Expires, s) }},
		{"Reason", func(r *Request) string { return r.Reason }, func(r *Request, s string) error { r.Reason = s; return nil }},
	}
}

// Text returns the exact bytes to be read and signed: fixed "Name: value"
// lines of printable ASCII, at most 76 columns wide, each ending in a line
// feed. It returns an error for a request that Parse would refuse.
func (r Request) Text() (string, error) {
	if err := r.check(); err != nil { // names that do not fit are not in the text
		return "", fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	text := r.render()
	if _, err := Parse(text); err != nil {
		return "", err
	}
	return text, nil
}

func (r Request) render() string {
	var b strings.Builder
	b.WriteString(heading + version + "\n")
	for _, f := range fields() {
		b.WriteString(f.name + ": " + f.get(&r) + "\n")
	}
	b.WriteString(closing + "\n")
	return b.String()
}

// Parse reads exactly what Text writes, and nothing else. Repair a pasted text
// with sshsig.NormalizePasted first. The error is ErrPreRelease or ErrNewer for
// the request of another version, and wraps ErrMalformed otherwise.
func Parse(text string) (Request, error) {
	r, _, err := parse(text)
	return r, err
}

// parse returns the values as well, in the order of fields.
func parse(text string) (Request, []string, error) {
	if err := checkVersion(text); err != nil {
		return Request{}, nil, err
	}
	values, err := split(text)
	if err != nil {
		return Request{}, nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	var r Request
	for i, f := range fields() {
		if err := f.set(&r, values[i]); err != nil {
			return Request{}, nil, fmt.Errorf("%w: %s: %w", ErrMalformed, f.name, err)
		}
	}
	if err := r.check(); err != nil {
		return Request{}, nil, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	// One request has one text.
	if r.render() != text {
		return Request{}, nil, fmt.Errorf("%w: a value is not in its shortest form", ErrMalformed)
	}
	return r, values, nil
}

// checkVersion tells a request of another version from a text that is none.
func checkVersion(text string) error {
	first, _, _ := strings.Cut(text, "\n")
	of, ok := strings.CutPrefix(first, heading)
	switch n, err := strconv.Atoi(of); {
	case !ok || err != nil || strconv.Itoa(n) != of || of == version:
		return nil // Parse says what is wrong with it, if anything is
	case of == "1":
		return ErrPreRelease
	}
	return ErrNewer
}

// Fields parses text as Parse does and returns its values by their names in
// the text, such as "Old-Prd-Fp", for a verifier that compares them with what a
// record says.
func Fields(text string) (map[string]string, error) {
	_, values, err := parse(text)
	if err != nil {
		return nil, err
	}
	named := make(map[string]string, len(values))
	for i, f := range fields() {
		named[f.name] = values[i]
	}
	return named, nil
}

// split checks the shape of the text and returns the values in the order of
// fields.
func split(text string) ([]string, error) {
	if len(text) > maxText {
		return nil, fmt.Errorf("longer than %d bytes", maxText)
	}
	body, complete := strings.CutSuffix(text, "\n")
	if !complete {
		return nil, errors.New("the last line feed is missing")
	}
	lines := strings.Split(body, "\n")
	layout := fields()
	if len(lines) != len(layout)+2 {
		return nil, fmt.Errorf("%d lines, want %d", len(lines), len(layout)+2)
	}
	for i, line := range lines {
		if len(line) > lineWidth {
			return nil, fmt.Errorf("line %d is wider than %d columns", i+1, lineWidth)
		}
		if strings.ContainsFunc(line, func(c rune) bool { return c < ' ' || c > '~' }) {
			return nil, fmt.Errorf("line %d has a character that is not printable ASCII", i+1)
		}
	}
	if lines[0] != heading+version || lines[len(lines)-1] != closing {
		return nil, fmt.Errorf("want %q as the first line and %q as the last", heading+version, closing)
	}
	values := make([]string, len(layout))
	for i, f := range layout {
		value, ok := strings.CutPrefix(lines[i+1], f.name+": ")
		if !ok {
			return nil, fmt.Errorf("line %d: want %q first", i+2, f.name+": ")
		}
		if value == "" || value != strings.Trim(value, " ") {
			return nil, fmt.Errorf("line %d: %s is empty or has blanks around it", i+2, f.name)
		}
		values[i] = value
	}
	return values, nil
}

// check compares fields with each other.
func (r Request) check() error {
	switch {
	case !r.Expires.After(r.Requested):
		return errors.New("it expires before it is requested")
	case (r.OldFp != Fingerprints{} && r.OldKey == "") || (r.NewFp != Fingerprints{} && r.NewKey == ""):
		return errors.New("a fingerprint without a key id")
	case (r.Gate != "") != (r.Action == Overridden), (r.Target != "") != (r.Action == Narrowed):
		return fmt.Errorf("action %q does not go with gate %q and target %q", r.Action, orNone(r.Gate), orNone(r.Target))
	case r.ItemCount == 0 || r.TargetCount == 0:
		return errors.New("it is about no item or no target")
	case len(r.Items) > 0 && (r.ItemSum != Sum(r.Items) || r.ItemCount != len(r.Items)):
		return errors.New("the items and their sum do not belong together")
	case len(r.Targets) > 0 && (r.TargetSum != Sum(r.Targets) || r.TargetCount != len(r.Targets)):
		return errors.New("the target names and their sum do not belong together")
	case !slices.IsSorted(r.Targets):
		return errors.New("the target names are not sorted")
	}
	if err := checkNames(r.Items, itemPattern); err != nil {
		return fmt.Errorf("items: %w", err)
	}
	if err := checkNames(r.Targets, targetPattern); err != nil {
		return fmt.Errorf("targets: %w", err)
	}
	return nil
}

var (
	namePattern   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:+/=@%-]*$`)
	targetPattern = regexp.MustCompile(`^[A-Za-z0-9_-][A-Za-z0-9._-]*$`) // as projects are called in the configuration
	itemPattern   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*=[A-Za-z0-9][A-Za-z0-9._-]*$`)
)

func checkName(s string) error {
	if !namePattern.MatchString(s) {
		return fmt.Errorf("%q has characters that a name may not have", s)
	}
	return nil
}

func checkDigest(s string) error {
	if raw, err := hex.DecodeString(s); err != nil || len(raw) != 32 || s != strings.ToLower(s) {
		return errors.New("want a SHA-256 as 64 lower-case hex digits")
	}
	return nil
}

func orNone(s string) string {
	if s == "" {
		return none
	}
	return s
}

// setName reads a name that need not be there. A name that is "none" reads as
// none: Plan tells the two apart.
func setName(name *string, s string) error {
	if s == none {
		return nil
	}
	*name = s
	return checkName(s)
}

func setEnvironments(r *Request, s string) error {
	r.Environments = strings.Split(s, " ")
	return checkNames(r.Environments, namePattern)
}

func setAction(r *Request, s string) error {
	r.Action = s
	if !slices.Contains([]string{Items, PassedOver, Overridden, Narrowed, Afterwards}, s) {
		return fmt.Errorf("%q is no action that this version knows", s)
	}
	return nil
}

func setTarget(r *Request, s string) error {
	if s == none {
		return nil
	}
	r.Target = s
	return checkNames([]string{s}, targetPattern)
}

// checkNames checks names that follow each other in a line, or are counted.
func checkNames(names []string, pattern *regexp.Regexp) error {
	for _, name := range names {
		if !pattern.MatchString(name) {
			return fmt.Errorf("%q has characters that it may not have", name)
		}
	}
	if len(slices.Compact(slices.Sorted(slices.Values(names)))) != len(names) {
		return errors.New("want each name once")
	}
	return nil
}

func setKeyID(id *keygen.KeyID, s string) (err error) {
	if s != none {
		*id, err = keygen.ParseKeyID(s)
	}
	return err
}

func setFingerprint(fp *keygen.Fingerprint, s string) error {
	if s == none {
		return nil
	}
	*fp = keygen.Fingerprint(s)
	return checkDigest(s)
}

func setCount(n *int, s string) (err error) {
	*n, err = strconv.Atoi(s)
	if err != nil || *n < 0 {
		return fmt.Errorf("%q is no count", s)
	}
	return nil
}

func stamp(t time.Time) string { return t.UTC().Format(time.RFC3339) }

func setTime(t *time.Time, s string) (err error) {
	*t, err = time.Parse("2006-01-02T15:04:05Z", s)
	if err != nil {
		return fmt.Errorf("%q is no time like 2026-01-05T16:21:00Z", s)
	}
	return nil
}

// itemsLine is "add-production=add-new-key redeploy-production=redeploy", or the
// count alone when the items do not fit.
func itemsLine(r *Request) string {
	listed := strings.Join(r.Items, " ")
	if len(r.Items) == 0 || len("Items: ")+len(listed) > lineWidth {
		return strconv.Itoa(r.ItemCount) + unfit
	}
	return listed
}

func setItems(r *Request, s string) error {
	if count, ok := strings.CutSuffix(s, unfit); ok {
		return setCount(&r.ItemCount, count)
	}
	r.Items = strings.Split(s, " ")
	r.ItemCount = len(r.Items)
	return nil
}

// targetsLine is "2 orders-api payments-api", or the count alone when the
// names do not fit.
func targetsLine(r *Request) string {
	count := strconv.Itoa(r.TargetCount)
	listed := strings.Join(append([]string{count}, r.Targets...), " ")
	if len(r.Targets) == 0 || len("Targets: ")+len(listed) > lineWidth {
		return count + unfit
	}
	return listed
}

func setTargets(r *Request, s string) error {
	if count, ok := strings.CutSuffix(s, unfit); ok {
		return setCount(&r.TargetCount, count)
	}
	words := strings.Split(s, " ")
	if err := setCount(&r.TargetCount, words[0]); err != nil {
		return err
	}
	r.Targets = words[1:]
	if len(r.Targets) != r.TargetCount {
		return fmt.Errorf("want %d names", r.TargetCount)
	}
	return nil
}
