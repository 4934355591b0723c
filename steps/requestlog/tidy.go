package requestlog

import (
	"errors"
	"fmt"
	"time"

	"keyturn/steps/httpclient"
)

// tidy refuses a log that cannot be counted and brings the rest into one form.
func tidy(log *Log, since, until time.Time, censor httpclient.Censor) error {
	if log.Until.IsZero() {
		return errors.New("the answer does not say up to when it is complete (until)")
	}
	log.Until = log.Until.UTC()
	if log.Until.After(until) {
		log.Until = until // no row says anything about later
	}
	from := since.Truncate(time.Hour)
	// Key ids and senders are what strangers sent.
	shown := func(s string) string { return censor.Name(s, maxName) }
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
		r.Project, r.Sender, r.Error = shown(r.Project), shown(r.Sender), shown(r.Error)
		if r.KeyID != nil {
			id := shown(*r.KeyID)
			r.KeyID = &id
		}
	}
	return nil
}
