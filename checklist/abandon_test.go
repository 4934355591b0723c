package checklist_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
)

// recorder signs nothing and remembers for whom it should have.
type recorder struct {
	err      error
	sessions []*checklist.Session
}

func (r *recorder) Record(_ context.Context, s *checklist.Session) (checklist.Evidence, error) {
	r.sessions = append(r.sessions, s)
	return checklist.Evidence{Summary: "The record is signed"}, r.err
}

func TestAnAbandonedSessionIsRecorded(t *testing.T) {
	t.Parallel()
	w := checklisttest.NewWorld(t, list([]checklist.Item{item("a")}))
	r := &recorder{}
	w.Config.Recorder = r
	e := w.Engine(t)
	_, err := e.Record(t.Context())
	require.ErrorContains(t, err, "was not abandoned")
	require.NoError(t, e.Abandon(t.Context(), "the vendor is down", checklisttest.NewScript(t)))
	require.Len(t, r.sessions, 1)
	assert.Equal(t, checklist.Abandoned, r.sessions[0].Outcome, "the end is part of the record")
	evidence, err := e.Record(t.Context())
	require.NoError(t, err)
	assert.Equal(t, "The record is signed", evidence.Summary)
}

func TestAnAbandonedSessionThatCannotBeRecorded(t *testing.T) {
	t.Parallel()
	w := checklisttest.NewWorld(t, list([]checklist.Item{item("a")}))
	r := &recorder{err: errors.New("the disk is full")}
	w.Config.Recorder = r
	e := w.Engine(t)
	err := e.Abandon(t.Context(), "the vendor is down", checklisttest.NewScript(t))
	require.ErrorContains(t, err, "session session-1 is abandoned, and its record is not signed yet: the disk is full")
	assert.Contains(t, checklist.Hint(err), "it makes up for the record")
	assert.Equal(t, checklist.Abandoned, e.Session().Outcome)
	r.err = nil
	_, err = e.Record(t.Context())
	require.NoError(t, err)
}

// effectIn is a change of an item in an environment.
func effectIn(kind checklist.Kind, item string, e checklist.Environment) checklist.Event {
	return checklist.Event{Kind: kind, Item: item, Effect: &checklist.Effect{Code: checklist.VariableCreate, Environment: e}}
}

func TestLeaves(t *testing.T) {
	t.Parallel()
	at := time.Time{}
	added := []checklist.Event{passed("add-staging", at), passed("add-production", at)}
	for name, tc := range map[string]struct {
		checklist string
		events    []checklist.Event
		left, way string
	}{
		"nothing done": {"quarterly", nil, "staging: v1; production: v1", "It leaves no new key in service"},
		"added":        {"quarterly", added[:1], "staging: v1, v2; production: v1", "keyturn rollback takes v2 out"},
		"added in part": {"quarterly", []checklist.Event{effectIn(checklist.Intended, "add-staging", checklist.Staging)},
			"staging: v1, perhaps v2; production: v1", "keyturn rollback takes v2 out"},
		"removed in part": {"quarterly", append(added[:2:2], effectIn(checklist.Done, "remove-old", checklist.Staging)),
			"staging: perhaps v1, v2; production: v1, v2", "keyturn rollback takes v2 out"},
		"removed":                  {"quarterly", append(added[:2:2], passed("remove-old", at)), "staging: v2; production: v2", "v2 alone is in service"},
		"an emergency, only begun": {"emergency", nil, "staging: v1; production: v1", "v1 is compromised and may still be in service"},
		"an emergency without a backup key": {"emergency", []checklist.Event{passed("remove-compromised", at), passed("backup-key", at)},
			"staging: none of its keys; production: none of its keys", "v1 is taken out"},
		"an emergency, revoked":    {"emergency", []checklist.Event{passed("remove-compromised", at)}, "staging: none of its keys; production: none of its keys", "v1 is taken out"},
		"a drill's key":            {"drill", []checklist.Event{passed("add-test", at)}, "staging: test", "Delete HMAC_SECRET_TEST from staging"},
		"a drill that took it out": {"drill", []checklist.Event{passed("add-test", at), passed("remove-test", at)}, "staging: none of its keys", "keyturn drill begins anew"},
		"a rollback, only begun":   {"rollback", nil, "staging: perhaps v1, v2; production: perhaps v1, v2", "keyturn rollback begins another one"},
		"a rollback, old key back": {"rollback", []checklist.Event{passed("re-add-old", at)}, "staging: v1, v2; production: v1, v2", "keyturn rollback begins another one"},
		"a rollback that resumes":  {"rollback", []checklist.Event{passed("re-add-old", at), passed("decide", at)}, "staging: v1, v2; production: v1, v2", "keyturn rollback begins"},
		"a rollback, new key gone": {"rollback", []checklist.Event{passed("re-add-old", at), effectIn(checklist.Done, "decide", checklist.Staging), effectIn(checklist.Done, "decide", checklist.Production), passed("decide", at)}, "staging: v1; production: v1", "keyturn rollback begins"},
		"a rollback, giving it up": {"rollback", []checklist.Event{passed("re-add-old", at), effectIn(checklist.Done, "decide", checklist.Staging)}, "staging: v1, perhaps v2; production: v1, v2", "keyturn rollback begins"},
		"a removal to be done again": {"quarterly", append(added[:2:2], effectIn(checklist.Done, "remove-old", checklist.Staging), effectIn(checklist.Done, "remove-old", checklist.Production),
			passed("remove-old", at), checklist.Event{Kind: checklist.Reopened, Item: "remove-old", Text: "once more"}), "staging: perhaps v1, v2; production: perhaps v1, v2", "keyturn rollback takes v2 out"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := checklist.Find(tc.checklist, 7, false)
			require.NoError(t, err)
			o := checklisttest.Opening(c)
			left := mustFold(t, c, o, tc.events...).InService()
			assert.Equal(t, tc.left, checklist.LeavesWords(left))
			abandoned := checklist.Event{Kind: checklist.Abandoned, Text: "no need", Leaves: left}
			assert.Contains(t, mustFold(t, c, o, append(tc.events, abandoned)...).WayOn(), tc.way)
		})
	}
}
