package sandbox

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/steps/vercel"
)

func TestVercelAPIChecksTheToken(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	for name, header := range map[string]map[string]string{
		"none":         {},
		"another":      {"Authorization": "Bearer nonsense"},
		"not a bearer": {"Authorization": w.VercelToken()},
	} {
		t.Run(name, func(t *testing.T) {
			r, err := do(t, http.MethodGet, w.VercelURL()+"/v2/user", header, "")
			require.NoError(t, err)
			assert.Equal(t, http.StatusForbidden, r.status)
			assert.JSONEq(t, `{"error":{"code":"forbidden","message":"Not authorized","invalidToken":true}}`, string(r.body))
		})
	}
}

func TestVercelAPIReads(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	id := w.Projects()[0].ID
	for _, test := range []struct {
		path   string
		status int
		holds  string
	}{
		{"/v2/user", 200, `"username":"sandbox"`},
		{"/v9/projects/orders-api", 200, id},
		{"/v9/projects/" + id + "?teamId=team_1", 200, `"nodeVersion":"22.x"`},
		{"/v9/projects/" + id + "?slug=a-team", 200, `"name":"orders-api"`},
		{"/v9/projects/nope", 404, `"code":"not_found"`},
		{"/v10/projects/nope/env", 404, `"code":"not_found"`},
		{"/v8/projects/orders-api/env", 200, `"securityIssues":[]`},
		{"/v9/projects/orders-api/custom-environments", 200, `"environments":[]`},
		{"/projects/orders-api/custom-environments", 200, `"environments":[]`},
		{"/v13/deployments/dpl_nope", 404, `"code":"not_found"`},
		{"/v4/aliases?projectId=" + id, 200, "/p/orders-api/staging"},
		{"/v1/nothing/of/the/kind", 404, `"code":"not_found"`},
	} {
		t.Run(test.path, func(t *testing.T) {
			r := api(t, w, http.MethodGet, test.path, "")
			assert.Equal(t, test.status, r.status)
			assert.Contains(t, string(r.body), test.holds)
			assert.Equal(t, "application/json; charset=utf-8", r.header.Get("Content-Type"))
		})
	}
}

func TestCreateVariable(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	path := "/v10/projects/orders-api/env"
	row := MustAdd(t, w, "orders-api", Staging, "v2", MustSecret(t))
	assert.Equal(t, []string{"preview"}, row.Target)
	assert.Empty(t, row.Value)
	for _, test := range []struct {
		name, path, body string
		status           int
		code             string
	}{
		{"the same key and target", path, `{"key":"HMAC_SECRET_V2","value":"x","type":"sensitive","target":["preview"]}`, 403, "ENV_ALREADY_EXISTS"},
		{"the same key, more targets", path, `{"key":"HMAC_SECRET_V2","value":"x","type":"encrypted","target":["preview","development"]}`, 400, "ENV_CONFLICT"},
		{"upsert over other targets", path + "?upsert=true", `{"key":"HMAC_SECRET_V2","value":"x","type":"encrypted","target":["preview","development"]}`, 400, "ENV_CONFLICT"},
		{"sensitive in development", path, `{"key":"HMAC_SECRET_V3","value":"x","type":"sensitive","target":["development"]}`, 400, "bad_request"},
		{"sensitive in development too", path, `{"key":"HMAC_SECRET_V3","value":"x","type":"sensitive","target":["preview","development"]}`, 400, "bad_request"},
		{"an unknown type", path, `{"key":"HMAC_SECRET_V3","value":"x","type":"secret","target":["preview"]}`, 400, "bad_request"},
		{"an unknown target", path, `{"key":"HMAC_SECRET_V3","value":"x","type":"plain","target":["staging"]}`, 400, "bad_request"},
		{"no target", path, `{"key":"HMAC_SECRET_V3","value":"x","type":"plain"}`, 400, "bad_request"},
		{"no value", path, `{"key":"HMAC_SECRET_V3","type":"plain","target":["preview"]}`, 400, "bad_request"},
		{"a bad name", path, `{"key":"A-B","value":"x","type":"plain","target":["preview"]}`, 400, "bad_request"},
		{"a branch in production", path, `{"key":"HMAC_SECRET_V3","value":"x","type":"plain","target":["production"],"gitBranch":"main"}`, 400, "bad_request"},
		{"a custom environment", path, `{"key":"HMAC_SECRET_V3","value":"x","type":"plain","target":["preview"],"customEnvironmentIds":["env_1"]}`, 400, "bad_request"},
		{"no JSON", path, `key=value`, 400, "bad_request"},
		{"a number as key", path, `{"key":5}`, 400, "bad_request"},
		{"no such project", "/v10/projects/nope/env", `{"key":"K","value":"x","type":"plain","target":["preview"]}`, 404, "not_found"},
	} {
		t.Run(test.name, func(t *testing.T) {
			r := api(t, w, http.MethodPost, test.path, test.body)
			assert.Equal(t, test.status, r.status)
			var body vercel.ErrorBody
			r.decode(t, &body)
			assert.Equal(t, test.code, body.Error.Code)
			if test.status == http.StatusForbidden {
				assert.Equal(t, row.ID, body.Error.EnvVarID)
			}
		})
	}
	t.Run("upsert over the same target keeps the row", func(t *testing.T) {
		r := api(t, w, http.MethodPost, path+"?upsert=true", `{"key":"HMAC_SECRET_V2","value":"x","type":"sensitive","target":"preview"}`)
		require.Equal(t, http.StatusCreated, r.status)
		assert.Contains(t, string(r.body), row.ID)
	})
	t.Run("a list names those it refuses", func(t *testing.T) {
		r := api(t, w, http.MethodPost, path, `[{"key":"A","value":"x","type":"plain","target":["preview"]},{"key":"A","value":"y","type":"plain","target":["preview"]}]`)
		require.Equal(t, http.StatusCreated, r.status)
		var body struct {
			Created []vercel.VariableRow
			Failed  []vercel.ErrorBody
		}
		r.decode(t, &body)
		require.Len(t, body.Created, 1)
		require.Len(t, body.Failed, 1)
		assert.Equal(t, "ENV_ALREADY_EXISTS", body.Failed[0].Error.Code)
	})
	t.Run("the same key on a branch is another row", func(t *testing.T) {
		r := api(t, w, http.MethodPost, path, `{"key":"HMAC_SECRET_V2","value":"x","type":"sensitive","target":["preview"],"gitBranch":"feature"}`)
		assert.Equal(t, http.StatusCreated, r.status)
	})
}

func TestEditAndDeleteVariables(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	path := "/v9/projects/orders-api/env/"
	r := api(t, w, http.MethodPost, "/v10/projects/orders-api/env", `{"key":"A","value":"plain text","type":"encrypted","target":["preview","production"]}`)
	require.Equal(t, http.StatusCreated, r.status)
	var created struct{ Created vercel.VariableRow }
	r.decode(t, &created)
	row := created.Created
	assert.NotContains(t, string(r.body), "plain text", "an encrypted value comes back as ciphertext")

	r = api(t, w, http.MethodGet, "/v1/projects/orders-api/env/"+row.ID, "")
	assert.Contains(t, string(r.body), `"value":"plain text"`)

	MustAdvance(t, w, time.Minute)
	r = api(t, w, http.MethodPatch, path+row.ID, `{"target":["production"]}`)
	require.Equal(t, http.StatusOK, r.status)
	var narrowed vercel.VariableRow
	r.decode(t, &narrowed)
	assert.Equal(t, []string{"production"}, narrowed.Target)
	assert.Greater(t, narrowed.UpdatedAt, row.UpdatedAt)

	second := MustAdd(t, w, "orders-api", Production, "v2", MustSecret(t))
	assert.Equal(t, http.StatusBadRequest, api(t, w, http.MethodPatch, path+second.ID, `{"type":"plain"}`).status)
	assert.Equal(t, http.StatusForbidden, api(t, w, http.MethodPatch, path+second.ID, `{"key":"A"}`).status)
	assert.Equal(t, http.StatusNotFound, api(t, w, http.MethodPatch, path+"nope", `{}`).status)
	assert.Equal(t, http.StatusNotFound, api(t, w, http.MethodDelete, "/v9/projects/payments-api/env/"+row.ID, "").status)

	assert.Equal(t, http.StatusOK, api(t, w, http.MethodDelete, path+row.ID, "").status)
	assert.Equal(t, http.StatusNotFound, api(t, w, http.MethodDelete, path+row.ID, "").status)
	r = api(t, w, http.MethodDelete, "/v1/projects/orders-api/env", fmt.Sprintf(`{"ids":[%q,"nope"]}`, second.ID))
	assert.JSONEq(t, fmt.Sprintf(`{"deleted":1,"ids":[%q]}`, second.ID), string(r.body))
}
