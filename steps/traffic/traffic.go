package traffic

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/probe"
	"keyturn/steps/requestlog"
)

// Requests is the log of the requests that the services got.
type Requests struct{ Log requestlog.Source }

// Read reads an environment's request log without Keyturn's own probes,
// which use every key on purpose.
func (rq Requests) Read(ctx context.Context, e checklist.Environment, since, until time.Time) (requestlog.Log, error) {
	log, err := rq.Log.Read(ctx, string(e), since, until)
	if err != nil {
		return log, fmt.Errorf("read the request log of %s: %w", e, err)
	}
	kept := log.Rows[:0:0]
	for _, r := range log.Rows {
		if !strings.HasPrefix(r.Sender, probe.UserAgent) {
			kept = append(kept, r)
		}
	}
	log.Rows = kept
	return log, nil
}

// RequireFresh returns an error for a log that proves nothing about now.
func RequireFresh(log requestlog.Log, now time.Time) error {
	fresh := requestlog.FreshnessOf(log, now)
	if !fresh.Stale && !fresh.Empty {
		return nil
	}
	return checklist.WithHint(
		fmt.Errorf("the request log has no request, or is %s old: it proves nothing", fresh.Age.Round(time.Minute)),
		"see that the log is being written, then run the item again")
}

// PassedAt returns when an item passed from which the log is read. Without that
// nothing can be told from the log.
func PassedAt(sc *checklist.Scope, itemID string) (time.Time, error) {
	at := sc.Session.State(itemID).PassedAt
	if !at.IsZero() {
		return at, nil
	}
	title := itemID
	if item, _, ok := sc.Session.Checklist.Item(itemID); ok {
		title = item.Title
	}
	return at, checklist.WithHint(fmt.Errorf("not proved: the log is read from when %q passed, and it has not", title),
		"do that item first, then this one again; where the checklist has none, pass this one over and say why")
}

// Day is how far back usage is counted.
const Day = 24 * time.Hour

// Meter measures on the request log.
type Meter struct {
	Requests
	Now func() time.Time
}

// Measure implements checklist.Meter on the request log of production.
func (m Meter) Measure(ctx context.Context, s *checklist.Session, metric checklist.Metric) (checklist.Reading, error) {
	now := m.Now().UTC()
	log, err := m.Read(ctx, checklist.Production, now.Add(-Day), now)
	if err != nil {
		return checklist.Reading{}, err
	}
	if err := RequireFresh(log, now); err != nil {
		return checklist.Reading{}, err
	}
	reading := checklist.Reading{Metric: metric, At: now}
	switch metric {
	case checklist.OldKeyRequests:
		stragglers := requestlog.Stragglers(log, s.Key(checklist.OldKey))
		for _, st := range stragglers {
			reading.Value += float64(st.Total)
		}
		reading.Detail = StragglerWords(stragglers)
	case checklist.FailuresPerHour:
		failures := requestlog.FailuresOf(log)
		reading.Value = float64(failures.Last.Count)
		if len(failures.Causes) > 0 {
			reading.Detail = "most often " + failures.Causes[0].Name
		}
	default:
		return reading, fmt.Errorf("metric %q is not known", metric)
	}
	return reading, nil
}

func StragglerWords(stragglers []requestlog.Straggler) string {
	var words []string
	for _, s := range stragglers {
		words = append(words, fmt.Sprintf("%s (%d, last %s)", s.Sender, s.Total, s.LastSeen.UTC().Format("2 Jan 15:04")))
	}
	return strings.Join(words, ", ")
}

// UsageTables shows the requests of each key, how they moved from day to day,
// who still uses the old one, and the refused signatures.
func UsageTables(log requestlog.Log, old keygen.KeyID) []checklist.Table {
	usage := requestlog.Usage(log)
	keys := checklist.Table{Title: "Requests by key id", Columns: []string{"Key", "Requests", "Share", "Refused"}}
	for _, k := range usage.Keys {
		keys.Rows = append(keys.Rows, []string{
			k.KeyID, fmt.Sprint(k.Total), fmt.Sprintf("%.1f%%", 100*k.Share), fmt.Sprint(k.Refused),
		})
	}
	tables := []checklist.Table{keys}
	if usage.Hours > 24 {
		tables = append(tables, movement(usage, old))
	}
	if stragglers := requestlog.Stragglers(log, old); len(stragglers) > 0 {
		t := checklist.Table{Title: fmt.Sprintf("Senders seen with %s", old), Columns: []string{"Sender", "Requests", "Last seen"}}
		for _, s := range stragglers {
			t.Rows = append(t.Rows, []string{s.Sender, fmt.Sprint(s.Total), s.LastSeen.UTC().Format("2 Jan 15:04")})
		}
		tables = append(tables, t)
	}
	f := requestlog.FailuresOf(log)
	worst := "none"
	if f.Worst.Count > 0 {
		worst = fmt.Sprintf("%d at %s", f.Worst.Count, f.Worst.Start.UTC().Format("2 Jan 15:04"))
	}
	return append(tables, checklist.Table{
		Title: "Refused signatures", Columns: []string{"Total", "Worst hour", "Last hour", "Alert at"},
		Rows: [][]string{{
			fmt.Sprint(f.Total), worst, fmt.Sprint(f.Last.Count), fmt.Sprintf("over %d an hour", requestlog.FailureThreshold),
		}},
	})
}

// movement charts the share of the old key from day to day.
func movement(usage requestlog.Distribution, old keygen.KeyID) checklist.Table {
	t := checklist.Table{
		Title:   fmt.Sprintf("Share of %s by day", old),
		Columns: []string{"From", "Requests", "Of them " + string(old), ""},
	}
	all, ofOld := make([]int, usage.Hours), usage.Of(old).Series
	for _, k := range usage.Keys {
		for i, n := range k.Series {
			all[i] += n
		}
	}
	for start := 0; start < usage.Hours; start += 24 {
		end := min(start+24, usage.Hours)
		total, part := sum(all[start:end]), sum(ofOld[start:end])
		t.Rows = append(t.Rows, []string{
			usage.Start.Add(time.Duration(start) * time.Hour).UTC().Format("Mon 2 Jan 15:04"),
			fmt.Sprint(total), percent(part, total), Bar(part, total),
		})
	}
	return t
}

func sum(series []int) int {
	total := 0
	for _, n := range series {
		total += n
	}
	return total
}

func percent(part, whole int) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f%%", 100*float64(part)/float64(whole))
}

// barWidth is the length of a full bar, in characters.
const barWidth = 20

// Bar draws a share. It is made of ASCII, which every terminal and record
// shows, and any share above zero is seen.
func Bar(part, whole int) string {
	if whole == 0 {
		return ""
	}
	return strings.Repeat("#", (part*barWidth+whole-1)/whole)
}

// UpdateClients shows who still signs with the old key, and lets the operator
// say that they have been told to move.
type UpdateClients struct {
	checklist.AskOnly
	Requests
}

// clientsOf returns the environment whose clients have to move: production,
// unless the session may not touch it.
func clientsOf(s *checklist.Session) checklist.Environment {
	if slices.Contains(s.Environments(), checklist.Production) {
		return checklist.Production
	}
	return checklist.Staging
}

func (u UpdateClients) Plan(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	plan := checklist.Plan{
		Summary: fmt.Sprintf("Tell every client to sign with %s", sc.Session.Key(checklist.NewKey)), Risk: checklist.Look,
	}
	now := sc.Now()
	log, err := u.Read(ctx, clientsOf(sc.Session), now.Add(-Day), now)
	if err != nil {
		return plan, err
	}
	for _, s := range requestlog.Stragglers(log, sc.Session.Key(checklist.OldKey)) {
		plan.Actions = append(plan.Actions, checklist.Action{
			Environment: clientsOf(sc.Session),
			Words:       fmt.Sprintf("%s: %d requests with %s in the last 24 hours", s.Sender, s.Total, sc.Session.Key(checklist.OldKey)),
		})
	}
	return plan, nil
}

func (u UpdateClients) Do(ctx context.Context, sc *checklist.Scope) error {
	a, err := sc.Ask(ctx, checklist.Question{
		Kind: checklist.Confirm, Asked: checklist.Asked{ID: "clients-told"}, Default: checklist.No,
		Title: fmt.Sprintf("Have the owners of all clients been told to sign with %s?", sc.Session.Key(checklist.NewKey)),
		Body:  "The request log will show who has moved. Nobody needs to have moved yet.",
	})
	if err != nil {
		return err
	}
	if a.Text != checklist.Yes {
		return checklist.WithHint(fmt.Errorf("the clients have not been told"), "tell them, then run the item again")
	}
	return nil
}

func (u UpdateClients) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	now := sc.Now()
	log, err := u.Read(ctx, clientsOf(sc.Session), now.Add(-Day), now)
	if err != nil {
		return checklist.Evidence{}, err
	}
	return checklist.Evidence{
		Summary: "the owners of all clients have been told", Tables: UsageTables(log, sc.Session.Key(checklist.OldKey)),
	}, nil
}

// Monitor takes readings during the dual-key days, and passes once they are over.
type Monitor struct {
	checklist.LookOnly
	Requests
}

func (m Monitor) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	return checklist.Plan{
		Summary: "Read the request log of production", Risk: checklist.Look,
		Actions: []checklist.Action{{
			Environment: checklist.Production,
			Words:       fmt.Sprintf("requests for each key id, senders still on %s, refused signatures for each hour", sc.Session.Key(checklist.OldKey)),
		}},
	}, nil
}

func (m Monitor) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	now := sc.Now()
	served, err := PassedAt(sc, checklist.ItemVerifyProduction)
	if err != nil {
		return checklist.Evidence{}, err
	}
	log, err := m.Read(ctx, checklist.Production, served, now)
	if err != nil {
		return checklist.Evidence{}, err
	}
	if err := RequireFresh(log, now); err != nil {
		return checklist.Evidence{}, err
	}
	old, recent := sc.Session.Key(checklist.OldKey), requestlog.Usage(log.Since(now.Add(-Day)))
	evidence := checklist.Evidence{
		Summary: fmt.Sprintf("%s has %.1f%% and %s %.1f%% of the requests of the last 24 hours",
			sc.Session.Key(checklist.NewKey), 100*recent.Of(sc.Session.Key(checklist.NewKey)).Share, old, 100*recent.Of(old).Share),
		Tables: UsageTables(log, old),
	}
	if none := recent.WithoutKeyID(); none.Total > 0 {
		evidence.Issues = append(evidence.Issues, "some requests to production name no key id: find out who sends them")
	}
	if failures := requestlog.FailuresOf(log.Since(now.Add(-Day))); failures.Alert() {
		return evidence, &AlertError{Hour: failures.Worst, hint: OrRollBack(sc, "find the cause before the old key goes")}
	}
	over := served.AddDate(0, 0, sc.Session.Opening.Setup.DualKeyDays)
	if now.Before(over) {
		return evidence, &checklist.NotYet{
			Why:   fmt.Sprintf("the dual-key period lasts until %s; %s", over.UTC().Format("Mon 2 Jan 15:04"), evidence.Summary),
			Until: over, Evidence: evidence,
		}
	}
	return evidence, nil
}

// usageWindow is how long requests are watched after the removal: silence
// proves nothing.
const usageWindow = time.Hour

// VerifyUsage proves that nobody used the old key since it was removed.
type VerifyUsage struct {
	checklist.LookOnly
	Requests
}

func (v VerifyUsage) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	return checklist.Plan{
		Summary: fmt.Sprintf("See that no request names %s any more", sc.Session.Key(checklist.OldKey)), Risk: checklist.Look,
		Actions: []checklist.Action{{Environment: checklist.Production, Words: "read the request log since the removal"}},
	}, nil
}

func (v VerifyUsage) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	now, old := sc.Now(), sc.Session.Key(checklist.OldKey)
	removed, err := PassedAt(sc, checklist.ItemRedeployRemoval)
	if err != nil {
		return checklist.Evidence{}, err
	}
	log, err := v.Read(ctx, checklist.Production, removed, now)
	if err != nil {
		return checklist.Evidence{}, err
	}
	usage := requestlog.Usage(log)
	until := removed.Add(usageWindow)
	if usage.Total == 0 && !now.Before(until) {
		until = now.Add(usageWindow)
	}
	if now.Before(until) {
		return checklist.Evidence{}, &checklist.NotYet{
			Why: fmt.Sprintf("an hour of requests is needed to tell; the log has %d since the removal", usage.Total), Until: until,
		}
	}
	evidence := checklist.Evidence{
		Summary: fmt.Sprintf("none of %d requests since %s named %s", usage.Total, removed.UTC().Format("2 Jan 15:04"), old),
		Tables:  UsageTables(log, old),
	}
	if n := usage.Of(old).Total; n > 0 {
		return evidence, checklist.WithHint(
			fmt.Errorf("%d requests named %s since it was removed, and were refused: %s", n, old, StragglerWords(requestlog.Stragglers(log, old))),
			"%s", OrRollBack(sc, "move these clients, or pass the item over and name them in the reason"))
	}
	return evidence, nil
}

// ConfirmNoErrors reads a day of requests without the old key.
type ConfirmNoErrors struct {
	checklist.LookOnly
	Requests
}

func (c ConfirmNoErrors) Plan(context.Context, *checklist.Scope) (checklist.Plan, error) {
	return checklist.Plan{
		Summary: "See that signatures are not refused", Risk: checklist.Look,
		Actions: []checklist.Action{{Environment: checklist.Production, Words: "read the request log of the last 24 hours"}},
	}, nil
}

func (c ConfirmNoErrors) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	now := sc.Now()
	log, err := c.Read(ctx, checklist.Production, now.Add(-Day), now)
	if err != nil {
		return checklist.Evidence{}, err
	}
	failures := requestlog.FailuresOf(log)
	evidence := checklist.Evidence{
		Summary: fmt.Sprintf("%d signatures were refused in 24 hours, at most %d in one hour", failures.Total, failures.Worst.Count),
		Tables:  UsageTables(log, sc.Session.Key(checklist.OldKey)),
	}
	if err := RequireFresh(log, now); err != nil {
		return evidence, err
	}
	if failures.Alert() {
		return evidence, &AlertError{Hour: failures.Worst, hint: OrRollBack(sc, "find the cause; the old key is still in the vault")}
	}
	return evidence, nil
}
