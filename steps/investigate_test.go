package steps

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/keygen"
	"keyturn/steps/requestlog"
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
	here := Place{Target: Target{Project: "prj_1", Name: "orders-api"}, Environment: checklist.Production}.First()
	variables := []vercel.Variable{
		{ID: "a", Key: "HMAC_SECRET_V1", Target: []string{"production"}, CreatedAt: at(10).UnixMilli()}, // put back
		{ID: "b", Key: "HMAC_SECRET_V2", Target: []string{"production"}, CreatedAt: at(4).UnixMilli()},
		{ID: "c", Key: "HMAC_SECRET_V3", Target: []string{"preview"}, CreatedAt: at(4).UnixMilli()},
		{ID: "d", Key: "HMAC_SECRET_V3", Target: []string{"production"}, GitBranch: "x", CreatedAt: at(4).UnixMilli()},
	}
	removed := []checklist.Event{
		{At: at(8), Effect: &checklist.Effect{Target: "orders-api", Environment: checklist.Production}},
		{At: at(9), Effect: &checklist.Effect{Target: "payments-api", Environment: checklist.Production}},
		{At: at(9), Effect: &checklist.Effect{Target: "orders-api", Environment: checklist.Staging}},
	}
	now := Listing{variables: map[string][]vercel.Variable{"prj_1": variables}}
	known := map[keygen.KeyID][]span{
		"v1": spansOf(here, now.rowsOf("v1", here), removed), "v2": spansOf(here, now.rowsOf("v2", here), nil),
	}
	assert.Nil(t, spansOf(here, now.rowsOf("v3", here), removed), "no row in this slot")
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

// A deployment of a branch is made with the rows of all branches and with its own,
// and one of a custom environment with those that name it.
func TestRowsOfASite(t *testing.T) {
	t.Parallel()
	c := Place{Target: Target{Project: "p", Name: "orders-api", Slots: map[checklist.Environment][]Slot{checklist.Staging: {
		{Target: "development"}, {Target: "preview"}, {Target: "preview", Branch: "fix"}, {CustomEnvironment: "qa"},
	}}}, Environment: checklist.Staging}
	now := Listing{
		variables: map[string][]vercel.Variable{"p": {
			{ID: "all", Key: "HMAC_SECRET_V1", Target: []string{"preview", "production"}},
			{ID: "fix", Key: "HMAC_SECRET_V1", Target: []string{"preview"}, GitBranch: "fix"},
			{ID: "other", Key: "HMAC_SECRET_V1", Target: []string{"preview"}, GitBranch: "other"},
			{ID: "qa", Key: "HMAC_SECRET_V1", CustomEnvironmentIDs: []string{"env_qa"}},
			{ID: "eu", Key: "HMAC_SECRET_V1", CustomEnvironmentIDs: []string{"env_eu"}},
			{ID: "dev", Key: "HMAC_SECRET_V1", Target: []string{"development"}},
		}},
		customs: map[string]Customs{"p": {"qa": "env_qa", "eu": "env_eu"}},
	}
	want := map[string][]string{
		"orders-api staging": {"all"}, "orders-api staging preview:fix": {"all", "fix"}, "orders-api staging custom:qa": {"qa"},
	}
	got := map[string][]string{}
	for _, s := range c.Deployed() {
		for _, v := range now.rowsOf("v1", s) {
			got[s.String()] = append(got[s.String()], v.ID)
		}
		assert.Empty(t, now.rowsOf("v2", s))
	}
	assert.Equal(t, want, got)

	held := map[string][]string{}
	for _, d := range []vercel.Deployment{
		{ID: "staging", Branch: "staging"}, {ID: "fix", Branch: "fix"}, {ID: "other", Branch: "other"},
		{ID: "qa", CustomEnvironment: "qa", Branch: "fix"}, {ID: "eu", CustomEnvironment: "eu"}, {ID: "live", Target: "production"},
	} {
		for _, s := range c.Deployed() {
			if s.Made(d) {
				held[s.String()] = append(held[s.String()], d.ID)
			}
		}
	}
	assert.Equal(t, map[string][]string{
		"orders-api staging": {"staging", "other"}, "orders-api staging preview:fix": {"fix"}, "orders-api staging custom:qa": {"qa"},
	}, held)
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
