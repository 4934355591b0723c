package steps_test

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/steps/sandbox"
	"keyturn/steps/target"
	"keyturn/steps/vercel"
	"keyturn/vault"
)

// willing is an operator that agrees to everything and types what is to be
// typed.
type willing struct {
	mu       sync.Mutex
	progress []checklist.Progress
}

func (*willing) Show(checklist.Event) {}

func (w *willing) Progress(p checklist.Progress) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.progress = append(w.progress, p)
}

func (*willing) Ask(ctx context.Context, q checklist.Question) (checklist.Answer, error) {
	if q.Kind == checklist.Type {
		return checklist.Answer{Text: q.Expect}, ctx.Err()
	}
	return checklist.Answer{Text: checklist.Yes}, ctx.Err()
}

// rotation are the items of a rotation that reach Vercel and the services.
func rotation() []string {
	return []string{
		"generate", "add-staging", "redeploy-staging", "test-staging", "add-production", "redeploy-production",
		"verify-production", "remove-old", "redeploy-removal", "verify-removal",
	}
}

// untilPassed runs an item again and again until it passes, each time as after
// a restart, and returns how often it failed.
func (s *stage) untilPassed(t testing.TB, item string) int {
	t.Helper()
	const enough = 40
	var err error
	for failures := range enough {
		if err = s.engine.Run(t.Context(), item, &willing{}); err == nil {
			return failures
		}
		s.reopen(t)
		// Others call too: without them, runs of a length that seven divides would
		// meet each mishap at the same call for ever.
		for range failures + 1 {
			_, err := s.outside.Vercel.User(t.Context())
			require.NoError(t, err)
		}
	}
	require.NoError(t, err, "%s has failed %d times", item, enough)
	return enough
}

// taken are the changes of an endpoint that took place.
func (s *stage) taken(endpoint string) []sandbox.Call {
	return slices.DeleteFunc(s.sandbox.Calls(), func(c sandbox.Call) bool {
		after := c.Mishap == sandbox.ResetAfter || c.Mishap == sandbox.ServerErrorAfter
		return c.Endpoint != endpoint || !after && (c.Status == 0 || c.Status >= 300)
	})
}

// all returns the variables of each project, by its name.
func (s *stage) all(t testing.TB) map[string][]vercel.Variable {
	t.Helper()
	all := map[string][]vercel.Variable{}
	for _, p := range s.sandbox.Projects() {
		variables, err := s.outside.Vercel.Variables(t.Context(), p.ID)
		require.NoError(t, err)
		all[p.Name] = variables
	}
	return all
}

// Every seventh call fails in one of four ways. However many runs it takes, each
// change is made once.
func TestPartialFailuresEndWithEachCellDoneOnce(t *testing.T) {
	t.Parallel()
	for name, mishaps := range map[string][]sandbox.Mishap{
		"in turn":                    {sandbox.ServerError, sandbox.RateLimited, sandbox.ResetBefore, sandbox.ResetAfter},
		"server errors":              {sandbox.ServerError},
		"rate limits":                {sandbox.RateLimited},
		"resets before the effect":   {sandbox.ResetBefore},
		"resets after the effect":    {sandbox.ResetAfter},
		"server errors after effect": {sandbox.ServerErrorAfter, sandbox.ResetAfter},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStageIn(t, sandbox.Account{Projects: sandbox.ManyProjects(3)}, rotation()...)
			s.sandbox.SetKnobs(sandbox.Knobs{Every: 7, Mishaps: mishaps})
			failures := 0
			for _, item := range rotation() {
				failures += s.untilPassed(t, item)
			}
			t.Logf("%d runs failed on the way", failures)
			s.sandbox.SetKnobs(sandbox.Knobs{})

			for project, rows := range s.all(t) {
				made := map[string]string{}
				for _, v := range rows {
					made[v.Key+" "+strings.Join(v.Target, "+")] = v.Comment
				}
				assert.Len(t, rows, 3, project)
				assert.Equal(t, map[string]string{
					v2 + " preview": "keyturn session-1 add-staging #1", v2 + " development": "keyturn session-1 add-staging #1",
					v2 + " production": "keyturn session-1 add-production #1",
				}, made, project)
			}
			for _, p := range s.sandbox.Projects() {
				deployments, err := s.outside.Vercel.Deployments(t.Context(), p.ID, "")
				require.NoError(t, err)
				marks := map[string]int{}
				for _, d := range deployments {
					if d.Mark != "" {
						marks[d.Mark+" "+d.Environment()]++
					}
				}
				assert.Equal(t, map[string]int{
					"session-1 redeploy-staging #1 preview": 1, "session-1 redeploy-production #1 production": 1,
					"session-1 redeploy-removal #1 preview": 1, "session-1 redeploy-removal #1 production": 1,
				}, marks, p.Name)
			}
			s.requireEachEffectOnce(t)
		})
	}
}

// requireEachEffectOnce checks that what took place at Vercel is what the
// journal says was made, once each.
func (s *stage) requireEachEffectOnce(t testing.TB) {
	t.Helper()
	done := map[string]int{}
	for _, item := range rotation() {
		st := s.engine.Session().State(item)
		assert.Empty(t, st.Pending, item)
		for _, e := range st.Effects {
			done[item+" "+e.Words()]++
		}
	}
	made := map[checklist.EffectCode]int{}
	for what, times := range done {
		assert.Equal(t, 1, times, what)
	}
	for _, item := range rotation() {
		for _, e := range s.engine.Session().State(item).Effects {
			made[e.Code]++
		}
	}
	assert.Len(t, s.taken("POST /projects/{project}/env"), made[checklist.VariableCreate])
	assert.Len(t, s.taken("POST /deployments"), made[checklist.DeploymentCreate])
	assert.Equal(t, map[checklist.EffectCode]int{
		checklist.VaultGenerate: 2, checklist.VariableCreate: 9, checklist.VariableDelete: 6, checklist.DeploymentCreate: 12,
	}, made)
}

// A run after one that failed half-way touches only what is not proved done.
func TestOnlyUnprovedCellsAreDoneAgain(t *testing.T) {
	t.Parallel()
	s := newStageIn(t, sandbox.Account{Projects: sandbox.ManyProjects(3)}, "generate", "add-staging")
	s.pass(t, "generate")
	s.wire.cut(http.MethodPost, false, false)
	require.Error(t, s.engine.Run(t.Context(), "add-staging", &willing{}))
	made := len(s.taken("POST /projects/{project}/env"))
	assert.Equal(t, 4, made, "the other projects were not kept from being done, and the one stopped at its first row")
	board := &willing{}
	s.sandbox.ForgetCalls()
	s.reopen(t)
	require.NoError(t, s.engine.Run(t.Context(), "add-staging", board))
	again := s.taken("POST /projects/{project}/env")
	assert.Len(t, again, 2)
	projects := map[string]bool{}
	for _, c := range again {
		projects[c.Project] = true
	}
	assert.Len(t, projects, 1, "only the project that had failed: %v", again)
	last := board.progress[len(board.progress)-1]
	require.NotNil(t, last.Table)
	for _, r := range last.Table.Rows {
		assert.Equal(t, "done", r[1], r[0])
	}
}

// A rotation touches the variables and deployments of its plan and nothing else
// of the account.
func TestARotationMakesNoCallOutsideItsPlan(t *testing.T) {
	t.Parallel()
	account := sandbox.Account{
		Teams: []sandbox.Team{{Slug: "acme"}, {Slug: "other"}},
		Projects: append(sandbox.ManyProjects(3),
			sandbox.ProjectOptions{Name: "website", Team: "acme"}, sandbox.ProjectOptions{Name: "elsewhere", Team: "other"}),
		Shared: []sandbox.SharedOptions{{
			VariableOptions: sandbox.VariableOptions{Key: "SENTRY_DSN", Target: []string{"production"}}, Team: "acme", Projects: []string{"service-001"},
		}},
	}
	for i := range account.Projects {
		account.Projects[i].Variables = []sandbox.VariableOptions{{Key: "DATABASE_URL", Target: []string{"preview", "production"}}}
	}
	s := newStageIn(t, account, rotation()...)
	s.outside.Targets = s.outside.Targets[:3]
	s.begin(t, part(t, rotation()))
	var plan []sandbox.Touchable
	for _, target := range s.outside.Targets {
		plan = append(plan, sandbox.Touchable{Project: target.Project, Variables: []string{v1, v2}, Deploy: true})
	}
	s.sandbox.ForgetCalls()
	s.sandbox.Expect(plan...)
	for _, item := range rotation() {
		require.NoError(t, s.engine.Run(t.Context(), item, &willing{}), item)
	}
	assert.NotEmpty(t, s.sandbox.Calls())
	assert.Empty(t, s.sandbox.Unexpected())

	// The net has no hole: a call of another project is seen.
	_, err := s.outside.Vercel.Variables(t.Context(), s.sandbox.Projects()[3].ID)
	require.NoError(t, err)
	require.Len(t, s.sandbox.Unexpected(), 1)
	assert.Contains(t, s.sandbox.Unexpected()[0].Unexpected, "project website is not in the plan")
}

// newAwkwardStage is a session on an account as people leave it behind: the old key in rows for
// several targets, for a branch and for custom environments. qa belongs to
// staging, and eu to nobody.
func newAwkwardStage(t *testing.T, shared []sandbox.SharedOptions, items ...string) *stage {
	t.Helper()
	s := newStageIn(t, sandbox.Account{
		Teams: []sandbox.Team{{Slug: "acme"}},
		Projects: []sandbox.ProjectOptions{{
			Name: "orders-api", CustomEnvironments: []string{"qa", "eu"}, Branches: []string{"feat-1"}, WithoutKey: true,
			Variables: []sandbox.VariableOptions{
				{Key: v1, Target: []string{"preview", "production"}, Type: vercel.TypeSensitive},
				{Key: v1, Target: []string{"development"}},
				{Key: v1, Target: []string{"preview"}, GitBranch: "feat-1"},
				{Key: v1, CustomEnvironments: []string{"qa"}},
				{Key: v1, CustomEnvironments: []string{"eu"}},
				{Key: "DATABASE_URL", Target: []string{"preview", "production"}},
			},
		}},
		Shared: shared,
	}, items...)
	s.outside.Targets[0].Slots = map[checklist.Environment][]target.Slot{checklist.Staging: {
		{Target: "preview"}, {Target: "development"}, {CustomEnvironment: "qa"},
	}}
	return s
}

func TestThePlanExplainsAnAwkwardAccount(t *testing.T) {
	t.Parallel()
	s := newAwkwardStage(t, []sandbox.SharedOptions{{
		VariableOptions: sandbox.VariableOptions{Key: v1, Target: []string{"production"}}, Projects: []string{"orders-api"},
	}}, "generate", "remove-old")
	s.pass(t, "generate")
	plan := s.planOf(t, "remove-old")
	warnings := strings.Join(plan.Warnings, "\n")
	for _, part := range []string{
		"serves preview+production: staging and production have had one secret",
		"is for the git branch feat-1 alone, and goes before the row of all branches there. It is removed with the others.",
		"serves the custom environment qa, which belongs to staging. It is removed with the others.",
		"serves the custom environment eu, which the configuration gives to no environment: it is not touched",
		"Add custom:eu to the target's staging or production",
		"The team's shared variable HMAC_SECRET_V1",
		"for production) is linked to orders-api. It is never touched here",
		"unlink it in the team's settings",
	} {
		assert.Contains(t, warnings, part)
	}
	require.Len(t, plan.Actions, 5, "%v", plan.Actions)
	assert.Contains(t, plan.Actions[0].Words, "take preview from row")
	assert.Contains(t, plan.Actions[0].Words, "which goes on serving production with its value")
	assert.Equal(t, checklist.Production, plan.Actions[4].Environment)
	assert.Contains(t, plan.Actions[4].Words, "delete row")
}

func TestTheOldKeyIsRemovedFromAnAwkwardAccount(t *testing.T) {
	t.Parallel()
	s := newAwkwardStage(t, nil, "generate", "add-staging", "add-production", "redeploy-removal", "remove-old")
	s.sandbox.Expect(sandbox.Touchable{Project: "orders-api", Variables: []string{v1, v2}, Deploy: true})
	s.pass(t, "generate", "add-staging", "add-production", "redeploy-removal")
	// The row that serves both environments has production's secret in staging too.
	_, err := s.outside.Vault.Put(t.Context(), "staging/v1", s.sandbox.Seeded()["production"], vault.PutOptions{Replace: true})
	require.NoError(t, err)
	before := s.all(t)["orders-api"]
	s.sandbox.ForgetCalls()
	require.NoError(t, s.engine.Run(t.Context(), "remove-old", removeOld(t)))

	var left []string
	customs, err := s.outside.Vercel.CustomEnvironments(t.Context(), "orders-api")
	require.NoError(t, err)
	for _, v := range s.all(t)["orders-api"] {
		place := strings.Join(v.Target, "+")
		for _, c := range customs {
			if slices.Contains(v.CustomEnvironmentIDs, c.ID) {
				place += c.Slug
			}
		}
		left = append(left, v.Key+" "+place)
	}
	assert.ElementsMatch(t, []string{
		v1 + " eu", v2 + " preview", v2 + " development", v2 + " qa", v2 + " production", "DATABASE_URL preview+production",
	}, left)
	assert.Len(t, before, 10)

	// The row for both lost preview first, and the rest of it with production.
	var effects []string
	for _, e := range s.engine.Session().State("remove-old").Effects {
		effects = append(effects, string(e.Code)+" "+string(e.Environment)+" "+e.Place)
	}
	assert.Equal(t, []string{
		"variable.narrow staging preview", "variable.delete staging development,preview:feat-1,custom:qa", "variable.delete production production",
	}, effects)
	assert.Len(t, s.taken("DELETE /projects/{project}/env"), 2, "one request for all rows of an environment")
	assert.Empty(t, s.sandbox.Unexpected())
}

// A lost answer to the narrowing of a row is resolved by looking.
func TestNarrowingWhoseAnswerIsLost(t *testing.T) {
	t.Parallel()
	for name, taken := range map[string]bool{"it was taken": true, "it was lost too": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "remove-test")
			s.add(t, test, "preview", "production")
			s.wire.cut(http.MethodPatch, taken, false)
			err := s.engine.Run(t.Context(), "remove-test", agree(t, "remove-test"))
			if !taken {
				require.ErrorContains(t, err, "the row serves preview+production as before")
				assert.Contains(t, checklist.Hint(err), "run the item again")
				s.pass(t, "remove-test")
			} else {
				require.NoError(t, err)
			}
			assert.Equal(t, []string{"production"}, s.rows(t, test)["production"].Target)
			assert.Len(t, s.taken("PATCH /projects/{project}/env/{id}"), 1)
		})
	}
}

// A custom environment and a branch that the configuration names get rows of
// their own.
func TestAddKeyFillsTheSlotsOfTheConfiguration(t *testing.T) {
	t.Parallel()
	s := newStageIn(t, sandbox.Account{Projects: []sandbox.ProjectOptions{
		{Name: "orders-api", CustomEnvironments: []string{"qa"}, Branches: []string{"feat-1"}},
	}}, "generate", "add-staging")
	s.outside.Targets[0].Slots = map[checklist.Environment][]target.Slot{checklist.Staging: {
		{Target: "preview", Branch: "feat-1"}, {CustomEnvironment: "qa", Type: vercel.TypeEncrypted},
	}}
	s.pass(t, "generate", "add-staging")
	var made []vercel.Variable
	for _, v := range s.all(t)["orders-api"] {
		if v.Key == v2 {
			made = append(made, v)
		}
	}
	require.Len(t, made, 2)
	assert.Equal(t, "feat-1 sensitive", made[0].GitBranch+" "+made[0].Type)
	assert.Len(t, made[1].CustomEnvironmentIDs, 1)
	assert.Empty(t, made[1].Target)
	assert.Equal(t, vercel.TypeEncrypted, made[1].Type)

	s.outside.Targets[0].Slots[checklist.Staging][1].CustomEnvironment = "gone"
	s.reopen(t)
	require.NoError(t, s.engine.Reopen(t.Context(), "add-staging", "again", &willing{}))
	err := s.engine.Run(t.Context(), "add-staging", &willing{})
	require.ErrorContains(t, err, `orders-api has no custom environment "gone"`)
	assert.Contains(t, checklist.Hint(err), "make it at Vercel")
}

// Each slot that is deployed gets a deployment of its own, from the newest one
// of its branch or custom environment.
func TestRedeployMakesOneDeploymentForEachSlot(t *testing.T) {
	t.Parallel()
	s := newStageIn(t, sandbox.Account{Projects: []sandbox.ProjectOptions{
		{Name: "orders-api", CustomEnvironments: []string{"qa"}, Branches: []string{"feat-1"}},
	}}, "redeploy-staging")
	s.outside.Targets[0].Slots = map[checklist.Environment][]target.Slot{checklist.Staging: {
		{Target: "development"}, {Target: "preview", Branch: "feat-1"}, {CustomEnvironment: "qa"},
	}}
	s.pass(t, "redeploy-staging")
	all, err := s.outside.Vercel.Deployments(t.Context(), s.sandbox.Projects()[0].ID, "")
	require.NoError(t, err)
	var made []string
	for _, d := range all {
		if d.Mark != "" {
			made = append(made, fmt.Sprintf("%s %s %s", d.Environment(), d.Branch, d.Mark))
			assert.True(t, d.Serving(), d.ID)
		}
	}
	require.Len(t, made, 2)
	assert.Contains(t, made, "preview feat-1 session-1 redeploy-staging #1")
	assert.Len(t, containing(made, "session-1 redeploy-staging #1 custom:qa"), 1)
	assert.Len(t, containing(made, "qa "), 1)
	commands := s.engine.Session().State("redeploy-staging").Plan.Actions
	require.Len(t, commands, 2)
	assert.Contains(t, commands[1].Command, `"customEnvironmentSlugOrId":"qa"`)
}

func TestAFailedBuildShowsTheEndOfItsLog(t *testing.T) {
	t.Parallel()
	s := newStage(t, "redeploy-staging")
	require.NoError(t, s.sandbox.SetFault(sandbox.DeploymentFailed))
	err := s.engine.Run(t.Context(), "redeploy-staging", &willing{})
	require.ErrorContains(t, err, "orders-api staging: wait for deployment")
	require.ErrorContains(t, err, "ended as ERROR; its build ended with:")
	require.ErrorContains(t, err, "src/verify.ts(41,18): error TS2339")
	require.ErrorContains(t, err, `Error: Command "npm run build" exited with 1`)
	assert.Contains(t, s.engine.Session().State("redeploy-staging").Text, "error TS2339", "the reader of the journal is told")
	assert.NotContains(t, err.Error(), "Cloning completed", "no more than ten lines")
}

// The stand-in's addresses are told apart by port and path, and lead to the
// deployment that serves.
func TestADeploymentIsFoundByItsAddress(t *testing.T) {
	t.Parallel()
	s := newStage(t, "redeploy-staging")
	for _, environment := range []string{sandbox.Staging, sandbox.Production} {
		d, err := s.outside.Vercel.Deployment(t.Context(), s.sandbox.ServiceURL("payments-api", environment))
		require.NoError(t, err)
		serving, err := s.outside.Vercel.LatestReady(t.Context(), s.sandbox.Projects()[1].ID, d.Environment())
		require.NoError(t, err)
		assert.Equal(t, serving.ID, d.ID, environment)
		own, err := s.outside.Vercel.Deployment(t.Context(), d.URL)
		require.NoError(t, err)
		assert.Equal(t, d.ID, own.ID)
	}
}
