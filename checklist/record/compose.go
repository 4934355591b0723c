package record

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"keyturn/checklist"
)

// The outcomes of a session.
const (
	outcomeCompleted  = "completed"
	outcomeAbandoned  = "abandoned"
	outcomeInProgress = "in progress"
)

// statusThis is the status of the item that writes the record: it is under way
// when the journal is copied.
const statusThis = "this record"

// unapproved is the deviation of an emergency that changed production before a
// second person approved: nobody waits for one then, and the record says so
// first. The reason is the one that the session was opened with.
func unapproved(s *checklist.Session, c copied, r Record) (Deviation, bool) {
	changed := slices.Contains(s.Environments(), checklist.Production)
	if s.Outcome == checklist.Abandoned {
		changed = slices.ContainsFunc(c.events, changesProduction) // it may have ended before that
	}
	if s.Checklist.ID != kindEmergency || !changed || len(r.Approvals) > 0 {
		return Deviation{}, false
	}
	return Deviation{
		At: r.Rotation.FinishedAt, By: s.Opening.Operator, Item: "approve-afterwards",
		What: "production was changed and no second person had approved when this record was made", Reason: s.Opening.Reason,
	}, true
}

// compose derives what a record says from its journal. Everything else in a
// record is its place, its policy, its signer and the digests of its files.
func compose(c copied) (Record, error) {
	s, err := checklist.Fold(c.events, checklist.Find)
	if err != nil {
		return Record{}, err
	}
	last := c.events[len(c.events)-1]
	o := s.Opening
	r := Record{
		Schema: schema,
		Rotation: Rotation{
			ID: s.ID(), Kind: o.Checklist, Title: s.Checklist.Title, World: WorldReal, Environments: []string{},
			Service: o.Service, Operator: o.Operator, Reason: o.Reason,
			StartedAt: stamp(s.OpenedAt), FinishedAt: stamp(last.At), Outcome: outcome(s, last),
			ChecklistSHA256: o.Digest,
		},
		Deviations: []Deviation{}, Keys: []Keys{}, Targets: append([]string{}, o.Targets...),
		Approvals: c.approvals(), Items: items(s, last), Issues: append([]string{}, s.Issues...),
		Journal: Journal{Name: journalFile, Events: len(c.events), HeadSHA256: c.head()},
	}
	if o.Sandbox {
		r.Rotation.World = WorldSandbox
	}
	for _, e := range s.Environments() {
		r.Rotation.Environments = append(r.Rotation.Environments, string(e))
		r.Keys = append(r.Keys, Keys{
			Environment: string(e),
			OldID:       string(o.Old), OldFp: string(s.Fingerprint(e, checklist.OldKey)),
			NewID: string(o.New), NewFp: string(s.Fingerprint(e, checklist.NewKey)),
		})
	}
	for _, d := range s.Deviations {
		r.Deviations = append(r.Deviations, Deviation{
			At: stamp(d.At), By: d.By, Item: d.Item, What: d.What, Reason: d.Reason, ApprovedBy: d.Approved,
		})
	}
	if d, missing := unapproved(s, c, r); missing {
		r.Deviations = append(r.Deviations, d)
	}
	r.Milestones = milestones(s)
	return r, nil
}

func milestones(s *checklist.Session) []Milestone {
	var all []Milestone
	for _, m := range s.Milestones() {
		all = append(all, Milestone{
			Name: m.Name, LimitSeconds: int(s.Checklist.Limit / time.Second), ReachedAt: stamp(m.At),
			AfterSeconds: int(m.After / time.Second), LateSeconds: int(m.Late / time.Second),
		})
	}
	return all
}

func items(s *checklist.Session, last checklist.Event) []Item {
	items := []Item{}
	for _, p := range s.Checklist.Phases {
		for _, i := range p.Items {
			st := s.State(i.ID)
			item := Item{
				ID: i.ID, Phase: fmt.Sprintf("%s, day %d", p.Title, p.Day), Title: i.Title,
				Status: string(st.Status), At: stamp(st.At), By: st.By, Reason: st.Text, Changes: []string{},
			}
			if st.Evidence != nil {
				item.Evidence = st.Evidence.Summary
			}
			for _, e := range st.Effects {
				item.Changes = append(item.Changes, e.String())
			}
			if writes(i, st, last) {
				item.Status = statusThis
			}
			items = append(items, item)
		}
	}
	return items
}

// writes reports whether the item is the one that is writing the record.
func writes(i checklist.Item, st checklist.ItemState, last checklist.Event) bool {
	return st.Status == checklist.StatusUnknown && i.ID == last.Item
}

func outcome(s *checklist.Session, last checklist.Event) string {
	if s.Outcome == checklist.Abandoned {
		return outcomeAbandoned
	}
	for _, i := range s.Checklist.Items() {
		switch st := s.State(i.ID); {
		case writes(i, st, last):
			return outcomeCompleted // what comes behind the record is no part of it
		case !st.Status.Settled():
			return outcomeInProgress
		}
	}
	return outcomeCompleted
}

// differs names the first part of the record that its journal does not bear
// out, and is empty when it says exactly what the journal says. text is the
// record's encoding.
func (r Record) differs(derived Record, text []byte) (field string) {
	derived.Trail, derived.Policy, derived.Signer, derived.CreatedAt = r.Trail, r.Policy, r.Signer, r.CreatedAt
	derived.Tool = r.Tool
	derived.Report, derived.Journal.FileSHA256 = r.Report, r.Journal.FileSHA256
	ours, err := derived.encode()
	if err != nil {
		return err.Error()
	}
	if bytes.Equal(ours, text) {
		return ""
	}
	return memberAt(string(text[:firstDifference(ours, text)]))
}

// memberAt names the top-level member in which a cut encoding ends.
func memberAt(text string) string {
	const indent = "\n  \""
	start := strings.LastIndex(text, indent)
	if start < 0 {
		return "schema"
	}
	name, _, _ := strings.Cut(text[start+len(indent):], `"`)
	return name
}
