package steps_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/checklist/record"
	"keyturn/keygen/sshsig"
	"keyturn/steps/approval"
	"keyturn/steps/consent"
)

const approving = "approve-production"

// asking is a session whose second people are reached by files.
type asking struct {
	*stage
	people
	files consent.FileSecond
}

func newAsking(t *testing.T, required int) asking {
	t.Helper()
	a := asking{newStage(t, approving, "generate", "add-production"), newPeople(t), consent.FileSecond{Dir: filepath.Join(t.TempDir(), "requests")}}
	c := approved(t)
	c.Phases[0].Items[0].Required = false
	a.beginRequiring(t, c, required)
	a.stage.approver(t, a.people, a.files)
	return a
}

const whereIs = "Where is the second person's signature?"

// leaves has a second person asked, leaves the question and returns the request.
func (a asking) leaves(t *testing.T, ask func(checklist.Operator) error) checklist.Request {
	t.Helper()
	script := checklisttest.NewScript(t, checklisttest.Reply{Kind: checklist.Write, Contains: whereIs, Err: checklist.ErrCancelled})
	require.ErrorIs(t, ask(script), checklist.ErrCancelled)
	requests := a.engine.Session().Requests
	return requests[len(requests)-1]
}

func (a asking) approval(t *testing.T) func(checklist.Operator) error {
	return func(op checklist.Operator) error { return a.engine.Run(t.Context(), approving, op) }
}

func (a asking) passingOver(t *testing.T) func(checklist.Operator) error {
	return func(op checklist.Operator) error {
		return a.engine.PassOver(t.Context(), approving, "grace is away", op)
	}
}

func mustApprove(t *testing.T, key sshsig.Key, r checklist.Request) string {
	t.Helper()
	armor, err := approval.Sign(key, r.Text)
	require.NoError(t, err)
	return armor
}

func mustRefuse(t *testing.T, key sshsig.Key, r checklist.Request, why string) string {
	t.Helper()
	text, armor, err := approval.SignRefusal(key, r.Text, why)
	require.NoError(t, err)
	return text + armor
}

// A request stays open when the operator leaves, however often, and also when
// another process goes on.
func TestARequestOutlivesTheRunsThatAskedIt(t *testing.T) {
	t.Parallel()
	a := newAsking(t, 1)
	first := a.leaves(t, a.approval(t))
	a.after(t, 23*time.Hour)
	a.reopen(t)
	require.NoError(t, a.engine.Resume(t.Context(), checklisttest.NewScript(t)))
	again := a.leaves(t, a.approval(t))
	assert.Equal(t, first, again)
	a.run(t, approving, say(mustApprove(t, a.grace, first), whereIs))
	assert.Equal(t, first.ID, a.engine.Session().Approvals[0].Request)
}

// The answer counts for the request that was signed, whichever is asked about.
func TestAnAnswerCountsForItsOwnRequest(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer func(*testing.T, asking, checklist.Request) string
		note   string
		kinds  []checklist.Kind
	}{
		"an approval": {func(t *testing.T, a asking, r checklist.Request) string { return mustApprove(t, a.grace, r) },
			"Recorded: " + grace + " agreed: Approval by a second person. That answered another request; this one is still waiting.",
			[]checklist.Kind{checklist.Requested, checklist.Approved, checklist.Requested}},
		"a refusal": {func(t *testing.T, a asking, r checklist.Request) string {
			return mustRefuse(t, a.grace, r, "not today")
		},
			"Recorded: " + grace + " refused: Approval by a second person: not today. That answered another request; this one is still waiting.",
			[]checklist.Kind{checklist.Requested, checklist.Refused, checklist.Requested}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAsking(t, 1)
			first := a.leaves(t, a.approval(t))
			script := checklisttest.NewScript(t,
				checklisttest.Reply{Contains: "An answer to request " + first.ID + ", which waits too, counts as well: Approval by a second person.", Say: tc.answer(t, a, first)},
				checklisttest.Reply{Contains: tc.note, Err: checklist.ErrCancelled})
			require.ErrorIs(t, a.passingOver(t)(script), checklist.ErrCancelled)
			assert.Equal(t, tc.kinds, script.Kinds())
			assert.Equal(t, approving, script.Events()[1].Item)

			s := a.engine.Session()
			require.Len(t, s.Requests, 2)
			second := s.Requests[1]
			assert.Equal(t, []checklist.Request{second}, s.Waiting(a.sandbox.Clock().Now()), "the one that was asked about")
			if name == "an approval" {
				a.look(t, approving) // nobody is asked again
				return
			}
			// The way on that was asked for second is still open.
			script = checklisttest.NewScript(t, say(mustApprove(t, a.grace, second), whereIs))
			require.NoError(t, a.passingOver(t)(script))
			assert.Equal(t, []string{grace}, a.engine.Session().Deviations[0].Approved)
		})
	}
}

// An answer that cannot count any more is told why, and what to do.
func TestAnswersThatComeTooLate(t *testing.T) {
	t.Parallel()
	const again = "ask again, and send the new request"
	elsewhere := "give it where that session is asked about; here, ask again and send the new request"
	for name, tc := range map[string]struct {
		meanwhile func(*testing.T, asking, checklist.Request)
		want      func(asking, checklist.Request) string
		hint      string
	}{
		"its time ran out": {func(t *testing.T, a asking, _ checklist.Request) { a.after(t, 24*time.Hour) },
			func(_ asking, r checklist.Request) string {
				return "it answers request " + r.ID + " of 2 Mar 2026 09:00 UTC, which ran out at 3 Mar 2026 09:00 UTC"
			}, again},
		"what it asks for has changed": {func(t *testing.T, a asking, _ checklist.Request) {
			require.NoError(t, a.passingOver(t)(checklisttest.NewScript(t, say(mustApprove(t, a.linus, a.leaves(t, a.passingOver(t))), whereIs))))
			a.pass(t, "generate")
		}, func(_ asking, r checklist.Request) string {
			return "it answers request " + r.ID + " of 2 Mar 2026 09:00 UTC, which is void: what it asks for has changed since it was made"
		}, again},
		"items were opened again": {func(t *testing.T, a asking, _ checklist.Request) {
			require.NoError(t, a.passingOver(t)(checklisttest.NewScript(t, say(mustApprove(t, a.linus, a.leaves(t, a.passingOver(t))), whereIs))))
			require.NoError(t, a.engine.Reopen(t.Context(), approving, "grace is back", checklisttest.NewScript(t)))
		}, func(_ asking, r checklist.Request) string {
			return "it answers request " + r.ID + " of 2 Mar 2026 09:00 UTC, which is void: items were opened again since it was made"
		}, again},
		"it was refused": {func(t *testing.T, a asking, r checklist.Request) {
			require.ErrorContains(t, a.approval(t)(checklisttest.NewScript(t, say(mustRefuse(t, a.linus, r, "not today"), whereIs))), linus+" refused it: not today")
		}, func(_ asking, r checklist.Request) string {
			return "it answers request " + r.ID + " of 2 Mar 2026 09:00 UTC, which was refused by " + linus + " at 2 Mar 2026 09:00 UTC: not today"
		}, again},
		"it is of another session": {func(t *testing.T, a asking, _ checklist.Request) {
			other := a.engine.Session()
			other.Opening.Session = "session-0"
			a.beginRequiring(t, a.engine.Session().Checklist, 1)
			a.stage.approver(t, a.people, a.files)
			a.config.Approver.(*consent.Approver).Others = func(context.Context) ([]*checklist.Session, error) {
				return []*checklist.Session{a.engine.Session(), other}, nil
			}
		}, func(_ asking, r checklist.Request) string {
			return "it answers request " + r.ID + " of 2 Mar 2026 09:00 UTC, of the session session-0"
		}, elsewhere},
		"its session is not known here": {func(t *testing.T, a asking, r checklist.Request) {
			a.beginRequiring(t, a.engine.Session().Checklist, 1)
			a.stage.approver(t, a.people, a.files)
		}, func(a asking, r checklist.Request) string {
			return "it answers request " + r.ID + " of 2 Mar 2026 09:00 UTC, of the session session-1, which did not make it here"
		}, elsewhere},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAsking(t, 1)
			r := a.leaves(t, a.approval(t))
			tc.meanwhile(t, a, r)
			approvals := len(a.engine.Session().Approvals)
			for _, answer := range []string{r.Text + mustApprove(t, a.grace, r), mustRefuse(t, a.grace, r, "no")} {
				err := a.approval(t)(checklisttest.NewScript(t, say(answer, whereIs)))
				require.ErrorContains(t, err, "check the answer: the request cannot be answered any more: "+tc.want(a, r))
				assert.NotContains(t, err.Error(), "does not fit")
				assert.Equal(t, tc.hint, checklist.Hint(err))
			}
			assert.Len(t, a.engine.Session().Approvals, approvals)
		})
	}
}

// Whoever asks anew says what became of the request before.
func TestTheNextRequestTellsOfTheOneBefore(t *testing.T) {
	t.Parallel()
	a := newAsking(t, 1)
	first := a.leaves(t, a.approval(t))
	a.after(t, 25*time.Hour)
	script := checklisttest.NewScript(t, checklisttest.Reply{
		Contains: "The request before this one, " + first.ID + ", ran out at 3 Mar 2026 09:00 UTC: only an answer to the new one counts.", Err: checklist.ErrCancelled,
	})
	require.ErrorIs(t, a.approval(t)(script), checklist.ErrCancelled)
	assert.Contains(t, script.Asked()[0].Body, "The request can be answered until 4 Mar 2026 10:00 UTC")
}

func TestHowLongARequestCanBeAnswered(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		limit   time.Duration
		consent checklist.Consent
		want    time.Duration
	}{
		"a rotation":                   {0, checklist.Consent{Item: approving}, 24 * time.Hour},
		"an emergency":                 {time.Hour, checklist.Consent{Item: approving, Deviation: checklist.PassedOver}, time.Hour},
		"the record of an emergency":   {time.Hour, checklist.Consent{Item: approving, Record: strings.Repeat("0", 64)}, 24 * time.Hour},
		"a checklist with a long hour": {48 * time.Hour, checklist.Consent{Item: approving}, 24 * time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := newAsking(t, 1)
			s := a.engine.Session()
			s.Checklist.Limit = tc.limit
			approver := a.config.Approver.(*consent.Approver)
			approver.Exported = func(context.Context, string) (record.Pinned, bool, error) {
				return record.Pinned{Exported: record.Exported{Seq: 1, Digest: tc.consent.Record}, Events: 1, Journal: strings.Repeat("1", 64)}, true, nil
			}
			r, err := approver.Request(t.Context(), s, tc.consent)
			require.NoError(t, err)
			asked, err := approval.Parse(r.Text)
			require.NoError(t, err)
			assert.Equal(t, tc.want, asked.Expires.Sub(asked.Requested))
			assert.True(t, r.Expires.Equal(asked.Expires))
		})
	}
	assert.Equal(t, time.Hour, checklist.Emergency(false).Limit)
}

func TestARefusalIsAnAnswer(t *testing.T) {
	t.Parallel()
	a := newAsking(t, 1)
	r := a.leaves(t, a.approval(t))
	script := checklisttest.NewScript(t, say(mustRefuse(t, a.grace, r, "not on a Friday"), whereIs))
	err := a.approval(t)(script)
	require.ErrorContains(t, err, "ask a second person: "+grace+" refused it: not on a Friday")
	assert.Equal(t, "deal with the reason, then ask again: a new request is made", checklist.Hint(err))

	s := a.engine.Session()
	require.Len(t, s.Refusals, 1)
	refusal := s.Refusals[0]
	assert.Equal(t, []string{r.ID, approving, grace, "not on a Friday"}, []string{refusal.Request, refusal.Item, refusal.By, refusal.Reason})
	text, err := approval.RefusalText(r.Text, refusal.Reason)
	require.NoError(t, err)
	require.NoError(t, sshsig.Verify(refusal.Signature, sshsig.NamespaceApproval, []byte(text), a.grace.Public()), "the journal proves it")
	st := s.State(approving)
	assert.Equal(t, checklist.StatusFailed, st.Status)
	assert.Equal(t, "ask a second person: "+grace+" refused it: not on a Friday; nothing was changed", st.Words())

	again := a.leaves(t, a.approval(t))
	assert.NotEqual(t, r.ID, again.ID, "a new request")
	assert.Equal(t, r.Mandate, again.Mandate)
	a.run(t, approving, say(mustApprove(t, a.grace, again), "The request before this one, "+r.ID+", was refused by "+grace))
	events := a.config.Journal.Events()
	for _, e := range events {
		if e.Kind == checklist.Refused {
			assert.Equal(t, grace+" refused: Approval by a second person: not on a Friday", s.EventWords(e))
		}
	}
}

// A no closes the request, also for those who said yes to it before.
func TestARefusalTakesBackWhatOthersAgreedTo(t *testing.T) {
	t.Parallel()
	a := newAsking(t, 2)
	r := a.leaves(t, a.approval(t))
	script := checklisttest.NewScript(t, say(mustApprove(t, a.grace, r), whereIs), say(mustRefuse(t, a.linus, r, ""), "1 of the 2 people who must agree have: "+grace))
	require.ErrorContains(t, a.approval(t)(script), linus+" refused it")
	s := a.engine.Session()
	assert.Empty(t, s.Approvals)
	again := a.leaves(t, a.approval(t))
	assert.NotEqual(t, r.ID, again.ID)
}

// Several people answer one request in any order, on several days.
func TestSeveralAnswerOneRequest(t *testing.T) {
	t.Parallel()
	a := newAsking(t, 2)
	r := a.leaves(t, a.approval(t))
	beside := a.files.File(r.Text) + ".sig"
	require.NoError(t, os.WriteFile(beside, []byte(mustApprove(t, a.linus, r)), 0o600))
	script := checklisttest.NewScript(t, say(beside, whereIs), checklisttest.Reply{Contains: "1 of the 2 people who must agree have: " + linus, Err: checklist.ErrCancelled})
	require.ErrorIs(t, a.approval(t)(script), checklist.ErrCancelled)
	assert.Equal(t, beside, script.Asked()[0].Default)
	assert.Empty(t, script.Asked()[1].Default, "the first person's signature is no suggestion")
	assert.Equal(t, []checklist.Request{r}, a.engine.Session().Waiting(a.sandbox.Clock().Now()))

	a.after(t, 20*time.Hour)
	a.reopen(t)
	script = checklisttest.NewScript(t, say(mustApprove(t, a.linus, r), "1 of the 2 people who must agree have: "+linus))
	err := a.approval(t)(script)
	require.ErrorContains(t, err, linus+" has approved this already")
	assert.Equal(t, "2 people must agree; ask somebody else", checklist.Hint(err))

	require.NoError(t, os.WriteFile(beside, []byte(mustApprove(t, a.grace, r)), 0o600))
	script = checklisttest.NewScript(t, say(beside, "1 of the 2 people who must agree have: "+linus))
	require.NoError(t, a.approval(t)(script))
	assert.Equal(t, beside, script.Asked()[0].Default, "it is another one now")
	s := a.engine.Session()
	assert.Len(t, s.Requests, 1)
	assert.Contains(t, s.State(approving).Evidence.Summary, "approved by "+linus+" at ")
}
