package steps_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/steps/sandbox"
	"keyturn/steps/target"
)

const compromised = "remove-compromised"

// in limits an item of the stage to some environments, as a session that may not
// touch the others does.
func (s *stage) in(t *testing.T, item string, environments ...checklist.Environment) {
	t.Helper()
	c := part(t, []string{item})
	c.Phases[0].Items[0].Environments = environments
	s.begin(t, c)
}

// reached are the rows of a key in the first project, by what they serve.
func (s *stage) reached(t *testing.T, key string) []string {
	t.Helper()
	all := s.all(t)[s.sandbox.Projects()[0].Name]
	customs, err := s.outside.Vercel.CustomEnvironments(t.Context(), s.sandbox.Projects()[0].ID)
	require.NoError(t, err)
	bySlug := map[string]string{}
	for _, c := range customs {
		bySlug[c.Slug] = c.ID
	}
	var places []string
	for _, v := range all {
		if v.Key != key {
			continue
		}
		var names []string
		for _, slot := range target.Places(v, bySlug) {
			names = append(names, slot.String())
		}
		places = append(places, strings.Join(names, "+"))
	}
	return places
}

// A row of both environments loses what is the session's; everything else of the
// key goes, whether a slot names it or not.
func TestACompromisedKeyIsTakenFromARowOfBothEnvironments(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		in   checklist.Environment
		left []string
		warn string
	}{
		"in staging":    {checklist.Staging, []string{"production"}, "goes on serving production with the same secret, which is compromised there too"},
		"in production": {checklist.Production, []string{"preview", "development", "preview:feat-1", "custom:qa", "custom:eu"}, "goes on serving preview with the same secret"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newAwkwardStage(t, []sandbox.SharedOptions{{
				VariableOptions: sandbox.VariableOptions{Key: v1, Target: []string{"production"}}, Projects: []string{"orders-api"},
			}}, compromised)
			s.in(t, compromised, tc.in)
			s.sandbox.Expect(sandbox.Touchable{Project: "orders-api", Variables: []string{v1}})
			s.sandbox.ForgetCalls()
			evidence := s.run(t, compromised, checklisttest.Type(compromised, "v1"))
			assert.ElementsMatch(t, tc.left, s.reached(t, v1))
			assert.Empty(t, s.sandbox.Unexpected())

			warnings := strings.Join(s.engine.Session().State(compromised).Plan.Warnings, "\n")
			assert.Contains(t, warnings, tc.warn)
			assert.Contains(t, warnings, "The team's shared variable HMAC_SECRET_V1", "the next deployments would have it from there")
			require.Len(t, evidence.Issues, 1)
			assert.Contains(t, evidence.Issues[0], "the compromised secret stays in service elsewhere: take ")
			assert.Len(t, s.taken("PATCH /projects/{project}/env/{id}"), 1)
		})
	}
}

// The two environments of a session are one matter: the row is deleted.
func TestACompromisedKeyIsTakenFromEverywhereAtOnce(t *testing.T) {
	t.Parallel()
	s := newAwkwardStage(t, nil, compromised)
	evidence := s.run(t, compromised, checklisttest.Type(compromised, "v1"))
	assert.Empty(t, s.reached(t, v1))
	assert.Empty(t, s.taken("PATCH /projects/{project}/env/{id}"))
	assert.Empty(t, evidence.Issues)
}

// A slot whose custom environment is not there keeps no compromised key in
// service.
func TestACompromisedKeyWaitsForNoConfiguration(t *testing.T) {
	t.Parallel()
	s := newAwkwardStage(t, nil, compromised)
	s.outside.Targets[0].Slots[checklist.Staging][2].CustomEnvironment = "gone"
	s.run(t, compromised, checklisttest.Type(compromised, "v1"))
	assert.Empty(t, s.reached(t, v1))
}

// A removal that was cut off is gone on with.
func TestACompromisedKeyAfterALostAnswer(t *testing.T) {
	t.Parallel()
	for name, taken := range map[string]bool{"the row was narrowed": true, "it was not": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newAwkwardStage(t, nil, compromised)
			s.in(t, compromised, checklist.Staging)
			s.wire.cut(http.MethodPatch, taken, true)
			require.Error(t, s.engine.Run(t.Context(), compromised, checklisttest.NewScript(t, checklisttest.Type(compromised, "v1"))))
			s.wire.mend()
			s.reopen(t)
			evidence := s.run(t, compromised, checklisttest.Type(compromised, "v1"))
			assert.Equal(t, []string{"production"}, s.reached(t, v1))
			assert.Len(t, s.taken("PATCH /projects/{project}/env/{id}"), 1)
			assert.Len(t, evidence.Issues, 1)
		})
	}
}

// What cannot be taken apart is explained, and nothing is removed.
func TestACompromisedKeyInARowThatCannotBeTakenApart(t *testing.T) {
	t.Parallel()
	s := newStageIn(t, sandbox.Account{Projects: []sandbox.ProjectOptions{{
		Name: "orders-api", CustomEnvironments: []string{"qa", "eu"}, WithoutKey: true,
		Variables: []sandbox.VariableOptions{{Key: v1, CustomEnvironments: []string{"qa", "eu"}}, {Key: v1, Target: []string{"preview"}}},
	}}}, compromised)
	s.outside.Targets[0].Slots = map[checklist.Environment][]target.Slot{checklist.Production: {{Target: "production"}, {CustomEnvironment: "eu"}}}
	s.in(t, compromised, checklist.Staging)
	err := s.engine.Run(t.Context(), compromised, checklisttest.NewScript(t))
	require.ErrorContains(t, err, "of which the session may take only custom:qa")
	assert.Contains(t, checklist.Hint(err), "split the row at Vercel")
	assert.Len(t, s.reached(t, v1), 2)
}
