package checklist_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
)

// An emergency that changed production before a second person agreed deviates,
// once, whoever agrees afterwards.
func TestProductionChangedBeforeItsApproval(t *testing.T) {
	t.Parallel()
	remove := func(kind checklist.Kind, e checklist.Environment, object string) checklist.Event {
		return checklist.Event{Kind: kind, Item: "remove-compromised", Effect: &checklist.Effect{
			Code: checklist.VariableDelete, Target: checklisttest.Target, Environment: e, Object: object,
		}}
	}
	seal := effectIn(checklist.Intended, "dispose", checklist.Production)
	seal.Effect.Code = checklist.VaultSeal
	requested := checklist.Event{Kind: checklist.Requested, Item: "approve-afterwards", Request: &checklist.Request{ID: "r1"}}
	approved := checklist.Event{Kind: checklist.Approved, Item: "approve-afterwards",
		Approval: &checklist.Approval{Request: "r1", Item: "approve-afterwards", By: "grace@example.com"}}
	const intended, done, refused = checklist.Intended, checklist.Done, checklist.Unmade
	for name, tc := range map[string]struct {
		checklist string
		events    []checklist.Event
		want      int
		agreed    []string
	}{
		"nothing changed":    {"emergency", nil, 0, nil},
		"staging alone":      {"emergency", []checklist.Event{remove(intended, checklist.Staging, "r"), remove(done, checklist.Staging, "r")}, 0, nil},
		"the vault alone":    {"emergency", []checklist.Event{seal}, 0, nil},
		"it may be changed":  {"emergency", []checklist.Event{remove(intended, checklist.Production, "r")}, 1, nil},
		"changed twice":      {"emergency", []checklist.Event{remove(intended, checklist.Production, "r"), remove(done, checklist.Production, "r"), remove(intended, checklist.Production, "q"), remove(done, checklist.Production, "q")}, 1, nil},
		"refused":            {"emergency", []checklist.Event{remove(intended, checklist.Production, "r"), remove(refused, checklist.Production, "r")}, 0, nil},
		"refused in part":    {"emergency", []checklist.Event{remove(intended, checklist.Production, "r"), remove(done, checklist.Production, "r"), remove(intended, checklist.Production, "q"), remove(refused, checklist.Production, "q")}, 1, nil},
		"agreed afterwards":  {"emergency", []checklist.Event{remove(intended, checklist.Production, "r"), remove(done, checklist.Production, "r"), requested, approved}, 1, []string{"grace@example.com"}},
		"a quarterly's gate": {"quarterly", []checklist.Event{effectIn(intended, "add-production", checklist.Production)}, 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, err := checklist.Find(tc.checklist, 7, false)
			require.NoError(t, err)
			s := mustFold(t, c, checklisttest.Opening(c), tc.events...)
			require.Len(t, s.Deviations, tc.want)
			for _, d := range s.Deviations {
				assert.Equal(t, checklist.Unapproved, d.Kind)
				assert.Equal(t, "approve-afterwards", d.Item)
				assert.Equal(t, s.Opening.Reason, d.Reason)
				assert.Equal(t, tc.agreed, d.Approved)
				assert.Equal(t, "production was changed before a second person had approved it", s.Words(d))
			}
		})
	}
}

// A milestone is told in whole seconds, and what was early or late adds up.
func TestMilestonesAreInWholeSeconds(t *testing.T) {
	t.Parallel()
	c := checklist.Emergency(false)
	for after, want := range map[time.Duration]struct{ after, late time.Duration }{
		52*time.Second + 700*time.Millisecond: {52 * time.Second, -59*time.Minute - 8*time.Second},
		time.Hour + 999*time.Millisecond:      {time.Hour, 0},
		time.Hour + time.Second:               {time.Hour + time.Second, time.Second},
	} {
		s := mustFold(t, c, checklisttest.Opening(c), passed("prove-revoked", checklisttest.Morning().Add(after)))
		m := s.Milestones()[0]
		assert.Equal(t, want.after, m.After, after)
		assert.Equal(t, want.late, m.Late, after)
		assert.Equal(t, checklisttest.Morning().Add(after), m.At)
	}
}
