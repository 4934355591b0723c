package checklist_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
)

const (
	grace = "grace@example.com"
	linus = "linus@example.com"
)

// approvedList has an item before an approval, and one after it that waits for it.
func approvedList() checklist.Checklist {
	approve := item("approve")
	approve.Repeat, approve.Environments = true, []checklist.Environment{checklist.Production}
	change := item("change", checklist.Gate{Kind: checklist.GateApproval, Item: "approve"})
	change.Environments = approve.Environments
	return list([]checklist.Item{item("first"), approve, change})
}

// requests are the events of requests of a session of approvedList.
type requests struct{ mandates map[checklist.Consent]string }

func newRequests(t *testing.T, s *checklist.Session, consents ...checklist.Consent) requests {
	t.Helper()
	r := requests{map[checklist.Consent]string{}}
	for _, c := range consents {
		r.mandates[c] = s.Mandate(c).Digest()
	}
	return r
}

func (r requests) asked(id string, c checklist.Consent) checklist.Event {
	return checklist.Event{Kind: checklist.Requested, Item: c.Item, Request: &checklist.Request{
		ID: id, Consent: c, Mandate: r.mandates[c], Expires: checklisttest.Morning().Add(24 * time.Hour),
	}}
}

func (r requests) agreed(id string, c checklist.Consent, by string) checklist.Event {
	return checklist.Event{Kind: checklist.Approved, Item: c.Item, Approval: &checklist.Approval{
		Request: id, Item: c.Item, By: by, Mandate: r.mandates[c], At: checklisttest.Morning(),
	}}
}

func (r requests) refused(id string, c checklist.Consent, by, why string) checklist.Event {
	return checklist.Event{Kind: checklist.Refused, Item: c.Item, Refusal: &checklist.Refusal{
		Request: id, Item: c.Item, By: by, Reason: why, At: checklisttest.Morning(),
	}}
}

func TestStandingOfRequests(t *testing.T) {
	t.Parallel()
	c := approvedList()
	o := checklisttest.Opening(c)
	consent := checklist.Consent{Item: "approve"}
	over := checklist.Consent{Item: "change", Deviation: checklist.PassedOver, Reason: "no need"}
	r := newRequests(t, mustFold(t, c, o), consent, over)
	now := checklisttest.Morning().Add(time.Hour)
	first, done := passed("first", checklisttest.Morning()), passed("approve", checklisttest.Morning())
	other := checklisttest.Setup()
	other.RotationDays = 60
	fewer := checklisttest.Setup()
	for name, tc := range map[string]struct {
		after    []checklist.Event
		at       time.Time
		standing checklist.Standing
		words    string
		waiting  bool
	}{
		"open":                               {nil, now, checklist.RequestOpen, "can be answered until 3 Mar 2026 09:00 UTC", true},
		"a run failed and was left":          {[]checklist.Event{{Kind: checklist.Started, Item: "approve"}, {Kind: checklist.Failed, Item: "approve", Text: "x"}, {Kind: checklist.Left, Item: "approve"}}, now, checklist.RequestOpen, "", true},
		"another process came":               {[]checklist.Event{{Kind: checklist.Resumed, Run: "run-3"}}, now, checklist.RequestOpen, "", true},
		"another was asked for":              {[]checklist.Event{r.asked("r2", over)}, now, checklist.RequestOpen, "", true},
		"the other was refused":              {[]checklist.Event{r.asked("r2", over), r.refused("r2", over, grace, "")}, now, checklist.RequestOpen, "", true},
		"enough agreed":                      {[]checklist.Event{r.agreed("r1", consent, grace), done}, now, checklist.RequestOpen, "", false},
		"its last moment":                    {nil, checklisttest.Morning().Add(24*time.Hour - time.Millisecond), checklist.RequestOpen, "", true},
		"its time is over":                   {nil, checklisttest.Morning().Add(24 * time.Hour), checklist.RequestRanOut, "ran out at 3 Mar 2026 09:00 UTC", false},
		"it was refused":                     {[]checklist.Event{r.refused("r1", consent, grace, "not today")}, now, checklist.RequestRefused, "was refused by grace@example.com at 2 Mar 2026 09:00 UTC: not today", false},
		"it was refused without a reason":    {[]checklist.Event{r.refused("r1", consent, grace, "")}, now, checklist.RequestRefused, "was refused by grace@example.com at 2 Mar 2026 09:00 UTC", false},
		"an item was opened again":           {[]checklist.Event{{Kind: checklist.Reopened, Item: "first", Text: "x"}}, now, checklist.RequestReopened, "is void: items were opened again since it was made", false},
		"it was rolled back":                 {[]checklist.Event{{Kind: checklist.RolledBack, Session: "rollback-1"}}, now, checklist.RequestReopened, "", false},
		"the configuration changed":          {[]checklist.Event{{Kind: checklist.Configured, Setup: &other, Drift: fewer.Diff(other)}}, now, checklist.RequestChanged, "is void: what it asks for has changed since it was made", false},
		"the configuration changed and back": {[]checklist.Event{{Kind: checklist.Configured, Setup: &other}, {Kind: checklist.Configured, Setup: &fewer}}, now, checklist.RequestOpen, "", true},
		"the session was abandoned":          {[]checklist.Event{{Kind: checklist.Abandoned, Text: "x"}}, now, checklist.RequestEnded, "is void: its session is abandoned", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := mustFold(t, c, o, append([]checklist.Event{first, r.asked("r1", consent)}, tc.after...)...)
			assert.Equal(t, tc.standing, s.Standing(s.Requests[0], tc.at))
			if tc.words != "" {
				assert.Equal(t, tc.words, s.StandingWords(s.Requests[0], tc.at))
			}
			waiting := s.Waiting(tc.at)
			assert.Equal(t, tc.waiting, len(waiting) > 0 && waiting[0].ID == "r1")
		})
	}

	t.Run("a request that is asked again is one", func(t *testing.T) {
		t.Parallel()
		s := mustFold(t, c, o, first, r.asked("r1", consent), r.asked("r1", consent))
		assert.Len(t, s.Requests, 1)
	})
	t.Run("one that was made after items were opened again is open", func(t *testing.T) {
		t.Parallel()
		s := mustFold(t, c, o, first, r.asked("r1", consent), checklist.Event{Kind: checklist.Reopened, Item: "first", Text: "x"}, r.asked("r2", consent))
		assert.Equal(t, checklist.RequestOpen, s.Standing(s.Requests[1], now))
	})
	t.Run("the next item says so", func(t *testing.T) {
		t.Parallel()
		s := mustFold(t, c, o, first, r.asked("r1", consent))
		assert.Equal(t, "a second person was asked, and can answer until 3 Mar 2026 09:00 UTC", checklist.Summarize(s, now, "").Why)
	})
}

func TestRefusalsAreKept(t *testing.T) {
	t.Parallel()
	c := approvedList()
	o := checklisttest.Opening(c)
	o.Setup.Approval.Required = 2
	consent := checklist.Consent{Item: "approve"}
	over := checklist.Consent{Item: "change", Deviation: checklist.PassedOver, Reason: "no need"}
	r := newRequests(t, mustFold(t, c, o), consent, over)
	first, done := passed("first", checklisttest.Morning()), passed("approve", checklisttest.Morning())
	now := checklisttest.Morning().Add(time.Hour)
	refused := r.refused("r1", consent, linus, "not today")
	s := mustFold(t, c, o, first, r.asked("r1", consent), r.asked("r2", over),
		r.agreed("r2", over, grace), r.agreed("r1", consent, grace), r.agreed("r1", consent, linus), done, refused)
	require.Len(t, s.Refusals, 1)
	assert.Equal(t, *refused.Refusal, s.Refusals[0])
	assert.Empty(t, s.Agreed(consent, now), "a no takes back what was agreed to on its request")
	assert.Len(t, s.Agreed(over, now), 1, "and on no other")
	assert.Equal(t, "linus@example.com refused: Do approve: not today", s.EventWords(refused))

	change, _, _ := c.Item("change")
	closed := s.Closed(change, now)
	require.Len(t, closed, 1)
	assert.Equal(t, "linus@example.com refused it: not today; ask again", closed[0].Why)
	s = mustFold(t, c, o, first, r.asked("r1", consent), refused, r.asked("r3", consent), r.agreed("r3", consent, grace), done)
	assert.Equal(t, "1 of 2 people have approved it", s.Closed(change, now)[0].Why, "a newer request counts")

	_, err := checklist.Fold([]checklist.Event{{Seq: 1, Kind: checklist.Opened, Opening: &o}, {Seq: 2, Kind: checklist.Refused, Item: "approve"}})
	require.ErrorContains(t, err, `want a refusal in a "refused" event`)
}

// What was agreed to before items were opened again is asked for anew, also where
// not enough people had agreed for the item to pass.
func TestAReopeningTakesBackWhatWasAgreedToAfterIt(t *testing.T) {
	t.Parallel()
	c := approvedList()
	o := checklisttest.Opening(c)
	o.Setup.Approval.Required = 2
	consent := checklist.Consent{Item: "approve"}
	r := newRequests(t, mustFold(t, c, o), consent)
	s := mustFold(t, c, o, passed("first", checklisttest.Morning()), r.asked("r1", consent), r.agreed("r1", consent, grace))
	require.Len(t, s.Approvals, 1)
	require.Equal(t, checklist.StatusOpen, s.State("approve").Status)
	s = mustFold(t, c, o, passed("first", checklisttest.Morning()), r.asked("r1", consent), r.agreed("r1", consent, grace),
		checklist.Event{Kind: checklist.Reopened, Item: "first", Text: "x"})
	assert.Empty(t, s.Approvals)
}

func TestAskedReason(t *testing.T) {
	t.Parallel()
	c := approvedList()
	o := checklisttest.Opening(c)
	over := checklist.Consent{Item: "change", Deviation: checklist.PassedOver, Reason: "no need"}
	gate := checklist.Consent{Item: "change", Deviation: checklist.Overridden, Gate: "day", Reason: "the window moved"}
	r := newRequests(t, mustFold(t, c, o), over, gate)
	s := mustFold(t, c, o, r.asked("r1", over), r.asked("r2", gate))
	now := checklisttest.Morning()
	without := func(c checklist.Consent) checklist.Consent { c.Reason = ""; return c }
	assert.Equal(t, "no need", s.AskedReason(without(over), now))
	assert.Equal(t, "the window moved", s.AskedReason(without(gate), now))
	assert.Empty(t, s.AskedReason(checklist.Consent{Item: "change", Deviation: checklist.Overridden, Gate: "soak"}, now))
	assert.Empty(t, s.AskedReason(without(gate), now.Add(24*time.Hour)), "it has run out")
}

func TestAskAgain(t *testing.T) {
	t.Parallel()
	c := approvedList()
	o := checklisttest.Opening(c)
	consent := checklist.Consent{Item: "approve"}
	r := newRequests(t, mustFold(t, c, o), consent)
	change, _, _ := c.Item("change")
	first, done := passed("first", checklisttest.Morning()), passed("approve", checklisttest.Morning())
	agreed := []checklist.Event{first, r.asked("r1", consent), r.agreed("r1", consent, grace), done}
	for name, tc := range map[string]struct {
		events []checklist.Event
		later  time.Duration
		ok     bool
	}{
		"the approval is there":      {agreed, time.Hour, false},
		"it ran out":                 {agreed, 25 * time.Hour, true},
		"it was refused since":       {append(agreed, r.refused("r1", consent, linus, "")), time.Hour, true},
		"it was passed over":         {[]checklist.Event{first, {Kind: checklist.PassedOver, Item: "approve", Text: "x"}}, time.Hour, true},
		"it is the next item itself": {[]checklist.Event{first}, time.Hour, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := mustFold(t, c, o, tc.events...)
			closed := s.Closed(change, checklisttest.Morning().Add(tc.later))
			again, ok := s.AskAgain(closed)
			assert.Equal(t, tc.ok, ok, "%v", closed)
			if tc.ok {
				assert.Equal(t, "approve", again.ID)
				assert.Equal(t, "ask for the approval again, or override the gate with a written reason", (&checklist.GateError{Item: change, Closed: closed}).Hint())
			}
		})
	}
}

func TestBlock(t *testing.T) {
	t.Parallel()
	b := &checklist.Block{Begins: []string{"-----BEGIN", "```"}, Ends: "-----END"}
	for text, want := range map[string]bool{
		"":                                 false,
		"/home/ada/request.sig":            false,
		"-----BEGIN SIGNATURE-----":        true,
		"> -----BEGIN SIGNATURE-----\n> U": true,
		"\n```\n-----BEGIN X-----":         true,
		"-----BEGIN X-----\nU\n-----END":   false,
		"hello\n-----BEGIN X-----":         false,
	} {
		assert.Equal(t, want, b.Unfinished(text), text)
	}
	assert.False(t, (*checklist.Block)(nil).Unfinished("-----BEGIN X-----"))
}
