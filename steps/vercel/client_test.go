package vercel

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/steps/httpclient"
)

var (
	row        = Variable{ID: "env1", Key: "HMAC_SECRET_V2", Type: TypeSensitive, Target: []string{TargetPreview}, Comment: "session s1", CreatedAt: 1, UpdatedAt: 2, CreatedBy: "user"}
	preview    = Deployment{ID: "dpl_1", URL: "a-1.vercel.app", Name: "orders", ProjectID: "prj_1", ReadyState: StateReady, Created: 10, Ready: 20, AliasAssigned: true}
	production = Deployment{ID: "dpl_2", URL: "a-2.vercel.app", Name: "orders", ProjectID: "prj_1", Target: TargetProduction, ReadyState: StateReady, Created: 11, Ready: 21, AliasAssigned: true}
)

func TestOperationsSendWhatVercelExpects(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		answer reply
		do     func(context.Context, *testing.T, *Client) (any, error)
		want   seen
		result any
	}{
		{
			name: "user", answer: says(200, AnswerUser(User{ID: "u1", Username: "alice", Email: "alice@example.com", Name: "Alice"})),
			do:     func(ctx context.Context, _ *testing.T, c *Client) (any, error) { return c.User(ctx) },
			want:   seen{Method: "GET", Path: "/v2/user"},
			result: User{ID: "u1", Username: "alice", Email: "alice@example.com", Name: "Alice"},
		},
		{
			name: "project", answer: says(200, AnswerProject(Project{ID: "prj_1", Name: "orders", AccountID: "team_1"})),
			do:     func(ctx context.Context, _ *testing.T, c *Client) (any, error) { return c.Project(ctx, "or/ders") },
			want:   seen{Method: "GET", Path: "/v9/projects/or%2Fders"},
			result: Project{ID: "prj_1", Name: "orders", AccountID: "team_1"},
		},
		{
			name: "variables", answer: says(200, AnswerVariables([]Variable{row})),
			do:     func(ctx context.Context, _ *testing.T, c *Client) (any, error) { return c.Variables(ctx, "prj_1") },
			want:   seen{Method: "GET", Path: "/v10/projects/prj_1/env"},
			result: []Variable{{ID: "env1", Key: "HMAC_SECRET_V2", Type: TypeSensitive, Target: []string{TargetPreview}, CustomEnvironmentIDs: []string{}, Comment: "session s1", CreatedAt: 1, UpdatedAt: 2, CreatedBy: "user"}},
		},
		{
			name: "create variable", answer: says(201, AnswerCreate(row)),
			do: func(ctx context.Context, t *testing.T, c *Client) (any, error) {
				return c.CreateVariable(ctx, "prj_1", newVariable(t))
			},
			want: seen{
				Method: "POST", Path: "/v10/projects/prj_1/env",
				Body: `{"key":"HMAC_SECRET_V2","value":"` + testSecret + `","type":"sensitive","target":["preview"],"comment":"session s1"}`,
			},
			result: Variable{ID: "env1", Key: "HMAC_SECRET_V2", Type: TypeSensitive, Target: []string{TargetPreview}, CustomEnvironmentIDs: []string{}, Comment: "session s1", CreatedAt: 1, UpdatedAt: 2, CreatedBy: "user"},
		},
		{
			name: "delete variable", answer: says(200, AnswerVariable(row)),
			do: func(ctx context.Context, _ *testing.T, c *Client) (any, error) {
				return nil, c.DeleteVariable(ctx, "prj_1", "env1")
			},
			want: seen{Method: "DELETE", Path: "/v9/projects/prj_1/env/env1"},
		},
		{
			name: "deployments", answer: says(200, AnswerDeployments([]Deployment{preview})),
			do: func(ctx context.Context, _ *testing.T, c *Client) (any, error) {
				return c.Deployments(ctx, "prj_1", TargetPreview)
			},
			want:   seen{Method: "GET", Path: "/v7/deployments", Query: url.Values{"projectId": {"prj_1"}, "target": {"preview"}, "limit": {"100"}}},
			result: []Deployment{preview},
		},
		{
			name: "deployment by URL", answer: says(200, AnswerDeployment(production)),
			do: func(ctx context.Context, _ *testing.T, c *Client) (any, error) {
				return c.Deployment(ctx, "https://a-2.vercel.app/api/test")
			},
			want: seen{Method: "GET", Path: "/v13/deployments/a-2.vercel.app"},
			result: Deployment{
				ID: "dpl_2", URL: "a-2.vercel.app", Name: "orders", ProjectID: "prj_1", Target: TargetProduction,
				ReadyState: StateReady, Created: 11, Ready: 21, Alias: []string{}, AliasAssigned: true,
			},
		},
		{
			name: "redeploy preview leaves the target out", answer: says(200, AnswerDeployment(Deployment{ID: "dpl_3", ReadyState: StateQueued, Created: 30})),
			do: func(ctx context.Context, _ *testing.T, c *Client) (any, error) {
				return c.Redeploy(ctx, "prj_1", preview, TargetPreview)
			},
			want: seen{
				Method: "POST", Path: "/v13/deployments", Query: url.Values{"forceNew": {"1"}},
				Body: `{"deploymentId":"dpl_1","name":"orders","meta":{"action":"redeploy"}}`,
			},
			result: Deployment{ID: "dpl_3", ReadyState: StateQueued, Created: 30, Alias: []string{}},
		},
		{
			name: "redeploy production with a mark", answer: says(200, AnswerDeployment(Deployment{ID: "dpl_4", Target: TargetProduction, ReadyState: StateQueued, Created: 30, Mark: "s1/7"})),
			do: func(ctx context.Context, _ *testing.T, c *Client) (any, error) {
				return c.RedeployMarked(ctx, "prj_1", production, TargetProduction, "s1/7")
			},
			want: seen{
				Method: "POST", Path: "/v13/deployments", Query: url.Values{"forceNew": {"1"}},
				Body: `{"deploymentId":"dpl_2","name":"orders","meta":{"action":"redeploy","keyturnMark":"s1/7"},"target":"production"}`,
			},
			result: Deployment{ID: "dpl_4", Target: TargetProduction, ReadyState: StateQueued, Created: 30, Alias: []string{}, Mark: "s1/7"},
		},
		{
			name: "delete deployment", answer: says(200, DeletedAnswer{UID: "dpl_1", State: StateDeleted}),
			do: func(ctx context.Context, _ *testing.T, c *Client) (any, error) {
				return nil, c.DeleteDeployment(ctx, "dpl_1")
			},
			want: seen{Method: "DELETE", Path: "/v13/deployments/dpl_1"},
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, Options{Team: "team_1"}, test.answer)
			result, err := test.do(t.Context(), t, w.client)
			require.NoError(t, err)
			assert.Equal(t, test.result, result)
			got := w.requests()
			require.Len(t, got, 1)
			if test.want.Query == nil {
				test.want.Query = url.Values{}
			}
			test.want.Query.Set("teamId", "team_1")
			assert.Equal(t, "Bearer "+testToken, got[0].Header.Get("Authorization"))
			got[0].Header = nil
			assert.Equal(t, test.want, got[0])
		})
	}
}

func TestTeam(t *testing.T) {
	t.Parallel()
	for team, want := range map[string]url.Values{
		"":         {},
		"team_abc": {"teamId": {"team_abc"}},
		"acme":     {"slug": {"acme"}},
	} {
		w := newWorld(t, Options{Team: team}, says(200, AnswerUser(User{ID: "u"})))
		_, err := w.client.User(t.Context())
		require.NoError(t, err)
		assert.Equal(t, want, w.requests()[0].Query, "team %q", team)
	}
}

func TestNewRefuses(t *testing.T) {
	t.Parallel()
	token, err := httpclient.ParseToken(testToken)
	require.NoError(t, err)
	for name, options := range map[string]Options{
		"no token":              {},
		"http on the network":   {Token: token, API: "http://api.vercel.com"},
		"another scheme":        {Token: token, API: "ftp://127.0.0.1"},
		"no host":               {Token: token, API: "api.vercel.com"},
		"user in the URL":       {Token: token, API: "https://me:pw@api.vercel.com"},
		"a query":               {Token: token, API: "https://api.vercel.com?x=1"},
		"a loopback-like name":  {Token: token, API: "http://127.0.0.1.example.com"},
		"what is no URL at all": {Token: token, API: "https://a b"},
	} {
		_, err := New(options)
		require.ErrorContains(t, err, "make vercel client: ", name)
		assert.NotContains(t, err.Error(), "pw", name)
	}
	for _, api := range []string{"", "https://api.example.com/base/", "http://localhost:1", "http://[::1]:1"} {
		_, err := New(Options{Token: token, API: api})
		require.NoError(t, err, api)
	}
}

func TestListsAreReadLaxly(t *testing.T) {
	t.Parallel()
	one := Variable{ID: "e1", Key: "K", Type: "future", Target: []string{"preview"}}
	for _, test := range []struct {
		name, body string
		want       []Variable
	}{
		{"envs without pagination", `{"envs":[{"id":"e1","key":"K","type":"future","target":["preview"]}]}`, []Variable{one}},
		{"envs with pagination", `{"envs":[{"id":"e1","key":"K","type":"future","target":["preview"]}],"pagination":{"count":1,"next":null,"prev":null}}`, []Variable{one}},
		{"one bare row", `{"id":"e1","key":"K","type":"future","target":["preview"]}`, []Variable{one}},
		{"target as one string", `{"envs":[{"id":"e1","key":"K","type":"future","target":"preview"}]}`, []Variable{one}},
		{"nulls", `{"envs":[{"id":"e1","key":"K","type":"future","target":["preview"],"gitBranch":null,"customEnvironmentIds":null,"comment":null,"createdAt":null}]}`, []Variable{one}},
		{"unknown fields and times as text", `{"envs":[{"id":"e1","key":"K","type":"future","target":["preview"],"createdAt":"yesterday","x":{"y":[1]}}],"z":1}`, []Variable{one}},
		{"none", `{"envs":[]}`, nil},
		{"a branch row with everything", `{"envs":[{"id":"e1","key":"K","type":"secret","target":["preview","qa"],"gitBranch":"feat","customEnvironmentIds":["env_1"],"comment":"c\u001b[2J","createdAt":1.5e3,"updatedAt":"7"}]}`, []Variable{{
			ID: "e1", Key: "K", Type: "secret", Target: []string{"preview", "qa"}, GitBranch: "feat",
			CustomEnvironmentIDs: []string{"env_1"}, Comment: "c[2J", CreatedAt: 1500, UpdatedAt: 7,
		}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, Options{}, says(200, test.body))
			got, err := w.client.Variables(t.Context(), "prj_1")
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
}

func TestUnreadableAnswers(t *testing.T) {
	t.Parallel()
	for name, body := range map[string]string{
		"a login page":         "<html>" + testSecret,
		"a cut answer":         `{"envs":[{"id":"e1"`,
		"nothing":              ``,
		"another shape":        `{"envs":"` + testSecret + `"}`,
		"a row without an id":  `{"envs":[{"key":"K"}]}`,
		"a row without a key":  `{"envs":[{"id":"e1"}]}`,
		"a list at the top":    `[]`,
		"null instead of rows": `null`,
	} {
		w := newWorld(t, Options{}, says(200, body))
		_, err := w.client.Variables(t.Context(), "prj_1")
		require.ErrorContains(t, err, "list variables in project prj_1: ", name)
		assert.NotContains(t, err.Error(), testSecret[:16], name)
		assert.Len(t, w.requests(), 1, name)
	}
}

func TestDeploymentsAreReadLaxly(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, body string
		want       Deployment
	}{
		{"the id of a list", `{"uid":"d","state":"READY","created":5}`, Deployment{ID: "d", ReadyState: StateReady, Created: 5}},
		{"target preview is spelled null", `{"id":"d","target":"preview"}`, Deployment{ID: "d"}},
		{"an unknown state", `{"id":"d","readyState":"ASCENDING","target":null}`, Deployment{ID: "d", ReadyState: "ASCENDING"}},
		{"the aliases' time", `{"id":"d","aliasAssigned":1700000000000,"alias":"a.example.com"}`, Deployment{ID: "d", AliasAssigned: true, Alias: []string{"a.example.com"}}},
		{"no aliases yet", `{"id":"d","aliasAssigned":null,"aliasError":null}`, Deployment{ID: "d"}},
		{"an alias error", `{"id":"d","aliasError":{"code":"cert","message":"no\u0007 certificate"}}`, Deployment{ID: "d", AliasError: "cert: no certificate"}},
		{"an alias error of unknown shape", `{"id":"d","aliasError":{"x":1}}`, Deployment{ID: "d", AliasError: "unreadable error"}},
		{"a custom environment", `{"id":"d","target":null,"customEnvironment":{"id":"env_1","slug":"qa"}}`, Deployment{ID: "d", CustomEnvironment: "qa"}},
		{"the project as an object", `{"id":"d","project":{"id":"prj_1"},"meta":{"githubCommitRef":"main","n":1}}`, Deployment{ID: "d", ProjectID: "prj_1", Branch: "main"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, Options{}, says(200, test.body))
			got, err := w.client.Deployment(t.Context(), "d")
			require.NoError(t, err)
			assert.Equal(t, test.want, got)
		})
	}
}

func TestPagination(t *testing.T) {
	t.Parallel()

	t.Run("every page of variables is read once", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{},
			says(200, `{"envs":[{"id":"e1","key":"A"}],"pagination":{"count":1,"next":77}}`),
			says(200, `{"envs":[{"id":"e1","key":"A"},{"id":"e2","key":"B"}],"pagination":{"next":"66"}}`),
			says(200, `{"envs":[{"id":"e3","key":"C"}],"pagination":{"next":null}}`),
		)
		got, err := w.client.Variables(t.Context(), "prj_1")
		require.NoError(t, err)
		assert.Len(t, got, 3)
		assert.Equal(t, url.Values{"until": {"77"}}, w.requests()[1].Query)
		assert.Equal(t, url.Values{"until": {"66"}}, w.requests()[2].Query)
	})

	t.Run("a list that does not advance is refused, not cut", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{}, says(200, `{"envs":[{"id":"e1","key":"A"}],"pagination":{"next":77}}`))
		got, err := w.client.Variables(t.Context(), "prj_1")
		require.ErrorContains(t, err, "does not advance")
		assert.Nil(t, got)
		assert.Len(t, w.requests(), 2)
	})

	t.Run("a list without end is refused", func(t *testing.T) {
		t.Parallel()
		n := 0
		w := newWorld(t, Options{}, func(rw http.ResponseWriter, r *http.Request) {
			n++
			says(200, fmt.Sprintf(`{"deployments":[],"pagination":{"next":%d}}`, 1000-n))(rw, r)
		})
		_, err := w.client.Deployments(t.Context(), "prj_1", "")
		require.ErrorContains(t, err, "more than 100 pages")
	})

	t.Run("the latest ready deployment needs only the pages up to it", func(t *testing.T) {
		t.Parallel()
		building := production
		building.ID, building.ReadyState = "dpl_9", StateBuilding
		first := AnswerDeployments([]Deployment{building})
		next := int64(5)
		first.Pagination.Next = &next
		second := AnswerDeployments([]Deployment{production})
		second.Pagination.Next = &next
		w := newWorld(t, Options{}, says(200, first), says(200, second))
		got, err := w.client.LatestReady(t.Context(), "prj_1", TargetProduction)
		require.NoError(t, err)
		assert.Equal(t, "dpl_2", got.ID)
		assert.Len(t, w.requests(), 2)
	})

	t.Run("no ready deployment is an error that says so", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{}, says(200, AnswerDeployments(nil)))
		_, err := w.client.LatestReady(t.Context(), "prj_1", TargetProduction)
		require.ErrorIs(t, err, ErrNotFound)
	})
}

func TestDeploymentsOfOthersAreLeftOut(t *testing.T) {
	t.Parallel()
	other := production
	other.ID, other.ProjectID = "dpl_x", "prj_other"
	custom := preview
	custom.ID, custom.CustomEnvironment = "dpl_q", "qa"
	rows := AnswerDeployments([]Deployment{production, preview, other})
	w := newWorld(t, Options{}, says(200, rows))
	got, err := w.client.Deployments(t.Context(), "prj_1", TargetPreview)
	require.NoError(t, err)
	require.Len(t, got, 1)
	assert.Equal(t, preview.ID, got[0].ID)

	_, ok := Latest([]Deployment{custom}, TargetPreview)
	assert.False(t, ok, "a custom environment is not preview")
	_, err = w.client.Deployments(t.Context(), "", TargetPreview)
	require.ErrorContains(t, err, "project is empty")
	assert.Len(t, w.requests(), 1, "nothing is asked of the whole team")
}

func TestCreateVariable(t *testing.T) {
	t.Parallel()

	t.Run("a failure inside a 201 is a failure", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{}, says(201, `{"created":[],"failed":[{"error":{"code":"ENV_CONFLICT","message":"`+testSecret+` exists","envVarKey":"HMAC_SECRET_V2"}}]}`))
		_, err := w.client.CreateVariable(t.Context(), "prj_1", newVariable(t))
		require.ErrorIs(t, err, ErrExists)
		var refused *APIError
		require.ErrorAs(t, err, &refused)
		assert.Equal(t, "create variable HMAC_SECRET_V2 for preview in project prj_1: vercel answered 201 ENV_CONFLICT: [redacted] exists", err.Error())
	})

	t.Run("a failure that cannot be read is a failure too", func(t *testing.T) {
		t.Parallel()
		answer := AnswerCreate(row)
		body, err := json.Marshal(map[string]any{"created": answer.Created, "failed": []any{"what?"}})
		require.NoError(t, err)
		w := newWorld(t, Options{}, says(201, string(body)))
		_, err = w.client.CreateVariable(t.Context(), "prj_1", newVariable(t))
		require.ErrorContains(t, err, "unreadable_failure")
	})

	for code, status := range map[string]int{"ENV_ALREADY_EXISTS": 403, "ENV_CONFLICT": 400, "existing_key_and_target": 409} {
		t.Run("the code says that it exists: "+code, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, Options{}, refuses(status, code, "exists"))
			_, err := w.client.CreateVariable(t.Context(), "prj_1", newVariable(t))
			require.ErrorIs(t, err, ErrExists)
			require.NotErrorIs(t, err, ErrForbidden)
			assert.Contains(t, hintOf(err), "look at the rows")
		})
	}

	for name, body := range map[string]string{
		"created as a list":    `{"created":[{"id":"e9","key":"HMAC_SECRET_V2","type":"sensitive","target":["preview"]}],"failed":[]}`,
		"target as one string": `{"created":{"id":"e9","key":"HMAC_SECRET_V2","target":"preview"}}`,
		"the bare row of v9":   `{"id":"e9","key":"HMAC_SECRET_V2","target":["preview"]}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, Options{}, says(200, body))
			got, err := w.client.CreateVariable(t.Context(), "prj_1", newVariable(t))
			require.NoError(t, err)
			assert.Equal(t, "e9", got.ID)
		})
	}

	for name, body := range map[string]string{
		"no row":          `{"failed":[]}`,
		"another target":  `{"created":{"id":"e9","key":"HMAC_SECRET_V2","target":["production"]}}`,
		"another key":     `{"created":{"id":"e9","key":"K","target":["preview"]}}`,
		"not JSON":        `<html>`,
		"an empty answer": ``,
	} {
		t.Run("a success that does not show the row is unknown: "+name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, Options{}, says(201, body))
			_, err := w.client.CreateVariable(t.Context(), "prj_1", newVariable(t))
			var unknown *UnknownOutcomeError
			require.ErrorAs(t, err, &unknown)
			assert.Len(t, w.requests(), 1)
		})
	}

	for name, change := range map[string]func(*NewVariable){
		"a variable that is not ours": func(v *NewVariable) { v.Key = "DATABASE_URL" },
		"no value":                    func(v *NewVariable) { v.Value = NewVariable{}.Value },
		"no target":                   func(v *NewVariable) { v.Target = "" },
		"two targets in one":          func(v *NewVariable) { v.Target = "preview,production" },
		"a type to be read by all":    func(v *NewVariable) { v.Type = "plain" },
	} {
		t.Run("never sent: "+name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, Options{}, says(201, AnswerCreate(row)))
			v := newVariable(t)
			change(&v)
			_, err := w.client.CreateVariable(t.Context(), "prj_1", v)
			require.Error(t, err)
			assert.Empty(t, w.requests())
		})
	}
}

func TestDelete(t *testing.T) {
	t.Parallel()

	t.Run("what is gone already is told from what was removed", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{}, refuses(404, "not_found", "no such variable"))
		err := w.client.DeleteVariable(t.Context(), "prj_1", "env1")
		require.ErrorIs(t, err, ErrGone)
		assert.Equal(t, "delete variable env1 in project prj_1: already gone: vercel answered 404 not_found: no such variable", err.Error())
		require.ErrorIs(t, w.client.DeleteDeployment(t.Context(), "dpl_1"), ErrGone)
	})

	t.Run("an answer that cannot be read is no matter", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{}, says(200, ""))
		require.NoError(t, w.client.DeleteVariable(t.Context(), "prj_1", "env1"))
	})

	for _, id := range []string{"", ".", ".."} {
		t.Run(fmt.Sprintf("the id %q is never sent", id), func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, Options{}, says(200, "{}"))
			require.Error(t, w.client.DeleteVariable(t.Context(), "prj_1", id))
			require.Error(t, w.client.DeleteVariable(t.Context(), id, "env1"))
			require.Error(t, w.client.DeleteDeployment(t.Context(), id))
			assert.Empty(t, w.requests())
		})
	}
}

func TestRedeployRefuses(t *testing.T) {
	t.Parallel()
	custom := preview
	custom.CustomEnvironment = "qa"
	for _, test := range []struct {
		name   string
		from   Deployment
		target string
	}{
		{"no target, which must never mean production", production, ""},
		{"development", preview, TargetDevelopment},
		{"a preview build for production", preview, TargetProduction},
		{"a production build for preview", production, TargetPreview},
		{"a custom environment for preview", custom, TargetPreview},
		{"no deployment", Deployment{}, TargetPreview},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, Options{}, says(200, AnswerDeployment(preview)))
			_, err := w.client.Redeploy(t.Context(), "prj_1", test.from, test.target)
			require.ErrorContains(t, err, "redeploy ")
			assert.Empty(t, w.requests())
		})
	}

	t.Run("an answer for production to a redeploy of preview is an alarm", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{}, says(200, AnswerDeployment(production)))
		made, err := w.client.Redeploy(t.Context(), "prj_1", preview, TargetPreview)
		require.ErrorContains(t, err, "vercel made deployment dpl_2 for production instead")
		assert.Equal(t, "dpl_2", made.ID)
	})

	t.Run("an answer without id is unknown", func(t *testing.T) {
		t.Parallel()
		w := newWorld(t, Options{}, says(200, "{}"))
		_, err := w.client.Redeploy(t.Context(), "prj_1", preview, TargetPreview)
		var unknown *UnknownOutcomeError
		require.ErrorAs(t, err, &unknown)
	})
}

func TestChoosingDeployments(t *testing.T) {
	t.Parallel()
	old := Deployment{ID: "old", ReadyState: StateReady, Created: 1, Target: TargetProduction}
	failed := Deployment{ID: "failed", ReadyState: StateError, Created: 9, Target: TargetProduction}
	removed := Deployment{ID: "removed", ReadyState: StateDeleted, Created: 2}
	marked := Deployment{ID: "marked", ReadyState: StateBuilding, Created: 30, Mark: "m"}
	all := []Deployment{old, failed, preview, production, removed, marked}

	got, ok := Latest(all, TargetProduction)
	assert.True(t, ok)
	assert.Equal(t, "dpl_2", got.ID)
	_, ok = Latest(nil, TargetProduction)
	assert.False(t, ok)

	got, ok = Marked(all, "m")
	assert.True(t, ok)
	assert.Equal(t, "marked", got.ID)
	_, ok = Marked(all, "")
	assert.False(t, ok, "no mark matches nothing")

	var ids []string
	for _, d := range Older(all, production) {
		ids = append(ids, d.ID)
	}
	assert.Equal(t, []string{"dpl_1", "failed", "old"}, ids)
}

func TestHints(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		answer reply
		is     error
		hint   string
	}{
		{"a bad token", says(403, `{"error":{"code":"forbidden","message":"Not authorized","invalidToken":true}}`), ErrForbidden, "VERCEL_TOKEN"},
		{"an expired token", refuses(401, "unauthorized", ""), ErrForbidden, "VERCEL_TOKEN"},
		{"a wrong project", refuses(404, "not_found", "Project not found"), ErrNotFound, "[vercel] team"},
		{"a redirect", says(307, "", "Location", "https://example.com/"), nil, "[vercel] api"},
		{"an outage", says(503, "<html>down</html>"), nil, "vercel-status"},
		{"too many requests", refuses(429, "rate_limited", ""), ErrRateLimited, "wait a few minutes"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, Options{}, test.answer)
			_, err := w.client.Project(t.Context(), "prj_1")
			require.Error(t, err)
			if test.is != nil {
				require.ErrorIs(t, err, test.is)
			}
			var request *RequestError
			require.ErrorAs(t, err, &request)
			assert.Contains(t, request.Hint(), test.hint)
			assert.True(t, strings.HasPrefix(err.Error(), "read project in project prj_1: ") || strings.HasPrefix(err.Error(), "read project prj_1: "), err.Error())
		})
	}
	assert.Empty(t, hintOf(errors.New("other")))
}
