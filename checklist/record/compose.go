package record

import (
	"bytes"
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"

	"keyturn/checklist"
)

// errUnfinished says that a session is still under way: its record would leave
// open what is done in it afterwards.
var errUnfinished = errors.New("the session has neither been abandoned nor reached the item that exports its record")

// derive folds a journal, and composes its record.
func derive(c copied) (Record, *checklist.Session, error) {
	s, err := checklist.Fold(c.events)
	if err != nil {
		return Record{}, nil, err
	}
	r, err := compose(c, s)
	return r, s, err
}

// compose derives what a record says from its journal, of which s is the fold.
// Everything else in a record is its place, its policy, its signer and the digests
// of its files.
func compose(c copied, s *checklist.Session) (Record, error) {
	outcome, writer := Abandoned, ""
	if s.Outcome != checklist.Abandoned {
		// What comes after the item that writes the record is no part of it.
		next, ok := s.Next()
		if !ok || !writes(s, next) {
			return Record{}, errUnfinished
		}
		outcome, writer = Completed, next.ID
	}
	r := Record{
		Schema: Schema, Rotation: rotation(s, outcome), Deviations: deviations(s), Milestones: milestones(s),
		Checklist: Checklist{Added: []string{}}, Keys: keys(s), Targets: targets(c), Approvals: c.approvals(), Refusals: c.refusals(),
		Items: items(s, writer), Issues: []Issue{},
		Journal: Journal{Name: journalFile, Format: checklist.Format, Events: len(c.events), HeadSHA256: c.head()},
	}
	for _, i := range s.Checklist.Added() {
		r.Checklist.Added = append(r.Checklist.Added, i.ID)
	}
	for _, i := range s.Issues() {
		r.Issues = append(r.Issues, Issue(i))
	}
	return r, nil
}

func rotation(s *checklist.Session, outcome string) Rotation {
	o := s.Opening
	r := Rotation{
		ID: s.ID(), Kind: s.Checklist.ID, Grace: o.Grace, World: WorldReal, Environments: []string{},
		Service: o.Setup.Service, Team: o.Setup.Team, Hosting: o.Setup.Hosting,
		Operator: o.Operator, Reason: o.Reason, Parent: o.Parent,
		StartedAt: stamp(s.OpenedAt), FinishedAt: stamp(s.LastEvent.At), Outcome: outcome, DualKeyDays: o.Setup.DualKeyDays,
	}
	if o.Sandbox {
		r.World = WorldSandbox
	}
	for _, e := range s.Environments() {
		r.Environments = append(r.Environments, string(e))
	}
	return r
}

func deviations(s *checklist.Session) []Deviation {
	all := []Deviation{}
	for _, d := range s.Deviations {
		all = append(all, Deviation{
			At: stamp(d.At), By: d.By, Kind: d.Kind, Item: d.Item, Gate: d.Gate, Session: d.Session, Target: d.Target,
			Drift: d.Drift, Leaves: d.Leaves, Reason: d.Reason, ApprovedBy: append([]string{}, d.Approved...),
		})
	}
	return all
}

func milestones(s *checklist.Session) []Milestone {
	var all []Milestone
	for _, m := range s.Milestones() {
		all = append(all, Milestone{
			Item: m.Item, LimitSeconds: int(s.Checklist.Limit / time.Second), ReachedAt: stamp(m.At),
			AfterSeconds: int(m.After / time.Second), LateSeconds: int(m.Late / time.Second),
		})
	}
	return all
}

func keys(s *checklist.Session) []Keys {
	all := []Keys{}
	for _, e := range s.Environments() {
		all = append(all, Keys{
			Environment: string(e),
			OldID:       string(s.Opening.Old), OldFp: string(s.Fingerprint(e, checklist.OldKey)),
			NewID: string(s.Opening.New), NewFp: string(s.Fingerprint(e, checklist.NewKey)),
		})
	}
	return all
}

// targets are all that the session was ever about, as they were bound last.
func targets(c copied) []Target {
	all := []Target{}
	at := map[string]int{}
	bind := func(s checklist.Setup) {
		for _, t := range s.Targets {
			i, known := at[t.Name]
			if !known {
				i, at[t.Name] = len(all), len(all)
				all = append(all, Target{})
			}
			all[i].Name, all[i].Platform, all[i].Project, all[i].Role = t.Name, t.Platform, t.Project, t.Role
		}
	}
	bind(c.opening().Setup)
	for _, e := range c.events {
		switch i, known := at[e.Target]; {
		case e.Kind == checklist.Configured:
			bind(*e.Setup)
		case e.Kind == checklist.Narrowed && known:
			all[i].NotChangedSince = stamp(e.At)
		}
	}
	return all
}

func items(s *checklist.Session, writer string) []Item {
	all := []Item{}
	for i := range s.Checklist.All() {
		st := s.State(i.ID)
		item := Item{
			ID: i.ID, Step: i.Step, Status: string(st.Status), At: stamp(st.At), By: st.By, Reason: st.Text,
			Changes: append([]checklist.Effect{}, st.Effects...), Pending: st.Pending,
		}
		if i.ID == writer {
			item.Status, item.Pending = Recording, nil
		}
		all = append(all, item)
	}
	return all
}

// writes reports whether the item is writing the session's record.
func writes(s *checklist.Session, i checklist.Item) bool {
	st := s.State(i.ID)
	return st.Status == checklist.StatusUnknown &&
		slices.ContainsFunc(st.Pending, func(e checklist.Effect) bool { return e.Code == checklist.RecordExport })
}

// differs names the first part of the record that its journal does not bear
// out, and is empty when it says exactly what the journal says. text is the
// record's encoding, which it was read from.
func (r Record) differs(derived Record, text []byte) (field string) {
	derived.Trail, derived.Policy, derived.Signer, derived.CreatedAt = r.Trail, r.Policy, r.Signer, r.CreatedAt
	derived.Tool = r.Tool
	derived.Report, derived.Journal.FileSHA256 = r.Report, r.Journal.FileSHA256
	if reflect.DeepEqual(r, derived) { // then they have one encoding
		return ""
	}
	ours, err := derived.encode()
	if err != nil {
		return err.Error()
	}
	if bytes.Equal(ours, text) {
		return ""
	}
	return memberAt(string(text), firstDifference(ours, text))
}

// memberAt names the top-level member of an encoding that a place belongs to.
func memberAt(text string, at int) string {
	const indent = "\n  \""
	start := strings.LastIndex(text[:min(at, len(text))], indent)
	if start < 0 {
		return "schema"
	}
	name, _, _ := strings.Cut(text[start+len(indent):], `"`)
	return name
}
