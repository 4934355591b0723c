package emergency

import (
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// oldestMoment bounds how far back a moment may lie. What is further back is a
// slip of the keyboard.
const oldestMoment = 10 * 365 * 24 * time.Hour

// errFuture says that a moment has not come yet.
var errFuture = errors.New("it lies in the future")

// momentLayouts are the ways to write a day with a time, and a day alone, each
// in the operator's own time.
var momentLayouts = []string{
	"2006-01-02 15:04", "2006-01-02 15:04:05", "2006-01-02t15:04", "2006-01-02t15:04:05", "2006-01-02",
}

// parseMoment reads a moment of the past as a person would write it: "2h ago",
// "90 min ago", "14:30" (the last time that it was), "yesterday 14:30",
// "2026-11-24 14:30" or RFC 3339. A time without a zone is at utcOffset, in
// seconds, unless " utc" follows it. The result is UTC, in whole seconds, and
// not after now.
func parseMoment(text string, now time.Time, utcOffset int) (time.Time, error) {
	words := strings.Join(strings.Fields(strings.ToLower(text)), " ")
	zone := time.FixedZone("", utcOffset)
	if rest, ok := strings.CutSuffix(words, " utc"); ok {
		words, zone = rest, time.UTC
	}
	at, err := momentIn(words, now.In(zone))
	if err != nil {
		return time.Time{}, fmt.Errorf("%.40q: %w", text, err)
	}
	at = at.UTC().Truncate(time.Second)
	switch {
	case at.After(now):
		return time.Time{}, fmt.Errorf("%.40q is %s UTC: %w", text, at.Format("2006-01-02 15:04"), errFuture)
	case now.Sub(at) > oldestMoment:
		return time.Time{}, fmt.Errorf("%.40q is more than ten years ago", text)
	}
	return at, nil
}

func momentIn(words string, now time.Time) (time.Time, error) {
	if words == "now" {
		return now, nil
	}
	if ago, ok := parseAgo(words); ok {
		return now.Add(-ago), nil
	}
	if at, err := time.Parse(time.RFC3339, strings.ToUpper(words)); err == nil {
		return at, nil
	}
	for _, layout := range momentLayouts {
		if at, err := time.ParseInLocation(layout, words, now.Location()); err == nil {
			return at, nil
		}
	}
	if clock, ok := strings.CutPrefix(words, "yesterday "); ok {
		return clockOn(now.AddDate(0, 0, -1), clock)
	}
	if clock, ok := strings.CutPrefix(words, "today "); ok {
		return clockOn(now, clock)
	}
	at, err := clockOn(now, words)
	if err == nil && at.After(now) {
		at = at.AddDate(0, 0, -1)
	}
	return at, err
}

// clockOn returns a time of day such as 14:30 on the day.
func clockOn(day time.Time, clock string) (time.Time, error) {
	clock = strings.TrimPrefix(clock, "at ")
	for _, layout := range []string{"15:04", "15:04:05"} {
		if t, err := time.Parse(layout, clock); err == nil {
			return time.Date(day.Year(), day.Month(), day.Day(), t.Hour(), t.Minute(), t.Second(), 0, day.Location()), nil
		}
	}
	return time.Time{}, errors.New(`want a time such as "2h ago", "14:30", "yesterday 14:30" or "2026-11-24 14:30"`)
}

// agoPart is a number with its unit, such as the "2 hours" of "2 hours ago".
// 99999 weeks are more than a time.Duration holds: see parseAgo.
var agoPart = regexp.MustCompile(`^(\d{1,5}|an?) ?([a-z]+)(?: and)? ?`)

// agoUnits are the units of agoPart, with the words
// for each.
var agoUnits = []struct {
	length time.Duration
	words  []string
}{
	{time.Second, []string{"s", "sec", "secs", "second", "seconds"}},
	{time.Minute, []string{"m", "min", "mins", "minute", "minutes"}},
	{time.Hour, []string{"h", "hr", "hrs", "hour", "hours"}},
	{24 * time.Hour, []string{"d", "day", "days"}},
	{7 * 24 * time.Hour, []string{"w", "week", "weeks"}},
}

// parseAgo reads a length of time such as "1h30m ago"; "ago" may be left out.
func parseAgo(words string) (time.Duration, bool) {
	rest := strings.TrimSuffix(words, " ago")
	if rest == "" {
		return 0, false
	}
	var total time.Duration
	for rest != "" {
		part := agoPart.FindStringSubmatch(rest)
		if part == nil {
			return 0, false
		}
		n, err := strconv.Atoi(part[1])
		if err != nil {
			n = 1 // an hour, a day
		}
		length, ok := agoUnit(part[2])
		if !ok || total > oldestMoment {
			return 0, false
		}
		total += time.Duration(n) * length
		rest = rest[len(part[0]):]
	}
	return total, true
}

func agoUnit(word string) (time.Duration, bool) {
	for _, u := range agoUnits {
		for _, w := range u.words {
			if w == word {
				return u.length, true
			}
		}
	}
	return 0, false
}
