package sandbox

import (
	"cmp"
	"net/http"
	"slices"
	"strings"
	"time"
)

const (
	bucketLength = time.Hour
	// maxRequests is how many real requests the log remembers; the clients'
	// traffic is computed and needs no memory.
	maxRequests = 4096
	// longestLog is the longest stretch of the log that can be read at once.
	longestLog = 120 * 24 * time.Hour
)

// request is one real request to the service. An empty KeyID is none.
type request struct {
	At          time.Time `json:"at"`
	Project     string    `json:"project"` // id
	Environment string    `json:"environment"`
	Sender      string    `json:"sender"`
	KeyID       string    `json:"key_id,omitempty"`
	Status      int       `json:"status"`
	Error       string    `json:"error,omitempty"`
}

func (s *state) logRequest(r request) {
	s.Requests = append(s.Requests, r)
	if excess := len(s.Requests) - maxRequests; excess > 0 {
		s.Requests = slices.Delete(s.Requests, 0, excess)
	}
}

// logRow counts the requests of one hour that agree in everything else.
type logRow struct {
	Bucket  time.Time `json:"bucket"` // start of the hour
	Project string    `json:"project"`
	Sender  string    `json:"sender"`
	KeyID   *string   `json:"key_id"` // null: the request named none
	Status  int       `json:"status"`
	Error   string    `json:"error"`
	Count   int       `json:"count"`
}

// logAnswer answers GET /v1/request-log.
type logAnswer struct {
	Until time.Time `json:"until"` // the log is complete up to here
	Rows  []logRow  `json:"rows"`
}

func (w *World) logHandler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /v1/request-log", func(rw http.ResponseWriter, r *http.Request) {
		if !bearer(r, w.LogToken()) {
			answer(rw, http.StatusUnauthorized, map[string]string{"error": "wrong or missing token"})
			return
		}
		s, now := w.look()
		asked, problem := parseLogQuery(r, now)
		if problem != "" {
			answer(rw, http.StatusBadRequest, map[string]string{"error": problem})
			return
		}
		answer(rw, http.StatusOK, s.readLog(asked, now))
	})
	return mux
}

// logQuery asks for the requests of an environment from since until just before
// until.
type logQuery struct {
	environment  string
	since, until time.Time
}

// parseLogQuery reads a query; until may be left out and means now. The problem
// is for the client, "" if there is none.
func parseLogQuery(r *http.Request, now time.Time) (logQuery, string) {
	query := r.URL.Query()
	q := logQuery{environment: query.Get("environment"), until: now}
	if q.environment != Staging && q.environment != Production {
		return logQuery{}, "environment: want staging or production"
	}
	var err error
	if q.since, err = time.Parse(time.RFC3339Nano, query.Get("since")); err != nil {
		return logQuery{}, "since: want a time as in RFC 3339"
	}
	if text := query.Get("until"); text != "" {
		if q.until, err = time.Parse(time.RFC3339Nano, text); err != nil {
			return logQuery{}, "until: want a time as in RFC 3339"
		}
	}
	q.since = q.since.UTC()
	switch {
	case q.until.Before(q.since):
		return logQuery{}, "until: is before since"
	case q.until.Sub(q.since) > longestLog:
		return logQuery{}, "since: at most 120 days can be read at once"
	}
	q.until = endOf(q.until.UTC(), now)
	return q, ""
}

// endOf returns where the log is to end for a client that asked for until. The
// hour of until is included as far as it has gone, and so is this very second,
// since clients tend to cut the fraction off.
func endOf(until, now time.Time) time.Time {
	if hour := until.Truncate(bucketLength); !hour.Equal(until) {
		until = hour.Add(bucketLength)
	}
	if until.Before(now) && now.Sub(until) < time.Second {
		return now
	}
	return until
}

// readLog counts the real requests and the clients' traffic.
func (s *state) readLog(q logQuery, now time.Time) logAnswer {
	reply := logAnswer{Until: q.until, Rows: []logRow{}}
	if !q.until.Before(now) {
		// What happens at this very moment is part of the log.
		reply.Until, q.until = now, now.Add(1)
	}
	if !q.since.Before(q.until) {
		return reply
	}
	log := collector{rows: reply.Rows, since: q.since, until: q.until}
	for _, r := range s.Requests {
		if r.Environment == q.environment && log.covers(r.At) {
			project, _ := s.project(r.Project) // a project is never removed
			log.add(r.At.Truncate(bucketLength), project.Name, r.Sender, r.KeyID, outcome{r.Status, r.Error}, 1)
		}
	}
	for _, project := range s.Projects {
		s.traffic(project, q.environment, now, &log)
	}
	reply.Rows = mergeRows(log.rows)
	return reply
}

// collector gathers rows of a stretch of time, which may repeat themselves.
type collector struct {
	rows         []logRow
	since, until time.Time
}

func (c *collector) covers(t time.Time) bool { return !t.Before(c.since) && t.Before(c.until) }

func (c *collector) add(bucket time.Time, project, sender, keyID string, o outcome, count int) {
	if count == 0 {
		return
	}
	row := logRow{Bucket: bucket, Project: project, Sender: sender, Status: o.status, Error: o.err, Count: count}
	if keyID != "" {
		row.KeyID = &keyID
	}
	c.rows = append(c.rows, row)
}

// mergeRows sorts rows and adds up those that differ only in their count.
func mergeRows(rows []logRow) []logRow {
	slices.SortFunc(rows, compareRows)
	merged := rows[:0]
	for _, row := range rows {
		if last := len(merged) - 1; last >= 0 && compareRows(merged[last], row) == 0 {
			merged[last].Count += row.Count
			continue
		}
		merged = append(merged, row)
	}
	return merged
}

func compareRows(a, b logRow) int {
	return cmp.Or(
		a.Bucket.Compare(b.Bucket), strings.Compare(a.Project, b.Project), strings.Compare(a.Sender, b.Sender),
		strings.Compare(textOf(a.KeyID), textOf(b.KeyID)), cmp.Compare(a.Status, b.Status), strings.Compare(a.Error, b.Error),
	)
}

func textOf(keyID *string) string {
	if keyID == nil {
		return ""
	}
	return *keyID
}
