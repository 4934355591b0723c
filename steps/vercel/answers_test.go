package vercel

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestAnswersHaveEveryRequiredField holds the shapes without which Vercel's own
// SDK (@vercel/sdk 1.28) refuses an answer or drops fields of it. A list must be
// a list even if it is empty: null is refused too.
func TestAnswersHaveEveryRequiredField(t *testing.T) {
	t.Parallel()
	envRow := "id key value type target customEnvironmentIds createdAt updatedAt decrypted visibility securityIssues"
	deployment := "id url name readyState status type plan regions meta env build creator projectSettings aliasAssigned " +
		"version public createdAt createdIn bootedAt buildingAt inspectorUrl ownerId projectId routes " +
		"isInConcurrentBuildsQueue isInSystemBuildsQueue buildSkipped alias"
	for _, test := range []struct {
		name   string
		answer any
		fields string
	}{
		{"user", AnswerUser(User{ID: "u"}).User, "id email name username"},
		{"project", AnswerProject(Project{}), "id name nodeVersion deploymentExpiration alias defaultResourceConfig resourceConfig"},
		{"variable", AnswerVariable(Variable{}), envRow},
		{"variables", AnswerVariables(nil), "envs pagination"},
		{"create", AnswerCreate(Variable{}), "created failed"},
		{"deployment of a list", AnswerDeployments([]Deployment{{}}).Deployments[0], "uid name projectId url readyState state created type creator"},
		{"deployments", AnswerDeployments(nil), "deployments pagination"},
		{"deployment", AnswerDeployment(Deployment{}), deployment},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			data, err := json.Marshal(test.answer)
			require.NoError(t, err)
			var object map[string]any
			require.NoError(t, json.Unmarshal(data, &object))
			for _, field := range strings.Fields(test.fields) {
				assert.NotNil(t, object[field], field)
			}
		})
	}
}

// TestAnswersAreReadBack shows that what a stand-in encodes is what the client
// reads.
func TestAnswersAreReadBack(t *testing.T) {
	t.Parallel()
	want := Deployment{
		ID: "d", URL: "u", Name: "n", ProjectID: "p", Target: TargetProduction, Branch: "main", ReadyState: StateReady,
		Created: 1, Ready: 2, Alias: []string{"a"}, AliasAssigned: true, Mark: "m",
	}
	for name, change := range map[string]func(*Deployment){
		"production":       func(*Deployment) {},
		"preview":          func(d *Deployment) { d.Target = "" },
		"waiting":          func(d *Deployment) { d.ReadyState, d.Ready, d.AliasAssigned = StateQueued, 0, false },
		"with alias error": func(d *Deployment) { d.AliasError, d.AliasAssigned = "x", false },
	} {
		want := want
		change(&want)
		for _, answer := range []any{AnswerDeployment(want), AnswerDeployments([]Deployment{want}).Deployments[0]} {
			data, err := json.Marshal(answer)
			require.NoError(t, err)
			var read deploymentJSON
			require.NoError(t, json.Unmarshal(data, &read))
			got, err := read.deployment()
			require.NoError(t, err)
			if got.Alias == nil {
				got.Alias = want.Alias // a list does not have them
			}
			if want.AliasError != "" {
				assert.Contains(t, got.AliasError, want.AliasError)
				got.AliasError = want.AliasError
			}
			assert.Equal(t, want, got, name)
		}
	}
}
