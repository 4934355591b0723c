package traffic

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/requestlog"
)

// breakWindow is how far back "now" reaches when requests are counted.
const breakWindow = time.Hour

// topSenders is how many senders are named for each environment.
const topSenders = 5

// Breakage is who is refused once a key is revoked.
type Breakage struct {
	Words    []string // one for each environment
	Table    checklist.Table
	Problems []string // what could not be found out
}

// WhoBreaks counts the requests that sign with a key now. A log that cannot be
// read is a problem and no error: nobody waits for a log while a key is abused.
func (r Requests) WhoBreaks(ctx context.Context, id keygen.KeyID, environments []checklist.Environment, now time.Time) Breakage {
	b := Breakage{Table: checklist.Table{
		Title: fmt.Sprintf("Requests with %s", id), Columns: []string{"Environment", "Sender", "An hour", "Share"},
	}}
	for _, e := range environments {
		since := now.Add(-breakWindow).Truncate(time.Hour)
		log, err := r.Read(ctx, e, since, now)
		if err == nil {
			err = RequireFresh(log, now)
		}
		if err != nil {
			b.Problems = append(b.Problems, fmt.Sprintf("who breaks in %s is not known: %v", e, err))
			b.Words = append(b.Words, fmt.Sprintf("%s: not known, its request log does not say", e))
			continue
		}
		hours := log.Until.Sub(since).Hours()
		usage := requestlog.Usage(log)
		key := usage.Of(id)
		row := func(sender string, total int) {
			b.Table.Rows = append(b.Table.Rows, []string{string(e), sender, hourly(total, hours), percent(total, usage.Total)})
		}
		row("all that use "+string(id), key.Total)
		var names []string
		for _, s := range mostActive(requestlog.Stragglers(log, id)) {
			row(s.Sender, s.Total)
			names = append(names, s.Sender)
		}
		b.Words = append(b.Words, fmt.Sprintf("%s: %s of the requests sign with %s, %s an hour%s",
			e, percent(key.Total, usage.Total), id, hourly(key.Total, hours), checklist.Suffix(", most from ", strings.Join(names, ", "))))
	}
	return b
}

func mostActive(senders []requestlog.Straggler) []requestlog.Straggler {
	slices.SortStableFunc(senders, func(a, b requestlog.Straggler) int { return cmp.Compare(b.Total, a.Total) })
	return senders[:min(len(senders), topSenders)]
}

func hourly(total int, hours float64) string {
	if hours <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f", float64(total)/hours)
}
