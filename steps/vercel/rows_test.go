package vercel

import (
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestDeleteVariables(t *testing.T) {
	t.Parallel()

	t.Run("all rows in one request", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{}, says(200, `{"deleted":1,"ids":["env1"]}`))
		gone, err := w.client.DeleteVariables(t.Context(), "prj_1", []string{"env1", "env2"})
		require.NoError(t, err)
		assert.Equal(t, []string{"env1"}, gone, "env2 was gone already")
		got := w.requests()
		require.Len(t, got, 1)
		assert.Equal(t, "DELETE /v1/projects/prj_1/env", got[0].Method+" "+got[0].Path)
		assert.JSONEq(t, `{"ids":["env1","env2"]}`, got[0].Body)
	})

	for name, answer := range map[string]reply{
		"the connection is cut":      drops(),
		"the server fails":           says(502, ""),
		"another row is named":       says(200, `{"deleted":1,"ids":["env9"]}`),
		"the answer is not readable": says(200, `<html>`),
	} {
		t.Run("an answer that says nothing: "+name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, Options{}, answer)
			_, err := w.client.DeleteVariables(t.Context(), "prj_1", []string{"env1"})
			var lost *UnknownOutcomeError
			require.ErrorAs(t, err, &lost)
			assert.Len(t, w.requests(), 1, "a write is not repeated blindly")
			assert.ErrorContains(t, err, "delete variables env1 in project prj_1")
		})
	}

	t.Run("no row is never sent", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{}, says(200, "{}"))
		for _, ids := range [][]string{nil, {""}, {"env1", ""}} {
			_, err := w.client.DeleteVariables(t.Context(), "prj_1", ids)
			require.Error(t, err)
		}
		_, err := w.client.DeleteVariables(t.Context(), "", []string{"env1"})
		require.Error(t, err)
		assert.Empty(t, w.requests())
	})
}

func TestNarrowVariable(t *testing.T) {
	t.Parallel()
	wide := Variable{ID: "env1", Key: "HMAC_SECRET_V1", Target: []string{TargetProduction, TargetPreview}}

	t.Run("only the targets are sent", func(t *testing.T) {
		t.Parallel()
		narrow := wide
		narrow.Target = []string{TargetProduction}
		w := newWorld(t, Options{}, says(200, AnswerVariable(narrow)))
		require.NoError(t, w.client.NarrowVariable(t.Context(), "prj_1", wide, []string{TargetProduction}))
		got := w.requests()
		require.Len(t, got, 1)
		assert.Equal(t, "PATCH /v9/projects/prj_1/env/env1", got[0].Method+" "+got[0].Path)
		assert.JSONEq(t, `{"target":["production"]}`, got[0].Body)
	})

	t.Run("an answer with other targets says nothing", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{}, says(200, AnswerVariable(wide)))
		err := w.client.NarrowVariable(t.Context(), "prj_1", wide, []string{TargetProduction})
		var lost *UnknownOutcomeError
		require.True(t, errors.As(err, &lost), "%v", err)
	})

	t.Run("what is no narrowing is never sent", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{}, says(200, "{}"))
		for _, keep := range [][]string{nil, {TargetDevelopment}, {TargetProduction, TargetPreview}} {
			require.Error(t, w.client.NarrowVariable(t.Context(), "prj_1", wide, keep), keep)
		}
		foreign := wide
		foreign.Key = "DATABASE_URL"
		require.ErrorContains(t, w.client.NarrowVariable(t.Context(), "prj_1", foreign, []string{TargetProduction}), "not a variable of ours")
		assert.Empty(t, w.requests())
	})
}

func TestRowsOfABranchAndOfACustomEnvironment(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		change func(*NewVariable)
		answer Variable
		body   string
	}{
		"a branch": {
			func(v *NewVariable) { v.GitBranch = "feat-1" },
			Variable{ID: "env1", Key: "HMAC_SECRET_V2", Type: TypeSensitive, Target: []string{TargetPreview}, GitBranch: "feat-1"},
			`"target":["preview"],"comment":"session s1","gitBranch":"feat-1"`,
		},
		"a custom environment": {
			func(v *NewVariable) { v.Target, v.CustomEnvironmentID = "", "env_qa" },
			Variable{ID: "env1", Key: "HMAC_SECRET_V2", Type: TypeSensitive, CustomEnvironmentIDs: []string{"env_qa"}},
			`"comment":"session s1","customEnvironmentIds":["env_qa"]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v := newVariable(t)
			test.change(&v)
			w := newWorld(t, Options{}, says(201, AnswerCreate(test.answer)), says(201, AnswerCreate(row)))
			_, err := w.client.CreateVariable(t.Context(), "prj_1", v)
			require.NoError(t, err)
			assert.Equal(t, `{"key":"HMAC_SECRET_V2","value":"`+testSecret+`","type":"sensitive",`+test.body+`}`, w.requests()[0].Body)

			_, err = w.client.CreateVariable(t.Context(), "prj_1", v)
			var lost *UnknownOutcomeError
			require.ErrorAs(t, err, &lost, "a row for another place is not the one")
		})
	}

	t.Run("what cannot be is never sent", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{}, says(201, "{}"))
		for _, change := range []func(*NewVariable){
			func(v *NewVariable) { v.CustomEnvironmentID = "env_qa" }, // beside preview
			func(v *NewVariable) { v.Target, v.GitBranch = TargetProduction, "main" },
			func(v *NewVariable) { v.Target = "" },
		} {
			v := newVariable(t)
			change(&v)
			_, err := w.client.CreateVariable(t.Context(), "prj_1", v)
			require.Error(t, err)
		}
		assert.Empty(t, w.requests())
	})
}

func TestTeamVariables(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Team: "acme"}, says(200, `{"data":[{"id":"env_1","key":"HMAC_SECRET_V1","type":"encrypted","target":["production"],"projectId":["prj_1","prj_2"],"value":"x"}],"pagination":{"count":1,"next":null}}`))
	all, err := w.client.TeamVariables(t.Context())
	require.NoError(t, err)
	assert.Equal(t, []SharedVariable{{
		Variable:   Variable{ID: "env_1", Key: "HMAC_SECRET_V1", Type: TypeEncrypted, Target: []string{TargetProduction}},
		ProjectIDs: []string{"prj_1", "prj_2"},
	}}, all)
	assert.Equal(t, "GET /v1/env", w.requests()[0].Method+" "+w.requests()[0].Path)

	w = newWorld(t, Options{}, says(200, "{}"))
	all, err = w.client.TeamVariables(t.Context())
	require.NoError(t, err)
	assert.Empty(t, all)
	assert.Empty(t, w.requests(), "a personal account has none")
}

func TestRedeployOfACustomEnvironmentAndABranch(t *testing.T) {
	t.Parallel()
	qa := preview
	qa.CustomEnvironment = "qa"
	w := newWorld(t, Options{}, says(200, `{"id":"dpl_2","name":"orders","readyState":"QUEUED","target":null,"customEnvironment":{"id":"env_qa","slug":"qa"}}`))
	_, err := w.client.Redeploy(t.Context(), "prj_1", qa, "qa")
	require.NoError(t, err)
	assert.JSONEq(t, `{"deploymentId":"dpl_1","name":"orders","meta":{"action":"redeploy"},"customEnvironmentSlugOrId":"qa"}`, w.requests()[0].Body)
	_, err = w.client.Redeploy(t.Context(), "prj_1", qa, "eu")
	require.ErrorContains(t, err, `target "eu"`)
	_, err = w.client.Redeploy(t.Context(), "prj_1", qa, TargetPreview)
	require.ErrorContains(t, err, "one of qa")
	assert.Len(t, w.requests(), 1)

	of := func(id, branch string) string {
		return `{"uid":"` + id + `","name":"orders","projectId":"prj_1","readyState":"READY","created":10,"meta":{"githubCommitRef":"` + branch + `"}}`
	}
	w = newWorld(t, Options{}, says(200, `{"deployments":[`+of("dpl_9", "other")+`,`+of("dpl_8", "feat-1")+`],"pagination":{"count":2,"next":null}}`))
	d, err := w.client.LatestReadyOf(t.Context(), "prj_1", TargetPreview, "feat-1")
	require.NoError(t, err)
	assert.Equal(t, "dpl_8", d.ID)
	_, err = w.client.LatestReadyOf(t.Context(), "prj_1", TargetPreview, "gone")
	require.ErrorIs(t, err, ErrNotFound)
	assert.ErrorContains(t, err, "of the branch gone")
}
