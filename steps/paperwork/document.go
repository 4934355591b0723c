package paperwork

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/steps/paper"
	"keyturn/steps/requestlog"
	"keyturn/steps/traffic"
)

// proofs are what each checklist has to prove, by item. A checklist with a limit
// names its own milestones instead.
var proofs = []struct{ item, what string }{
	{checklist.ItemTestStaging, "new key accepted in staging"},
	{checklist.ItemVerifyProduction, "new key accepted in production"},
	{checklist.ItemVerifyRemoval, "old key refused"},
	{checklist.ItemVerifyTest, "test key accepted"},
	{checklist.ItemVerifyRemoved, "test key refused"},
	{checklist.ItemVerifyOld, "old key accepted again"},
}

// findings are the items whose result belongs into a document.
var findings = []string{
	checklist.ItemSeeWhoBreaks, checklist.ItemBackupKey, checklist.ItemOlderDeployments, checklist.ItemAudit, checklist.ItemDispose, // emergency
	checklist.ItemNameTrouble, checklist.ItemInvestigate, checklist.ItemDecide, // rollback
	checklist.ItemAlerts,                                                           // drill
	checklist.ItemMonitor, checklist.ItemVerifyAllNew, checklist.ItemUpdateDefault, // quarterly
}

// longestText bounds what a document quotes of one event, in characters.
const longestText = 400

// document gathers what the templates are filled with.
func (p Papers) document(ctx context.Context, sc *checklist.Scope, noticed string) (paper.Document, error) {
	s, setup := sc.Session, sc.Session.Setup()
	d := paper.Document{
		Session: paper.Text(s.ID()), Kind: paper.Text(s.Checklist.ID), Title: paper.Text(s.Checklist.Title),
		Service: paper.Text(setup.Service), Sandbox: s.Opening.Sandbox, Person: paper.Text(s.Opening.Operator),
		Reason: paper.Text(s.Opening.Reason), Parent: paper.Text(s.Opening.Parent), Targets: paper.Texts(setup.TargetNames()),
		Environments: paper.Texts(s.Environments()), Old: paper.Text(s.Key(checklist.OldKey)), New: paper.Text(s.Key(checklist.NewKey)),
		Opened: s.OpenedAt, Now: sc.Now(), Limit: s.Checklist.Limit, NextRotation: NextRotation(s),
		Keys: keysOf(s), Reached: reached(s), Approvals: approvals(s), NeedsApproval: needsApproval(s.Checklist),
		Compromise: compromise(s), Findings: found(s), Noticed: paper.Text(noticed),
	}
	for _, issue := range s.Issues() {
		d.Issues = append(d.Issues, paper.Text(cut(s.IssueWords(issue))))
	}
	for _, v := range s.Deviations {
		d.Deviations = append(d.Deviations, paper.Deviation{
			At: v.At, By: paper.Text(v.By), What: paper.Text(cut(s.Words(v))), Reason: paper.Text(cut(v.Reason)),
			Approved: paper.Text(strings.Join(v.Approved, ", ")),
		})
	}
	if p.Sessions != nil {
		events, err := p.Sessions.Events(ctx, s.ID())
		if err != nil {
			return d, fmt.Errorf("read the journal for the time line: %w", err)
		}
		d.TimeLine = timeLine(s, events)
	}
	return d, nil
}

func cut(text string) string {
	if runes := []rune(text); len(runes) > longestText {
		return string(runes[:longestText]) + "…"
	}
	return text
}

// FactNextRotation holds the day of NextRotation, as 2006-01-02.
const FactNextRotation = "next-rotation"

// NextRotation returns the day on which the session's new key is to be replaced,
// where its operator is; zero where the key has not been put into service. It is
// a day and no moment, at midnight UTC, so that every paper, message and screen
// names the same.
func NextRotation(s *checklist.Session) time.Time {
	for _, id := range []string{checklist.ItemAddProduction, checklist.ItemNewKeyInService} {
		if at := s.State(id).PassedAt; !at.IsZero() {
			return dayOf(at.In(operatorZone(s)).AddDate(0, 0, s.Setup().RotationDays))
		}
	}
	return time.Time{}
}

func operatorZone(s *checklist.Session) *time.Location {
	return time.FixedZone("", s.Opening.UTCOffset)
}

// dayOf returns a day as such, whatever the zone.
func dayOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

// localDay returns a day of the session where its operator is.
func localDay(s *checklist.Session, day int) time.Time {
	return dayOf(s.DayOpens(day).In(operatorZone(s)))
}

func keysOf(s *checklist.Session) []paper.Key {
	var keys []paper.Key
	for _, r := range []checklist.Role{checklist.OldKey, checklist.BackupKey, checklist.NewKey} {
		role := paper.Text(r)
		if r == checklist.OldKey && s.Checklist.ID == checklist.KindEmergency {
			role = "compromised"
		}
		for _, e := range s.Environments() {
			if f := s.Fingerprint(e, r); f != "" {
				keys = append(keys, paper.Key{Environment: paper.Text(e), Role: role, ID: paper.Text(s.Key(r)), Fingerprint: paper.Text(f.Short())})
			}
		}
	}
	return keys
}

func reached(s *checklist.Session) []paper.Reached {
	var all []paper.Reached
	for _, m := range s.Milestones() {
		all = append(all, paper.Reached{What: paper.Text(m.Name), At: m.At, After: m.After, Late: m.Late})
	}
	for _, p := range proofs {
		if _, _, ok := s.Checklist.Item(p.item); !ok || len(s.Milestones()) > 0 {
			continue
		}
		r := paper.Reached{What: paper.Text(p.what), At: s.State(p.item).PassedAt}
		if r.Done() {
			r.After = r.At.Sub(s.OpenedAt).Truncate(time.Second) // as that of a milestone
		}
		all = append(all, r)
	}
	return all
}

func approvals(s *checklist.Session) []paper.Approval {
	var all []paper.Approval
	for _, a := range s.Approvals {
		all = append(all, paper.Approval{At: a.At, By: paper.Text(a.By), What: paper.Text(cut(s.ApprovedWords(a)))})
	}
	return all
}

func needsApproval(c checklist.Checklist) bool {
	return slices.ContainsFunc(c.Items(), func(i checklist.Item) bool {
		return i.Step == checklist.StepApprove || i.Step == checklist.StepApproveAfterwards
	})
}

// compromise returns what the declaration said, and nil where there is none.
func compromise(s *checklist.Session) *paper.Compromise {
	if s.Checklist.ID != checklist.KindEmergency {
		return nil
	}
	since, _ := time.Parse(time.RFC3339, s.Facts[checklist.FactCompromisedSince]) // zero: not known
	return &paper.Compromise{
		Since: since, KnownBy: paper.Text(s.Facts[checklist.FactKnownBy]), NewKeyFirst: s.Choice() == checklist.ChoiceGrace,
		AuditCSV: paper.Digest(s.Facts[checklist.FactAuditCSV]), AuditJSONL: paper.Digest(s.Facts[checklist.FactAuditJSONL]),
	}
}

func found(s *checklist.Session) []paper.Finding {
	var all []paper.Finding
	for _, id := range findings {
		item, _, ok := s.Checklist.Item(id)
		if st := s.State(id); ok && st.Status == checklist.StatusPassed && st.Evidence != nil && st.Evidence.Summary != "" {
			all = append(all, paper.Finding{Item: paper.Text(item.Title), Result: paper.Text(cut(st.Evidence.Summary))})
		}
	}
	return all
}

// timeLine tells a journal's events to somebody who was not there.
func timeLine(s *checklist.Session, events []checklist.Event) []paper.Event {
	var line []paper.Event
	for _, e := range events {
		if WorthTelling(e) {
			line = append(line, paper.Event{At: e.At, By: paper.Text(e.By), What: paper.Text(cut(s.EventWords(e)))})
		}
	}
	return line
}

// WorthTelling reports whether a time line tells an event: what was planned, asked and
// looked at matters less than what came of it, and paper is no part of the story.
func WorthTelling(e checklist.Event) bool {
	if e.Effect != nil && slices.Contains(paperEffects, e.Effect.Code) {
		return false
	}
	switch e.Kind {
	case checklist.Planned, checklist.Agreed, checklist.Declined, checklist.Started, checklist.Intended, checklist.Answered,
		checklist.Measured, checklist.Left, checklist.Waiting, checklist.Observed:
		return false
	}
	return true
}

// paperEffects are the effects that write paper: the items say so too.
var paperEffects = []checklist.EffectCode{
	checklist.DocumentDecisions, checklist.DocumentIncident, checklist.DocumentPostMortem, checklist.DocumentCalendar,
}

// mostSenders bounds the list of who used a key.
const mostSenders = 20

// impact reads what the request log says of the time since the compromise, or
// since the session was opened. A log that cannot be read keeps nobody from
// writing: the document says so.
func (p Papers) impact(ctx context.Context, sc *checklist.Scope) *paper.Impact {
	s, old, since := sc.Session, sc.Session.Key(checklist.OldKey), sc.Session.OpenedAt
	if c := compromise(s); c != nil && !c.Since.IsZero() && c.Since.Before(since) {
		since = c.Since
	}
	result := &paper.Impact{From: since.UTC().Truncate(time.Hour), Until: sc.Now()}
	for _, e := range s.Environments() {
		log, err := p.Read(ctx, e, since, sc.Now())
		if err != nil {
			return &paper.Impact{From: result.From, Until: result.Until, Unknown: paper.Text(err.Error())}
		}
		if log.Until.Before(result.Until) {
			result.Until = log.Until
		}
		usage, failures := requestlog.Usage(log), requestlog.FailuresOf(log)
		result.Environments = append(result.Environments, paper.Traffic{
			Environment: paper.Text(e), Requests: usage.Total,
			OldAccepted: usage.Of(old).Accepted, OldRefused: usage.Of(old).Refused,
			NewAccepted: usage.Of(s.Key(checklist.NewKey)).Accepted, Unnamed: usage.WithoutKeyID().Total,
			Failures: failures.Total, WorstHour: failures.Worst.Start, WorstHourFailures: failures.Worst.Count,
			Alert: requestlog.FailureThreshold,
		})
		for _, st := range requestlog.Stragglers(log, old) {
			result.Senders = append(result.Senders, paper.Sender{
				Environment: paper.Text(e), Name: paper.Text(st.Sender), Accepted: st.Accepted, Refused: st.Refused, LastSeen: st.LastSeen,
			})
		}
	}
	slices.SortStableFunc(result.Senders, func(a, b paper.Sender) int { return b.Accepted + b.Refused - a.Accepted - a.Refused })
	result.Senders = result.Senders[:min(len(result.Senders), mostSenders)]
	return result
}

// Papers are the documents that sessions leave, and what they are written from.
type Papers struct {
	traffic.Requests
	// Documents is the folder that holds decisions.md, incidents.md, and the folders
	// post-mortems and calendar.
	Documents string
	Paper     paper.Templates // the zero value has the built-in ones
	Sessions  Journals
}

// Journals gives a session's events, for a time line.
type Journals interface {
	Events(ctx context.Context, id string) ([]checklist.Event, error)
}
