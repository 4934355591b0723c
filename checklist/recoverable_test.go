package checklist_test

import (
	"context"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
)

// What Vercel forgets only the vault can give back: no old key is removed, and
// by nobody's word, before the vault's copy was read back and accepted.
func TestTheOldKeyStaysUntilItIsProvedRecoverable(t *testing.T) {
	t.Parallel()
	staging := checklist.Fact(checklist.FactRecoverable, checklist.Staging, checklist.OldKey)
	production := checklist.Fact(checklist.FactRecoverable, checklist.Production, checklist.OldKey)
	for name, tc := range map[string]struct {
		facts map[string]string
		shut  []string
	}{
		"nothing is proved":               {nil, []string{staging, production}},
		"only staging is proved":          {map[string]string{staging: "yes"}, []string{production}},
		"only production is proved":       {map[string]string{production: "yes"}, []string{staging}},
		"both are proved":                 {map[string]string{staging: "yes", production: "yes"}, nil},
		"an empty fact proves nothing":    {map[string]string{staging: "", production: "yes"}, []string{staging}},
		"the new key's copy is no rescue": {map[string]string{checklist.Fact(checklist.FactRecoverable, checklist.Production, checklist.NewKey): "yes"}, []string{staging, production}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := checklist.Quarterly(7)
			w := checklisttest.NewWorld(t, c)
			w.Config.Approver = &checklisttest.Second{}
			steps := checklisttest.StepsFor(c)
			steps["prove-vault"] = &checklisttest.Step{OnVerify: func(context.Context, *checklist.Scope) (checklist.Evidence, error) {
				return checklist.Evidence{Summary: "read back", Facts: tc.facts}, nil
			}}
			w.Config.Steps = steps
			e, op := w.Engine(t), checklisttest.NewScript(t)
			for _, item := range []string{"review", "generate", "store"} {
				require.NoError(t, e.Run(t.Context(), item, op))
			}
			remove, _, ok := c.Item("remove-old")
			require.True(t, ok)
			shut := map[string]checklist.Closed{}
			for _, closed := range e.Session().Closed(remove, w.Clock.Now()) {
				shut[closed.ID] = closed
			}
			for _, fact := range []string{staging, production} {
				closed, is := shut["proof:"+fact]
				assert.Equal(t, slices.Contains(tc.shut, fact), is, fact)
				if !is {
					continue
				}
				assert.False(t, closed.CanOverride)
				err := e.Override(t.Context(), "remove-old", closed.ID, "we are in a hurry", op)
				require.ErrorContains(t, err, "takes no override")
			}
			err := e.PassOver(t.Context(), "store", "we are in a hurry", op)
			require.ErrorContains(t, err, "cannot be passed over")
		})
	}
}

// A proof that a removal had made impossible can be repeated once the removal
// was rolled back: the gates behind it need it.
func TestAProofCanBeRepeatedAfterARollback(t *testing.T) {
	t.Parallel()
	both := []checklist.Environment{checklist.Staging, checklist.Production}
	c := checklist.Checklist{ID: "short", Title: "Short", Environments: both, Phases: []checklist.Phase{{ID: "all", Title: "All", Items: []checklist.Item{
		{ID: "prove", Title: "Prove", Step: "look", Why: "-", Environments: both, Repeat: true},
		{ID: "remove", Title: "Remove", Step: "make", Why: "-", Environments: both},
	}}}}
	require.NoError(t, c.Validate())
	w := checklisttest.NewWorld(t, c)
	w.Config.Steps = checklisttest.Steps{"look": &checklisttest.Step{}, "make": checklisttest.ItemStep(&checklisttest.Outside{})}
	e, op := w.Engine(t), checklisttest.NewScript(t, checklisttest.Agree("remove"))
	require.NoError(t, e.Run(t.Context(), "prove", op))
	require.NoError(t, e.Session().CanRepeat("prove"))
	require.NoError(t, e.Run(t.Context(), "remove", op))
	require.ErrorContains(t, e.Session().CanRepeat("prove"), "has changed what it is about")

	require.NoError(t, e.RollBack(t.Context(), "remove", "rollback-1", nil, op))
	require.NoError(t, e.Session().CanRepeat("prove"))
	require.NoError(t, e.Run(t.Context(), "prove", op))
}
