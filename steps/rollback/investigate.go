package rollback

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/steps/hosting"
	"keyturn/steps/paperwork"
	"keyturn/steps/probe"
	"keyturn/steps/proof"
	"keyturn/steps/requestlog"
	"keyturn/steps/target"
	"keyturn/steps/traffic"
)

// Investigate puts on the screen what a cause is found from: what was refused
// and for whom, what the session in trouble did, what was deployed meanwhile,
// what is wrong with the new key, and which deployments lead back into trouble.
type Investigate struct {
	checklist.LookOnly
	proof.Services
	traffic.Requests
	InTrouble
	Hosting hosting.Hosting
}

// The limits of what is looked at and shown.
const (
	aloneWindow     = 7 * traffic.Day  // of a rollback without a session in trouble
	longestWindow   = 30 * traffic.Day // of the request log
	maxReasonRows   = 12
	maxHourRows     = 12
	maxTimeLineRows = 60
)

func (v Investigate) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	plan := checklist.Plan{Summary: "Look for the cause", Risk: checklist.Look, Actions: []checklist.Action{
		{Words: "refused signatures by key id, reason and hour, from the request log of " + sc.EnvironmentWords()},
		{Words: "deployments since the trouble can have begun, and those that must not be returned to"},
	}}
	if parent := sc.Session.Opening.Parent; parent != "" {
		plan.Actions = append(plan.Actions, checklist.Action{Words: "the time line of " + parent})
	}
	if id := sc.Session.Key(checklist.NewKey); id != "" {
		plan.Actions = append(plan.Actions, checklist.Action{Words: fmt.Sprintf("one request with %s to each service that has it, and more where it is refused, to learn why", id)})
	}
	return plan, nil
}

func (v Investigate) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	evidence := checklist.Evidence{Facts: map[string]string{}}
	parent, _, err := v.parent(ctx, sc)
	if err != nil {
		return evidence, err
	}
	since := sc.Session.OpenedAt.Add(-aloneWindow)
	var events, removed []checklist.Event
	if parent != nil {
		since = parent.OpenedAt
		if events, err = v.Sessions.Events(ctx, parent.ID()); err != nil {
			return evidence, fmt.Errorf("read the time line of %s: %w", parent.ID(), err)
		}
		removed = removalsOf(parent, events)
	}
	used, causes := v.failures(ctx, sc, since, &evidence)
	wrong, err := v.newKey(ctx, sc, &evidence)
	if err != nil {
		return evidence, err
	}
	if len(events) > 0 {
		evidence.Tables = append(evidence.Tables, parentTimeLine(parent, events))
	}
	err = v.deployed(ctx, sc, since, removed, used, &evidence)
	if unseen := (*hosting.UnseenError)(nil); errors.As(err, &unseen) {
		evidence.Issues = append(evidence.Issues, "what was deployed meanwhile can only be seen in the dashboard: "+unseen.Dashboard)
	} else if err != nil {
		return evidence, err
	}
	evidence.Summary = strings.Join(append(causes, wrong...), "; ")
	return evidence, ctx.Err()
}

// deployed adds what was deployed, and what must not be returned to.
func (v Investigate) deployed(ctx context.Context, sc *checklist.Scope, since time.Time, removed []checklist.Event, used map[checklist.Environment][]string, evidence *checklist.Evidence) error {
	if err := v.listDeployments(ctx, sc, since, evidence); err != nil {
		return err
	}
	return v.floor(ctx, sc, removed, used, evidence)
}

// failures adds what was refused in each environment. It returns the keys with
// which requests were accepted in the last day, and what was refused most in
// words. A log that cannot be read is told: there is more to look at.
func (v Investigate) failures(ctx context.Context, sc *checklist.Scope, since time.Time, evidence *checklist.Evidence) (map[checklist.Environment][]string, []string) {
	now := sc.Now()
	from := latest(since, now.Add(-longestWindow)).Truncate(time.Hour)
	used := map[checklist.Environment][]string{}
	var causes []string
	environments := sc.Environments()
	slices.Reverse(environments) // production matters most
	for _, e := range environments {
		log, err := v.Read(ctx, e, from, now)
		if err != nil {
			evidence.Issues = append(evidence.Issues, err.Error())
			causes = append(causes, fmt.Sprintf("what %s refused is not known", e))
			continue
		}
		for _, k := range requestlog.Usage(log.Since(now.Add(-traffic.Day))).Keys {
			if k.Accepted > 0 && !k.Loud() {
				used[e] = append(used[e], k.KeyID)
			}
		}
		reasons := reasonsOf(log, from, now)
		causes = append(causes, words(e, reasons))
		if len(reasons) > 0 {
			evidence.Tables = append(evidence.Tables, reasonTable(e, reasons), hourTable(e, log))
		}
	}
	return used, causes
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// reason is what was refused of one sender with one key id for one cause.
type reason struct {
	key, cause, sender string
	count              int
	first, last        time.Time // hours
	fresh              bool      // first seen in the last day, of a log that goes further back
}

// reasonsOf counts refused signatures by key id, cause and sender. What is new
// comes first: a client that has been failing for ever is not what changed.
func reasonsOf(log requestlog.Log, since, now time.Time) []reason {
	type kind struct{ key, cause, sender string }
	found := map[kind]*reason{}
	for _, r := range log.Rows {
		if !r.SignatureFailure() || r.Count <= 0 {
			continue
		}
		of := kind{r.Key(), r.Error, r.Sender}
		if found[of] == nil {
			found[of] = &reason{key: of.key, cause: of.cause, sender: of.sender, first: r.Bucket}
		}
		f := found[of]
		f.count += r.Count
		f.last = latest(f.last, r.Bucket)
		if r.Bucket.Before(f.first) {
			f.first = r.Bucket
		}
	}
	all := make([]reason, 0, len(found))
	for _, f := range found {
		f.fresh = f.first.After(now.Add(-traffic.Day)) && f.first.After(since)
		all = append(all, *f)
	}
	slices.SortFunc(all, func(a, b reason) int {
		if a.fresh != b.fresh {
			return map[bool]int{true: -1, false: 1}[a.fresh]
		}
		return cmp.Or(cmp.Compare(b.count, a.count), strings.Compare(a.sender+a.key+a.cause, b.sender+b.key+b.cause))
	})
	return all
}

func reasonTable(e checklist.Environment, reasons []reason) checklist.Table {
	t := checklist.Table{Title: "Refused in " + string(e), Columns: []string{"Key id", "Sender", "Reason", "Requests", "First hour", "Last hour"}}
	for _, r := range reasons[:min(len(reasons), maxReasonRows)] {
		first := hour(r.first)
		if r.fresh {
			first += " (new)"
		}
		t.Rows = append(t.Rows, []string{r.key, r.sender, r.cause, fmt.Sprint(r.count), first, hour(r.last)})
	}
	return t
}

// words says the most telling reason in a clause.
func words(e checklist.Environment, reasons []reason) string {
	if len(reasons) == 0 {
		return string(e) + " refused no signature"
	}
	r := reasons[0]
	if !r.fresh {
		return fmt.Sprintf("%s refuses nothing that it did not refuse before", e)
	}
	return fmt.Sprintf("%s refuses %s with %s since %s (%d times: %s)", e, r.sender, r.key, hour(r.first), r.count, r.cause)
}

func hour(t time.Time) string { return t.UTC().Format("2 Jan 15:04") }

// hourTable charts the last hours in which something was refused, against the
// runbook's alert.
func hourTable(e checklist.Environment, log requestlog.Log) checklist.Table {
	t := checklist.Table{Title: "Refused by hour in " + string(e), Columns: []string{"Hour", "Refused", fmt.Sprintf("of the alert at %d", requestlog.FailureThreshold)}}
	for _, h := range requestlog.FailuresOf(log).Hours {
		if h.Count > 0 {
			t.Rows = append(t.Rows, []string{hour(h.Start), fmt.Sprint(h.Count), traffic.Bar(min(h.Count, requestlog.FailureThreshold), requestlog.FailureThreshold)})
		}
	}
	t.Rows = t.Rows[max(0, len(t.Rows)-maxHourRows):]
	return t
}

// newKey tries the new key where it has a row, and says what is wrong with it
// where it is refused.
func (v Investigate) newKey(ctx context.Context, sc *checklist.Scope, evidence *checklist.Evidence) ([]string, error) {
	id := sc.Session.Key(checklist.NewKey)
	if id == "" {
		return nil, nil
	}
	now, err := v.Hosting.List(ctx)
	if err != nil {
		return nil, err
	}
	sites := slices.DeleteFunc(v.AskedApart(sc.Environments()), func(s target.Place) bool { return !now.MayServe(id, s) })
	words := make([]string, len(sites))
	err = target.EachIndex(ctx, sites, func(ctx context.Context, i int, s target.Place) (err error) {
		words[i], err = v.whatIsWrong(ctx, sc, s)
		return err
	})
	if err != nil {
		return nil, err
	}
	table := checklist.Table{Title: "The new key " + string(id), Columns: []string{"Target", "Environment", "What is wrong"}}
	var wrong []string
	for i, s := range sites {
		found := cmp.Or(words[i], "nothing: it is accepted, and every forgery refused")
		table.Rows = append(table.Rows, []string{s.Target.Name, s.Where(), found})
		if words[i] != "" {
			wrong = append(wrong, words[i])
		}
	}
	if len(sites) > 0 {
		evidence.Tables = append(evidence.Tables, table)
	}
	return wrong, nil
}

// whatIsWrong tries the new key at a place that has a row of it, and says what is
// wrong with it there; "" for nothing.
func (v Investigate) whatIsWrong(ctx context.Context, sc *checklist.Scope, s target.Place) (string, error) {
	suite, err := proof.Prove{Services: v.Services, NewKey: probe.Accepted}.Suite(ctx, sc, s)
	if err == nil && !s.IsFirst() {
		var serving proof.Deployment
		serving, _, err = v.Deployments.Serving(ctx, s)
		suite.Name, suite.URL, suite.Deployment = s.String(), proof.OwnAddress(s, serving), serving.ID
	}
	if err != nil {
		return fmt.Sprintf("%s could not be tried: %v", s, err), ctx.Err()
	}
	report, err := suite.Run(ctx, nil)
	switch {
	case err != nil:
		return "", err
	case report.Diagnosis != nil:
		return fmt.Sprintf("%s refuses %s: %s", s, sc.Session.Key(checklist.NewKey), report.Diagnosis.Words), nil
	case report.Failed():
		return proof.Failure(sc, s.String(), s.Environment, report).Error(), nil
	}
	return "", nil
}

// parentTimeLine is what a session did and met with, as a table. The last rows
// are those that matter.
func parentTimeLine(s *checklist.Session, events []checklist.Event) checklist.Table {
	t := checklist.Table{Title: "Time line of " + s.ID(), Columns: []string{"When", "What"}}
	for _, e := range events {
		if !matters(s, e) {
			continue
		}
		what := s.EventWords(e)
		if e.By != s.Opening.Operator {
			what += " (" + e.By + ")"
		}
		t.Rows = append(t.Rows, []string{moment(e.At), firstLine(what)})
	}
	if left := len(t.Rows) - maxTimeLineRows; left > 0 {
		t.Title += fmt.Sprintf(" (the last %d of %d events)", maxTimeLineRows, len(t.Rows))
		t.Rows = t.Rows[left:]
	}
	return t
}

// matters reports whether a cause may be found from an event: what changed
// something, and what somebody decided. The changes of an item that passed are
// told by its passing.
func matters(s *checklist.Session, e checklist.Event) bool {
	switch e.Kind {
	case checklist.Done, checklist.Unknown:
		return s.State(e.Item).Status != checklist.StatusPassed
	case checklist.Declined, checklist.Left, checklist.Waiting:
		return true
	case checklist.Resumed, checklist.Recovered, checklist.Turned, checklist.Requested, checklist.Unmade, checklist.Finished:
		return false
	}
	return paperwork.WorthTelling(e)
}

// listDeployments adds what was deployed since the trouble can have begun.
func (v Investigate) listDeployments(ctx context.Context, sc *checklist.Scope, since time.Time, evidence *checklist.Evidence) error {
	t := checklist.Table{Title: "Deployments since " + hour(since), Columns: []string{"Target", "Environment", "Deployment", "Made", "State", "By"}}
	for _, s := range v.Deployed(sc.Environments()) {
		all, err := v.Hosting.Made(ctx, s)
		if err != nil {
			return err
		}
		for _, d := range all {
			if d.CreatedAt().Before(since) {
				continue
			}
			by := "somebody else"
			if m, ok := checklist.ParseMark(d.Mark); ok {
				by = m.Session + " " + m.Item
			}
			t.Rows = append(t.Rows, []string{s.Target.Name, s.Where(), d.ID, moment(d.CreatedAt()), strings.ToLower(d.ReadyState), by})
		}
	}
	evidence.Tables = append(evidence.Tables, t)
	return nil
}
