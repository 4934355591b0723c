package traffic

import (
	"context"
	"fmt"
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
