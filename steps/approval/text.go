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
	title   = "keyturn approval request v1"
	closing = "Signing this text approves exactly the action above"
	none    = "none"

	lineWidth = 76   // columns, so that no mail program wraps a line
	maxText   = 4096 // bytes; the fixed lines come to less than half of it
)

// ErrMalformed marks a text that is not exactly a request as Text writes it.
var ErrMalformed = errors.New("malformed approval request")

// field is one line of the text. set may check form only; get must write what
// set has read.
type field struct {
	name string
	get  func(*Request) string
	set  func(*Request, string) error
}

// fields are the lines between title and closing, in their order. The order,
// the names and the closing line are part of what is signed: a change of any is
// a new version.
func fields() []field {
	return []field{
		{"Request", func(r *Request) string { return r.ID }, func(r *Request, s string) error { r.ID = s; return checkID(s) }},
		{"Trail", func(r *Request) string { return r.Trail }, func(r *Request, s string) error { r.Trail = s; return checkName(s) }},
		{"Records", func(r *Request) string { return strconv.Itoa(r.Records) }, func(r *Request, s string) error { return setCount(&r.Records, s) }},
		{"Head", func(r *Request) string { return r.Head }, func(r *Request, s string) error { r.Head = s; return checkDigest(s) }},
		{"Rotation", func(r *Request) string { return r.Rotation }, func(r *Request, s string) error { r.Rotation = s; return checkName(s) }},
		{"Events", func(r *Request) string { return strconv.Itoa(r.Events) }, func(r *Request, s string) error { return setCount(&r.Events, s) }},
		{"Journal", func(r *Request) string { return r.Journal }, func(r *Request, s string) error { r.Journal = s; return checkDigest(s) }},
		{"Environment", func(r *Request) string { return r.Environment }, func(r *Request, s string) error { r.Environment = s; return checkName(s) }},
		{"Action", func(r *Request) string { return r.Action }, func(r *Request, s string) error { r.Action = s; return nil }},
		{"Old-Key", func(r *Request) string { return orNone(string(r.OldKey)) }, func(r *Request, s string) error { return setKeyID(&r.OldKey, s) }},
		{"Old-Key-Fp", func(r *Request) string { return orNone(string(r.OldFp)) }, func(r *Request, s string) error { return setFingerprint(&r.OldFp, s) }},
		{"New-Key", func(r *Request) string { return orNone(string(r.NewKey)) }, func(r *Request, s string) error { return setKeyID(&r.NewKey, s) }},
		{"New-Key-Fp", func(r *Request) string { return orNone(string(r.NewFp)) }, func(r *Request, s string) error { return setFingerprint(&r.NewFp, s) }},
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
	text := r.render()
	if _, err := Parse(text); err != nil {
		return "", err
	}
	return text, nil
}

func (r Request) render() string {
	var b strings.Builder
	b.WriteString(title + "\n")
	for _, f := range fields() {
		b.WriteString(f.name + ": " + f.get(&r) + "\n")
	}
	b.WriteString(closing + "\n")
	return b.String()
}

// Parse reads exactly what Text writes, and nothing else. Repair a pasted text
// with sshsig.NormalizePasted first. The error wraps ErrMalformed.
func Parse(text string) (Request, error) {
	values, err := split(text)
	if err != nil {
		return Request{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	var r Request
	for i, f := range fields() {
		if err := f.set(&r, values[i]); err != nil {
			return Request{}, fmt.Errorf("%w: %s: %w", ErrMalformed, f.name, err)
		}
	}
	if err := r.check(); err != nil {
		return Request{}, fmt.Errorf("%w: %w", ErrMalformed, err)
	}
	// One request has one text.
	if r.render() != text {
		return Request{}, fmt.Errorf("%w: a value is not in its shortest form", ErrMalformed)
	}
	return r, nil
}

// Fields parses text as Parse does and returns its values by their names in
// the text, such as "Old-Key-Fp", for a verifier that compares them with what a
// record says.
func Fields(text string) (map[string]string, error) {
	if _, err := Parse(text); err != nil {
		return nil, err
	}
	values, err := split(text)
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
	if lines[0] != title || lines[len(lines)-1] != closing {
		return nil, fmt.Errorf("want %q as the first line and %q as the last", title, closing)
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
	case (r.OldFp != "" && r.OldKey == "") || (r.NewFp != "" && r.NewKey == ""):
		return errors.New("a fingerprint without a key id")
	case len(r.Targets) > 0 && (r.TargetSum != SumTargets(r.Targets) || r.TargetCount != len(r.Targets)):
		return errors.New("the target names and their sum do not belong together")
	}
	return nil
}

var (
	namePattern   = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._:+/=@-]*$`)
	targetPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]*$`)
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

// targetsLine is "2 orders-api payments-api", or the count alone when the
// names do not fit.
func targetsLine(r *Request) string {
	count := strconv.Itoa(r.TargetCount)
	listed := strings.Join(append([]string{count}, r.Targets...), " ")
	if len(r.Targets) == 0 || len("Targets: ")+len(listed) > lineWidth {
		return count + " (listed in the plan)"
	}
	return listed
}

func setTargets(r *Request, s string) error {
	words := strings.Split(s, " ")
	if err := setCount(&r.TargetCount, words[0]); err != nil {
		return err
	}
	if s == words[0]+" (listed in the plan)" {
		return nil
	}
	r.Targets = words[1:]
	for _, name := range r.Targets {
		if !targetPattern.MatchString(name) {
			return fmt.Errorf("%q has characters that a target may not have", name)
		}
	}
	if len(r.Targets) != r.TargetCount || !slices.IsSorted(r.Targets) || len(slices.Compact(slices.Clone(r.Targets))) != len(r.Targets) {
		return fmt.Errorf("want %d sorted names, each once", r.TargetCount)
	}
	return nil
}
