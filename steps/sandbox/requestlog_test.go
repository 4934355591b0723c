package sandbox

import (
	"net/http"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestRealRequestsAreLoggedAtOnce(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	address := w.ServiceURL("orders-api", Staging) + "/api/test"
	start := w.Clock().Now()
	require.Equal(t, http.StatusOK, statusOf(t, w, address, "v1", w.Seeded()[Staging]))
	for range 3 {
		require.Equal(t, http.StatusForbidden, statusOf(t, w, address, "v1", MustSecret(t)))
	}
	unsigned := newProbe(w, address, "", w.Seeded()[Staging])
	require.Equal(t, http.StatusForbidden, unsigned.send(t).status)
	own := w.DeploymentURL(MustServe(t, w, "orders-api", Staging).ID)
	require.Equal(t, http.StatusOK, statusOf(t, w, own, "v1", w.Seeded()[Staging]))

	log := MustReadLog(t, w, Staging, start)
	v1 := "v1"
	var rows []logRow
	for _, r := range log.Rows {
		if r.Sender == "keyturn" {
			rows = append(rows, r)
		}
	}
	bucket := start.Truncate(time.Hour)
	assert.Equal(t, []logRow{
		{bucket, "orders-api", "keyturn", nil, 403, missingHeader, 1},
		{bucket, "orders-api", "keyturn", &v1, 200, "", 2},
		{bucket, "orders-api", "keyturn", &v1, 403, signatureMismatch, 3},
	}, rows)
	assert.Zero(t, count(MustReadLog(t, w, Production, start), from("keyturn")))
}

func TestRequestLogRefuses(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	token := "Bearer " + w.LogToken()
	for name, test := range map[string]struct {
		token  string
		query  url.Values
		status int
	}{
		"another's token":   {"Bearer " + w.VercelToken(), url.Values{"environment": {"staging"}, "since": {"2026-11-24T00:00:00Z"}}, 401},
		"no environment":    {token, url.Values{"since": {"2026-11-24T00:00:00Z"}}, 400},
		"a vercel target":   {token, url.Values{"environment": {"preview"}, "since": {"2026-11-24T00:00:00Z"}}, 400},
		"no since":          {token, url.Values{"environment": {"staging"}}, 400},
		"since is no time":  {token, url.Values{"environment": {"staging"}, "since": {"yesterday"}}, 400},
		"until is no time":  {token, url.Values{"environment": {"staging"}, "since": {"2026-11-24T00:00:00Z"}, "until": {"now"}}, 400},
		"until before":      {token, url.Values{"environment": {"staging"}, "since": {"2026-11-24T00:00:00Z"}, "until": {"2026-11-23T00:00:00Z"}}, 400},
		"more than allowed": {token, url.Values{"environment": {"staging"}, "since": {"2020-11-24T00:00:00Z"}}, 400},
		"a good one":        {token, url.Values{"environment": {"staging"}, "since": {"2026-11-24T00:00:00+01:00"}, "until": {"2027-01-01T00:00:00Z"}}, 200},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := do(t, http.MethodGet, w.LogURL()+"/v1/request-log?"+test.query.Encode(), map[string]string{"Authorization": test.token}, "")
			require.NoError(t, err)
			assert.Equal(t, test.status, r.status)
			assert.Equal(t, "application/json; charset=utf-8", r.header.Get("Content-Type"))
		})
	}
}

func TestTheLogIsCompleteUpToNow(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	s, now := w.look()
	assert.Equal(t, now, s.readLog(logQuery{Staging, now.Add(-day), now.Add(day)}, now).Until)
	assert.Equal(t, now.Add(-time.Hour), s.readLog(logQuery{Staging, now.Add(-day), now.Add(-time.Hour)}, now).Until)
	future := s.readLog(logQuery{Staging, now.Add(day), now.Add(2 * day)}, now)
	assert.Equal(t, logAnswer{now, []logRow{}}, future)
}

// A client that cuts the fraction off a time, or the time down to what it saw
// before a slow request, must still find what happened before it asked.
func TestTheHourThatWasAskedForIsWhole(t *testing.T) {
	t.Parallel()
	hour := time.Date(2026, 11, 24, 8, 0, 0, 0, time.UTC)
	now := hour.Add(20*time.Minute + 700*time.Millisecond)
	for name, test := range map[string]struct{ until, now, want time.Time }{
		"the second of now":           {now.Truncate(time.Second), now, hour.Add(time.Hour)},
		"a minute ago":                {now.Add(-time.Minute), now, hour.Add(time.Hour)},
		"an hour that is over":        {hour.Add(-time.Minute), now, hour},
		"the end of an hour":          {hour, now, hour},
		"the first second of an hour": {hour, hour.Add(300 * time.Millisecond), hour.Add(300 * time.Millisecond)},
		"now":                         {now, now, hour.Add(time.Hour)},
	} {
		assert.Equal(t, test.want, endOf(test.until, test.now), name)
	}
}

func TestTheLogForgetsTheOldestRealRequests(t *testing.T) {
	t.Parallel()
	s := &state{}
	for i := range maxRequests + 10 {
		s.logRequest(request{Status: i})
	}
	require.Len(t, s.Requests, maxRequests)
	assert.Equal(t, 10, s.Requests[0].Status)
}

// A page of ten days, as the charts of the dual-key week ask for it.
func BenchmarkReadTenDays(b *testing.B) {
	w := MustOpen(b, testOptions(b))
	rotate(b, w, Staging)
	MustAdvance(b, w, 10*day)
	s, now := w.look()
	rows := 0
	for b.Loop() {
		rows = len(s.readLog(logQuery{Staging, now.Add(-10 * day), now}, now).Rows)
	}
	b.ReportMetric(float64(rows), "rows")
}

func BenchmarkReadTenDaysOverHTTP(b *testing.B) {
	w := MustOpen(b, testOptions(b))
	rotate(b, w, Staging)
	MustAdvance(b, w, 10*day)
	for b.Loop() {
		MustReadLog(b, w, Staging, w.Clock().Now().Add(-10*day))
	}
}

// One real request, with its entry in the log and its nonce on disk.
func BenchmarkServiceRequest(b *testing.B) {
	w := MustOpen(b, testOptions(b))
	address := w.ServiceURL("orders-api", Staging) + "/api/test"
	for b.Loop() {
		statusOf(b, w, address, "v1", w.Seeded()[Staging])
	}
}
