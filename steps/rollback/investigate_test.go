package rollback

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/keygen"
	"keyturn/steps/requestlog"
	"keyturn/steps/target"
	"keyturn/steps/vercel"
)

// What is new is what changed: it comes before what has always failed, however
// often that did.
func TestReasonsOf(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 12, 2, 1, 0, 0, 0, time.UTC)
	v1, v2 := "v1", "V2"
	row := func(ago time.Duration, key *string, sender, cause string, count int) requestlog.Row {
		return requestlog.Row{Bucket: now.Add(-ago), KeyID: key, Sender: sender, Status: 403, Error: cause, Count: count}
	}
	log := requestlog.Log{Until: now, Rows: []requestlog.Row{
		row(70*time.Hour, &v2, "mobile", "invalid signature: mismatch", 40),
		row(1*time.Hour, &v2, "mobile", "invalid signature: mismatch", 2),
		row(2*time.Hour, &v1, "report", "invalid signature: unknown key id", 5),
		row(3*time.Hour, &v1, "report", "invalid signature: unknown key id", 7),
		row(3*time.Hour, nil, "scan", "invalid signature: missing header", 1),
		row(1*time.Hour, &v1, "report", "no such order", 9),
		{Bucket: now.Add(-time.Hour), KeyID: &v1, Sender: "report", Status: 200, Count: 100},
	}}
	found := reasonsOf(log, now.Add(-80*time.Hour), now)
	require.Len(t, found, 3)
	assert.Equal(t, reason{
		key: "v1", cause: "invalid signature: unknown key id", sender: "report", count: 12,
		first: now.Add(-3 * time.Hour), last: now.Add(-2 * time.Hour), fresh: true,
	}, found[0])
	assert.Equal(t, requestlog.NoKeyID, found[1].key)
	assert.True(t, found[1].fresh)
	assert.Equal(t, "v2", found[2].key, "one key, however it is written")
	assert.Equal(t, 42, found[2].count)
	assert.False(t, found[2].fresh)

	assert.Equal(t, "production refuses report with v1 since 1 Dec 22:00 (12 times: invalid signature: unknown key id)", words(checklist.Production, found))
	assert.Equal(t, "production refuses nothing that it did not refuse before", words(checklist.Production, found[2:]))
	assert.Equal(t, "staging refused no signature", words(checklist.Staging, nil))
	for _, r := range reasonsOf(log, now.Add(-3*time.Hour), now) {
		assert.False(t, r.fresh && r.first.Equal(now.Add(-3*time.Hour)), "a log that begins there does not tell what is new")
	}
}

// A deployment knows a key if it was made while the key had a row.
func TestLacking(t *testing.T) {
	t.Parallel()
	at := func(hour int) time.Time { return time.Date(2026, 12, 2, hour, 0, 0, 0, time.UTC) }
	here := target.Place{Target: target.Target{Project: "prj_1", Name: "orders-api"}, Environment: checklist.Production}.First()
	back := []vercel.Variable{{ID: "a", Key: "HMAC_SECRET_V1", Target: []string{"production"}, CreatedAt: at(10).UnixMilli()}}
	added := []vercel.Variable{{ID: "b", Key: "HMAC_SECRET_V2", Target: []string{"production"}, CreatedAt: at(4).UnixMilli()}}
	removed := []checklist.Event{
		{At: at(8), Effect: &checklist.Effect{Target: "orders-api", Environment: checklist.Production}},
		{At: at(9), Effect: &checklist.Effect{Target: "payments-api", Environment: checklist.Production}},
		{At: at(9), Effect: &checklist.Effect{Target: "orders-api", Environment: checklist.Staging}},
	}
	known := map[keygen.KeyID][]span{
		"v1": spansOf(here, back, removed), "v2": spansOf(here, added, nil),
	}
	assert.Nil(t, spansOf(here, nil, removed), "no row in this slot")
	for name, tc := range map[string]struct {
		hour  int
		lacks []string
	}{
		"before the new key":                     {3, []string{"v2"}},
		"with both keys":                         {5, nil},
		"between the removal and its way back":   {9, []string{"v1"}},
		"at the moment of the removal":           {8, []string{"v1"}},
		"once the old key was put back":          {11, nil},
		"at the moment when the new key was put": {4, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.lacks, lacking(vercel.Deployment{Created: at(tc.hour).UnixMilli()}, known))
		})
	}
}

// Whether a session knows of a rollback is what its event says, and no text.
func TestASessionKnowsWhichRollbackItWasToldOf(t *testing.T) {
	t.Parallel()
	o := checklisttest.Opening(checklist.Rollback())
	o.Session = "rollback-1"
	back, _ := checklisttest.Folded(t, o)
	sc := &checklist.Scope{Session: back}
	rotation := checklisttest.Opening(checklist.Quarterly(7))
	for name, tc := range map[string]struct {
		event checklist.Event
		want  bool
	}{
		"of this one":              {checklist.Event{Kind: checklist.RolledBack, Session: "rollback-1"}, true},
		"of another":               {checklist.Event{Kind: checklist.RolledBack, Session: "rollback-2", Text: "by rollback-1"}, false},
		"of one that a note names": {checklist.Event{Kind: checklist.PassedOver, Item: "notify", Text: "by rollback-1"}, false},
	} {
		parent, _ := checklisttest.Folded(t, rotation, tc.event)
		assert.Equal(t, tc.want, told(parent, sc), name)
	}
}
