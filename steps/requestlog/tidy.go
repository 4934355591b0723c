package requestlog

import (
	"errors"
	"fmt"
	"strings"
	"time"
	"unicode"
)

// tidy refuses a log that cannot be counted and brings the rest into one form.
func tidy(log *Log, since, until time.Time) error {
	if log.Until.IsZero() {
		return errors.New("the answer does not say up to when it is complete (until)")
	}
	log.Until = log.Until.UTC()
	if log.Until.After(until) {
		log.Until = until // no row says anything about later
	}
	from := since.Truncate(time.Hour)
	for i := range log.Rows {
		r := &log.Rows[i]
		r.Bucket = r.Bucket.UTC().Truncate(time.Hour)
		switch {
		case r.Count < 0:
			return fmt.Errorf("row %d has a negative count", i)
		case r.Count > maxCount: // sums must not overflow, which would hide a key
			return fmt.Errorf("row %d counts more than %d requests in an hour", i, maxCount)
		case r.Status < 100 || r.Status > 599:
			return fmt.Errorf("row %d has status %d", i, r.Status)
		case r.Bucket.Before(from) || r.Bucket.After(until):
			return fmt.Errorf("row %d is of %s, outside the time that was asked for", i, r.Bucket.Format(time.RFC3339))
		}
		r.Project, r.Sender, r.Error = printable(r.Project), printable(r.Sender), printable(r.Error)
		if r.KeyID != nil {
			id := printable(*r.KeyID)
			r.KeyID = &id
		}
	}
	return nil
}

// printable keeps what a terminal can show: key ids and senders are what
// strangers sent.
func printable(s string) string {
	s = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.C, r), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, s)
	if len(s) > maxName {
		s = strings.ToValidUTF8(s[:maxName], "") + "…"
	}
	return s
}
