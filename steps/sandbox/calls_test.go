package sandbox

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/steps/vercel"
)

func TestCallsAreRememberedWithoutValues(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	secret := MustSecret(t)
	body := rowBody("v2", secret, vercel.TypeSensitive, vercel.TargetPreview)
	r := api(t, w, http.MethodPost, "/v10/projects/"+w.Projects()[0].ID+"/env?teamId=team_1", body)
	require.Equal(t, http.StatusCreated, r.status)
	calls := w.Calls()
	require.Len(t, calls, 1)
	sum := sha256.Sum256([]byte(body))
	call := calls[0]
	assert.Equal(t, Call{
		Number: 1, At: call.At, Method: "POST", Path: "/v10/projects/" + w.Projects()[0].ID + "/env",
		Query: map[string][]string{"teamId": {"team_1"}}, Endpoint: "POST /projects/{project}/env", Member: ownerName,
		Project: "orders-api", Variables: []string{"HMAC_SECRET_V2"}, Targets: []string{"preview"},
		Body: hex.EncodeToString(sum[:]), Status: 201,
	}, call)
	for form, needle := range formsOf(t, secret.Reveal()) {
		assert.NotContains(t, fmt.Sprintf("%+v", calls), needle, form)
	}

	row := MustList(t, w, "orders-api")[3]
	api(t, w, http.MethodDelete, "/v9/projects/orders-api/env/"+row.ID, "")
	last := w.Calls()[2]
	assert.Equal(t, []string{"HMAC_SECRET_V2"}, last.Variables, "known although it is gone")
	assert.Empty(t, last.Body)
	w.ForgetCalls()
	assert.Empty(t, w.Calls())
	assert.Empty(t, w.Unexpected(), "without a plan nothing is unexpected")
}

func TestWhatAPlanDoesNotCoverIsUnexpected(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, Options{Account: Account{
		Projects: []ProjectOptions{{Name: "orders-api"}, {Name: "payments-api"}, {Name: "read-only"}},
	}})
	ours, theirs := MustList(t, w, "orders-api")[0], MustList(t, w, "payments-api")[0]
	plain := `{"key":"DATABASE_URL","value":"x","type":"plain","target":["preview"]}`
	r := api(t, w, http.MethodPost, "/v10/projects/orders-api/env", plain)
	var created struct{ Created vercel.VariableRow }
	r.decode(t, &created)
	serving, other := MustServe(t, w, "orders-api", Staging).ID, MustServe(t, w, "payments-api", Staging).ID
	readOnly := MustServe(t, w, "read-only", Staging).ID

	w.Expect(
		Touchable{Project: w.Projects()[0].ID, Variables: []string{"HMAC_SECRET_V1", "HMAC_SECRET_V2"}, Deploy: true},
		Touchable{Project: "read-only"},
	)
	redeploy := func(id, name string) string { return fmt.Sprintf(`{"deploymentId":%q,"name":%q}`, id, name) }
	v2 := rowBody("v2", MustSecret(t), vercel.TypeSensitive, vercel.TargetPreview)
	for _, test := range []struct{ method, path, body, why string }{
		{"GET", "/v2/user", "", ""},
		{"GET", "/v9/projects", "", ""},
		{"GET", "/v1/env", "", ""},
		{"GET", "/v10/projects/orders-api/env", "", ""},
		{"POST", "/v10/projects/orders-api/env", v2, ""},
		{"PATCH", "/v9/projects/orders-api/env/" + ours.ID, `{"comment":"x"}`, ""},
		{"POST", "/v13/deployments", redeploy(serving, "orders-api"), ""},
		{"GET", "/v7/deployments?projectId=orders-api", "", ""},
		{"GET", "/v10/projects/read-only/env", "", ""},
		{"GET", "/v13/deployments/" + readOnly, "", ""},

		{"GET", "/v3/env/pull/orders-api/preview", "", "variable DATABASE_URL of orders-api is not in the plan"},
		{"GET", "/v3/env/pull/orders-api/production", "", ""},
		{"GET", "/v7/deployments", "", "lists the deployments of every project"},
		{"GET", "/v10/projects/payments-api/env", "", "project payments-api is not in the plan"},
		{"PATCH", "/v9/projects/payments-api/env/" + theirs.ID, `{"comment":"x"}`, "project payments-api is not in the plan"},
		{"GET", "/v13/deployments/" + other, "", "project payments-api is not in the plan"},
		{"GET", "/v9/projects/nope", "", "project nope is not in the plan"},
		{"POST", "/v10/projects/orders-api/env", `[` + v2 + `,` + plain + `]`, "variable DATABASE_URL of orders-api is not in the plan"},
		{"GET", "/v1/projects/orders-api/env/" + created.Created.ID, "", "variable DATABASE_URL of orders-api is not in the plan"},
		{"PATCH", "/v9/projects/orders-api/env/" + ours.ID, `{"key":"OTHER"}`, "variable OTHER of orders-api is not in the plan"},
		{"DELETE", "/v1/projects/orders-api/env", fmt.Sprintf(`{"ids":[%q]}`, created.Created.ID), "variable DATABASE_URL of orders-api is not in the plan"},
		{"POST", "/v10/projects/read-only/env", v2, "variable HMAC_SECRET_V2 of read-only is not in the plan"},
		{"POST", "/v13/deployments", redeploy(readOnly, "read-only"), "deployments of read-only are not in the plan"},
		{"DELETE", "/v13/deployments/" + readOnly, "", "deployments of read-only are not in the plan"},
		{"POST", "/v13/deployments", `{"name":"x","files":[]}`, "a change that names no project"},
		{"DELETE", "/v9/projects/orders-api", "", "there is no such endpoint"},
	} {
		w.ForgetCalls()
		api(t, w, test.method, test.path, test.body)
		require.Len(t, w.Calls(), 1)
		assert.Equal(t, test.why, w.Calls()[0].Unexpected, "%s %s", test.method, test.path)
		if test.why == "" {
			assert.Empty(t, w.Unexpected())
		} else {
			assert.Len(t, w.Unexpected(), 1)
		}
	}
}

// A call whose answer is lost, or that was refused, was made all the same.
func TestCallsThatFailAreRemembered(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, Options{Knobs: Knobs{Every: 1, Mishaps: []Mishap{ResetBefore}}})
	w.Expect()
	_, err := tryAPI(t, w, http.MethodDelete, "/v9/projects/orders-api/env/"+w.state.Load().Variables[0].ID, "")
	require.Error(t, err)
	require.Len(t, w.Unexpected(), 1)
	assert.Zero(t, w.Unexpected()[0].Status)
	assert.Contains(t, w.Unexpected()[0].String(), "project orders-api is not in the plan")
}
