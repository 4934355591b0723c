package sandbox

import (
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/steps/httpclient"
	"keyturn/steps/sandbox/vercelcli"
	"keyturn/steps/vercel"
)

// company is an account with a team, as a real one has it.
func company() Account {
	return Account{
		Teams: []Team{{Slug: "acme"}},
		Projects: []ProjectOptions{
			{Name: "orders-api", CustomEnvironments: []string{"qa"}, Branches: []string{"feat-1"}},
			{Name: "payments-api"},
		},
	}
}

// newCLIWorld opens a world of a company and the two clients that meet in it.
func newCLIWorld(t *testing.T) (*World, *vercelcli.CLI, *vercel.Client) {
	t.Helper()
	if testing.Short() {
		t.Skip("each run of the Vercel CLI takes half a second")
	}
	t.Parallel()
	vercelcli.Find(t) // before anything is built
	w := MustOpen(t, Options{Account: company(), BuildTime: time.Millisecond})
	team := w.Teams()[0]
	return w, vercelcli.New(t, w.VercelURL(), w.VercelToken(), team.Slug), newClient(t, w, team.ID)
}

// newClient returns Keyturn's own client.
func newClient(t testing.TB, w *World, team string) *vercel.Client {
	t.Helper()
	token, err := httpclient.ParseToken(w.VercelToken())
	require.NoError(t, err)
	client, err := vercel.New(vercel.Options{API: w.VercelURL(), Token: token, Team: team, HTTP: httpclient.Options{Transport: &http.Transport{}}})
	require.NoError(t, err)
	return client
}

// cliRow is a row as the CLI lists it.
type cliRow struct {
	Key       string
	Type      string
	Target    []string
	GitBranch string
}

func cliRows(t *testing.T, cli *vercelcli.CLI, args ...string) []cliRow {
	t.Helper()
	var list struct{ Envs []cliRow }
	cli.MustRun(t, "", append([]string{"env", "ls", "--json", "--project", "orders-api"}, args...)...).Decode(t, &list)
	return list.Envs
}

// valueOf returns the stored value of the row that a test picks.
func valueOf(t *testing.T, w *World, pick func(variable) bool) string {
	t.Helper()
	s := w.state.Load()
	i := slices.IndexFunc(s.Variables, pick)
	require.GreaterOrEqual(t, i, 0)
	return s.secret(s.Variables[i].Value)
}

func TestTheCLIAddsAndKeyturnSees(t *testing.T) {
	w, cli, client := newCLIWorld(t)
	secret := MustSecret(t)
	for _, test := range []struct {
		args []string
		want vercel.Variable
	}{
		{[]string{"preview"}, vercel.Variable{Type: "sensitive", Target: []string{"preview"}}},
		{[]string{"production"}, vercel.Variable{Type: "sensitive", Target: []string{"production"}}},
		{[]string{"development"}, vercel.Variable{Type: "encrypted", Target: []string{"development"}}},
		{[]string{"preview", "feat-1"}, vercel.Variable{Type: "sensitive", Target: []string{"preview"}, GitBranch: "feat-1"}},
		{[]string{"qa"}, vercel.Variable{Type: "sensitive", CustomEnvironmentIDs: []string{w.Projects()[0].CustomEnvironments[0].ID}}},
	} {
		t.Run(strings.Join(test.args, " "), func(t *testing.T) {
			before, err := client.Variables(t.Context(), "orders-api")
			require.NoError(t, err)
			// One newline, as echo gives it, is taken off by this version.
			cli.MustRun(t, secret.Reveal()+"\n", append(append([]string{"env", "add", "HMAC_SECRET_V2"}, test.args...), "--yes", "--project", "orders-api")...)

			after, err := client.Variables(t.Context(), "orders-api")
			require.NoError(t, err)
			require.Len(t, after, len(before)+1)
			assert.Equal(t, before, after[:len(before)], "no other row moved")
			got := after[len(before)]
			assert.Equal(t, "HMAC_SECRET_V2", got.Key)
			assert.Equal(t, test.want.Type, got.Type)
			assert.ElementsMatch(t, test.want.Target, got.Target)
			assert.Equal(t, test.want.GitBranch, got.GitBranch)
			assert.ElementsMatch(t, test.want.CustomEnvironmentIDs, got.CustomEnvironmentIDs)
			assert.True(t, secret.Reveal() == valueOf(t, w, func(v variable) bool { return v.ID == got.ID }), "the value arrived whole")
		})
	}
	t.Run("a second time is refused", func(t *testing.T) {
		r := cli.Run(t, secret.Reveal(), "env", "add", "HMAC_SECRET_V2", "preview", "--yes", "--project", "orders-api")
		assert.Equal(t, 1, r.Exit, r.Stderr)
		assert.NotContains(t, r.Stdout+r.Stderr, secret.Reveal())
	})
}

func TestKeyturnAddsAndTheCLISees(t *testing.T) {
	w, cli, client := newCLIWorld(t)
	for _, target := range []string{vercel.TargetPreview, vercel.TargetDevelopment, vercel.TargetProduction} {
		_, err := client.CreateVariable(t.Context(), "orders-api", vercel.NewVariable{
			Key: "HMAC_SECRET_V2", Value: MustSecret(t), Target: target, Type: vercel.TypeFor(target),
		})
		require.NoError(t, err)
	}
	ours := slices.DeleteFunc(cliRows(t, cli), func(r cliRow) bool { return r.Key != "HMAC_SECRET_V2" })
	assert.ElementsMatch(t, []cliRow{
		{Key: "HMAC_SECRET_V2", Type: "sensitive", Target: []string{"preview"}},
		{Key: "HMAC_SECRET_V2", Type: "encrypted", Target: []string{"development"}},
		{Key: "HMAC_SECRET_V2", Type: "sensitive", Target: []string{"production"}},
	}, ours)
	for _, row := range cliRows(t, cli, "preview") {
		assert.Equal(t, []string{"preview"}, row.Target)
	}

	t.Run("and removes what Keyturn then misses", func(t *testing.T) {
		cli.MustRun(t, "", "env", "rm", "HMAC_SECRET_V2", "preview", "--yes", "--project", "orders-api")
		left, err := client.Variables(t.Context(), "orders-api")
		require.NoError(t, err)
		targets := []string{}
		for _, v := range left {
			if v.Key == "HMAC_SECRET_V2" {
				targets = append(targets, v.Target...)
			}
		}
		assert.ElementsMatch(t, []string{"development", "production"}, targets)
	})
	t.Run("and misses what Keyturn removes", func(t *testing.T) {
		all, err := client.Variables(t.Context(), "orders-api")
		require.NoError(t, err)
		for _, v := range all {
			if v.Key == "HMAC_SECRET_V2" {
				require.NoError(t, client.DeleteVariable(t.Context(), "orders-api", v.ID))
			}
		}
		for _, row := range cliRows(t, cli) {
			assert.Equal(t, "HMAC_SECRET_V1", row.Key)
		}
	})
	assert.Empty(t, w.Unexpected())
}

// The CLI narrows a row that serves more than the target to be removed; the
// value of a sensitive row stays although it cannot be read.
func TestTheCLINarrowsARowOfSeveralTargets(t *testing.T) {
	w, cli, client := newCLIWorld(t)
	secret := MustSecret(t)
	cli.MustRun(t, secret.Reveal(), "env", "add", "HMAC_SECRET_V2", "production,preview", "--yes", "--project", "orders-api")
	cli.MustRun(t, "", "env", "rm", "HMAC_SECRET_V2", "preview", "--yes", "--project", "orders-api")
	all, err := client.Variables(t.Context(), "orders-api")
	require.NoError(t, err)
	row := all[len(all)-1]
	assert.Equal(t, []string{"production"}, row.Target)
	assert.Equal(t, vercel.TypeSensitive, row.Type)
	assert.True(t, secret.Reveal() == valueOf(t, w, func(v variable) bool { return v.ID == row.ID }))

	t.Run("update gives it another value and nothing else", func(t *testing.T) {
		other := MustSecret(t)
		cli.MustRun(t, other.Reveal(), "env", "update", "HMAC_SECRET_V2", "production", "--yes", "--project", "orders-api")
		after, err := client.Variables(t.Context(), "orders-api")
		require.NoError(t, err)
		assert.Equal(t, all[:len(all)-1], after[:len(after)-1])
		assert.GreaterOrEqual(t, after[len(after)-1].UpdatedAt, row.UpdatedAt)
		assert.True(t, other.Reveal() == valueOf(t, w, func(v variable) bool { return v.ID == row.ID }))
	})
}

func TestTheCLIRedeploysAndInspects(t *testing.T) {
	w, cli, client := newCLIWorld(t)
	project := w.Projects()[0]
	from, err := client.LatestReady(t.Context(), project.ID, vercel.TargetProduction)
	require.NoError(t, err)

	address := strings.TrimSpace(cli.MustRun(t, "", "redeploy", from.ID).Stdout)
	assert.True(t, strings.HasPrefix(address, "https://"), address)
	list, err := client.Deployments(t.Context(), project.ID, "")
	require.NoError(t, err)
	made := list[0]
	assert.Equal(t, strings.TrimPrefix(address, "https://"), made.URL)
	assert.Equal(t, vercel.TargetProduction, made.Environment())
	assert.True(t, made.Serving())

	t.Run("inspect", func(t *testing.T) {
		r := cli.MustRun(t, "", "inspect", made.ID)
		for _, words := range []string{made.ID, "orders-api", "production", "Ready"} {
			assert.Contains(t, r.Stderr, words)
		}
	})
	t.Run("a custom environment", func(t *testing.T) {
		cli.MustRun(t, "", "redeploy", from.ID, "--target", "qa")
		list, err := client.Deployments(t.Context(), project.ID, "")
		require.NoError(t, err)
		assert.Equal(t, "qa", list[0].Environment())
	})
	t.Run("ls and Keyturn list the same", func(t *testing.T) {
		var shown struct {
			Deployments []struct{ URL, State string }
		}
		cli.MustRun(t, "", "ls", "orders-api", "--json").Decode(t, &shown)
		list, err := client.Deployments(t.Context(), project.ID, "")
		require.NoError(t, err)
		require.Len(t, shown.Deployments, len(list))
		for i, d := range list {
			assert.Equal(t, d.URL, shown.Deployments[i].URL)
			assert.Equal(t, d.ReadyState, shown.Deployments[i].State)
		}
	})
	t.Run("a build that fails", func(t *testing.T) {
		require.NoError(t, w.SetFault(DeploymentFailed))
		r := cli.Run(t, "", "redeploy", from.ID)
		assert.Equal(t, 1, r.Exit, r.Stderr)
		list, err := client.Deployments(t.Context(), project.ID, "")
		require.NoError(t, err)
		logs := cli.Run(t, "", "inspect", list[0].ID, "--logs")
		assert.Contains(t, logs.Stdout+logs.Stderr, buildErrorMessage)
	})
	t.Run("rollback and promote", func(t *testing.T) {
		cli.MustRun(t, "", "rollback", from.ID, "--yes")
		assert.Equal(t, from.ID, MustServe(t, w, "orders-api", Production).ID)
		cli.MustRun(t, "", "promote", made.ID, "--yes")
		assert.Equal(t, made.ID, MustServe(t, w, "orders-api", Production).ID)
	})
}

func TestTheCLIKnowsWhoItIs(t *testing.T) {
	w, cli, _ := newCLIWorld(t)
	assert.Equal(t, ownerName, strings.TrimSpace(cli.MustRun(t, "", "whoami").Stdout))
	t.Run("with a token that is not good", func(t *testing.T) {
		bad := *cli
		bad.Token = "nonsense"
		assert.Equal(t, 1, bad.Run(t, "", "whoami").Exit)
	})
	t.Run("in a team that is not there", func(t *testing.T) {
		lost := *cli
		lost.Scope = "nowhere"
		assert.Equal(t, 1, lost.Run(t, "", "env", "ls", "--project", "orders-api").Exit)
	})
	for _, call := range w.Calls() {
		assert.NotEqual(t, "/", call.Endpoint, "%s: an endpoint that is missing here", call)
	}
}

// What the runbook says must not be done: the CLI takes the key for the name of
// an environment, and prints it.
func TestTheRunbooksCommandSavesNothing(t *testing.T) {
	w, cli, _ := newCLIWorld(t)
	for name, args := range map[string][]string{
		"the key as an argument":    {"env", "add", "HMAC_SECRET_V2", "deadbeef"},
		"an option that it lacks":   {"env", "rm", "HMAC_SECRET_V1", "--environment", "preview"},
		"nothing on standard input": {"env", "add", "HMAC_SECRET_V2", "production", "--yes"},
	} {
		t.Run(name, func(t *testing.T) {
			assert.NotZero(t, cli.Run(t, "", append(args, "--project", "orders-api")...).Exit)
		})
	}
	for _, call := range w.Calls() {
		assert.False(t, call.Write(), "%s", call)
	}
}
