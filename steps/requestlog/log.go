package requestlog

import (
	"context"
	"strings"
	"time"
)

// Row counts the requests of one hour that have everything else in common.
type Row struct {
	Bucket  time.Time `json:"bucket"` // start of the hour, UTC
	Project string    `json:"project"`
	Sender  string    `json:"sender"` // who signed, as the service knows it
	KeyID   *string   `json:"key_id"` // as sent; nil: the request named no key
	Status  int       `json:"status"` // HTTP status of the answer
	Error   string    `json:"error"`  // why it was refused; empty otherwise
	Count   int       `json:"count"`
}

// Log is what was logged in a span of time, in no particular order. A
// combination that did not occur has no row.
type Log struct {
	Until time.Time `json:"until"` // the log is complete up to here
	Rows  []Row     `json:"rows"`
}

// Source reads the log of an environment (staging or production).
type Source interface {
	// Read returns the rows of since ≤ bucket < until, both taken down to the
	// hour and the last hour included where it has begun. Log.Until may be
	// before until: later requests are not known yet.
	Read(ctx context.Context, environment string, since, until time.Time) (Log, error)
}

// Since returns the part of the log whose hour is not before t's hour.
func (l Log) Since(t time.Time) Log {
	from := t.UTC().Truncate(time.Hour)
	return l.filter(func(r Row) bool { return !r.Bucket.Before(from) })
}

// Of returns the part of the log that belongs to a project.
func (l Log) Of(project string) Log {
	return l.filter(func(r Row) bool { return r.Project == project })
}

func (l Log) filter(keep func(Row) bool) Log {
	out := Log{Until: l.Until}
	for _, r := range l.Rows {
		if keep(r) {
			out.Rows = append(out.Rows, r)
		}
	}
	return out
}

// NoKeyID stands for the requests that named no key. They are counted and shown
// like a key of their own: a query that drops them hides a client.
const NoKeyID = "(no key id)"

// Key returns the key id that a verifier would look up: in lower case, since it
// turns V1 and v1 into the same variable. It is NoKeyID where there is none.
func (r Row) Key() string {
	if r.KeyID == nil || strings.TrimSpace(*r.KeyID) == "" {
		return NoKeyID
	}
	return strings.ToLower(strings.TrimSpace(*r.KeyID))
}

// Refused reports whether the service refused to let the request in: 401 or
// 403, depending on the service.
func (r Row) Refused() bool { return r.Status == 401 || r.Status == 403 }

// failureWords are found in the reasons with which a verifier refuses: a missing
// header, a stale time, a replayed nonce, an unknown key, a differing signature.
var failureWords = [...]string{"signature", "hmac", "unknown key", "key id", "keyid", "timestamp", "stale", "nonce", "replay"}

// SignatureFailure reports whether the verifier refused the request: refused,
// and for a reason that is the verifier's and not, say, a missing permission.
func (r Row) SignatureFailure() bool {
	if !r.Refused() {
		return false
	}
	reason := strings.ToLower(r.Error)
	for _, word := range failureWords {
		if strings.Contains(reason, word) {
			return true
		}
	}
	return false
}
