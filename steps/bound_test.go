package steps_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/steps/sandbox"
	"keyturn/vault"
)

// bindFirst opens the session anew, for the first target alone: the others are
// configured since.
func (s *stage) bindFirst(t *testing.T, items ...string) {
	t.Helper()
	all := s.outside.Targets
	s.outside.Targets = all[:1]
	s.begin(t, part(t, items))
	s.outside.Targets = all
}

// What a session does not bind is neither looked at nor changed by any item that
// reaches the platform.
func TestNoItemTouchesATargetThatTheSessionDoesNotBind(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		items []string
		ready func(*testing.T, *stage)
	}{
		"rotation": {items: append([]string{"generate", "store"}, rotation()[1:]...), ready: func(*testing.T, *stage) {}},
		"emergency": {
			items: []string{"see-who-breaks", "remove-compromised", "generate", "add", "redeploy", "prove-revoked", "new-key-in-service", "older-deployments"},
			ready: func(*testing.T, *stage) {},
		},
		"rollback": {items: []string{"re-add-old", "redeploy", "verify-old", "investigate"}, ready: func(t *testing.T, s *stage) {
			s.outside.Sessions = realm{}
			_, err := s.outside.Vault.Put(t.Context(), "production/v2", generated(t), vault.PutOptions{})
			require.NoError(t, err)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStageIn(t, sandbox.Account{Projects: sandbox.ManyProjects(2)}, tc.items...)
			tc.ready(t, s)
			s.bindFirst(t, tc.items...)
			bound, other := s.outside.Targets[0], s.outside.Targets[1]
			before := s.all(t)[other.Name]
			s.sandbox.ForgetCalls()
			s.sandbox.Expect(sandbox.Touchable{Project: bound.Project, Variables: []string{v1, v2}, Deploy: true})
			for _, item := range tc.items {
				op := &asked{}
				require.NoError(t, s.engine.Run(t.Context(), item, op), item)
				assert.NotContains(t, op.text.String(), other.Name, item)
			}
			require.NotEmpty(t, s.sandbox.Calls())
			assert.Empty(t, s.sandbox.Unexpected(), "nothing else was called")
			assert.Equal(t, before, s.all(t)[other.Name])
			for subject := range s.engine.Session().Seen {
				target, _, _, ok := checklist.ParseVariable(subject)
				assert.True(t, ok, subject)
				assert.Equal(t, bound.Name, target)
			}
			for _, e := range s.config.Journal.Events() {
				if e.Effect != nil && e.Effect.Target != "" {
					assert.Equal(t, bound.Name, e.Effect.Target)
				}
			}
		})
	}
}

// asked is a willing operator that keeps what was shown and asked.
type asked struct {
	willing
	text strings.Builder
}

func (a *asked) Show(e checklist.Event) {
	if e.Plan != nil {
		for _, action := range e.Plan.Actions {
			a.text.WriteString(action.Target + " " + action.Words + "\n")
		}
	}
}

// A target that was taken out in the middle is left as it is from then on.
func TestATargetThatWasTakenOutIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := newStage(t, "generate-test", "add-test", "redeploy-add", "remove-test")
	s.pass(t, "generate-test", "add-test")
	gone := s.outside.Targets[1]
	before := s.all(t)[gone.Name]
	s.config.Setup = s.config.Setup.Without(gone.Name)
	s.reopen(t)
	op := checklisttest.NewScript(t, say("it moved to another team", gone.Name+" is not configured any more"), checklisttest.Agree("redeploy-add"))
	require.NoError(t, s.engine.Run(t.Context(), "redeploy-add", op), "and the variables of %s are nobody's drift", gone.Name)
	assert.Equal(t, []string{gone.Name}, s.engine.Session().NarrowedTargets())
	s.pass(t, "remove-test")
	assert.Equal(t, before, s.all(t)[gone.Name], "its test key is there still")
	assert.Empty(t, s.rows(t, test))
	deployments, err := s.outside.Vercel.Deployments(t.Context(), gone.Project, "preview")
	require.NoError(t, err)
	for _, d := range deployments {
		assert.Empty(t, d.Mark)
	}
}

// By hand nothing is asked for either.
func TestByHandNothingIsAskedOfAnotherTarget(t *testing.T) {
	t.Parallel()
	s, _ := newHandStage(t, "generate", "add-staging")
	s.bindFirst(t, "generate", "add-staging")
	s.config.Observer = nil
	s.reopen(t)
	s.pass(t, "generate")
	s.handed(t, "add-staging")
	effects := s.engine.Session().State("add-staging").Effects
	require.Len(t, effects, 2)
	for i, place := range []string{"preview", "development"} {
		assert.Equal(t, checklist.Effect{
			Code: checklist.VariableCreate, Target: s.outside.Targets[0].Name, Environment: checklist.Staging,
			Key: "v2", Place: place, ByHand: true, How: checklist.Said, Note: "the value was not copied here",
		}, effects[i])
	}
}
