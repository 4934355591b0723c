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

func TestAnAccountOfManyProjects(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, Options{Account: Account{Projects: ManyProjects(100)}, BuildTime: testBuildTime, RealNow: newRealClock().Now})
	require.Len(t, w.Projects(), 100)
	for _, project := range []string{"service-001", "service-100"} {
		for _, environment := range []string{Staging, Production} {
			assert.Equal(t, http.StatusOK, statusOf(t, w, w.ServiceURL(project, environment)+"/x", "v1", w.Seeded()[environment]))
		}
		assert.Len(t, MustList(t, w, project), 3)
	}
	t.Run("listed by pages", func(t *testing.T) {
		names := map[string]bool{}
		query := "limit=30"
		for {
			var page struct {
				Projects   []struct{ Name string }
				Pagination vercel.Pagination
			}
			api(t, w, http.MethodGet, "/v9/projects?"+query, "").decode(t, &page)
			for _, p := range page.Projects {
				names[p.Name] = true
			}
			if page.Pagination.Next == nil {
				break
			}
			query = fmt.Sprintf("limit=30&until=%d", *page.Pagination.Next)
		}
		assert.Len(t, names, 100)
	})
	t.Run("found by a part of the name", func(t *testing.T) {
		r := api(t, w, http.MethodGet, "/v10/projects?search=-042", "")
		assert.Contains(t, string(r.body), `"name":"service-042"`)
		assert.NotContains(t, string(r.body), `"name":"service-043"`)
	})
}

func TestAnAccountWithMistakesIsRefused(t *testing.T) {
	t.Parallel()
	secret := MustSecret(t)
	for want, account := range map[string]Account{
		`team ""`:               {Teams: []Team{{}}},
		`team "a"`:              {Teams: []Team{{Slug: "a"}, {Slug: "a"}}},
		`member "sandbox"`:      {Members: []Member{{Username: ownerName}}},
		`project "A b"`:         {Projects: []ProjectOptions{{Name: "A b"}}},
		`project "a"`:           {Projects: []ProjectOptions{{Name: "a"}, {Name: "a"}}},
		`no team "b"`:           {Projects: []ProjectOptions{{Name: "a", Team: "b"}}},
		`environment "staging"`: {Projects: []ProjectOptions{{Name: "a", CustomEnvironments: []string{"prod", "staging"}}}},
		`shared variable K`:     {Shared: []SharedOptions{{VariableOptions: VariableOptions{Key: "K"}}}},
		`no project "c"`:        {Teams: []Team{{Slug: "a"}}, Shared: []SharedOptions{{Projects: []string{"c"}}}},
		`variable K of a`:       {Projects: []ProjectOptions{{Name: "a", Variables: []VariableOptions{{Key: "K"}}}}},
		`there is one already`: {Projects: []ProjectOptions{{Name: "a", Variables: []VariableOptions{
			{Key: seedKey, Target: []string{"preview"}, Value: secret},
		}}}},
		`no such custom environment`: {Projects: []ProjectOptions{{Name: "a", Variables: []VariableOptions{
			{Key: "K", Target: []string{"preview"}, CustomEnvironments: []string{"qa"}},
		}}}},
		`no such member`: {Projects: []ProjectOptions{{Name: "a", Variables: []VariableOptions{
			{Key: "K", Target: []string{"preview"}, CreatedBy: "nobody"},
		}}}},
	} {
		_, err := Open(t.Context(), Options{Account: account})
		assert.ErrorContains(t, err, want)
	}
}

func TestAWorldInMemoryLeavesNothing(t *testing.T) {
	t.Parallel()
	w, err := Open(t.Context(), Options{})
	require.NoError(t, err)
	assert.True(t, w.Fresh())
	require.NoError(t, w.Close())
	w = MustOpen(t, Options{})
	assert.True(t, w.Fresh())
}

func TestAnAccountIsKept(t *testing.T) {
	t.Parallel()
	options := testOptions(t)
	options.Account = company()
	options.Account.Members = []Member{{Username: "mallory"}}
	options.Account.Projects[0].Protected = true
	w := MustOpen(t, options)
	projects, teams, token, bypass := w.Projects(), w.Teams(), w.MemberToken("mallory"), w.BypassSecret("orders-api")
	require.NotEmpty(t, bypass)
	w = MustReopen(t, w)
	assert.Equal(t, projects, w.Projects())
	assert.Equal(t, teams, w.Teams())
	assert.True(t, token == w.MemberToken("mallory") && bypass == w.BypassSecret("orders-api"))
}

func TestATeamsProjectsAreItsOwn(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, Options{Account: Account{
		Teams:    []Team{{Slug: "acme"}, {Slug: "other"}},
		Projects: []ProjectOptions{{Name: "ours"}, {Name: "theirs", Team: "other"}},
	}})
	acme := w.Teams()[0]
	deployment := MustServe(t, w, "ours", Production).ID
	for _, test := range []struct {
		path   string
		status int
	}{
		{"/v9/projects/ours?teamId=" + acme.ID, 200},
		{"/v9/projects/ours?slug=acme", 200},
		{"/v9/projects/ours", 404},
		{"/v9/projects/ours?slug=other", 404},
		{"/v10/projects/ours/env?slug=other", 404},
		{"/v9/projects/ours?slug=nowhere", 403},
		{"/v13/deployments/" + deployment + "?slug=acme", 200},
		{"/v13/deployments/" + deployment + "?slug=other", 404},
		{"/v7/deployments?slug=other&projectId=ours", 404},
		{"/v2/teams/acme", 200},
		{"/teams/" + acme.ID, 200},
		{"/v2/teams/nowhere", 403},
	} {
		assert.Equal(t, test.status, api(t, w, http.MethodGet, test.path, "").status, test.path)
	}
	var list deploymentsAnswer
	api(t, w, http.MethodGet, "/v7/deployments?slug=other", "").decode(t, &list)
	require.Len(t, list.Deployments, 4)
	assert.Equal(t, "theirs", list.Deployments[0].Name)
}

func TestRowsSayWhoChangedThem(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, Options{Account: Account{Members: []Member{{ID: "user_mallory", Username: "mallory"}}}})
	row := MustAdd(t, w, "orders-api", Staging, "v2", MustSecret(t))
	as := map[string]string{"Authorization": "Bearer " + w.MemberToken("mallory")}
	path := "/v9/projects/orders-api/env/" + row.ID
	r, err := do(t, http.MethodPatch, w.VercelURL()+path, as, `{"comment":"mine"}`)
	require.NoError(t, err)
	var changed variableRow
	r.decode(t, &changed)
	assert.Equal(t, owner, changed.CreatedBy)
	assert.Equal(t, "user_mallory", changed.UpdatedBy)

	r, err = do(t, http.MethodGet, w.VercelURL()+"/v2/user", as, "")
	require.NoError(t, err)
	assert.Contains(t, string(r.body), `"username":"mallory"`)
	assert.Empty(t, w.MemberToken("nobody"))
	assert.Equal(t, w.VercelToken(), w.MemberToken(ownerName))
}

func TestCustomEnvironmentsAndBranchesHaveTheirOwnDeployments(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, Options{BuildTime: testBuildTime, RealNow: newRealClock().Now, Account: Account{
		Projects: []ProjectOptions{{
			Name: "orders-api", CustomEnvironments: []string{"qa"}, Branches: []string{"feat/1"}, WithoutKey: true,
			Variables: []VariableOptions{
				{Key: seedKey, Target: []string{"preview", "production"}}, // one row for both
				{Key: seedKey, CustomEnvironments: []string{"qa"}},
				{Key: seedKey, Target: []string{"preview"}, GitBranch: "feat/1"},
			},
		}},
	}})
	production, staging := w.Seeded()[Production], w.Seeded()[Staging]
	addresses := map[string]string{}
	for slot, secret := range map[string]string{Staging: production.Reveal(), Production: production.Reveal(), "qa": staging.Reveal(), BranchSlot("feat/1"): staging.Reveal()} {
		addresses[slot] = w.ServiceURL("orders-api", slot) + "/x"
		p := newProbe(w, addresses[slot], "v1", production)
		p.secret = secret
		assert.Equal(t, http.StatusOK, p.signed().send(t).status, slot)
	}

	v2 := MustSecret(t)
	body := fmt.Sprintf(`{"key":"HMAC_SECRET_V2","value":%q,"type":"sensitive","target":[],"customEnvironmentIds":[%q]}`, v2.Reveal(), w.Projects()[0].CustomEnvironments[0].ID)
	require.Equal(t, http.StatusCreated, api(t, w, http.MethodPost, "/v10/projects/orders-api/env", body).status)
	from := MustServe(t, w, "orders-api", "qa")
	redeploy := func(extra string) deploymentAnswer {
		r := api(t, w, http.MethodPost, "/v13/deployments?forceNew=1", fmt.Sprintf(`{"deploymentId":%q,"name":"orders-api"%s}`, from.ID, extra))
		require.Equal(t, http.StatusOK, r.status, "%s", r.body)
		var made deploymentAnswer
		r.decode(t, &made)
		MustAdvance(t, w, testBuildTime)
		return made
	}
	made := redeploy(`,"customEnvironmentSlugOrId":"qa"`)
	require.NotNil(t, made.CustomEnvironment)
	assert.Equal(t, "qa", made.CustomEnvironment.Slug)
	assert.Equal(t, http.StatusOK, statusOf(t, w, addresses["qa"], "v2", v2))
	assert.Equal(t, http.StatusForbidden, statusOf(t, w, addresses[Staging], "v2", v2), "staging has no such row")

	from = MustServe(t, w, "orders-api", BranchSlot("feat/1"))
	made = redeploy("")
	assert.Equal(t, made.ID, MustServe(t, w, "orders-api", BranchSlot("feat/1")).ID, "the branch is kept")
	assert.NotEqual(t, made.ID, MustServe(t, w, "orders-api", Staging).ID)

	r := api(t, w, http.MethodPost, "/v13/deployments", fmt.Sprintf(`{"deploymentId":%q,"name":"orders-api","customEnvironmentSlugOrId":"nope"}`, from.ID))
	assert.Equal(t, http.StatusNotFound, r.status)
	for query, count := range map[string]int{"target=qa": 3, "target=preview": 5, "branch=feat/1": 3, "target=preview&branch=staging": 2} {
		var list deploymentsAnswer
		api(t, w, http.MethodGet, "/v7/deployments?"+query, "").decode(t, &list)
		assert.Len(t, list.Deployments, count, query)
	}
}

func TestNarrowingARowKeepsItsValue(t *testing.T) {
	t.Parallel()
	secret := MustSecret(t)
	w := MustOpen(t, Options{Account: Account{Projects: []ProjectOptions{{Name: "orders-api", WithoutKey: true, Variables: []VariableOptions{
		{Key: seedKey, Target: []string{"preview", "production"}, Value: secret},
	}}}}, BuildTime: testBuildTime, RealNow: newRealClock().Now})
	row := MustList(t, w, "orders-api")[0]
	path := "/v10/projects/orders-api/env/" + row.ID
	assert.Equal(t, http.StatusBadRequest, api(t, w, http.MethodPatch, path, `{"target":[],"customEnvironmentIds":[]}`).status, "to nothing")
	r := api(t, w, http.MethodPatch, path, `{"target":["production"],"customEnvironmentIds":[]}`)
	require.Equal(t, http.StatusOK, r.status)
	row = MustList(t, w, "orders-api")[0]
	assert.Equal(t, []string{"production"}, row.Target)

	MustRedeploy(t, w, "orders-api", Production)
	MustRedeploy(t, w, "orders-api", Staging)
	MustAdvance(t, w, testBuildTime)
	assert.Equal(t, http.StatusOK, statusOf(t, w, w.ServiceURL("orders-api", Production)+"/x", "v1", secret))
	assert.Equal(t, http.StatusForbidden, statusOf(t, w, w.ServiceURL("orders-api", Staging)+"/x", "v1", secret))
}

func TestSharedVariablesReachTheProjectsThatAreLinked(t *testing.T) {
	t.Parallel()
	secret, own := MustSecret(t), MustSecret(t)
	w := MustOpen(t, Options{Account: Account{
		Teams: []Team{{Slug: "acme"}},
		Projects: []ProjectOptions{
			{Name: "linked", WithoutKey: true}, {Name: "alone", WithoutKey: true},
			{Name: "overrides", WithoutKey: true, Variables: []VariableOptions{{Key: seedKey, Target: []string{"preview"}, Value: own}}},
		},
		Shared: []SharedOptions{{VariableOptions: VariableOptions{Key: seedKey, Target: []string{"preview"}, Value: secret}, Projects: []string{"linked", "overrides"}}},
	}})
	for project, want := range map[string]int{"linked": 200, "alone": 403, "overrides": 403} {
		assert.Equal(t, want, statusOf(t, w, w.ServiceURL(project, Staging)+"/x", "v1", secret), project)
	}
	assert.Equal(t, http.StatusOK, statusOf(t, w, w.ServiceURL("overrides", Staging)+"/x", "v1", own))

	var list struct{ Data []sharedRow }
	api(t, w, http.MethodGet, "/v1/env?slug=acme&projectId="+w.Projects()[0].ID, "").decode(t, &list)
	require.Len(t, list.Data, 1)
	assert.Equal(t, seedKey, list.Data[0].Key)
	api(t, w, http.MethodGet, "/v1/env?slug=acme&projectId="+w.Projects()[1].ID, "").decode(t, &list)
	assert.Empty(t, list.Data)
	r := api(t, w, http.MethodGet, "/v10/projects/linked/env?slug=acme", "")
	assert.Contains(t, string(r.body), `"envs":[]`, "it is in no project's list")
}

func TestAProtectedProjectWantsTheBypassSecret(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, Options{Account: Account{Projects: []ProjectOptions{{Name: "orders-api", Protected: true}}}})
	send := func(address, environment, bypass string) int {
		p := newProbe(w, address, "v1", w.Seeded()[environment]).signed()
		r, err := do(t, p.method, p.address, map[string]string{
			headerKeyID: p.keyID, headerTime: p.time, headerNonce: p.nonce, headerSignature: p.signature, headerBypass: bypass,
		}, p.body)
		require.NoError(t, err)
		return r.status
	}
	bypass := w.BypassSecret("orders-api")
	require.NotEmpty(t, bypass)
	staging, production := w.ServiceURL("orders-api", Staging)+"/x", w.ServiceURL("orders-api", Production)+"/x"
	own := w.DeploymentURL(MustServe(t, w, "orders-api", Production).ID) + "/x"
	assert.Equal(t, http.StatusUnauthorized, send(staging, Staging, ""))
	assert.Equal(t, http.StatusUnauthorized, send(staging, Staging, "wrong"))
	assert.Equal(t, http.StatusOK, send(staging, Staging, bypass))
	assert.Equal(t, http.StatusOK, send(production, Production, ""), "production itself is open")
	assert.Equal(t, http.StatusUnauthorized, send(own, Production, ""), "the deployment's own address is not")
	assert.Equal(t, http.StatusOK, send(own, Production, bypass))
}

func TestRollbackBringsTheOldKeyBackAndHoldsNewBuilds(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	v1, v2 := w.Seeded()[Production], MustSecret(t)
	address := w.ServiceURL("orders-api", Production) + "/x"
	old := MustServe(t, w, "orders-api", Production)
	MustRemove(t, w, "orders-api", Production, "v1")
	MustAdd(t, w, "orders-api", Production, "v2", v2)
	current := MustRedeploy(t, w, "orders-api", Production)
	MustAdvance(t, w, testBuildTime)
	require.Equal(t, http.StatusForbidden, statusOf(t, w, address, "v1", v1))
	building := MustRedeploy(t, w, "orders-api", Production)

	switchTo := func(what, id string) int {
		return api(t, w, http.MethodPost, "/v9/projects/orders-api/"+what+"/"+id, "").status
	}
	assert.Equal(t, http.StatusBadRequest, switchTo("rollback", building.ID), "not built yet")
	assert.Equal(t, http.StatusBadRequest, switchTo("promote", MustServe(t, w, "orders-api", Staging).ID))
	assert.Equal(t, http.StatusNotFound, switchTo("rollback", MustServe(t, w, "payments-api", Production).ID))
	require.Equal(t, http.StatusCreated, switchTo("rollback", old.ID))
	assert.Equal(t, http.StatusOK, statusOf(t, w, address, "v1", v1), "the old key is back")
	assert.Contains(t, MustShow(t, w, old.ID).Alias, address[len("http://"):len(address)-len("/x")])

	MustAdvance(t, w, testBuildTime)
	made := MustRedeploy(t, w, "orders-api", Production)
	MustAdvance(t, w, testBuildTime)
	for _, id := range []string{building.ID, made.ID} {
		shown := MustShow(t, w, id)
		assert.Equal(t, vercel.StateReady, shown.ReadyState)
		assert.False(t, shown.AliasAssigned, "READY, but nothing leads to it")
	}
	assert.Equal(t, old.ID, MustServe(t, w, "orders-api", Production).ID)
	require.Equal(t, http.StatusCreated, switchTo("promote", current.ID))
	assert.Equal(t, http.StatusOK, statusOf(t, w, address, "v2", v2))
	later := MustRedeploy(t, w, "orders-api", Production)
	MustAdvance(t, w, testBuildTime)
	assert.Equal(t, later.ID, MustServe(t, w, "orders-api", Production).ID, "builds take the address again")
	w = MustReopen(t, w)
	assert.Equal(t, later.ID, MustServe(t, w, "orders-api", Production).ID)
}

func TestCancelADeployment(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, testOptions(t))
	made := MustRedeploy(t, w, "orders-api", Staging)
	r := api(t, w, http.MethodPatch, "/v12/deployments/"+made.ID+"/cancel", "")
	require.Equal(t, http.StatusOK, r.status)
	MustAdvance(t, w, time.Hour)
	assert.Equal(t, vercel.StateCanceled, MustShow(t, w, made.ID).ReadyState)
	assert.NotEqual(t, made.ID, MustServe(t, w, "orders-api", Staging).ID)
	assert.Equal(t, http.StatusBadRequest, api(t, w, http.MethodPatch, "/v12/deployments/"+made.ID+"/cancel", "").status)
}

func TestBuildEvents(t *testing.T) {
	t.Parallel()
	options := testOptions(t)
	options.Fault = DeploymentFailed
	w := MustOpen(t, options)
	made := MustRedeploy(t, w, "orders-api", Production)
	list := func(query string) []event {
		r := api(t, w, http.MethodGet, "/v3/deployments/"+made.ID+"/events?"+query, "")
		require.Equal(t, http.StatusOK, r.status)
		var events []event
		r.decode(t, &events)
		return events
	}
	assert.Empty(t, list(""), "it has not begun")
	MustAdvance(t, w, testBuildTime/2)
	assert.NotEmpty(t, list(""))
	MustAdvance(t, w, testBuildTime)
	all := list("direction=forward&limit=-1")
	last := list("direction=backward&limit=3")
	require.Len(t, last, 3)
	assert.Equal(t, all[len(all)-1], last[0], "the newest first")
	assert.Equal(t, vercel.StateError, last[0].Info.ReadyState)
	assert.Equal(t, "Error: "+buildErrorMessage, last[1].Text)
	assert.Equal(t, "stderr", last[1].Type)
	assert.Len(t, list(fmt.Sprintf("since=%d", last[0].Created)), 2)
	shown := api(t, w, http.MethodGet, "/v13/deployments/"+made.ID, "")
	assert.Contains(t, string(shown.body), `"errorMessage":"Command \"npm run build\" exited with 1"`)

	r := api(t, w, http.MethodGet, "/v3/now/deployments/"+made.ID+"/events?format=lines&direction=forward", "")
	assert.Equal(t, "application/stream+json", r.header.Get("Content-Type"))
	assert.Equal(t, len(all), len(splitLines(string(r.body))))
}
