package sandbox

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// deploymentFields are without which Vercel's SDK drops most of a deployment
// without a word.
const deploymentFields = `id url name readyState status type plan regions meta env build creator projectSettings aliasAssigned
	version public createdAt createdIn bootedAt buildingAt inspectorUrl ownerId projectId routes isInConcurrentBuildsQueue
	isInSystemBuildsQueue buildSkipped target alias aliasError`

const variableFieldNames = `id key value type target gitBranch customEnvironmentIds createdAt updatedAt createdBy updatedBy
	decrypted visibility securityIssues`

// TestAnswersHoldWhatTheSDKRequires holds every answer to the fields that
// Vercel's official SDK refuses to be without.
func TestAnswersHoldWhatTheSDKRequires(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, Options{BuildTime: time.Hour, Account: Account{
		Teams:    []Team{{Slug: "acme"}},
		Members:  []Member{{Username: "mallory"}},
		Projects: []ProjectOptions{{Name: "orders-api", CustomEnvironments: []string{"qa"}}},
		Shared:   []SharedOptions{{VariableOptions: VariableOptions{Key: "SENTRY", Target: []string{"preview"}}, Projects: []string{"orders-api"}}},
	}})
	serving := MustServe(t, w, "orders-api", Production)
	scope := "teamId=" + w.Teams()[0].ID
	created := api(t, w, http.MethodPost, "/v10/projects/orders-api/env?"+scope, `{"key":"A","value":"x","type":"encrypted","target":["preview","production"]}`)
	var row struct{ Created struct{ ID string } }
	created.decode(t, &row)
	redeploy := fmt.Sprintf(`{"deploymentId":%q,"name":"orders-api","meta":{"action":"redeploy"}}`, serving.ID)

	for _, test := range []struct {
		method, path, body string
		status             int
		at                 string // keys and indexes to the object that is looked at
		fields             string
	}{
		{"GET", "/v2/user", "", 200, "user", "id email name username avatar defaultTeamId"},
		{"GET", "/v2/teams", "", 200, "", "teams pagination"},
		{"GET", "/v2/teams/acme", "", 200, "", "id slug name creatorId avatar description billing createdAt membership stagingPrefix"},
		{"GET", "/v2/teams/acme", "", 200, "membership", "confirmed created createdAt role uid"},
		{"GET", "/v3/teams/acme/members", "", 200, "members 0", "uid username email role confirmed createdAt"},
		{"GET", "/v10/projects", "", 200, "", "projects pagination"},
		{"GET", "/v9/projects/orders-api", "", 200, "", "id name accountId nodeVersion deploymentExpiration alias defaultResourceConfig resourceConfig"},
		{"GET", "/v9/projects/orders-api", "", 200, "resourceConfig", "functionDefaultRegions"},
		{"GET", "/v9/projects/orders-api", "", 200, "defaultResourceConfig", "functionDefaultRegions"},
		{"GET", "/v9/projects/orders-api/custom-environments", "", 200, "environments 0", "id slug type createdAt updatedAt"},
		{"GET", "/v9/projects/orders-api/custom-environments", "", 200, "accountLimit", "total"},
		{"GET", "/v1/env", "", 200, "data 0", "id key type target projectId ownerId created createdAt updatedAt createdBy updatedBy decrypted securityIssues"},
		{"GET", "/v10/projects/orders-api/env", "", 200, "", "envs pagination"},
		{"GET", "/v10/projects/orders-api/env", "", 200, "pagination", "count next prev"},
		{"GET", "/v10/projects/orders-api/env", "", 200, "envs 0", variableFieldNames},
		{"POST", "/v10/projects/orders-api/env", `{"key":"B","value":"x","type":"sensitive","target":["preview"]}`, 201, "", "created failed"},
		{"POST", "/v10/projects/orders-api/env", `{"key":"C","value":"x","type":"sensitive","target":["preview"]}`, 201, "created", variableFieldNames},
		{"GET", "/v1/projects/orders-api/env/" + row.Created.ID, "", 200, "", variableFieldNames},
		{"PATCH", "/v9/projects/orders-api/env/" + row.Created.ID, `{"target":["production"]}`, 200, "", variableFieldNames},
		{"DELETE", "/v9/projects/orders-api/env/" + row.Created.ID, "", 200, "", variableFieldNames},
		{"DELETE", "/v1/projects/orders-api/env", `{"ids":[]}`, 200, "", "deleted ids"},
		{"GET", "/v7/deployments", "", 200, "", "deployments pagination"},
		{"GET", "/v7/deployments", "", 200, "deployments 0", "uid name projectId url target readyState state created type creator"},
		{"GET", "/v7/deployments", "", 200, "deployments 0 creator", "uid username"},
		{"GET", "/v13/deployments/" + serving.ID, "", 200, "", deploymentFields},
		{"GET", "/v13/deployments/" + serving.ID, "", 200, "build", "env"},
		{"POST", "/v13/deployments?forceNew=1", redeploy, 200, "", deploymentFields},
		{"GET", "/v3/deployments/" + serving.ID + "/events", "", 200, "0", "created date deploymentId id info serial type text"},
		{"GET", "/v3/deployments/" + serving.ID + "/events", "", 200, "0 info", "name type"},
		{"GET", "/v2/deployments/" + serving.ID + "/aliases", "", 200, "aliases 0", "uid alias created"},
		{"GET", "/v4/aliases", "", 200, "", "aliases pagination"},
		{"GET", "/v9/projects/nope", "", 404, "error", "code message"},
	} {
		t.Run(test.method+" "+test.path+" "+test.at, func(t *testing.T) {
			path := test.path + "?" + scope
			if strings.Contains(test.path, "?") {
				path = test.path + "&" + scope
			}
			r := api(t, w, test.method, path, test.body)
			require.Equal(t, test.status, r.status, "body: %s", r.body)
			assert.Contains(t, r.header.Get("Content-Type"), "application/json")
			var answer any
			r.decode(t, &answer)
			object := into(t, answer, strings.Fields(test.at)...)
			for _, field := range strings.Fields(test.fields) {
				assert.Contains(t, object, field)
			}
			// The lists that the SDK refuses as null.
			for _, field := range strings.Fields("securityIssues customEnvironmentIds target regions env routes alias failed envs deployments") {
				if value, is := object[field]; is && value == nil {
					isDeployment := field == "target" && strings.Contains(test.path, "deployments")
					assert.True(t, isDeployment, "%s is null", field)
				}
			}
		})
	}
	t.Run("enums", func(t *testing.T) {
		r := api(t, w, http.MethodGet, "/v7/deployments?"+scope, "")
		assert.Contains(t, string(r.body), `"type":"LAMBDAS"`)
		r = api(t, w, http.MethodPost, "/v9/projects/orders-api/rollback/"+serving.ID+"?"+scope, "")
		assert.Equal(t, http.StatusCreated, r.status)
		assert.Empty(t, r.body)
	})
}

// into goes down into an answer by keys and by "0" for the first of a list.
func into(t *testing.T, answer any, path ...string) map[string]any {
	t.Helper()
	for _, step := range path {
		switch value := answer.(type) {
		case []any:
			require.NotEmpty(t, value, step)
			answer = value[0]
		case map[string]any:
			require.Contains(t, value, step)
			answer = value[step]
		}
	}
	object, ok := answer.(map[string]any)
	require.True(t, ok, "%v is no object", answer)
	return object
}
