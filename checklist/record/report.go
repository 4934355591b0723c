package record

import (
	"fmt"
	"strings"
	"time"

	"keyturn/checklist"
)

// limits is what a reader must know before relying on a record.
const limits = `The signature and the chain show that the contents, the order and the signers of
the records up to this one are intact, relative to the roster that you verify
them with. A trail alone cannot show that no records were removed from its end,
nor that its times are true: for that, keep its head line outside, where whoever
can write the trail cannot. Up to a head that was seen outside, nothing can have
changed or gone since. After it, whoever can write the folder can drop records
from the end, the newest record's signer can sign it anew, and signer and
approver together can rewrite all of it.

The record shows what was done through Keyturn. It cannot show changes made
around it. The two-person rule is evidence here, not enforcement: somebody with
access to a target could have gone around it.
`

// render writes the report for people. It depends on the record and its
// journal only, so that a verifier renders it again and compares the bytes; it
// cannot name the record's own digest, since the record names the report's.
func render(r Record, c copied) []byte {
	var b strings.Builder
	fmt.Fprintf(&b, "# %s %s\n\n", escape(r.Rotation.Title), escape(r.Rotation.ID))
	if r.Rotation.World == WorldSandbox {
		b.WriteString("> **SANDBOX.** Nothing outside the embedded sandbox was changed. This is no record of a real rotation.\n\n")
	}
	renderDeviations(&b, r)
	renderMilestones(&b, r)
	renderSummary(&b, r)
	renderKeys(&b, r)
	renderApprovals(&b, r)
	renderItems(&b, r)
	renderEvidence(&b, r, c)
	renderNotes(&b, c)
	renderIssues(&b, r)
	renderFiles(&b, r)
	b.WriteString("## What this record can and cannot show\n\n" + limits)
	return []byte(b.String())
}

func renderDeviations(b *strings.Builder, r Record) {
	b.WriteString("## Deviations\n\n")
	if len(r.Deviations) == 0 {
		b.WriteString("None: everything was done as the checklist says.\n\n")
		return
	}
	var rows [][]string
	for _, d := range r.Deviations {
		rows = append(rows, []string{d.At, d.By, d.What, d.Reason, d.ApprovedBy})
	}
	writeTable(b, []string{"When", "By", "What", "Reason", "Approved by"}, rows)
	b.WriteString("\n")
}

func renderMilestones(b *strings.Builder, r Record) {
	if len(r.Milestones) == 0 {
		return
	}
	b.WriteString("## Milestones\n\n")
	var rows [][]string
	for _, m := range r.Milestones {
		row := []string{m.Name, "", "", inWords(m.LimitSeconds), "not reached"}
		if m.ReachedAt != "" {
			row[1], row[2] = m.ReachedAt, inWords(m.AfterSeconds)
			row[4] = "met, " + inWords(-m.LateSeconds) + " before the limit"
		}
		if m.LateSeconds > 0 {
			row[4] = "missed by " + inWords(m.LateSeconds)
		}
		rows = append(rows, row)
	}
	writeTable(b, []string{"Milestone", "Reached", "After", "Limit", "Result"}, rows)
	b.WriteString("\n")
}

// inWords writes a count of seconds such as 1h2m3s.
func inWords(seconds int) string { return (time.Duration(seconds) * time.Second).String() }

func renderSummary(b *strings.Builder, r Record) {
	b.WriteString("## Who, when, why\n\n")
	for _, line := range [][2]string{
		{"Operator", r.Rotation.Operator},
		{"Reason", r.Rotation.Reason},
		{"Service", r.Rotation.Service},
		{"Environments", strings.Join(r.Rotation.Environments, ", ")},
		{"Targets", strings.Join(r.Targets, ", ")},
		{"Started", r.Rotation.StartedAt},
		{"Finished", r.Rotation.FinishedAt},
		{"Outcome", r.Rotation.Outcome},
		{"World", r.Rotation.World},
		{"Record", fmt.Sprintf("%d of trail %s, created %s", r.Trail.Seq, r.Trail.ID, r.CreatedAt)},
		{"Signed by", r.Signer.Principal + " with " + r.Signer.Key},
		{"Tool", r.Tool},
	} {
		fmt.Fprintf(b, "- **%s:** %s\n", line[0], escape(line[1]))
	}
	b.WriteString("\n")
}

func renderKeys(b *strings.Builder, r Record) {
	b.WriteString("## Keys\n\n")
	var rows [][]string
	for _, k := range r.Keys {
		rows = append(rows, []string{k.Environment, k.OldID, k.OldFp, k.NewID, k.NewFp})
	}
	writeTable(b, []string{"Environment", "Old key", "Old fingerprint", "New key", "New fingerprint"}, rows)
	b.WriteString("\n")
}

func renderApprovals(b *strings.Builder, r Record) {
	b.WriteString("## Approvals\n\n")
	if len(r.Approvals) == 0 {
		b.WriteString("None.\n\n")
	}
	for _, a := range r.Approvals {
		fmt.Fprintf(b, "%s approved %s at %s, by signing this text:\n\n", escape(a.Principal), escape(a.Item), escape(a.AcceptedAt))
		writeCode(b, a.Request)
		b.WriteString("\n")
	}
}

func renderItems(b *strings.Builder, r Record) {
	b.WriteString("## Checklist\n\n")
	var rows [][]string
	for _, i := range r.Items {
		evidence := i.Evidence
		if i.Reason != "" {
			evidence = strings.TrimPrefix(evidence+"; "+i.Reason, "; ")
		}
		rows = append(rows, []string{i.Phase, i.Title, i.Status, i.At, i.By, evidence, strings.Join(i.Changes, "; ")})
	}
	writeTable(b, []string{"Phase", "Item", "Status", "When", "By", "Evidence", "Changes"}, rows)
	b.WriteString("\n")
}

// renderEvidence writes the tables and commands of the evidence with which each
// item ended, which the journal holds and the record does not repeat.
func renderEvidence(b *strings.Builder, r Record, c copied) {
	last := map[string]*checklist.Evidence{}
	for _, e := range c.events {
		if e.Evidence != nil && e.Kind != checklist.Measured {
			last[e.Item] = e.Evidence
		}
	}
	heading := "## Evidence\n\n"
	for _, i := range r.Items {
		evidence := last[i.ID]
		if evidence == nil || len(evidence.Tables)+len(evidence.Commands) == 0 {
			continue
		}
		fmt.Fprintf(b, "%s### %s\n\n", heading, escape(i.Title))
		heading = ""
		for _, t := range evidence.Tables {
			fmt.Fprintf(b, "%s\n\n", escape(t.Title))
			writeTable(b, t.Columns, t.Rows)
			b.WriteString("\n")
		}
		if len(evidence.Commands) > 0 {
			b.WriteString("By hand:\n\n")
			writeCode(b, strings.Join(evidence.Commands, "\n"))
			b.WriteString("\n")
		}
	}
}

// renderNotes gives what people remarked on the way, in the journal's order.
func renderNotes(b *strings.Builder, c copied) {
	var rows [][]string
	for _, e := range c.events {
		if e.Kind == checklist.Noted {
			rows = append(rows, []string{stamp(e.At), e.By, e.Item, e.Text})
		}
	}
	if len(rows) == 0 {
		return
	}
	b.WriteString("## Notes\n\n")
	writeTable(b, []string{"When", "By", "Item", "Note"}, rows)
	b.WriteString("\n")
}

func renderIssues(b *strings.Builder, r Record) {
	b.WriteString("## Open issues\n\n")
	if len(r.Issues) == 0 {
		b.WriteString("None.\n")
	}
	for _, issue := range r.Issues {
		b.WriteString("- " + escape(issue) + "\n")
	}
	b.WriteString("\n")
}

func renderFiles(b *strings.Builder, r Record) {
	b.WriteString("## How to verify\n\n")
	fmt.Fprintf(b, "The journal has %d events, its last line the SHA-256 %s, the file %s.\n",
		r.Journal.Events, escape(r.Journal.HeadSHA256), escape(r.Journal.FileSHA256))
	fmt.Fprintf(b, "The record before this one has the SHA-256 %s.\n\n", escape(r.Trail.PrevSHA256))
	writeCode(b, fmt.Sprintf("ssh-keygen -Y verify -f allowed_signers -I %s -n keyturn-record -s %s -Overify-time=%s < %s",
		r.Signer.Principal, signatureFile, strings.NewReplacer("-", "", ":", "", "T", "").Replace(r.CreatedAt), recordFile))
	b.WriteString("\n")
}
