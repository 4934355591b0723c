package steps_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/vault"
)

const test = "HMAC_SECRET_TEST"

func TestRemoveKeyNarrowsARowThatServesMore(t *testing.T) {
	t.Parallel()
	s := newStage(t, "remove-test")
	s.add(t, test, "preview", "production")
	before := s.rows(t, test)["preview+production"]
	s.pass(t, "remove-test")
	after := s.rows(t, test)
	require.Len(t, after, 1)
	assert.Equal(t, before.ID, after["production"].ID, "the same row, with the value that it has")
	assert.Equal(t, before.CreatedAt, after["production"].CreatedAt)
	assert.Empty(t, s.effects("remove-test", checklist.VariableDelete))
	assert.Equal(t, []checklist.Kind{checklist.Intended, checklist.Done}, s.effects("remove-test", checklist.VariableNarrow))
	plan := s.engine.Session().State("remove-test").Plan
	require.Len(t, plan.Actions, 1)
	assert.Equal(t, "take preview from row "+before.ID+", which goes on serving production with its value", plan.Actions[0].Words)
	assert.Contains(t, plan.Actions[0].Command, `{"target":["production"]}`)
	assert.Contains(t, strings.Join(plan.Warnings, "\n"), "staging and production have had one secret")
	narrowed := s.engine.Session().State("remove-test").Effects[0]
	assert.Equal(t, "preview", narrowed.Place)
	assert.Equal(t, before.ID, narrowed.Object)
	assert.Equal(t, "it serves production alone, as listed", narrowed.Note)
}

func TestRemoveKeyRemovesWhateverServesItsEnvironments(t *testing.T) {
	t.Parallel()
	s := newStage(t, "remove-test")
	s.add(t, test, "preview", "development") // one row for both, made by hand
	s.add(t, v2, "preview")
	s.pass(t, "remove-test")
	assert.Empty(t, s.rows(t, test))
	assert.Len(t, s.rows(t, v2), 1, "another key is left alone")
	assert.Len(t, s.rows(t, v1), 3)
	assert.Len(t, s.effects("remove-test", checklist.VariableDelete), 2, "one row, one deletion")
}

func TestRemoveKeyFindsARowGone(t *testing.T) {
	t.Parallel()
	s := newStage(t, "remove-test")
	s.add(t, test, "preview")
	s.wire.twice = http.MethodDelete // somebody removes it in the same moment
	s.pass(t, "remove-test")
	assert.Equal(t, []checklist.How{checklist.Gone}, s.made("remove-test"))
}

// removeOld types what is asked for before the old key is removed.
func removeOld(t *testing.T) *checklisttest.Script {
	return checklisttest.NewScript(t, checklisttest.Type("remove-old", "v1"))
}

func TestTheOldKeyStaysWhileTheNewOneIsNotAccepted(t *testing.T) {
	t.Parallel()
	s := newStage(t, "generate", "remove-old")
	s.pass(t, "generate")
	err := s.engine.Run(t.Context(), "remove-old", removeOld(t))
	require.ErrorContains(t, err, "orders-api staging does not accept v2")
	assert.Contains(t, checklist.Hint(err), "nothing was removed")
	assert.Len(t, s.rows(t, v1), 3)
	assert.Empty(t, s.effects("remove-old", checklist.VariableDelete))
}

func TestTheOldKeyStaysWhileItCannotBeRecovered(t *testing.T) {
	t.Parallel()
	s := newStage(t, "generate", "remove-old")
	s.pass(t, "generate")
	require.NoError(t, s.outside.Vault.Delete(t.Context(), "production/v1"))
	err := s.engine.Run(t.Context(), "remove-old", removeOld(t))
	require.ErrorContains(t, err, "get the old key of production from the vault")
	assert.Len(t, s.rows(t, v1), 3)
	assert.Empty(t, s.effects("remove-old", checklist.VariableDelete))
}

// Where no item has proved that the vault's copy works, the removal tries it:
// afterwards nobody can.
func TestTheOldKeyStaysWhileItsCopyIsNotTheOneInService(t *testing.T) {
	t.Parallel()
	s := newStage(t, "generate", "add-staging", "add-production", "redeploy-removal", "remove-old")
	s.pass(t, "generate", "add-staging", "add-production", "redeploy-removal")
	_, err := s.outside.Vault.Put(t.Context(), "staging/v1", generated(t), vault.PutOptions{Replace: true})
	require.NoError(t, err)
	err = s.engine.Run(t.Context(), "remove-old", removeOld(t))
	require.ErrorContains(t, err, "orders-api staging does not accept v1")
	assert.Contains(t, checklist.Hint(err), "nothing was removed")
	assert.Len(t, s.rows(t, v1), 3)
	assert.Empty(t, s.effects("remove-old", checklist.VariableDelete))
}

func TestTheOldKeyStaysWhenItsNameIsNotTyped(t *testing.T) {
	t.Parallel()
	s := newStage(t, "remove-old")
	err := s.engine.Run(t.Context(), "remove-old", checklisttest.NewScript(t, checklisttest.Type("remove-old", "yes")))
	require.ErrorIs(t, err, checklist.ErrDeclined)
	assert.Len(t, s.rows(t, v1), 3)
}

func TestRemoveOldKey(t *testing.T) {
	t.Parallel()
	s := newStage(t, "generate", "add-staging", "add-production", "redeploy-removal", "remove-old")
	s.pass(t, "generate", "add-staging", "add-production", "redeploy-removal")
	require.NoError(t, s.engine.Run(t.Context(), "remove-old", removeOld(t)))
	assert.Empty(t, s.rows(t, v1))
	assert.Len(t, s.rows(t, v2), 3)
	st := s.engine.Session().State("remove-old")
	require.NotNil(t, st.Evidence)
	assert.Contains(t, st.Evidence.Summary, "running deployments accept it until the next one serves")
	assert.Len(t, st.Effects, 4, "one for each project and environment")
}

// Staging is served before production is built: what goes wrong goes wrong there
// first.
func TestStagingIsRedeployedBeforeProduction(t *testing.T) {
	t.Parallel()
	s := newStage(t, "redeploy-removal")
	s.pass(t, "redeploy-removal")
	var order []string
	for _, e := range s.config.Journal.Events() {
		if e.Effect != nil && e.Effect.Code == checklist.DeploymentCreate && e.Kind == checklist.Done {
			order = append(order, string(e.Effect.Environment))
		}
	}
	assert.Equal(t, []string{"staging", "staging", "production", "production"}, order)
}
