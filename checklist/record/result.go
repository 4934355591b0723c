package record

import (
	"fmt"
	"strings"
)

// Report says what a verification proved, for people.
type Report struct{ Verified []Verified }

// Verified is one trail, or one record, that holds.
type Verified struct {
	Path    string
	Single  bool // a record without its trail
	Trail   string
	Records int
	Head    Head
	Last    Record // without its items and approvals
	// Approvals counts those that hold, in all records.
	Approvals int
	// ApprovedLate is who approved a single record afterwards; "" for nobody.
	ApprovedLate string
	// Unapproved counts emergencies whose approval is missing.
	Unapproved int
	// Countersigned is the newest record that an approver's signature in a
	// later record names: changing it, or one before it, breaks that signature.
	Countersigned int
	// Witnessed is the newest record that a head seen outside names.
	Witnessed int
	Sandbox   bool   // a record is of the sandbox
	Notes     []Note // what could not be checked, or is unusual
}

// Note is a remark that is no failure.
type Note struct {
	Record string // empty for the trail
	Words  string
}

func (v *Verified) note(record, words string) {
	if words != "" {
		v.Notes = append(v.Notes, Note{Record: record, Words: words})
	}
}

// witness compares heads that were seen outside with the trail's records.
func (v *Verified) witness(checks []checked, witnesses []Head) error {
	for _, w := range witnesses {
		switch {
		case w.Trail != v.Trail:
			v.note("", fmt.Sprintf("A head seen outside is of trail %s: it says nothing about this one", w.Trail))
		case w.Seq > len(checks):
			return &Failure{File: v.Path, Reason: fmt.Sprintf("record %d was seen outside, and the last one is %d: records were removed from the end", w.Seq, len(checks))}
		case w.Digest != digestAt(checks, w.Seq):
			return &Failure{Record: checks[w.Seq-1].name, File: recordFile, Reason: "another record was seen outside in this place: this one was rewritten"}
		default:
			v.Witnessed = max(v.Witnessed, w.Seq)
		}
	}
	return nil
}

// Proved returns what was proved, in sentences.
func (v Verified) Proved() []string {
	if v.Single {
		return []string{
			fmt.Sprintf("Record %s was signed by %s, who may sign, and was not changed since.", v.Last.Name(), v.Last.Signer.Principal),
			"Its report and its journal are those that were signed, and the record says what its journal says.",
			v.consent(),
		}
	}
	if v.Records == 0 {
		return []string{"The trail has no records."}
	}
	proved := []string{
		fmt.Sprintf("Contents, order and signers of %s are intact relative to the roster that you supplied.", upTo(v.Records)),
		"Each record says what its journal says, and each report what its record says.",
		v.consent(),
	}
	if v.Countersigned > 0 {
		proved = append(proved, fmt.Sprintf("An approver's signature in a later record names %s: the operator alone cannot have rewritten that.", upTo(v.Countersigned)))
	}
	if v.Witnessed > 0 {
		proved = append(proved, fmt.Sprintf("Nothing of %s can have changed or gone since its head was seen outside.", upTo(v.Witnessed)))
	}
	return proved
}

// Unproved returns what no verification of these files can show, in sentences.
func (v Verified) Unproved() []string {
	var unproved []string
	switch {
	case v.Single:
		unproved = append(unproved, "The record alone does not show that it is part of a trail, nor which records came before and after it.")
	case v.Records > v.Witnessed:
		unproved = append(unproved,
			fmt.Sprintf("Nothing here shows that no records were removed after record %d: compare the head with one that was kept outside.", v.Records),
			"Beyond what was seen outside, the newest record's signer can sign it anew, and signer and approver together can rewrite everything.")
	}
	unproved = append(unproved,
		"Times are the signers' own. Nothing here shows that they are true.",
		"What was changed around Keyturn is not in its records.")
	if v.Sandbox {
		unproved = append(unproved, "The sandbox holds the keys of both people: approvals in it show how approvals work, and no second person.")
	}
	for _, n := range v.Notes {
		words := n.Words
		if n.Record != "" {
			words = n.Record + ": " + words
		}
		unproved = append(unproved, words+".")
	}
	return unproved
}

func (v Verified) consent() string {
	if v.Approvals == 0 && v.Unapproved > 0 {
		return "No journal shows a change of production without approval, but for the emergencies named below."
	}
	if v.Approvals == 0 {
		return "There are no approvals, and no journal shows a change of production."
	}
	return fmt.Sprintf("Every approval (there are %d) is signed by another person of the roster, in time, used once, and for exactly what was done.", v.Approvals)
}

// upTo names the first n records.
func upTo(n int) string {
	if n == 1 {
		return "record 1"
	}
	return fmt.Sprintf("records 1 to %d", n)
}

// String is the report as keyturn verify prints it.
func (r Report) String() string {
	var b strings.Builder
	for i, v := range r.Verified {
		if i > 0 {
			b.WriteByte('\n')
		}
		what := fmt.Sprintf("trail %s, records: %d", v.Trail, v.Records)
		if v.Single {
			what = fmt.Sprintf("record %d of trail %s", v.Head.Seq, v.Trail)
		}
		fmt.Fprintf(&b, "ok: %s\n    %s\n", visible(v.Path, false), what)
		if v.Records > 0 {
			fmt.Fprintf(&b, "    %s\n", visible(v.Last.Summary(), false))
		}
		fmt.Fprintf(&b, "    %s\n", v.Head.Line())
		b.WriteString("proved:\n")
		for _, line := range v.Proved() {
			b.WriteString("  + " + visible(line, false) + "\n")
		}
		b.WriteString("not proved:\n")
		for _, line := range v.Unproved() {
			b.WriteString("  - " + visible(line, false) + "\n")
		}
	}
	return b.String()
}
