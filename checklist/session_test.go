package checklist_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
)

func effect(name string) *checklist.Effect {
	return &checklist.Effect{Code: "thing.make", Object: name}
}

func TestFoldRefuses(t *testing.T) {
	t.Parallel()
	c := list([]checklist.Item{item("a")})
	o := checklisttest.Opening(c)
	opened := checklist.Event{Seq: 1, Kind: checklist.Opened, Opening: &o}
	for name, tc := range map[string]struct {
		events []checklist.Event
		want   string
	}{
		"an empty journal":           {nil, `want an "opened" event first`},
		"another first event":        {[]checklist.Event{{Seq: 1, Kind: checklist.Noted, Opening: &o}}, `want an "opened" event first`},
		"an opening about nothing":   {[]checklist.Event{{Seq: 1, Kind: checklist.Opened}}, `want an "opened" event first`},
		"a second opening":           {[]checklist.Event{opened, {Seq: 2, Kind: checklist.Opened, Opening: &o}}, `event 2: want one "opened" event`},
		"an unknown item":            {[]checklist.Event{opened, {Seq: 2, Kind: checklist.Started, Item: "b"}}, `event 2: checklist list has no item "b"`},
		"an unknown kind":            {[]checklist.Event{opened, {Seq: 2, Kind: "sealed"}}, `event 2 was made by a newer Keyturn: its kind is "sealed"`},
		"an effect that is none":     {[]checklist.Event{opened, {Seq: 2, Kind: checklist.Done, Item: "a"}}, `want an effect in a "done" event`},
		"an intention of nothing":    {[]checklist.Event{opened, {Seq: 2, Kind: checklist.Intended, Item: "a"}}, `want an effect in a "intended" event`},
		"a plan that is none":        {[]checklist.Event{opened, {Seq: 2, Kind: checklist.Planned, Item: "a"}}, `want a plan in a "planned" event`},
		"a pass that proves nothing": {[]checklist.Event{opened, {Seq: 2, Kind: checklist.Passed, Item: "a"}}, `want evidence in a "passed" event`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := checklist.Fold(tc.events)
			require.ErrorContains(t, err, tc.want)
		})
	}
}

func TestFoldItem(t *testing.T) {
	t.Parallel()
	c := list([]checklist.Item{item("a"), item("b")})
	made := func(kind checklist.Kind, words string) checklist.Event {
		return checklist.Event{Kind: kind, Item: "a", Effect: effect(words)}
	}
	started := checklist.Event{Kind: checklist.Started, Item: "a"}
	left := checklist.Event{Kind: checklist.Left, Item: "a", Text: "cancelled; nothing was changed"}
	failed := checklist.Event{Kind: checklist.Failed, Item: "a", Text: "no", Hint: "try again"}
	for name, tc := range map[string]struct {
		events  []checklist.Event
		status  checklist.Status
		effects []string
		pending []string
	}{
		"nothing":                             {nil, checklist.StatusOpen, nil, nil},
		"planned":                             {[]checklist.Event{{Kind: checklist.Planned, Item: "a", Plan: &checklist.Plan{}}}, checklist.StatusOpen, nil, nil},
		"declined":                            {[]checklist.Event{{Kind: checklist.Declined, Item: "a"}}, checklist.StatusOpen, nil, nil},
		"started":                             {[]checklist.Event{started}, checklist.StatusUnknown, nil, nil},
		"died with an intention":              {[]checklist.Event{started, made(checklist.Intended, "x")}, checklist.StatusUnknown, nil, []string{"x"}},
		"made":                                {[]checklist.Event{started, made(checklist.Intended, "x"), made(checklist.Done, "x")}, checklist.StatusUnknown, []string{"x"}, nil},
		"refused":                             {[]checklist.Event{started, made(checklist.Intended, "x"), made(checklist.Unmade, "x"), failed}, checklist.StatusFailed, nil, nil},
		"lost":                                {[]checklist.Event{started, made(checklist.Intended, "x"), made(checklist.Unknown, "x"), failed}, checklist.StatusFailed, nil, []string{"x"}},
		"lost, and still so when tried again": {[]checklist.Event{started, made(checklist.Intended, "x"), made(checklist.Unknown, "x"), failed, started}, checklist.StatusUnknown, nil, []string{"x"}},
		"lost, and another made":              {[]checklist.Event{started, made(checklist.Intended, "x"), made(checklist.Unknown, "x"), failed, started, made(checklist.Intended, "y"), made(checklist.Done, "y")}, checklist.StatusUnknown, []string{"y"}, []string{"x"}},
		"lost, and made again":                {[]checklist.Event{started, made(checklist.Intended, "x"), started, made(checklist.Intended, "x"), made(checklist.Done, "x")}, checklist.StatusUnknown, []string{"x"}, nil},
		"left before anything was done":       {[]checklist.Event{started, left}, checklist.StatusOpen, nil, nil},
		"left after something was":            {[]checklist.Event{started, made(checklist.Intended, "x"), made(checklist.Done, "x"), left}, checklist.StatusUnknown, []string{"x"}, nil},
		"left with something unknown":         {[]checklist.Event{started, made(checklist.Intended, "x"), made(checklist.Unknown, "x"), left}, checklist.StatusUnknown, nil, []string{"x"}},
		"left when it had failed":             {[]checklist.Event{started, failed, left}, checklist.StatusFailed, nil, nil},
		"left when it had passed before":      {[]checklist.Event{started, passed("a", time.Time{}), started, left}, checklist.StatusPassed, nil, nil},
		"passed":                              {[]checklist.Event{started, made(checklist.Intended, "x"), passed("a", time.Time{})}, checklist.StatusPassed, nil, nil},
		"reopened":                            {[]checklist.Event{started, passed("a", time.Time{}), {Kind: checklist.Reopened, Item: "a", Text: "wrong value"}}, checklist.StatusOpen, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			st := mustFold(t, c, checklisttest.Opening(c), tc.events...).State("a")
			words := func(effects []checklist.Effect) (all []string) {
				for _, e := range effects {
					all = append(all, e.Object)
				}
				return all
			}
			assert.Equal(t, tc.status, st.Status)
			assert.Equal(t, tc.effects, words(st.Effects))
			assert.Equal(t, tc.pending, words(st.Pending))
		})
	}
}

func TestFoldSession(t *testing.T) {
	t.Parallel()
	c := list([]checklist.Item{item("a"), item("b")})
	o := checklisttest.Opening(c)

	t.Run("facts are learned and withdrawn", func(t *testing.T) {
		t.Parallel()
		s := mustFold(t, c, o, proved("a", map[string]string{"x": "1", "y": "2"}),
			checklist.Event{Kind: checklist.Failed, Item: "b", Text: "no", Evidence: &checklist.Evidence{Facts: map[string]string{"x": ""}, Issues: []string{"look at x"}}})
		assert.Equal(t, map[string]string{"y": "2"}, s.Facts)
		assert.Equal(t, []checklist.Issue{{Item: "b", Failed: true, Text: "no"}, {Item: "b", Text: "look at x"}}, s.Issues())
	})
	t.Run("deviations are kept with who agreed", func(t *testing.T) {
		t.Parallel()
		s := mustFold(t, c, o, checklist.Event{
			Kind: checklist.Approved, Item: "a", Approval: &checklist.Approval{Request: "r1", By: "grace@example.com"},
		}, checklist.Event{
			Kind: checklist.PassedOver, Item: "a", By: "ada@example.com", Text: "not needed", Approvals: []string{"r1"},
		}, checklist.Event{
			Kind: checklist.Drifted, Item: "b", Text: "the operator stopped", Drift: []checklist.Drift{
				{Subject: "row 1", Found: "v3"}, {Subject: "row 2", Believed: "v1"}, {Subject: "row 3", Believed: "v1", Found: "v2"},
			}})
		var what []string
		for _, d := range s.Deviations {
			what = append(what, s.Words(d))
		}
		assert.Equal(t, []string{
			"passed over Do a",
			"changed outside the session: row 1 appeared: v3",
			"changed outside the session: row 2 is gone: it was v1",
			"changed outside the session: row 3 changed: it was v1, now v2",
		}, what)
		assert.Equal(t, []string{"grace@example.com"}, s.Deviations[0].Approved)
	})
	t.Run("an override of one round is none in the next", func(t *testing.T) {
		t.Parallel()
		gated := list([]checklist.Item{item("a"), item("b", checklist.Gate{Kind: checklist.GateMetric, Metric: checklist.OldKeyRequests})})
		b := gated.Items()[1]
		events := []checklist.Event{passed("a", time.Time{}), overridden("b", "metric:old-key-requests"), passed("b", time.Time{})}
		assert.Empty(t, mustFold(t, gated, o, events...).Closed(b, checklisttest.Morning()))
		again := mustFold(t, gated, o, append(events, checklist.Event{Kind: checklist.Reopened, Item: "b", Text: "wrong"})...)
		assert.Len(t, again.Closed(b, checklisttest.Morning()), 1)
	})
	t.Run("the end", func(t *testing.T) {
		t.Parallel()
		s := mustFold(t, c, o, checklist.Event{Kind: checklist.Abandoned, Text: "vendor outage"}, checklist.Event{Kind: checklist.Recovered})
		assert.Equal(t, checklist.Abandoned, s.Outcome)
		assert.Equal(t, "vendor outage", s.EndText)
		_, more := s.Next()
		assert.False(t, more)
	})
	t.Run("a clone is not changed by what comes later", func(t *testing.T) {
		t.Parallel()
		w := checklisttest.NewWorld(t, c)
		e := w.Engine(t)
		before := e.Session()
		require.NoError(t, e.Run(t.Context(), "a", checklisttest.NewScript(t)))
		assert.Equal(t, checklist.StatusOpen, before.State("a").Status)
		assert.Equal(t, checklist.StatusPassed, e.Session().State("a").Status)
	})
}

func TestNextOpens(t *testing.T) {
	t.Parallel()
	c := list([]checklist.Item{item("a")}, []checklist.Item{item("b", checklist.Gate{Kind: checklist.GateSoak, Item: "a", Days: 3})})
	now := checklisttest.Morning()
	until := now.Add(2 * time.Hour)
	o := checklisttest.Opening(c)
	assert.Zero(t, mustFold(t, c, o).NextOpens(now), "it may go on now")
	assert.Equal(t, until, mustFold(t, c, o, checklist.Event{Kind: checklist.Waiting, Item: "a", Text: "soon", Until: &until}).NextOpens(now))
	assert.Zero(t, mustFold(t, c, o, checklist.Event{Kind: checklist.Waiting, Item: "a", Text: "soon", Until: &until}).NextOpens(until))
	assert.Equal(t, now.AddDate(0, 0, 3), mustFold(t, c, o, passed("a", now)).NextOpens(now), "the latest of its gates")
	assert.Zero(t, mustFold(t, c, o, passed("a", now), passed("b", now)).NextOpens(now), "nothing is next")
}

func TestSummarize(t *testing.T) {
	t.Parallel()
	c := list([]checklist.Item{item("a")}, []checklist.Item{item("b")})
	now := checklisttest.Morning()
	sum := checklist.Summarize(mustFold(t, c, checklisttest.Opening(c), passed("a", now)), now, "pid 7")
	assert.Equal(t, checklist.Summary{
		ID: "session-1", Checklist: "list", Title: "List", Opened: now, Day: 0, LastDay: 1, Settled: 1, Total: 2,
		Next: "Do b", Opens: time.Date(2026, 3, 3, 0, 0, 0, 0, time.UTC), Why: "day 1 opens Tue 3 Mar 00:00 UTC", Holder: "pid 7",
	}, sum)
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	c := list([]checklist.Item{item("a")})
	_, limited := mustFold(t, c, checklisttest.Opening(c)).Deadline()
	assert.False(t, limited)
	c.Limit = time.Hour
	at, limited := mustFold(t, c, checklisttest.Opening(c)).Deadline()
	assert.True(t, limited)
	assert.Equal(t, checklisttest.Morning().Add(time.Hour), at)
}
