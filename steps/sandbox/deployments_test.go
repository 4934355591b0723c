package sandbox

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/steps/vercel"
)

func TestADeploymentServesTheVariablesOfItsMoment(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	v1, v2 := w.Seeded()[Staging], MustSecret(t)
	address := w.ServiceURL("orders-api", Staging) + "/api/test"
	older := MustServe(t, w, "orders-api", Staging)

	MustAdd(t, w, "orders-api", Staging, "v2", v2)
	assert.Equal(t, http.StatusForbidden, statusOf(t, w, address, "v2", v2), "a variable alone changes nothing")

	made := MustRedeploy(t, w, "orders-api", Staging)
	assert.Equal(t, vercel.StateQueued, made.ReadyState)
	assert.Nil(t, made.Target)
	MustAdvance(t, w, testBuildTime/2)
	shown := MustShow(t, w, made.ID)
	assert.Equal(t, vercel.StateBuilding, shown.ReadyState)
	assert.False(t, shown.AliasAssigned)
	assert.Equal(t, http.StatusForbidden, statusOf(t, w, address, "v2", v2), "it is not built yet")
	assert.Equal(t, http.StatusNotFound, statusOf(t, w, w.DeploymentURL(made.ID)+"/api/test", "v2", v2))

	MustAdvance(t, w, testBuildTime/2)
	shown = MustShow(t, w, made.ID)
	assert.Equal(t, vercel.StateReady, shown.ReadyState)
	assert.True(t, shown.AliasAssigned)
	answer := newProbe(w, address, "v2", v2).signed().send(t)
	assert.Equal(t, http.StatusOK, answer.status)
	assert.Equal(t, made.ID, answer.header.Get("X-Deployment-Id"))
	assert.Equal(t, http.StatusOK, statusOf(t, w, address, "v1", v1))

	MustRemove(t, w, "orders-api", Staging, "v1")
	assert.Equal(t, http.StatusOK, statusOf(t, w, address, "v1", v1), "removing a variable revokes nothing")
	MustRedeploy(t, w, "orders-api", Staging)
	MustAdvance(t, w, testBuildTime)
	assert.Equal(t, http.StatusForbidden, statusOf(t, w, address, "v1", v1))
	assert.Equal(t, http.StatusOK, statusOf(t, w, address, "v2", v2))

	t.Run("an older one goes on accepting the old key at its own address", func(t *testing.T) {
		own := "http://" + MustShow(t, w, older.ID).URL + "/api/test"
		assert.Equal(t, w.DeploymentURL(older.ID)+"/api/test", own)
		assert.Equal(t, http.StatusOK, statusOf(t, w, own, "v1", v1))
		assert.Equal(t, http.StatusForbidden, statusOf(t, w, own, "v2", v2))
	})
	t.Run("until it is deleted", func(t *testing.T) {
		r := api(t, w, http.MethodDelete, "/v13/deployments/"+older.ID, "")
		assert.JSONEq(t, fmt.Sprintf(`{"uid":%q,"state":"DELETED"}`, older.ID), string(r.body))
		assert.Equal(t, http.StatusNotFound, statusOf(t, w, w.DeploymentURL(older.ID)+"/x", "v1", v1))
		assert.Equal(t, http.StatusNotFound, api(t, w, http.MethodGet, "/v13/deployments/"+older.ID, "").status)
	})
	t.Run("the other project and environment are as they were", func(t *testing.T) {
		assert.Equal(t, http.StatusOK, statusOf(t, w, w.ServiceURL("payments-api", Staging)+"/x", "v1", v1))
		assert.Equal(t, http.StatusOK, statusOf(t, w, w.ServiceURL("orders-api", Production)+"/x", "v1", w.Seeded()[Production]))
	})
	t.Run("deleting the one that serves leaves nobody", func(t *testing.T) {
		api(t, w, http.MethodDelete, "/v13/deployments/"+MustServe(t, w, "orders-api", Staging).ID, "")
		assert.Equal(t, http.StatusNotFound, statusOf(t, w, address, "v2", v2))
	})
}

func TestABranchRowGoesBeforeTheOthersInPreview(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	secret := MustSecret(t)
	for _, branch := range []string{"feature", previewBranch} {
		body := fmt.Sprintf(`{"key":"HMAC_SECRET_V1","value":%q,"type":"sensitive","target":["preview"],"gitBranch":%q}`, secret.Reveal(), branch)
		r := api(t, w, http.MethodPost, "/v10/projects/orders-api/env", body)
		require.Equal(t, http.StatusCreated, r.status)
		MustRedeploy(t, w, "orders-api", Staging)
		MustAdvance(t, w, testBuildTime)
		want := http.StatusForbidden
		if branch == previewBranch {
			want = http.StatusOK
		}
		assert.Equal(t, want, statusOf(t, w, w.ServiceURL("orders-api", Staging)+"/x", "v1", secret), branch)
	}
}

func TestListDeployments(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	project := w.Projects()[0]
	made := MustRedeploy(t, w, project.Name, Production)
	list := func(t *testing.T, query string) vercel.DeploymentsAnswer {
		t.Helper()
		r := api(t, w, http.MethodGet, "/v7/deployments?"+query, "")
		require.Equal(t, http.StatusOK, r.status, "body: %s", r.body)
		var answer vercel.DeploymentsAnswer
		r.decode(t, &answer)
		return answer
	}
	all := list(t, "projectId="+project.ID)
	require.Len(t, all.Deployments, 5)
	assert.Equal(t, made.ID, all.Deployments[0].UID, "newest first")
	assert.Len(t, list(t, "").Deployments, 9)
	assert.Len(t, list(t, "app=payments-api").Deployments, 4)
	assert.Len(t, list(t, "target=preview&projectId="+project.ID).Deployments, 2)
	production := list(t, "target=production&state=READY&projectId="+project.ID).Deployments
	require.Len(t, production, 2)
	assert.Equal(t, "production", *production[0].Target)
	assert.Equal(t, production[0].Ready, int64(production[0].AliasAssigned.(float64)))

	t.Run("by pages", func(t *testing.T) {
		var seen []string
		query := "limit=2&projectId=" + project.ID
		for {
			page := list(t, query)
			for _, d := range page.Deployments {
				seen = append(seen, d.UID)
			}
			if page.Pagination.Next == nil {
				break
			}
			query = fmt.Sprintf("limit=2&projectId=%s&until=%d", project.ID, *page.Pagination.Next)
		}
		assert.Contains(t, seen, made.ID)
	})
	for _, query := range []string{"limit=0", "limit=many", "since=yesterday", "until=x"} {
		assert.Equal(t, http.StatusBadRequest, api(t, w, http.MethodGet, "/v6/deployments?"+query, "").status, query)
	}
	assert.Equal(t, http.StatusNotFound, api(t, w, http.MethodGet, "/v6/deployments?projectId=prj_nope", "").status)
}

func TestFindADeploymentByItsAddress(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	serving := MustServe(t, w, "orders-api", Staging)
	shown := MustShow(t, w, serving.ID)
	require.Len(t, shown.Alias, 1)
	for name, address := range map[string]string{
		"url":              shown.URL,
		"url with scheme":  "http://" + shown.URL + "/",
		"alias":            shown.Alias[0],
		"the service's":    w.ServiceURL("orders-api", Staging),
		"its id unchanged": serving.ID,
	} {
		assert.Equal(t, serving.ID, MustShow(t, w, address).ID, name)
	}
	r := api(t, w, http.MethodGet, "/v2/deployments/"+serving.ID+"/aliases", "")
	assert.Contains(t, string(r.body), strings.TrimPrefix(w.ServiceURL("orders-api", Staging), "http://"))
}

func TestRedeployRefuses(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	id := MustServe(t, w, "orders-api", Staging).ID
	for name, test := range map[string]struct {
		body   string
		status int
	}{
		"no name":            {fmt.Sprintf(`{"deploymentId":%q}`, id), 400},
		"another's name":     {fmt.Sprintf(`{"deploymentId":%q,"name":"payments-api"}`, id), 400},
		"no deployment":      {`{"name":"orders-api"}`, 400},
		"unknown deployment": {`{"name":"orders-api","deploymentId":"dpl_nope"}`, 404},
		"unknown target":     {fmt.Sprintf(`{"deploymentId":%q,"name":"orders-api","target":"moon"}`, id), 400},
		"no JSON":            {`!`, 400},
	} {
		t.Run(name, func(t *testing.T) {
			assert.Equal(t, test.status, api(t, w, http.MethodPost, "/v13/deployments?forceNew=1", test.body).status)
		})
	}
}

func TestTheMarkOfARedeployIsKept(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	from := MustServe(t, w, "orders-api", Production)
	body := fmt.Sprintf(`{"deploymentId":%q,"name":"orders-api","target":"production","meta":{"action":"redeploy",%q:"session-1"}}`, from.ID, vercel.MetaMark)
	r := api(t, w, http.MethodPost, "/v13/deployments?forceNew=1", body)
	var made vercel.DeploymentAnswer
	r.decode(t, &made)
	assert.Equal(t, "session-1", MustShow(t, w, made.ID).Meta[vercel.MetaMark])
}

// A build that takes longer than a later one must not take the address back.
func TestAnOvertakenBuildDoesNotTakeTheAddressBack(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	require.NoError(t, w.SetFault(AliasLag))
	MustRedeploy(t, w, "orders-api", Production) // its address is late
	w.state.Load().Fault.Strikes = strikesLag
	later := MustRedeploy(t, w, "orders-api", Production)
	MustAdvance(t, w, testBuildTime)
	assert.Equal(t, MustServe(t, w, "orders-api", Production).ID, later.ID)
	MustAdvance(t, w, 100*testBuildTime)
	assert.Equal(t, MustServe(t, w, "orders-api", Production).ID, later.ID)
}

func TestServingsHaveNoGaps(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	MustRedeploy(t, w, "orders-api", Production)
	MustAdvance(t, w, time.Hour)
	s, now := w.look()
	list := s.servings(w.Projects()[0].ID, Production, now)
	require.Len(t, list, 3)
	for i := range list[1:] {
		assert.Equal(t, list[i].To, list[i+1].From)
	}
	assert.True(t, list[2].To.IsZero())
}
