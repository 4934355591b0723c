package steps_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
)

// An item that somebody added is done when the operator says so, and nothing is
// changed for it.
func TestAnAddedItem(t *testing.T) {
	t.Parallel()
	s := newStage(t, "generate")
	c := part(t, []string{"generate"})
	skeleton := checklist.SkeletonOf(c)
	c.Phases[0].Items = append(c.Phases[0].Items, checklist.Item{
		ID: "call-partners", Title: "Call the partners", Why: "Some do not read mail.", Step: checklist.StepManual,
	})
	s.begin(t, c)
	s.config.Skeletons = []checklist.Skeleton{skeleton}
	s.reopen(t)
	s.pass(t, "generate")

	question := checklisttest.Reply{Item: "call-partners", Kind: checklist.Confirm, Contains: "Is ‘Call the partners’ done?\nSome do not read mail."}
	question.Say = checklist.No
	err := s.engine.Run(t.Context(), "call-partners", checklisttest.NewScript(t, question))
	require.ErrorContains(t, err, "it is not done yet")
	assert.Equal(t, "do it, then run the item again", checklist.Hint(err))

	question.Say = checklist.Yes
	require.NoError(t, s.engine.Run(t.Context(), "call-partners", checklisttest.NewScript(t, question)))
	st := s.engine.Session().State("call-partners")
	assert.Equal(t, checklist.StatusPassed, st.Status)
	assert.Equal(t, "it is done, as "+checklisttest.Operator+" says", st.Evidence.Summary)
	assert.Empty(t, st.Effects)
	answer, ok := st.Answer(checklist.Asked{ID: "manual"})
	assert.True(t, ok)
	assert.Equal(t, checklist.Yes, answer)
}
