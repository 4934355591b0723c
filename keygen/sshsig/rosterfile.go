package sshsig

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

const (
	maxRosterBytes   = 1 << 20
	rosterTimeLayout = "20060102150405Z"
)

var (
	principalPattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._+@-]{0,127}$`)
	namespacePattern = regexp.MustCompile(`^[a-z0-9][a-z0-9._@-]{0,127}$`)
	timePattern      = regexp.MustCompile(`^([0-9]{8}|[0-9]{12}|[0-9]{14})Z$`)
)

// ValidPrincipal reports whether a roster can name somebody so: one lower-case
// word without patterns or commas.
func ValidPrincipal(name string) bool { return principalPattern.MatchString(name) }

// RosterError is a line that a roster may not have. One bad line makes the
// whole roster invalid: ssh-keygen skips it, and would leave unclear who may
// sign.
type RosterError struct {
	File string
	Line int // from 1; 0 for the whole file
	Err  error
}

func (e *RosterError) Error() string {
	if e.Line == 0 {
		return fmt.Sprintf("%s: %v", e.File, e.Err)
	}
	return fmt.Sprintf("%s:%d: %v", e.File, e.Line, e.Err)
}

func (e *RosterError) Unwrap() error { return e.Err }

// ParseRoster reads a strict subset of OpenSSH's allowed_signers format
// (ssh-keygen(1), ALLOWED SIGNERS), in which every line means the same to
// ssh-keygen everywhere:
//
//	alice@example.com namespaces="keyturn-record,keyturn-approval",valid-after="20260101Z" ssh-ed25519 AAAA… comment
//
// One lower-case principal a line, without patterns; namespaces are required
// and literal; times end in Z, for without it they are local time; fields are
// set off by one space, lines by a line feed; a key appears once in the file,
// so that nobody can be two people. Lines that begin with # are comments. The
// name is for errors. The error is a *RosterError.
func ParseRoster(name string, data []byte) (Roster, error) {
	roster := Roster{name: name, byKey: map[string]int{}}
	fail := func(line int, err error) (Roster, error) {
		return Roster{}, &RosterError{File: name, Line: line, Err: err}
	}
	if len(data) > maxRosterBytes {
		return fail(0, fmt.Errorf("roster is larger than %d bytes", maxRosterBytes))
	}
	if !utf8.Valid(data) {
		return fail(0, errors.New("roster is not UTF-8"))
	}
	lineOf := map[string]int{} // key material to the line that has it
	number := 0
	for line := range strings.Lines(string(data)) {
		number++
		text, complete := strings.CutSuffix(line, "\n")
		if !complete {
			return fail(number, errors.New("the last line does not end in a line feed"))
		}
		if text == "" || text[0] == '#' {
			continue
		}
		member, err := parseMember(text)
		if err != nil {
			return fail(number, err)
		}
		material, err := member.Key.material()
		if err != nil {
			return fail(number, err)
		}
		if first, twice := lineOf[material]; twice {
			return fail(number, fmt.Errorf("the key of line %d again: a key belongs to one person and stands in one line", first))
		}
		lineOf[material] = number
		member.Line = number
		roster.byKey[member.Key.Fingerprint()] = len(roster.members)
		roster.members = append(roster.members, member)
	}
	return roster, nil
}

func parseMember(line string) (Member, error) {
	for _, c := range line {
		if c < ' ' || c == 0x7f {
			return Member{}, fmt.Errorf("control character %U: want single spaces between fields and a line feed at the end", c)
		}
	}
	fields := strings.SplitN(line, " ", 5)
	if len(fields) < 4 {
		return Member{}, errors.New("want: principal namespaces=\"…\" key-type base64 [comment]")
	}
	member := Member{Principal: fields[0]}
	if !ValidPrincipal(member.Principal) {
		return Member{}, fmt.Errorf("principal %q: want one lower-case name without patterns or commas", member.Principal)
	}
	if err := member.parseOptions(fields[1]); err != nil {
		return Member{}, err
	}
	key, err := parsePublicKey(fields[2], fields[3])
	if err != nil {
		return Member{}, err
	}
	member.Key = key
	if len(fields) == 5 {
		member.Comment = fields[4]
		if member.Comment == "" || member.Comment != strings.TrimSpace(member.Comment) {
			return Member{}, errors.New("blanks around the comment")
		}
	}
	return member, nil
}

// parseOptions reads name="value" pairs set off by commas. Values have no
// spaces and no escapes, since nothing that we accept needs any.
func (m *Member) parseOptions(text string) error {
	seen := map[string]bool{}
	for rest := text; rest != ""; {
		name, after, ok := strings.Cut(rest, `="`)
		if !ok {
			return fmt.Errorf("option %q: want name=\"value\", in lower case and without spaces", rest)
		}
		value, tail, ok := strings.Cut(after, `"`)
		if !ok {
			return fmt.Errorf("option %q: the closing quote is missing", name)
		}
		if seen[name] {
			return fmt.Errorf("option %q: given twice", name)
		}
		seen[name] = true
		if err := m.setOption(name, value); err != nil {
			return fmt.Errorf("option %q: %w", name, err)
		}
		if tail == "" {
			break
		}
		next, comma := strings.CutPrefix(tail, ",")
		if !comma || next == "" {
			return fmt.Errorf("option %q: want a comma and another option after it, not %q", name, tail)
		}
		rest = next
	}
	if !seen["namespaces"] {
		return errors.New("namespaces=\"…\" is missing: a key without it could sign for every purpose")
	}
	// ssh-keygen refuses equal times too, although both ends are inclusive.
	if !m.ValidAfter.IsZero() && !m.ValidBefore.IsZero() && !m.ValidBefore.After(m.ValidAfter) {
		return errors.New("valid-before is not later than valid-after")
	}
	return nil
}

func (m *Member) setOption(name, value string) (err error) {
	switch name {
	case "namespaces":
		m.Namespaces = strings.Split(value, ",")
		for i, namespace := range m.Namespaces {
			if !namespacePattern.MatchString(namespace) {
				return fmt.Errorf("namespace %q: want a lower-case name without patterns", namespace)
			}
			if slices.Contains(m.Namespaces[:i], namespace) {
				return fmt.Errorf("namespace %q: given twice", namespace)
			}
		}
	case "valid-after":
		m.ValidAfter, err = parseRosterTime(value)
	case "valid-before":
		m.ValidBefore, err = parseRosterTime(value)
	default:
		return errors.New("not accepted; want namespaces, valid-after or valid-before")
	}
	return err
}

// parseRosterTime reads YYYYMMDDZ, YYYYMMDDHHMMZ or YYYYMMDDHHMMSSZ.
func parseRosterTime(text string) (time.Time, error) {
	if !timePattern.MatchString(text) {
		return time.Time{}, fmt.Errorf("time %q: want YYYYMMDDZ or YYYYMMDDHHMMSSZ; without Z it would be local time", text)
	}
	digits := text[:len(text)-1]
	padded := digits + strings.Repeat("0", 14-len(digits)) + "Z"
	at, err := time.Parse(rosterTimeLayout, padded)
	// ssh-keygen takes the first second of 1970 for no limit at all.
	if err != nil || !at.After(time.Unix(0, 0)) {
		return time.Time{}, fmt.Errorf("time %q: no such date", text)
	}
	return at, nil
}

// RosterLine writes the member as a line of a roster, without a line feed. It
// returns an error for a member that ParseRoster would refuse, or would read
// as another.
func (m Member) RosterLine() (string, error) {
	if m.Key.IsZero() {
		return "", fmt.Errorf("write roster line of %q: no key", m.Principal)
	}
	options := []string{`namespaces="` + strings.Join(m.Namespaces, ",") + `"`}
	if !m.ValidAfter.IsZero() {
		options = append(options, `valid-after="`+m.ValidAfter.UTC().Format(rosterTimeLayout)+`"`)
	}
	if !m.ValidBefore.IsZero() {
		options = append(options, `valid-before="`+m.ValidBefore.UTC().Format(rosterTimeLayout)+`"`)
	}
	line := m.Principal + " " + strings.Join(options, ",") + " " + m.Key.Line(m.Comment)
	if _, err := parseMember(line); err != nil {
		return "", fmt.Errorf("write roster line of %q: %w", m.Principal, err)
	}
	return line, nil
}
