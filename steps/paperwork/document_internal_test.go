package paperwork

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
)

// A day is the operator's: at three in the morning UTC it is still the day before
// in New York.
func TestNextRotationIsADayOfTheOperator(t *testing.T) {
	t.Parallel()
	added := time.Date(2026, 11, 29, 3, 0, 0, 0, time.UTC)
	for name, tc := range map[string]struct {
		offset int // seconds
		want   string
	}{
		"Greenwich": {0, "2027-02-27"},
		"New York":  {-5 * 3600, "2027-02-26"},
		"Tokyo":     {9 * 3600, "2027-02-27"},
	} {
		o := checklisttest.Opening(checklist.Quarterly(7))
		o.UTCOffset = tc.offset
		s, _ := checklisttest.Folded(t, o)
		assert.True(t, NextRotation(s).IsZero(), "the new key is not in service yet")
		s, _ = checklisttest.Folded(t, o, checklist.Event{At: added, Kind: checklist.Passed, Item: checklist.ItemAddProduction, Evidence: &checklist.Evidence{}})
		next := NextRotation(s)
		assert.Equal(t, tc.want, next.Format("2006-01-02"), name)
		assert.Equal(t, time.UTC, next.Location(), name)

		days := calendar(s, added).Days
		assert.Equal(t, next, days[len(days)-1].Date, name)
		assert.Contains(t, completionMessage(&checklist.Scope{Session: s}, nil).String(), next.Format("Mon 2 Jan 2006"), name)
	}
}

// A milestone was reached after as many whole seconds, wherever that is shown.
func TestATimeToRefusalIsOneEverywhere(t *testing.T) {
	t.Parallel()
	s, _ := checklisttest.Folded(t, checklisttest.Opening(checklist.Emergency(false)), checklist.Event{
		At: checklisttest.Morning().Add(52*time.Second + 700*time.Millisecond), Kind: checklist.Passed, Item: checklist.ItemProveRevoked, Evidence: &checklist.Evidence{},
	})
	m, paper := s.Milestones()[0], reached(s)[0]
	assert.Equal(t, 52*time.Second, m.After)
	assert.Equal(t, []time.Duration{m.After, m.Late}, []time.Duration{paper.After, paper.Late})
}

// A time line tells what came of things, and what was done otherwise.
func TestTimeLine(t *testing.T) {
	t.Parallel()
	const ada, grace = checklisttest.Operator, "grace@example.com"
	o := checklisttest.Opening(checklist.Quarterly(7))
	row := checklist.Effect{Code: checklist.VariableCreate, Target: "orders-api", Environment: checklist.Production, Key: "v2", Place: "production"}
	made := row
	made.How, made.Result = checklist.Made, "row_1"
	override := checklist.Consent{Item: checklist.ItemAddProduction, Deviation: checklist.Overridden, Gate: "day", Reason: "in a hurry"}
	turned := checklisttest.Morning().Add(time.Hour)
	tell := func(e checklist.Event) string {
		s, events := checklisttest.Folded(t, o,
			checklist.Event{Kind: checklist.Requested, Item: checklist.ItemAddProduction, Request: &checklist.Request{ID: "r1", Consent: override}}, e)
		line := timeLine(s, events)
		if len(line) < 3 {
			return ""
		}
		return string(line[2].What)
	}
	for want, e := range map[string]checklist.Event{
		"create HMAC_SECRET_V2 in orders-api production (row_1)":                            {Kind: checklist.Done, Effect: &made, Item: checklist.ItemAddProduction},
		"refused: create HMAC_SECRET_V2 in orders-api production: 403":                      {Kind: checklist.Unmade, Effect: &row, Item: checklist.ItemAddProduction, Text: "403"},
		"not known whether this was made: create HMAC_SECRET_V2 in orders-api production":   {Kind: checklist.Unknown, Effect: &row, Item: checklist.ItemAddProduction},
		"Add new key to production: two rows":                                               {Kind: checklist.Passed, Item: checklist.ItemAddProduction, Evidence: &checklist.Evidence{Summary: "two rows"}},
		"Add new key to production failed: 403; nothing was changed":                        {Kind: checklist.Failed, Item: checklist.ItemAddProduction, Text: "403", Changed: "nothing was changed"},
		"passed over Notify team of rotation window: on leave":                              {Kind: checklist.PassedOver, Item: "notify", Text: "on leave"},
		"deferred Notify team of rotation window: too slow":                                 {Kind: checklist.Deferred, Item: "notify", Text: "too slow"},
		"gate day overridden for Add new key to production: in a hurry":                     {Kind: checklist.Overridden, Item: checklist.ItemAddProduction, Gate: "day", Text: "in a hurry"},
		"done again from Generate new key: it was corrupted":                                {Kind: checklist.Reopened, Item: checklist.ItemGenerate, Text: "it was corrupted"},
		"rolled back by rollback-1":                                                         {Kind: checklist.RolledBack, Session: "rollback-1"},
		"orders-api was taken out of the session, and not changed from then on: it is gone": {Kind: checklist.Narrowed, Item: checklist.ItemGenerate, Target: "orders-api", Text: "it is gone"},
		"the configuration changed: rotation_days changed: it was 90, now 30; agreed":       {Kind: checklist.Configured, Setup: &o.Setup, Drift: []checklist.Drift{{Subject: "rotation_days", Believed: "90", Found: "30"}}, Text: "agreed"},
		"changed outside the session: orders-api HMAC_SECRET_V1 row 1 is gone: it was x": {Kind: checklist.Drifted, Drift: []checklist.Drift{
			{Subject: checklist.VariableSubject("orders-api", "HMAC_SECRET_V1", "1"), Believed: "x"},
		}},
		"grace@example.com agreed: gate day overridden for Add new key to production: in a hurry": {
			Kind: checklist.Approved, Item: checklist.ItemAddProduction, Approval: &checklist.Approval{Request: "r1", Item: checklist.ItemAddProduction, By: grace},
		},
		"abandoned before its end; in service as far as the session knows: staging: v1: given up": {
			Kind: checklist.Abandoned, Text: "given up", Leaves: []checklist.Presence{{Environment: checklist.Staging, Key: "v1"}},
		},
		"note on Generate new key: slow": {Kind: checklist.Noted, Item: checklist.ItemGenerate, Text: "slow"},
		"note: slow":                     {Kind: checklist.Noted, Text: "slow"},
		"the sandbox's clock was turned to 2026-03-02 10:00:00": {Kind: checklist.Turned, Until: &turned},
		"the journal's torn last line was dropped":              {Kind: checklist.Recovered},
		"resumed":  {Kind: checklist.Resumed},
		"finished": {Kind: checklist.Finished},
	} {
		e.By = ada
		assert.Equal(t, want, tell(e))
	}
	for _, e := range []checklist.Event{
		{Kind: checklist.Planned, Item: checklist.ItemGenerate, Plan: &checklist.Plan{}}, {Kind: checklist.Started, Item: checklist.ItemGenerate},
		{Kind: checklist.Agreed, Item: checklist.ItemGenerate}, {Kind: checklist.Declined, Item: checklist.ItemGenerate}, {Kind: checklist.Left, Item: checklist.ItemGenerate},
		{Kind: checklist.Intended, Item: checklist.ItemGenerate, Effect: &row}, {Kind: checklist.Observed},
		{Kind: checklist.Answered, Item: checklist.ItemGenerate, Question: &checklist.Asked{ID: "x"}},
		{Kind: checklist.Done, Item: "update-docs", Effect: &checklist.Effect{Code: checklist.DocumentDecisions}},
	} {
		assert.Empty(t, tell(e), e.Kind)
	}
	s, events := checklisttest.Folded(t, o, checklist.Event{Kind: checklist.Requested, Item: checklist.ItemAddProduction, Request: &checklist.Request{ID: "r1", Consent: override}})
	assert.Equal(t, "a second person was asked to agree: gate day overridden for Add new key to production: in a hurry", s.EventWords(events[1]))
}

// What a document tells of is something that was released.
func TestDocumentsTellOfReleasedItems(t *testing.T) {
	t.Parallel()
	released := map[string]bool{}
	for _, sk := range checklist.Released() {
		for _, i := range sk.Items {
			released[i.ID] = true
		}
	}
	for _, p := range proofs {
		assert.True(t, released[p.item], p.item)
	}
	for _, id := range findings {
		assert.True(t, released[id], id)
	}
}
