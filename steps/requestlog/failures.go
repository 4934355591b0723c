package requestlog

import (
	"cmp"
	"slices"
	"strings"
	"time"
)

// FailureThreshold is the number of signature failures in one hour above which
// the runbook raises an alert (metric hmac.verify.failure, alert >100/hour).
const FailureThreshold = 100

// Hour is a count of one hour.
type Hour struct {
	Start time.Time
	Count int
}

// Failures is what the verifiers refused.
type Failures struct {
	Total  int
	Worst  Hour       // the hour with the most; the earliest of equals
	Last   Hour       // the hour that holds the end of the log, which may have only begun
	Hours  []Hour     // every hour of the log without a gap, oldest first
	ByKey  []NamedSum // key id (or NoKeyID) and count, most first
	Causes []NamedSum // reason as logged and count, most first
	// Unexplained counts 401 and 403 answers for which the log has no reason.
	// They are not in Total, and they may be signature failures all the same.
	Unexplained int
}

// NamedSum is a count with a name.
type NamedSum struct {
	Name  string
	Count int
}

// Alert reports whether an hour was above the runbook's threshold.
func (f Failures) Alert() bool { return f.Worst.Count > FailureThreshold }

// FailuresOf counts the signature failures of each hour.
func FailuresOf(log Log) Failures {
	start, hours := span(log.Rows)
	lastStart := log.Until.UTC().Truncate(time.Hour)
	if log.Until.Equal(lastStart) && !log.Until.IsZero() {
		lastStart = lastStart.Add(-time.Hour) // complete up to the hour: the last is the one before
	}
	// A quiet last hour has no row, but it is an hour of the log.
	if extra := hourIn(lastStart, start) + 1; hours > 0 && !log.Until.IsZero() && extra > hours && extra <= maxHours {
		hours = extra
	}
	f := Failures{Last: Hour{Start: lastStart}}
	for i := range hours {
		f.Hours = append(f.Hours, Hour{Start: start.Add(time.Duration(i) * time.Hour)})
	}
	byKey, causes := map[string]int{}, map[string]int{}
	for _, r := range log.Rows {
		switch {
		case r.SignatureFailure():
			f.Total += r.Count
			byKey[r.Key()] += r.Count
			causes[r.Error] += r.Count
			if i := hourIn(r.Bucket, start); i >= 0 && i < len(f.Hours) {
				f.Hours[i].Count += r.Count
			}
		case r.Refused() && strings.TrimSpace(r.Error) == "":
			f.Unexplained += r.Count
		}
	}
	for _, h := range f.Hours {
		if h.Count > f.Worst.Count {
			f.Worst = h
		}
		if h.Start.Equal(f.Last.Start) {
			f.Last = h
		}
	}
	f.ByKey, f.Causes = sums(byKey), sums(causes)
	return f
}

func sums(counts map[string]int) []NamedSum {
	list := make([]NamedSum, 0, len(counts))
	for name, count := range counts {
		list = append(list, NamedSum{Name: name, Count: count})
	}
	slices.SortFunc(list, func(a, b NamedSum) int {
		return cmp.Or(cmp.Compare(b.Count, a.Count), strings.Compare(a.Name, b.Name))
	})
	return list
}

// StaleAfter is the age from which a log no longer says what happens now.
const StaleAfter = 15 * time.Minute

// Freshness is how far a log can be trusted to speak of now.
type Freshness struct {
	Until   time.Time     // the log is complete up to here
	Age     time.Duration // from Until to now, not negative
	LastRow time.Time     // the newest hour with a request; zero if there is none
	Stale   bool          // older than StaleAfter
	Empty   bool          // no request at all: silence, which proves nothing
}

// FreshnessOf judges the log at the time now.
func FreshnessOf(log Log, now time.Time) Freshness {
	f := Freshness{Until: log.Until, Age: max(now.Sub(log.Until), 0), Empty: true}
	f.Stale = f.Age > StaleAfter
	for _, r := range log.Rows {
		if r.Count <= 0 {
			continue
		}
		f.Empty = false
		if r.Bucket.After(f.LastRow) {
			f.LastRow = r.Bucket
		}
	}
	return f
}
