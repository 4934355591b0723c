// Package words puts times, counts and tables into plain words, the same in
// the full-screen interface and in the line mode. It knows no colour.
package words

import (
	"fmt"
	"strings"
	"time"
	"unicode"
)

// Clean returns text that cannot control a terminal: line feeds stay, tabs
// become spaces, and every other control character is dropped, as are the
// characters that reverse the direction of text.
func Clean(text string) string {
	harmless := func(r rune) bool { return r == '\n' || !unicode.IsControl(r) && !reverses(r) }
	if strings.IndexFunc(text, func(r rune) bool { return !harmless(r) }) < 0 {
		return text
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case !harmless(r):
			return -1
		}
		return r
	}, text)
}

// reverses reports the bidirectional controls, which could show a command in
// another order than it is copied in.
func reverses(r rune) bool {
	return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069'
}

// Line is Clean on one line.
func Line(text string) string {
	return strings.Join(strings.Fields(Clean(text)), " ")
}

// Count returns "1 item" or "3 items".
func Count(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}

// Duration returns a length of time in at most two units: "12 s", "4 min 5 s",
// "3 h 12 min", "9 days", "2 days 4 h". Negative lengths lose their sign.
func Duration(d time.Duration) string {
	d = d.Abs().Round(time.Second)
	const day = 24 * time.Hour
	switch {
	case d < time.Minute:
		return fmt.Sprintf("%d s", d/time.Second)
	case d < time.Hour:
		return join(fmt.Sprintf("%d min", d/time.Minute), int(d%time.Minute/time.Second), "s")
	case d < day:
		return join(fmt.Sprintf("%d h", d/time.Hour), int(d%time.Hour/time.Minute), "min")
	}
	return join(Count(int(d/day), "day"), int(d%day/time.Hour), "h")
}

func join(major string, minor int, unit string) string {
	if minor == 0 {
		return major
	}
	return fmt.Sprintf("%s %d %s", major, minor, unit)
}

// Days returns a length of time in whole days, at least zero.
func Days(d time.Duration) string {
	return Count(max(0, int(d/(24*time.Hour))), "day")
}

// Countdown returns a length of time as a clock shows it: "59:04", "1:00:00".
func Countdown(d time.Duration) string {
	s := int(d.Abs().Round(time.Second) / time.Second)
	if s >= 3600 {
		return fmt.Sprintf("%d:%02d:%02d", s/3600, s/60%60, s%60)
	}
	return fmt.Sprintf("%02d:%02d", s/60, s%60)
}

// Until returns how far a moment is from now: "in 3 h", "now", "2 days ago".
func Until(t, now time.Time) string {
	switch d := t.Sub(now); {
	case d >= time.Second:
		return "in " + Duration(d)
	case d <= -time.Second:
		return Duration(d) + " ago"
	}
	return "now"
}

// Moment returns a time to the minute, in UTC: "Tue 25 Nov 2025 00:00 UTC".
func Moment(t time.Time) string { return t.UTC().Format("Mon 2 Jan 2006 15:04 MST") }

// Date returns the day of a time, in UTC: "Tue 25 Nov 2025".
func Date(t time.Time) string { return t.UTC().Format("Mon 2 Jan 2006") }
