package record

import (
	"fmt"
	"os"
	"path/filepath"
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

// Render writes a record for people, in the words of this version: its codes are
// told as texts, with the evidence and the notes that its journal holds.
func Render(r Record, journal []byte) ([]byte, error) {
	c, err := readJournal(journal)
	if err != nil {
		return nil, fmt.Errorf("render record %s: read the journal: %w", r.Name(), err)
	}
	s, err := checklist.Fold(c.events)
	if err != nil {
		return nil, fmt.Errorf("render record %s: %w", r.Name(), err)
	}
	return (&page{Record: r, session: s, events: c.events}).render(), nil
}

// ReadReport renders the record in a folder, or the last one of a trail, without
// verifying it.
func ReadReport(path string) ([]byte, error) {
	if _, err := os.Stat(filepath.Join(path, idFile)); err == nil {
		last, err := lastFolder(path)
		if err != nil {
			return nil, err
		}
		path = last
	}
	text, err := readFile(filepath.Join(path, recordFile))
	if err != nil {
		return nil, err
	}
	r, err := decode(text)
	if err != nil {
		return nil, fmt.Errorf("read record %s: %w", path, err)
	}
	journal, err := readFile(filepath.Join(path, journalFile))
	if err != nil {
		return nil, err
	}
	return Render(r, journal)
}

func lastFolder(trail string) (string, error) {
	text, err := readFile(filepath.Join(trail, idFile))
	if err != nil {
		return "", err
	}
	id, err := parseID(text)
	if err != nil {
		return "", err
	}
	base, err := baseOf(trail, id)
	if err != nil {
		return "", err
	}
	l, err := listTrail(trail, base.Seq)
	if err == nil && len(l.folders) == 0 {
		err = fmt.Errorf("trail %s has no record", trail)
	}
	if err != nil {
		return "", err
	}
	return filepath.Join(trail, l.folders[len(l.folders)-1].name), nil
}

// page is a report in the making.
type page struct {
	strings.Builder
	Record
	session *checklist.Session
	events  []checklist.Event
}

// render cannot name the record's own digest, since the record names the
// report's.
func (p *page) render() []byte {
	fmt.Fprintf(p, "# %s %s\n\n", escape(p.session.Checklist.Title), escape(p.Rotation.ID))
	if p.Rotation.World == WorldSandbox {
		p.WriteString("> **SANDBOX.** Nothing outside the embedded sandbox was changed. This is no record of a real rotation.\n\n")
	}
	p.deviations()
	p.milestones()
	p.summary()
	p.keys()
	p.targets()
	p.approvals()
	p.items()
	p.evidence()
	p.notes()
	p.issues()
	p.verification()
	p.WriteString("## What this record can and cannot show\n\n" + limits)
	return []byte(p.String())
}

func (p *page) table(columns []string, rows [][]string) {
	writeTable(&p.Builder, columns, rows)
	p.WriteString("\n")
}

func (p *page) deviations() {
	p.WriteString("## Deviations\n\n")
	var rows [][]string
	for i, d := range p.session.Deviations {
		approved := ""
		if i < len(p.Deviations) { // the two are one list
			approved = strings.Join(p.Deviations[i].ApprovedBy, ", ")
		}
		rows = append(rows, []string{stamp(d.At), d.By, p.session.Words(d), d.Reason, approved})
	}
	if len(rows) == 0 {
		p.WriteString("None: everything was done as the checklist says.\n\n")
		return
	}
	p.table([]string{"When", "By", "What", "Reason", "Approved by"}, rows)
}

func (p *page) milestones() {
	if len(p.Milestones) == 0 {
		return
	}
	p.WriteString("## Milestones\n\n")
	var rows [][]string
	for _, m := range p.Milestones {
		item, _, _ := p.session.Checklist.Item(m.Item)
		row := []string{item.Milestone, "", "", inWords(m.LimitSeconds), "not reached"}
		if m.ReachedAt != "" {
			row[1], row[2] = m.ReachedAt, inWords(m.AfterSeconds)
			row[4] = "met, " + inWords(-m.LateSeconds) + " before the limit"
		}
		if m.LateSeconds > 0 {
			row[4] = "missed by " + inWords(m.LateSeconds)
		}
		rows = append(rows, row)
	}
	p.table([]string{"Milestone", "Reached", "After", "Limit", "Result"}, rows)
}

// inWords writes a count of seconds such as 1h2m3s.
func inWords(seconds int) string { return (time.Duration(seconds) * time.Second).String() }

func (p *page) summary() {
	p.WriteString("## Who, when, why\n\n")
	r := p.Rotation
	for _, line := range [][2]string{
		{"Operator", r.Operator},
		{"Reason", r.Reason},
		{"Service", r.Service},
		{"Team", r.Team},
		{"Environments", strings.Join(r.Environments, ", ")},
		{"About", r.Parent},
		{"Started", r.StartedAt},
		{"Finished", r.FinishedAt},
		{"Outcome", r.Outcome},
		{"World", r.World},
		{"Record", fmt.Sprintf("%d of trail %s, created %s", p.Trail.Seq, p.Trail.ID, p.CreatedAt)},
		{"Signed by", p.Signer.Principal + " with " + p.Signer.Key},
		{"Tool", p.Tool},
	} {
		if line[1] != "" {
			fmt.Fprintf(p, "- **%s:** %s\n", line[0], escape(line[1]))
		}
	}
	p.WriteString("\n")
}

func (p *page) keys() {
	p.WriteString("## Keys\n\n")
	var rows [][]string
	for _, k := range p.Keys {
		rows = append(rows, []string{k.Environment, k.OldID, k.OldFp, k.NewID, k.NewFp})
	}
	p.table([]string{"Environment", "Old key", "Old fingerprint", "New key", "New fingerprint"}, rows)
}

func (p *page) targets() {
	p.WriteString("## Targets\n\n")
	var rows [][]string
	for _, t := range p.Targets {
		out := ""
		if t.NotChangedSince != "" {
			out = "taken out at " + t.NotChangedSince + ", and not changed since"
		}
		rows = append(rows, []string{t.Name, t.Platform, t.Project, t.Role, out})
	}
	p.table([]string{"Target", "Platform", "Project", "Role", "Remark"}, rows)
}

func (p *page) approvals() {
	p.WriteString("## Approvals\n\n")
	if len(p.Approvals) == 0 {
		p.WriteString("None.\n\n")
	}
	for _, a := range p.Approvals {
		fmt.Fprintf(p, "%s approved %s at %s, by signing this text:\n\n", escape(a.Principal), escape(a.Item), escape(a.AcceptedAt))
		writeCode(&p.Builder, a.Request)
		p.WriteString("\n")
	}
	for _, r := range p.Refusals {
		fmt.Fprintf(p, "%s refused %s at %s, as request %s asked for it", escape(r.Principal), escape(r.Item), escape(r.AcceptedAt), escape(r.ID))
		if r.Reason != "" {
			p.WriteString(": " + escape(r.Reason))
		}
		p.WriteString("\n\n")
	}
}

func (p *page) items() {
	p.WriteString("## Checklist\n\n")
	recorded := map[string]Item{}
	for _, i := range p.Items {
		recorded[i.ID] = i
	}
	var rows [][]string
	for _, phase := range p.session.Checklist.Phases {
		for _, i := range phase.Items {
			item, said := recorded[i.ID], ""
			if st := p.session.State(i.ID); st.Evidence != nil {
				said = st.Evidence.Summary
			}
			if item.Reason != "" {
				said = strings.TrimPrefix(said+"; "+item.Reason, "; ")
			}
			rows = append(rows, []string{
				fmt.Sprintf("%s, day %d", phase.Title, phase.Day), i.Title, statusWords(item.Status), item.At, item.By, said, changes(item),
			})
		}
	}
	p.table([]string{"Phase", "Item", "Status", "When", "By", "Evidence", "Changes"}, rows)
	if added := p.session.Checklist.Added(); len(added) > 0 {
		var titles []string
		for _, i := range added {
			titles = append(titles, escape(i.Title))
		}
		fmt.Fprintf(p, "Added to the checklist by hand: %s.\n\n", strings.Join(titles, ", "))
	}
}

func statusWords(status string) string {
	switch status {
	case Recording:
		return "this record"
	case string(checklist.StatusPassedOver):
		return "skipped"
	}
	return status
}

func changes(i Item) string {
	var words []string
	for _, e := range i.Changes {
		words = append(words, e.String())
	}
	for _, e := range i.Pending {
		words = append(words, "not known whether this was made: "+e.Words())
	}
	return strings.Join(words, "; ")
}

// evidence writes the tables and commands of the evidence with which each item
// ended, which the journal holds and the record does not repeat.
func (p *page) evidence() {
	last := map[string]*checklist.Evidence{}
	for _, e := range p.events {
		if e.Evidence != nil && e.Kind != checklist.Measured {
			last[e.Item] = e.Evidence
		}
	}
	heading := "## Evidence\n\n"
	for i := range p.session.Checklist.All() {
		evidence := last[i.ID]
		if evidence == nil || len(evidence.Tables)+len(evidence.Commands) == 0 {
			continue
		}
		fmt.Fprintf(p, "%s### %s\n\n", heading, escape(i.Title))
		heading = ""
		for _, t := range evidence.Tables {
			fmt.Fprintf(p, "%s\n\n", escape(t.Title))
			p.table(t.Columns, t.Rows)
		}
		if len(evidence.Commands) > 0 {
			p.WriteString("By hand:\n\n")
			writeCode(&p.Builder, strings.Join(evidence.Commands, "\n"))
			p.WriteString("\n")
		}
	}
}

// notes gives what people remarked on the way, in the journal's order.
func (p *page) notes() {
	var rows [][]string
	for _, e := range p.session.Notes {
		rows = append(rows, []string{stamp(e.At), e.By, e.Item, e.Text})
	}
	if len(rows) == 0 {
		return
	}
	p.WriteString("## Notes\n\n")
	p.table([]string{"When", "By", "Item", "Note"}, rows)
}

func (p *page) issues() {
	p.WriteString("## Open issues\n\n")
	if len(p.Issues) == 0 {
		p.WriteString("None.\n")
	}
	for _, i := range p.Issues {
		p.WriteString("- " + escape(p.session.IssueWords(checklist.Issue(i))) + "\n")
	}
	p.WriteString("\n")
}

func (p *page) verification() {
	p.WriteString("## How to verify\n\n")
	fmt.Fprintf(p, "The journal has %d events, its last line the SHA-256 %s, the file %s.\n",
		p.Journal.Events, escape(p.Journal.HeadSHA256), escape(p.Journal.FileSHA256))
	fmt.Fprintf(p, "The record before this one has the SHA-256 %s.\n\n", escape(p.Trail.PrevSHA256))
	writeCode(&p.Builder, fmt.Sprintf("ssh-keygen -Y verify -f allowed_signers -I %s -n keyturn-record -s %s -Overify-time=%s < %s",
		p.Signer.Principal, signatureFile, strings.NewReplacer("-", "", ":", "", "T", "").Replace(p.CreatedAt), recordFile))
	p.WriteString("\n")
}
