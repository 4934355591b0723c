package plain

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/ui/internal/standin"
)

// desk is the stand-in with what the line mode asks for besides.
type desk struct{ *standin.Desk }

func (desk) Sandbox() bool                     { return true }
func (desk) Service() string                   { return "orders" }
func (desk) InProgress(string) (string, error) { return "", nil }

// walked runs a checklist with lines of input and returns what was printed.
func walked(t *testing.T, checklistID string, lines ...string) (string, error) {
	t.Helper()
	var out strings.Builder
	err := Run(t.Context(), desk{standin.New()}, checklistID, strings.NewReader(strings.Join(lines, "\n")+"\n"), &out)
	return out.String(), err
}

func TestAnAbandonedSessionSaysWhatItLeaves(t *testing.T) {
	t.Parallel()
	const reason, doIt = "", ""
	out, err := walked(t, "quarterly", reason, doIt, "abandon", "wrong service", "abandon")
	require.NoError(t, err)
	id := standin.SessionID("quarterly", 1)
	for _, line := range []string{
		"Quarterly rotation of orders, session " + id,
		"   abandoned  wrong service",
		"* In service, as far as this session knows: staging: v1; production: v1.",
		"* It leaves no new key in service: keyturn quarterly begins anew.",
		"* The record is signed: trail/000004-" + id,
		"  keyturn verify trail/000004-" + id,
	} {
		assert.Contains(t, out, line+"\n")
	}
}

func TestStatusesAreInWords(t *testing.T) {
	t.Parallel()
	out, err := walked(t, "quarterly", "", "s", "seen last week", "d", "cancel", "q")
	require.ErrorIs(t, err, ErrStopped)
	assert.Contains(t, out, "Next: Review last rotation notes (open)\n")
	assert.Contains(t, out, "   passed over seen last week\n")
	assert.Contains(t, out, "   1. Review last rotation notes: passed over\n")
	assert.Contains(t, out, "Return with: keyturn --sandbox resume "+standin.SessionID("quarterly", 1)+"\n")
}

func TestOverviewNamesSessionsAndHowTheyEnded(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	at := standin.Start
	Overview(&out, checklist.Overview{Service: "orders", Now: at, Vault: "vault", Sessions: []checklist.Summary{
		{ID: standin.SessionID("drill", 1), Title: "Staging drill", Outcome: checklist.Abandoned, Opened: at, Settled: 3, Total: 12},
		{ID: standin.SessionID("emergency", 2), Title: "Emergency revocation", Settled: 1, Total: 18, Next: "See who breaks", Deadline: at.Add(time.Hour)},
	}})
	assert.Contains(t, out.String(), "  "+standin.SessionID("drill", 1)+": Staging drill, abandoned, 3 of 12 items\n")
	assert.Contains(t, out.String(), "  "+standin.SessionID("emergency", 2)+": Emergency revocation, 1 of 18 items; next: See who breaks; its hour ends in 1 h\n")
}

func TestAnswersNameTheirQuestion(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	transcript := NewTranscript(&out, Unattended)
	known := checklist.Asked{ID: "decide", About: "staging"}
	_, err := transcript.Ask(t.Context(), checklist.Question{Kind: checklist.Confirm, Item: "decide", Asked: known, Title: "Resume it?"})
	require.NoError(t, err)
	answer := func(item string, q checklist.Asked, text string) string {
		out.Reset()
		transcript.Show(checklist.Event{Kind: checklist.Answered, Item: item, Question: &q, Text: text})
		lines := strings.Split(strings.TrimSpace(out.String()), "\n")
		return strings.TrimSpace(lines[len(lines)-1])
	}
	assert.Equal(t, "answered   Resume it? yes", answer("decide", known, "yes"))
	assert.Equal(t, "answered   decide (production): yes", answer("decide", checklist.Asked{ID: "decide", About: "production"}, "yes"))
	assert.Equal(t, "answered   decide (staging): yes", answer("another", known, "yes"), "of another item")
	assert.Equal(t, "answered   delete which: (nothing)", answer("older", checklist.Asked{ID: "delete-which"}, ""))
}

func TestEventsAsLines(t *testing.T) {
	t.Parallel()
	at := standin.Start
	drift := []checklist.Drift{{Subject: "rotation_days", Believed: "90", Found: "60"}, {Subject: checklist.VariableSubject("api", "HMAC_SECRET_V2", "r1"), Found: "preview"}}
	both := "   %s rotation_days changed: it was 90, now 60\n   %s api HMAC_SECRET_V2 row r1 appeared: preview\n"
	effect := &checklist.Effect{Code: checklist.DeploymentCreate, Target: "api", Environment: checklist.Staging}
	for name, tc := range map[string]struct {
		event checklist.Event
		want  string
	}{
		"requested":     {checklist.Event{Kind: checklist.Requested, Request: &checklist.Request{ID: "r", Expires: at.Add(24 * time.Hour)}}, "   requested  a second person's approval, until Tue 25 Nov 2025 09:30 UTC\n"},
		"refused":       {checklist.Event{Kind: checklist.Refused, Refusal: &checklist.Refusal{By: "bob@example.com"}}, "   refused    by bob@example.com\n"},
		"refused, why":  {checklist.Event{Kind: checklist.Refused, Refusal: &checklist.Refusal{By: "bob@example.com", Reason: "not today"}}, "   refused    by bob@example.com: not today\n"},
		"approved":      {checklist.Event{Kind: checklist.Approved, Approval: &checklist.Approval{By: "bob@example.com"}}, "   approved   by bob@example.com\n"},
		"configured":    {checklist.Event{Kind: checklist.Configured, Setup: &checklist.Setup{}, Drift: drift}, strings.ReplaceAll(both, "%s", "configured")},
		"drifted":       {checklist.Event{Kind: checklist.Drifted, Drift: drift}, strings.ReplaceAll(both, "%s", "drifted   ")},
		"narrowed":      {checklist.Event{Kind: checklist.Narrowed, Target: "api", Text: "it is gone"}, "   narrowed   api is no longer part of the session: it is gone\n"},
		"deferred":      {checklist.Event{Kind: checklist.Deferred, Text: "not done within 2 minutes"}, "   deferred   not done within 2 minutes\n"},
		"passed over":   {checklist.Event{Kind: checklist.PassedOver, Text: "seen"}, "   passed over seen\n"},
		"rolled back":   {checklist.Event{Kind: checklist.RolledBack, Session: "rollback-1"}, "   rolled back by rollback-1\n"},
		"failed":        {checklist.Event{Kind: checklist.Failed, Text: "429", Changed: "nothing was changed", Hint: "wait"}, "   FAILED     429; nothing was changed\n   hint       wait\n"},
		"left":          {checklist.Event{Kind: checklist.Left, Text: "left before it was over", Changed: "nothing was changed"}, "   left       left before it was over; nothing was changed\n"},
		"waiting":       {checklist.Event{Kind: checklist.Waiting, Text: "7 days", Evidence: &checklist.Evidence{Issues: []string{"v1 is used"}}}, "   waiting    7 days\n   issue      v1 is used\n"},
		"done":          {checklist.Event{Kind: checklist.Done, Effect: effect}, "   done       redeploy api staging\n"},
		"not made":      {checklist.Event{Kind: checklist.Unmade, Effect: effect}, "   not made   redeploy api staging\n"},
		"agreed":        {checklist.Event{Kind: checklist.Agreed, Text: "yes"}, "   agreed     yes\n"},
		"declined":      {checklist.Event{Kind: checklist.Declined}, "   declined   nothing was changed\n"},
		"finished":      {checklist.Event{Kind: checklist.Finished}, "\nfinished\n"},
		"only measured": {checklist.Event{Kind: checklist.Measured, Evidence: &checklist.Evidence{Summary: "old-key-requests is 0"}}, "   measured   old-key-requests is 0\n"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out strings.Builder
			refuse := func(context.Context, checklist.Question) (checklist.Answer, error) {
				return checklist.Answer{}, errors.New("nothing is asked here")
			}
			NewTranscript(&out, refuse).Show(tc.event)
			assert.Equal(t, tc.want, out.String())
		})
	}
}
