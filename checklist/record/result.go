package record

import (
	"fmt"
	"slices"
	"strings"
)

// Class names something that a verification could not check.
type Class string

// The classes, as keyturn verify --allow names them. What is in one is no proof
// of harm, and no proof of its absence either.
const (
	// ClassForeign is a file that no signature covers.
	ClassForeign Class = "foreign"
	// ClassHead is a trail whose HEAD is missing or names the last record but one.
	ClassHead Class = "head"
	// ClassWitness is a head seen outside that could be compared with no trail.
	ClassWitness Class = "witness"
	// ClassPredecessor is a trail that goes on after another, which was not given.
	ClassPredecessor Class = "predecessor"
	// ClassSecret is a rollback that put another secret back than the trail knows
	// under that key id.
	ClassSecret Class = "secret"
)

// Classes are all of them.
func Classes() []Class {
	return []Class{ClassForeign, ClassHead, ClassWitness, ClassPredecessor, ClassSecret}
}

// Words says what is in a class.
func (c Class) Words() string {
	switch c {
	case ClassForeign:
		return "a file among the records that no signature covers"
	case ClassHead:
		return "HEAD is missing, or names the record before the last"
	case ClassWitness:
		return "a witness is of a trail, or of a part of one, that was not given"
	case ClassPredecessor:
		return "the trail goes on after another one that was not given"
	case ClassSecret:
		return "a rollback put another secret back than earlier records know"
	}
	return string(c)
}

// ParseClass reads the name of a class.
func ParseClass(name string) (Class, error) {
	if !slices.Contains(Classes(), Class(name)) {
		return "", fmt.Errorf("%q is no class of what a verification cannot check", name)
	}
	return Class(name), nil
}

// Report says what a verification found, for people.
type Report struct{ Verified []Verified }

// Verified is one trail, or one record, of which nothing was refused.
type Verified struct {
	Path    string
	Single  bool // a record without its trail
	Trail   string
	Records int
	// Base is the last record of the trail that this one goes on after, and
	// SucceededBy are the two people who signed that it does; zero for none.
	Base        Head
	SucceededBy []string
	Head        Head
	Last        Record // without its items and approvals
	// Approvals counts those that were checked, in all records.
	Approvals int
	// ApprovedLate names who approved a single record afterwards.
	ApprovedLate []string
	// ApprovedBefore, Afterwards and PutBack count the records that changed
	// production, by who had to agree: second persons before, afterwards, nobody.
	ApprovedBefore, Afterwards, PutBack int
	// Missing are emergencies whose approval afterwards is not there.
	Missing []Missing
	// Countersigned is the newest record that an approver's signature in a
	// later record names: changing it, or one before it, breaks that signature.
	Countersigned int
	// Witnessed is the newest record that a head seen outside names.
	Witnessed int
	// AuditFiles are files that the verification was given and whose digests a record
	// states.
	AuditFiles []Matched
	Sandbox    bool      // a record is of the sandbox
	Added      []Added   // items that people added to a checklist
	NotChecked []Finding // by class
	Remarks    []Remark  // what no verification of these files can show

	exports []export // what audits exported, by the records
}

// Finding is something that was not checked.
type Finding struct {
	Class  Class
	Record string // empty for the trail
	Words  string
}

// Missing is an approval that is still to come.
type Missing struct {
	Record     string
	Want       int
	ApprovedBy []string // those who have approved so far
}

// Added is an item that is none of the kind's.
type Added struct{ Record, Item, Title string }

// Remark is something unusual that is no failure.
type Remark struct{ Record, Words string }

func (v *Verified) notChecked(c Class, record, words string, args ...any) {
	v.NotChecked = append(v.NotChecked, Finding{Class: c, Record: record, Words: fmt.Sprintf(words, args...)})
}

// add takes in what one record showed.
func (v *Verified) add(c checked) {
	v.Approvals += c.consents
	v.Countersigned = max(v.Countersigned, c.approvedHead)
	v.Sandbox = v.Sandbox || c.record.Rotation.World == WorldSandbox
	v.Added = append(v.Added, c.added...)
	v.NotChecked = append(v.NotChecked, c.notChecked...)
	v.Remarks = append(v.Remarks, c.remarks...)
	v.ApprovedLate = c.approvedLate
	v.exports = append(v.exports, c.exports...)
	switch c.changed {
	case before:
		v.ApprovedBefore++
	case afterwards:
		v.Afterwards++
	case nobody:
		v.PutBack++
	}
	if c.changed == afterwards && len(c.approvedLate) < c.required {
		v.Missing = append(v.Missing, Missing{Record: c.name, Want: c.required, ApprovedBy: c.approvedLate})
	}
}

// Findings returns what was not checked and is in none of the classes.
func (r Report) Findings(allowed ...Class) []Finding {
	var all []Finding
	for _, v := range r.Verified {
		for _, f := range v.NotChecked {
			if !slices.Contains(allowed, f.Class) {
				all = append(all, f)
			}
		}
	}
	return all
}

// Missing returns the approvals that are still to come.
func (r Report) Missing() []Missing {
	var all []Missing
	for _, v := range r.Verified {
		all = append(all, v.Missing...)
	}
	return all
}

// witness compares a head that was seen outside with the trails.
func (r *Report) witness(w Head, lineage []*seen) error {
	if alone, err := r.witnessAlone(w); alone || err != nil {
		return err
	}
	ours := slices.IndexFunc(lineage, func(s *seen) bool { return s != nil && s.chain.id == w.Trail })
	if ours < 0 {
		r.Verified[0].notChecked(ClassWitness, "", "the head %q was seen outside, and is of a trail that was not given", w.Line())
		return nil
	}
	last := 0
	for i, s := range lineage {
		if s == nil || s.chain.id != w.Trail {
			continue
		}
		last = max(last, s.chain.head.Seq)
		switch {
		case !s.covers(w.Trail, w.Seq):
		case s.chain.at(w.Seq) != w.Digest:
			return fmt.Errorf("verify %s: %w", s.path, rewritten(w))
		default:
			r.Verified[i].Witnessed = max(r.Verified[i].Witnessed, w.Seq)
			return nil
		}
	}
	if w.Seq > last {
		f := &Failure{File: headFile, Reason: fmt.Sprintf("record %d was seen outside, and the last one is %d: records were removed from the end", w.Seq, last)}
		return fmt.Errorf("verify %s: %w", lineage[ours].path, f)
	}
	r.Verified[ours].notChecked(ClassWitness, "", "the head %q was seen outside, and is of the trail before, which was not given", w.Line())
	return nil
}

// witnessAlone compares a head that was seen outside with records that were given
// without their trail; ok is true where it names one of them.
func (r *Report) witnessAlone(w Head) (ok bool, err error) {
	for i, v := range r.Verified {
		switch {
		case !v.Single || v.Trail != w.Trail || v.Head.Seq != w.Seq:
		case v.Head != w:
			return true, fmt.Errorf("verify %s: %w", v.Path, rewritten(w))
		default:
			r.Verified[i].Witnessed, ok = w.Seq, true
		}
	}
	return ok, nil
}

func rewritten(w Head) *Failure {
	return &Failure{File: recordFile, Reason: fmt.Sprintf("record %d was seen outside with another digest: it was rewritten", w.Seq)}
}

// Checked returns what was checked and holds, in sentences.
func (v Verified) Checked() []string {
	if v.Records == 0 {
		return []string{"The trail has no records."}
	}
	lines := []string{
		fmt.Sprintf("Signatures: %s byte for byte what a member of your roster signed, whose line was valid at the time that the record states.", v.subject()),
		"Contents: outcome, items, changes, deviations, keys, targets and approvals were derived from the journal again, and the record says the same.",
		"Checklist: every item that its kind demands is there, in order and with its gates; no required item was left out, and each began with its gates open, or overridden by those who may.",
		"Changes: each one in the journal is one that its step may make, on a target and in an environment of the session.",
		"Consent: " + v.consent() + ".",
	}
	if !v.Single {
		lines = append(lines, "Order: "+v.order())
	}
	if v.Base.Seq > 0 {
		lines = append(lines, fmt.Sprintf("Predecessor: %s signed that this trail goes on after record %d of the one before.", strings.Join(v.SucceededBy, " and "), v.Base.Seq))
	}
	for _, a := range v.Added {
		lines = append(lines, fmt.Sprintf("Added item: %s has %q (%s), which people added to the checklist and which changed nothing.", a.Record, a.Title, a.Item))
	}
	if v.Countersigned > 0 {
		lines = append(lines, fmt.Sprintf("Countersigned: an approver's signature in a later record names record %d, so the operator alone cannot have rewritten it or one before it.", v.Countersigned))
	}
	if v.Witnessed > 0 {
		lines = append(lines, fmt.Sprintf("Witnessed: record %d is the one whose head was seen outside, so none up to it has changed or gone since.", v.Witnessed))
	}
	for _, m := range v.AuditFiles {
		lines = append(lines, fmt.Sprintf("Audit file: %s is the %s that %s states the digest of, to the byte.", m.Path, m.Format, m.Record))
	}
	return lines
}

// subject names the records with their files, and ends in a verb.
func (v Verified) subject() string {
	first, last := v.Base.Seq+1, v.Base.Seq+v.Records
	switch {
	case v.Single:
		return "the record, with its report and journal, is"
	case first == last:
		return fmt.Sprintf("record %d, with its report and journal, is", first)
	}
	return fmt.Sprintf("records %d to %d, with their reports and journals, are", first, last)
}

func (v Verified) order() string {
	first, last := v.Base.Seq+1, v.Base.Seq+v.Records
	words := fmt.Sprintf("record %d names the digest of what comes before it", first)
	if first < last {
		words = fmt.Sprintf("from record %d to %d, each names the digest of the one before it", first, last)
	}
	return words + "; no session and no request for approval occurs twice."
}

// consent says what was checked of the consent of second persons.
func (v Verified) consent() string {
	var words []string
	add := func(n int, format string) {
		if n > 0 {
			words = append(words, fmt.Sprintf(format, counted(n, "session")))
		}
	}
	add(v.ApprovedBefore, "%s changed production after second persons had signed for these items, targets and keys")
	add(v.Afterwards-len(v.Missing), "%s changed production in an emergency, and second persons signed the record afterwards")
	add(len(v.Missing), "%s changed production in an emergency, and the approval is missing")
	add(v.PutBack, "%s put production back, which needs no approval")
	if len(words) == 0 {
		words = append(words, "no journal shows a change of production")
	}
	if v.Approvals > 0 {
		words = append(words, fmt.Sprintf("%s checked: signed in time, by a member of your roster who neither asked for it nor signed the record", counted(v.Approvals, "approval")))
	}
	return strings.Join(words, "; ")
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Unprovable returns what no verification of these files can show, in sentences.
func (v Verified) Unprovable() []string {
	var lines []string
	switch last := v.Base.Seq + v.Records; {
	case v.Single:
		lines = append(lines, "Whether the record is part of a trail, and which records came before and after it.")
	case last > v.Witnessed:
		lines = append(lines,
			fmt.Sprintf("Whether records were removed after record %d: compare the head with one that was kept outside.", last),
			"Whether the newest record's signer signed it anew, or signer and approver together rewrote everything since the last head that was seen outside.")
	}
	lines = append(lines,
		"Whether times are true: they are the signers' own.",
		"What was changed around Keyturn, and whether what is said to be done by hand was done.")
	if v.Sandbox {
		lines = append(lines, "Whether there was a second person: the sandbox holds the keys of both.")
	}
	for _, r := range v.Remarks {
		lines = append(lines, strings.TrimPrefix(r.Record+": "+r.Words, ": ")+".")
	}
	return lines
}

// String is the report as keyturn verify prints it.
func (r Report) String() string {
	var b strings.Builder
	for i, v := range r.Verified {
		if i > 0 {
			b.WriteByte('\n')
		}
		v.print(&b)
	}
	return b.String()
}

func (v Verified) print(b *strings.Builder) {
	what := fmt.Sprintf("trail %s, records: %d", v.Trail, v.Records)
	if v.Single {
		what = fmt.Sprintf("record %d of trail %s", v.Head.Seq, v.Trail)
	}
	fmt.Fprintf(b, "%s\n    %s\n", visible(v.Path, false), what)
	if v.Records > 0 {
		fmt.Fprintf(b, "    %s\n", visible(v.Last.Summary(), false))
	}
	fmt.Fprintf(b, "    %s\n", v.Head.Line())
	section := func(heading, mark string, lines []string) {
		if len(lines) > 0 {
			b.WriteString(heading + "\n")
		}
		for _, line := range lines {
			b.WriteString("  " + mark + " " + visible(line, false) + "\n")
		}
	}
	section("checked:", "+", v.Checked())
	var lines []string
	for _, f := range v.NotChecked {
		lines = append(lines, fmt.Sprintf("%s: %s.", f.Class, strings.TrimPrefix(f.Record+": "+f.Words, ": ")))
	}
	section("not checked:", "?", lines)
	lines = nil
	for _, m := range v.Missing {
		lines = append(lines, m.words())
	}
	section("still missing:", "!", lines)
	section("never shown by these files:", "-", v.Unprovable())
}

func (m Missing) words() string {
	words := fmt.Sprintf("%s: production was changed in an emergency, and the approval by a second person is missing", m.Record)
	if len(m.ApprovedBy) > 0 {
		words += fmt.Sprintf(": %d must approve, and only %s did", m.Want, strings.Join(m.ApprovedBy, " and "))
	}
	return words + "."
}
