package steps_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
)

// drifted expects the question about somebody else's change, and answers it.
func drifted(t *testing.T, item, answer string, words ...string) *checklisttest.Script {
	reply := checklisttest.Reply{Item: item, Kind: checklist.Confirm, Contains: "changed outside this session", Say: answer}
	s := checklisttest.NewScript(t, reply)
	t.Cleanup(func() {
		for _, q := range s.Asked() {
			for _, w := range words {
				assert.Contains(t, q.Body, w)
			}
		}
	})
	return s
}

func TestDriftIsAskedAboutOnResuming(t *testing.T) {
	t.Parallel()
	s := newStage(t, "generate", "add-staging")
	s.pass(t, "generate")
	s.reopen(t)
	require.NoError(t, s.engine.Resume(t.Context(), checklisttest.NewScript(t)), "nobody changed anything")

	s.add(t, v2, "production")
	s.reopen(t)
	err := s.engine.Resume(t.Context(), drifted(t, "add-staging", checklist.No, "orders-api HMAC_SECRET_V2 row", "appeared: encrypted production 2026-"))
	require.ErrorContains(t, err, "HMAC_SECRET_V2")
	assert.Contains(t, checklist.Hint(err), "put them back, or run the item again")
	deviations := s.engine.Session().Deviations
	require.Len(t, deviations, 1)
	assert.Equal(t, checklist.Drifted, deviations[0].Kind)
	target, variable, _, ok := checklist.ParseVariable(deviations[0].Drift.Subject)
	assert.True(t, ok)
	assert.Equal(t, []string{"orders-api", v2}, []string{target, variable})
	assert.Equal(t, "the operator stopped", deviations[0].Reason)

	s.reopen(t)
	require.NoError(t, s.engine.Resume(t.Context(), drifted(t, "add-staging", checklist.Yes)))
	s.reopen(t)
	require.NoError(t, s.engine.Resume(t.Context(), checklisttest.NewScript(t)), "what was accepted is not asked about again")
	s.pass(t, "add-staging")
	assert.Len(t, s.rows(t, v2), 3)
}

func TestDriftIsAskedAboutBetweenItems(t *testing.T) {
	t.Parallel()
	s := newStage(t, "generate", "add-staging", "redeploy-staging")
	s.pass(t, "generate", "add-staging")
	row := s.rows(t, v2)["preview"]
	require.NoError(t, s.outside.Vercel.DeleteVariable(t.Context(), s.sandbox.Projects()[0].ID, row.ID))
	err := s.engine.Run(t.Context(), "redeploy-staging", drifted(t, "redeploy-staging", checklist.No, row.ID+" is gone"))
	require.ErrorContains(t, err, "is gone")
	assert.Equal(t, checklist.StatusOpen, s.engine.Session().State("redeploy-staging").Status, "nothing was begun")
	assert.Empty(t, s.effects("redeploy-staging", checklist.DeploymentCreate))
}

// What is none of ours is nobody's drift.
func TestOtherVariablesAreNoDrift(t *testing.T) {
	t.Parallel()
	t.Run("another variable", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, "generate", "add-staging")
		s.pass(t, "generate")
		s.add(t, "DATABASE_URL", "preview", "production")
		require.NoError(t, s.engine.Resume(t.Context(), checklisttest.NewScript(t)))
	})
	t.Run("production during a drill", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, "generate-test", "add-test")
		s.pass(t, "generate-test")
		s.add(t, v2, "production")
		require.NoError(t, s.engine.Resume(t.Context(), checklisttest.NewScript(t)))
	})
}
