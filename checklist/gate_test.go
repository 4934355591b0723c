package checklist_test

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/checklist/journal"
)

// mustFold returns the session of c after events, written one after the other
// at the times that they name, or at Morning.
func mustFold(t *testing.T, c checklist.Checklist, o checklist.Opening, events ...checklist.Event) *checklist.Session {
	t.Helper()
	j := journal.NewMemory()
	o.Checklist = c
	require.NoError(t, checklist.Open(context.Background(), j, o, "run-1", checklisttest.Morning()))
	for _, e := range events {
		if e.At.IsZero() {
			e.At = checklisttest.Morning()
		}
		_, err := j.Append(context.Background(), e)
		require.NoError(t, err)
	}
	s, err := checklist.Fold(j.Events())
	require.NoError(t, err)
	return s
}

func passed(id string, at time.Time) checklist.Event {
	return checklist.Event{Kind: checklist.Passed, Item: id, At: at, Evidence: &checklist.Evidence{Summary: "done"}}
}

func proved(id string, facts map[string]string) checklist.Event {
	return checklist.Event{Kind: checklist.Passed, Item: id, Evidence: &checklist.Evidence{Summary: "done", Facts: facts}}
}

func measured(id string, m checklist.Metric, value float64, at time.Time, detail string) checklist.Event {
	return checklist.Event{Kind: checklist.Measured, Item: id, At: at, Evidence: &checklist.Evidence{
		Readings: []checklist.Reading{{Metric: m, Value: value, At: at, Detail: detail}},
	}}
}

func overridden(id, gate string) checklist.Event {
	return checklist.Event{Kind: checklist.Overridden, Item: id, Gate: gate, Text: "the vendor confirmed it"}
}

func TestOrderGate(t *testing.T) {
	t.Parallel()
	c := list([]checklist.Item{item("first"), item("second")})
	o := checklisttest.Opening(c)
	second := c.Items()[1]
	for name, tc := range map[string]struct {
		event checklist.Event
		open  bool
	}{
		"nothing was done":               {checklist.Event{Kind: checklist.Noted, Text: "hello"}, false},
		"the one before passed":          {passed("first", time.Time{}), true},
		"the one before was left out":    {checklist.Event{Kind: checklist.PassedOver, Item: "first", Text: "not needed"}, true},
		"the one before failed":          {checklist.Event{Kind: checklist.Failed, Item: "first", Text: "no"}, false},
		"the one before waits":           {checklist.Event{Kind: checklist.Waiting, Item: "first", Text: "soon"}, false},
		"nobody knows of the one before": {checklist.Event{Kind: checklist.Started, Item: "first"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			closed := mustFold(t, c, o, tc.event).Closed(second, checklisttest.Morning())
			if tc.open {
				assert.Empty(t, closed)
				return
			}
			require.Len(t, closed, 1)
			assert.Equal(t, checklist.GateOrder, closed[0].Gate.Kind)
			assert.Equal(t, `"Do first" comes first`, closed[0].Why)
			assert.False(t, closed[0].CanOverride)
			assert.Zero(t, closed[0].Until)
		})
	}

	t.Run("takes no override, even from a journal that has one", func(t *testing.T) {
		t.Parallel()
		assert.Len(t, mustFold(t, c, o, overridden("second", "order")).Closed(second, checklisttest.Morning()), 1)
	})
}

func TestDayGate(t *testing.T) {
	t.Parallel()
	c := list([]checklist.Item{item("first")}, []checklist.Item{item("second")})
	second := c.Items()[1]
	for name, tc := range map[string]struct {
		offset time.Duration
		opens  time.Time // day 1, in UTC; the session is opened on Monday at 9:00 UTC
	}{
		"in Greenwich":                   {0, time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC)},
		"in Berlin":                      {time.Hour, time.Date(2026, 3, 2, 23, 0, 0, 0, time.UTC)},
		"in New York":                    {-5 * time.Hour, time.Date(2026, 3, 3, 5, 0, 0, 0, time.UTC)},
		"in Kathmandu":                   {5*time.Hour + 45*time.Minute, time.Date(2026, 3, 2, 18, 15, 0, 0, time.UTC)},
		"in Hawaii, where it was Sunday": {-10 * time.Hour, time.Date(2026, 3, 2, 10, 0, 0, 0, time.UTC)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := checklisttest.Opening(c)
			o.UTCOffset = int(tc.offset / time.Second)
			s := mustFold(t, c, o, passed("first", time.Time{}))
			assert.Equal(t, tc.opens, s.DayOpens(1))
			closed := s.Closed(second, tc.opens.Add(-time.Millisecond))
			require.Len(t, closed, 1)
			assert.Equal(t, checklist.GateDay, closed[0].Gate.Kind)
			assert.Equal(t, tc.opens, closed[0].Until)
			assert.True(t, closed[0].CanOverride)
			assert.Equal(t, tc.opens, s.NextOpens(tc.opens.Add(-time.Millisecond)))
			assert.Empty(t, s.Closed(second, tc.opens))
			assert.Zero(t, s.NextOpens(tc.opens))
			assert.Equal(t, 0, s.Day(tc.opens.Add(-time.Millisecond)))
			assert.Equal(t, 1, s.Day(tc.opens))
		})
	}

	t.Run("takes an override, and names it", func(t *testing.T) {
		t.Parallel()
		s := mustFold(t, c, checklisttest.Opening(c), passed("first", time.Time{}), overridden("second", "day"))
		assert.Empty(t, s.Closed(second, checklisttest.Morning()))
		require.Len(t, s.Deviations, 1)
		assert.Equal(t, "gate day overridden for Do second", s.Words(s.Deviations[0]))
		assert.Equal(t, "the vendor confirmed it", s.Deviations[0].Reason)
	})
}

func TestSoakGate(t *testing.T) {
	t.Parallel()
	gate := checklist.Gate{Kind: checklist.GateSoak, Item: "first", Days: 7}
	c := list([]checklist.Item{item("first"), item("second", gate)})
	second := c.Items()[1]
	o := checklisttest.Opening(c)
	at := checklisttest.Morning().Add(90 * time.Minute)
	end := at.AddDate(0, 0, 7)

	t.Run("opens to the millisecond", func(t *testing.T) {
		t.Parallel()
		s := mustFold(t, c, o, passed("first", at))
		closed := s.Closed(second, end.Add(-time.Millisecond))
		require.Len(t, closed, 1)
		assert.Equal(t, `7 days have not passed since "Do first"`, closed[0].Why)
		assert.Equal(t, end, closed[0].Until)
		assert.Equal(t, "soak:first", closed[0].ID)
		assert.Empty(t, s.Closed(second, end))
	})
	t.Run("does not begin anew when the item passes again", func(t *testing.T) {
		t.Parallel()
		s := mustFold(t, c, o, passed("first", at), checklist.Event{Kind: checklist.Started, Item: "first"}, passed("first", at.AddDate(0, 0, 3)))
		assert.Empty(t, s.Closed(second, end))
	})
	t.Run("begins anew when the item failed in between", func(t *testing.T) {
		t.Parallel()
		again := at.AddDate(0, 0, 3)
		s := mustFold(t, c, o, passed("first", at), checklist.Event{Kind: checklist.Failed, Item: "first", Text: "no"}, passed("first", again))
		closed := s.Closed(second, end)
		require.Len(t, closed, 1)
		assert.Equal(t, again.AddDate(0, 0, 7), closed[0].Until)
	})
	t.Run("does not begin with an item that was left out", func(t *testing.T) {
		t.Parallel()
		s := mustFold(t, c, o, checklist.Event{Kind: checklist.PassedOver, Item: "first", Text: "no need"})
		closed := s.Closed(second, end)
		require.Len(t, closed, 1)
		assert.Equal(t, `"Do first" has not passed`, closed[0].Why)
		assert.True(t, closed[0].CanOverride)
	})
}

func TestMetricGate(t *testing.T) {
	t.Parallel()
	gate := checklist.Gate{Kind: checklist.GateMetric, Metric: checklist.OldKeyRequests, Limit: 10}
	c := list([]checklist.Item{item("remove", gate)})
	remove := c.Items()[0]
	o := checklisttest.Opening(c)
	now := checklisttest.Morning().Add(time.Hour)
	for name, tc := range map[string]struct {
		events []checklist.Event
		why    string // empty: the gate is open
	}{
		"never read":               {nil, "old-key-requests has not been read"},
		"another metric read":      {[]checklist.Event{measured("remove", checklist.FailuresPerHour, 0, now, "")}, "old-key-requests has not been read"},
		"at the limit":             {[]checklist.Event{measured("remove", checklist.OldKeyRequests, 10, now, "")}, ""},
		"over the limit":           {[]checklist.Event{measured("remove", checklist.OldKeyRequests, 11, now, "checkout 11")}, "old-key-requests is 11, over 10: checkout 11"},
		"a quarter of an hour old": {[]checklist.Event{measured("remove", checklist.OldKeyRequests, 0, now.Add(-15*time.Minute), "")}, ""},
		"older":                    {[]checklist.Event{measured("remove", checklist.OldKeyRequests, 0, now.Add(-15*time.Minute-time.Second), "")}, "the last reading of old-key-requests is from 2 Mar 09:44"},
		"the last one counts":      {[]checklist.Event{measured("remove", checklist.OldKeyRequests, 0, now, ""), measured("remove", checklist.OldKeyRequests, 12, now, "")}, "old-key-requests is 12, over 10"},
		"overridden":               {[]checklist.Event{overridden("remove", "metric:old-key-requests")}, ""},
		"another gate overridden":  {[]checklist.Event{overridden("remove", "metric:failures-per-hour")}, "old-key-requests has not been read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			closed := mustFold(t, c, o, tc.events...).Closed(remove, now)
			if tc.why == "" {
				assert.Empty(t, closed)
				return
			}
			require.Len(t, closed, 1)
			assert.Equal(t, tc.why, closed[0].Why)
			assert.True(t, closed[0].CanOverride)
		})
	}
}

func TestProofGateTakesNoOverride(t *testing.T) {
	t.Parallel()
	fact := checklist.Fact(checklist.FactAccepted, checklist.Production, checklist.NewKey)
	gate := checklist.Gate{Kind: checklist.GateProof, Fact: fact, Words: "the new key is accepted in production"}
	c := list([]checklist.Item{item("prove"), item("remove", gate)})
	remove := c.Items()[1]
	o := checklisttest.Opening(c)
	yes, no := map[string]string{fact: "by dpl_2"}, map[string]string{fact: ""}
	for name, tc := range map[string]struct {
		events []checklist.Event
		open   bool
	}{
		"proved":                    {[]checklist.Event{proved("prove", yes)}, true},
		"not proved":                {[]checklist.Event{proved("prove", nil)}, false},
		"proved and withdrawn":      {[]checklist.Event{proved("prove", yes), proved("prove", no)}, false},
		"proved for the old key":    {[]checklist.Event{proved("prove", map[string]string{checklist.Fact(checklist.FactAccepted, checklist.Production, checklist.OldKey): "x"})}, false},
		"proved in staging":         {[]checklist.Event{proved("prove", map[string]string{checklist.Fact(checklist.FactAccepted, checklist.Staging, checklist.NewKey): "x"})}, false},
		"overridden in the journal": {[]checklist.Event{proved("prove", nil), overridden("remove", "proof:"+fact)}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			closed := mustFold(t, c, o, tc.events...).Closed(remove, checklisttest.Morning())
			if tc.open {
				assert.Empty(t, closed)
				return
			}
			require.Len(t, closed, 1)
			assert.Equal(t, "not proved: the new key is accepted in production", closed[0].Why)
			assert.False(t, closed[0].CanOverride)
			err := &checklist.GateError{Item: remove, Closed: closed}
			assert.Contains(t, err.Hint(), "takes no override")
			assert.EqualError(t, err, "remove cannot be done yet: not proved: the new key is accepted in production")
		})
	}
}

func TestApprovalGate(t *testing.T) {
	t.Parallel()
	approve := item("approve")
	approve.Repeat = true
	remove := item("remove", checklist.Gate{Kind: checklist.GateApproval, Item: "approve"})
	remove.Environments = []checklist.Environment{checklist.Production}
	c := list([]checklist.Item{approve, remove})
	o := checklisttest.Opening(c)
	now := checklisttest.Morning()
	action := mustFold(t, c, o).Mandate(checklist.Consent{Item: "approve"}).Digest()
	approval := func(action string, at time.Time) checklist.Event {
		return checklist.Event{Kind: checklist.Approved, Item: "approve", Approval: &checklist.Approval{Item: "approve", By: "grace@example.com", Mandate: action, At: at}}
	}
	moreTargets := o
	moreTargets.Setup.Targets = append([]checklist.Target{{Name: "billing-api"}}, o.Setup.Targets...)
	for name, tc := range map[string]struct {
		opening checklist.Opening
		events  []checklist.Event
		why     string // empty: the gate is open
	}{
		"missing":                 {o, []checklist.Event{passed("approve", now)}, `"Do approve" is missing`},
		"given":                   {o, []checklist.Event{approval(action, now)}, ""},
		"a day old":               {o, []checklist.Event{approval(action, now.Add(-24*time.Hour))}, ""},
		"run out":                 {o, []checklist.Event{approval(action, now.Add(-24*time.Hour-time.Second))}, "the approval by grace@example.com ran out at 2 Mar 08:59; ask again"},
		"run out and given again": {o, []checklist.Event{approval(action, now.Add(-48*time.Hour)), approval(action, now)}, ""},
		"of another action":       {o, []checklist.Event{approval("00", now)}, "what grace@example.com approved has changed since; ask again"},
		"of fewer targets":        {moreTargets, []checklist.Event{approval(action, now)}, "what grace@example.com approved has changed since; ask again"},
		"of another key": {o, []checklist.Event{approval(action, now), {Kind: checklist.Measured, Item: "approve", Evidence: &checklist.Evidence{
			Facts: map[string]string{checklist.Fact(checklist.FactFingerprint, checklist.Production, checklist.NewKey): "abcd"},
		}}}, "what grace@example.com approved has changed since; ask again"},
		"overridden": {o, []checklist.Event{passed("approve", now), overridden("remove", "approval:approve")}, ""},
		"overridden for another configuration": {o, []checklist.Event{
			passed("approve", now), overridden("remove", "approval:approve"), {Kind: checklist.Configured, Item: "remove", Setup: &moreTargets.Setup},
		}, `"Do approve" is missing`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			closed := mustFold(t, c, tc.opening, append([]checklist.Event{passed("approve", now)}, tc.events...)...).Closed(remove, now)
			if tc.why == "" {
				assert.Empty(t, closed)
				return
			}
			require.Len(t, closed, 1)
			assert.Equal(t, tc.why, closed[0].Why)
			assert.True(t, closed[0].CanOverride)
		})
	}

	t.Run("another step for the item voids it", func(t *testing.T) {
		t.Parallel()
		other := remove
		other.Step = "remove-everything"
		edited := list([]checklist.Item{approve, other})
		assert.Len(t, mustFold(t, edited, o, passed("approve", now), approval(action, now)).Closed(other, now), 1)
	})
	t.Run("other words for the items do not", func(t *testing.T) {
		t.Parallel()
		reworded := remove
		reworded.Title, reworded.Why = "Take it away", "for other reasons"
		edited := list([]checklist.Item{approve, reworded})
		assert.Empty(t, mustFold(t, edited, o, passed("approve", now), approval(action, now)).Closed(reworded, now))
	})
	t.Run("two people where two must agree", func(t *testing.T) {
		t.Parallel()
		two := o
		two.Setup.Approval.Required = 2
		action := mustFold(t, c, two).Mandate(checklist.Consent{Item: "approve"}).Digest()
		by := func(who string) checklist.Event {
			e := approval(action, now)
			a := *e.Approval
			a.By = who
			e.Approval = &a
			return e
		}
		closed := mustFold(t, c, two, passed("approve", now), by("grace@example.com"), by("grace@example.com")).Closed(remove, now)
		require.Len(t, closed, 1, "one person twice is one person")
		assert.Equal(t, "1 of 2 people have approved it", closed[0].Why)
		assert.Empty(t, mustFold(t, c, two, passed("approve", now), by("grace@example.com"), by("bob@example.com")).Closed(remove, now))

		fewer := checklist.Event{Kind: checklist.Configured, Item: "remove", Setup: &o.Setup}
		assert.Equal(t, 2, mustFold(t, c, two, fewer).Required(), "a later configuration demands no fewer than the opening")
	})
}

func TestTheOldKeyIsNeverRemovedUnproved(t *testing.T) {
	t.Parallel()
	c := checklist.Quarterly(7)
	remove, _, ok := c.Item("remove-old")
	require.True(t, ok)
	o := checklisttest.Opening(c)
	var events []checklist.Event
	for i := range c.All() {
		if i.ID == "remove-old" {
			break
		}
		events = append(events, passed(i.ID, time.Time{}))
	}
	for _, g := range []string{"order", "day", "soak:verify-production", "approval:approve-removal", "metric:old-key-requests", "metric:failures-per-hour"} {
		events = append(events, overridden("remove-old", g))
	}
	facts := map[string]string{}
	for _, e := range c.Environments {
		facts[checklist.Fact(checklist.FactAccepted, e, checklist.NewKey)] = "yes"
		facts[checklist.Fact(checklist.FactRecoverable, e, checklist.OldKey)] = "yes"
	}
	late := checklisttest.Morning().AddDate(1, 0, 0)
	require.Empty(t, mustFold(t, c, o, append(events, proved("store", facts))...).Closed(remove, late), "with all four proofs it may")
	for missing := range facts {
		without := map[string]string{}
		for name, value := range facts {
			if name != missing {
				without[name] = value
			}
		}
		with := append(events[:len(events):len(events)], proved("store", without), overridden("remove-old", "proof:"+missing))
		closed := mustFold(t, c, o, with...).Closed(remove, late)
		require.Len(t, closed, 1, "without %s", missing)
		assert.False(t, closed[0].CanOverride)
	}
}
