package program_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
	"keyturn/steps/sandbox"
)

// refusing is an operator whose second person says no.
func refusing() *programtest.Operator {
	return &programtest.Operator{Answer: func(q checklist.Question) (string, bool) {
		return checklist.No, strings.Contains(q.Title, "sign this as")
	}}
}

func TestARefusedApprovalChangesNothing(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	e, err := p.Begin(t.Context(), "quarterly", &programtest.Operator{})
	require.NoError(t, err)
	err = walk(t.Context(), p, e, refusing())
	require.ErrorContains(t, err, "approver@sandbox refused it")
	assert.Contains(t, checklist.Hint(err), "ask again: a new request is made")
	next, _ := e.Session().Next()
	assert.Equal(t, "approve-production", next.ID)
	variables, err := api(t, p).Variables(t.Context(), p.World().Projects()[0].ID)
	require.NoError(t, err)
	for _, v := range variables {
		assert.False(t, v.Key == "HMAC_SECRET_V2" && v.Serves("production"))
	}
	require.NoError(t, walk(t.Context(), p, e, &programtest.Operator{}))
	require.NoError(t, e.Close())
}

// Whoever is forgotten on the old key keeps it from being removed. Only two
// people together, with a reason, can go on, and the record begins with it.
func TestAStragglerIsOverriddenByTwoPeople(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{Fault: sandbox.Straggler})
	op := &programtest.Operator{}
	e, err := p.Begin(t.Context(), "quarterly", op)
	require.NoError(t, err)
	var gate *checklist.GateError
	require.ErrorAs(t, walk(t.Context(), p, e, op), &gate)
	require.Len(t, gate.Closed, 1)
	closed := gate.Closed[0]
	assert.True(t, closed.CanOverride)
	const reason = "partner-sync is told, and accepts to be cut off"

	require.ErrorContains(t, e.Override(t.Context(), "remove-old", closed.ID, "  ", op), "a reason is needed")
	require.ErrorContains(t, e.Override(t.Context(), "remove-old", closed.ID, reason, refusing()), "approver@sandbox refused it")
	assert.Empty(t, e.Session().Deviations)
	require.ErrorAs(t, e.Run(t.Context(), "remove-old", op), &gate, "the gate is still closed")

	require.NoError(t, e.Override(t.Context(), "remove-old", closed.ID, reason, op))
	for _, q := range op.Asked() {
		if strings.Contains(q.Title, "sign this as") && strings.Contains(q.Body, reason) {
			assert.Contains(t, q.Body, "remove-old", "they sign what is overridden, and why")
		}
	}
	// Behind the removal the log shows whom it hit.
	passedOver := 0
	for {
		err := walk(t.Context(), p, e, op)
		if err == nil {
			break
		}
		next, _ := e.Session().Next()
		require.Contains(t, []string{"verify-all-new", "confirm-no-errors"}, next.ID, "%v", err)
		require.ErrorContains(t, err, "refused")
		require.NoError(t, e.PassOver(t.Context(), next.ID, reason, op))
		passedOver++
	}
	require.Positive(t, passedOver)
	require.NoError(t, e.Close())

	s, _ := onlySession(t, p)
	require.Len(t, s.Deviations, 1+passedOver)
	for _, d := range s.Deviations {
		assert.Equal(t, reason, d.Reason)
		assert.Equal(t, []string{"approver@sandbox"}, d.Approved)
	}
	requireRecord(t, p, s)
	requireStockTools(t, p)
	report, err := os.ReadFile(filepath.Join(trailDir(p), onlyRecord(t, p), "report.md"))
	require.NoError(t, err)
	first, _, _ := strings.Cut(string(report), "## Who, when, why")
	assert.Contains(t, first, reason, "the deviations come first")
	assert.Contains(t, first, "SANDBOX")
}
