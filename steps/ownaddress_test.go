package steps_test

import (
	"crypto/rand"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/keygen"
	"keyturn/steps"
	"keyturn/steps/sandbox"
	"keyturn/steps/target"
	"keyturn/steps/vercel"
)

const ownAddresses = "At the deployments' own addresses"

// newSlotStage is a session on a project whose staging has a branch and a custom
// environment besides the previews of all branches.
func newSlotStage(t *testing.T, items ...string) *stage {
	t.Helper()
	s := newStageIn(t, sandbox.Account{Projects: []sandbox.ProjectOptions{{
		Name: "orders-api", CustomEnvironments: []string{"qa"}, Branches: []string{"feat-1"},
		Variables: []sandbox.VariableOptions{{Key: v1, CustomEnvironments: []string{"qa"}}},
	}}}, items...)
	s.outside.Targets[0].Slots = map[checklist.Environment][]target.Slot{checklist.Staging: {
		{Target: "preview"}, {Target: "preview", Branch: "feat-1"}, {CustomEnvironment: "qa"}, {Target: "development"},
	}}
	return s
}

// accepted is the fact that the new key is accepted in an environment.
func (s *stage) accepted(e checklist.Environment) string {
	return s.engine.Session().Facts[checklist.Fact(checklist.FactAccepted, e, checklist.NewKey)]
}

// texts are what issues say.
func texts(issues []checklist.Issue) []string {
	var all []string
	for _, i := range issues {
		all = append(all, i.Text)
	}
	return all
}

// gate answers in the place of a service at addresses that have a part.
type gate struct {
	part   string
	answer func(http.Header) (status int)
}

func (g *gate) RoundTrip(r *http.Request) (*http.Response, error) {
	if !strings.Contains(r.URL.Path, g.part) {
		return http.DefaultTransport.RoundTrip(r)
	}
	h := http.Header{}
	return &http.Response{StatusCode: g.answer(h), Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1, Header: h, Body: http.NoBody, Request: r}, nil
}

// protection is what Vercel answers to those who have not logged in.
func protection(h http.Header) int {
	h.Set("Set-Cookie", "_vercel_sso_nonce=x; Path=/; HttpOnly")
	return http.StatusUnauthorized
}

// loginPage is what Vercel answers to browsers.
func loginPage(h http.Header) int {
	h.Set("Location", "https://vercel.com/sso-api?url=x")
	return http.StatusFound
}

func behindGate(part string, answer func(http.Header) int) *http.Client {
	return &http.Client{
		Transport:     &gate{part: part, answer: answer},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
}

func TestProveAsksTheDeploymentOfEachSlot(t *testing.T) {
	t.Parallel()
	s := newSlotStage(t, "generate", "add-staging", "redeploy-staging", "test-staging")
	s.pass(t, "generate", "add-staging", "redeploy-staging")
	s.look(t, "test-staging")
	state := s.engine.Session().State("test-staging")
	require.NotNil(t, state.Plan)
	assert.Equal(t, "the same at the own addresses of the deployments that serve preview, preview:feat-1, custom:qa", state.Plan.Actions[1].Words)

	own := table(t, state.Evidence, ownAddresses).Rows
	require.Len(t, own, 3, "development is not deployed")
	all, err := s.outside.Vercel.Deployments(t.Context(), s.sandbox.Projects()[0].ID, "")
	require.NoError(t, err)
	var ids []string
	for i, name := range []string{"orders-api staging", "orders-api staging preview:feat-1", "orders-api staging custom:qa"} {
		assert.Equal(t, name, own[i][0])
		assert.Equal(t, "as they must be", own[i][4])
		assert.Contains(t, own[i][2], "/d/"+own[i][1]+"/api/test")
		d, ok := find(all, own[i][1])
		require.True(t, ok)
		assert.Contains(t, d.Mark, "session-1 redeploy-staging #1")
		assert.Contains(t, s.accepted(checklist.Staging), d.ID, "the gate of a removal relies on each of them")
		ids = append(ids, d.ID)
	}
	assert.NotEqual(t, ids[0], ids[1])
	assert.NotContains(t, s.accepted(checklist.Staging), ids[0]+","+ids[0], "each is named once")
	assert.Empty(t, state.Evidence.Issues)
}

func find(all []vercel.Deployment, id string) (vercel.Deployment, bool) {
	for _, d := range all {
		if d.ID == id {
			return d, true
		}
	}
	return vercel.Deployment{}, false
}

// What the environment's address accepts, a slot's deployment may not.
func TestASlotWhoseDeploymentRefusesTheKeyFails(t *testing.T) {
	t.Parallel()
	for name, slot := range map[string]target.Slot{
		"custom:qa":      {CustomEnvironment: "qa"},
		"preview:feat-1": {Target: "preview", Branch: "feat-1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newSlotStage(t, "generate", "add-staging", "test-staging")
			s.outside.Targets[0].Slots[checklist.Staging] = []target.Slot{{Target: "preview"}, slot}
			s.pass(t, "generate", "add-staging")
			s.redeployOf(t, "preview", "staging") // and nothing of the slot

			err := s.engine.Run(t.Context(), "test-staging", checklisttest.NewScript(t))
			require.ErrorContains(t, err, "orders-api staging "+name+" (dpl_")
			require.ErrorContains(t, err, "/d/dpl_")
			require.ErrorContains(t, err, "this deployment was made without HMAC_SECRET_V2")
			assert.Contains(t, checklist.Hint(err), "then redeploy")
			assert.Empty(t, s.accepted(checklist.Staging))
			evidence := s.engine.Session().State("test-staging").Evidence
			own := table(t, evidence, ownAddresses).Rows
			assert.Equal(t, []string{"as they must be", "not as they must be"}, []string{own[0][4], own[1][4]})
			assert.Equal(t, "orders-api staging did not answer as they must", evidence.Summary)
			assert.Len(t, evidence.Tables, 3, "with what the slot's deployment answered")
		})
	}
}

// redeployOf builds the newest deployment of a branch or custom environment once
// more, as somebody does who is not Keyturn.
func (s *stage) redeployOf(t *testing.T, target, branch string) vercel.Deployment {
	t.Helper()
	project := s.sandbox.Projects()[0].ID
	from, err := s.outside.Vercel.LatestReadyOf(t.Context(), project, target, branch)
	require.NoError(t, err)
	made, err := s.outside.Vercel.Redeploy(t.Context(), project, from, target)
	require.NoError(t, err)
	made, err = s.outside.Vercel.WaitReady(t.Context(), made.ID, s.outside.Poll, nil)
	require.NoError(t, err)
	return made
}

// A gate in front of the deployments proves nothing, and keeps nothing up that is
// proved otherwise: the environment's address leads to the first slot.
func TestDeploymentsBehindProtection(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer func(http.Header) int
		why    string
	}{
		"that says so":  {protection, "none: Vercel's deployment protection answered in the service's place"},
		"with a login":  {loginPage, "none: the address redirects, as to a login"},
		"that is quiet": {func(http.Header) int { return http.StatusUnauthorized }, "none: something in front of the service refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "generate", "add-staging", "redeploy-staging", "test-staging", "add-production", "redeploy-production", "verify-production")
			s.outside.Prober.HTTP = behindGate("/d/", tc.answer)
			s.pass(t, "generate", "add-staging", "redeploy-staging")
			s.look(t, "test-staging")
			s.pass(t, "add-production", "redeploy-production")
			s.look(t, "verify-production")
			for _, row := range table(t, s.engine.Session().State("test-staging").Evidence, ownAddresses).Rows {
				assert.Equal(t, tc.why, row[4])
			}
			assert.Contains(t, s.accepted(checklist.Staging), "dpl_")
			assert.Contains(t, s.accepted(checklist.Production), "dpl_")
			issues := texts(s.engine.Session().Issues())
			require.Len(t, issues, 2, "one for each target, however often it is met with")
			assert.Contains(t, issues[0], "deployments of orders-api")
			assert.Contains(t, issues[0], "set protected = true")
			assert.Contains(t, issues[0], "keyturn login bypass "+s.sandbox.Projects()[0].ID)
			assert.Contains(t, issues[1], "deployments of payments-api")
		})
	}
}

// To a branch or a custom environment nothing leads but its deployment's address.
func TestASlotBehindProtectionIsNotProved(t *testing.T) {
	t.Parallel()
	s := newSlotStage(t, "generate", "add-staging", "redeploy-staging", "test-staging")
	s.outside.Targets[0].Bypass = generated(t)
	s.outside.Prober.HTTP = behindGate("/d/", protection)
	s.pass(t, "generate", "add-staging", "redeploy-staging")
	s.look(t, "test-staging")
	assert.Empty(t, s.accepted(checklist.Staging), "no removal may rely on it")
	evidence := s.engine.Session().State("test-staging").Evidence
	assert.Contains(t, evidence.Summary, "; not proved: orders-api staging preview:feat-1, orders-api staging custom:qa")
	require.Len(t, evidence.Issues, 2)
	assert.Contains(t, evidence.Issues[0], "the bypass secret did not pass it")
	assert.Contains(t, evidence.Issues[1], "no key is removed that waits for this proof")
}

func generated(t *testing.T) keygen.Secret {
	t.Helper()
	secret, err := keygen.Generate(rand.Reader)
	require.NoError(t, err)
	return secret
}

// The stand-in protects as Vercel does by default: everything but the production
// address. The bypass secret passes it.
func TestProveBehindTheProtectionOfTheStandIn(t *testing.T) {
	t.Parallel()
	for name, bypass := range map[string]bool{"without the secret": false, "with it": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStageIn(t, sandbox.Account{Projects: []sandbox.ProjectOptions{{Name: "orders-api", Protected: true}}},
				"generate", "add-production", "redeploy-production", "verify-production")
			if bypass {
				secret, err := keygen.ParseSecret(s.sandbox.BypassSecret("orders-api"))
				require.NoError(t, err)
				s.outside.Targets[0].Bypass = secret
			}
			s.pass(t, "generate", "add-production", "redeploy-production")
			s.look(t, "verify-production")
			assert.Contains(t, s.accepted(checklist.Production), "dpl_")
			assert.Equal(t, bypass, len(s.engine.Session().Issues()) == 0)
		})
	}
}

// A deployment that is broken is not taken for one behind a gate.
func TestADeploymentThatBreaksFails(t *testing.T) {
	t.Parallel()
	s := newStage(t, "generate", "add-staging", "redeploy-staging", "test-staging")
	s.outside.Prober.HTTP = behindGate("/d/", func(http.Header) int { return http.StatusInternalServerError })
	s.pass(t, "generate", "add-staging", "redeploy-staging")
	err := s.engine.Run(t.Context(), "test-staging", checklisttest.NewScript(t))
	require.ErrorContains(t, err, "the service broke before it judged the signature")
	assert.Empty(t, s.accepted(checklist.Staging))
}

func TestSignersAreNotAskedAtTheirDeployments(t *testing.T) {
	t.Parallel()
	s := newStage(t, "generate", "add-staging", "redeploy-staging", "test-staging")
	s.outside.Targets[1].Role = target.RoleSigner
	s.pass(t, "generate", "add-staging", "redeploy-staging")
	s.look(t, "test-staging")
	own := table(t, s.engine.Session().State("test-staging").Evidence, ownAddresses).Rows
	require.Len(t, own, 1)
	assert.Equal(t, "orders-api staging", own[0][0])
}

// The newest preview may be one of a branch that has a slot of its own.
func TestThePreviewOfAllBranchesIsNotThatOfOne(t *testing.T) {
	t.Parallel()
	s := newSlotStage(t, "redeploy-staging")
	s.redeployOf(t, "preview", "feat-1")
	s.pass(t, "redeploy-staging")
	all, err := s.outside.Vercel.Deployments(t.Context(), s.sandbox.Projects()[0].ID, "preview")
	require.NoError(t, err)
	made := map[string]string{}
	for _, d := range all {
		if d.Mark != "" {
			made[d.Mark] = d.Branch
		}
	}
	assert.Equal(t, map[string]string{
		"session-1 redeploy-staging #1": "staging", "session-1 redeploy-staging #1 preview:feat-1": "feat-1",
	}, made)
}

// Without the API nobody knows the own address of a deployment.
func TestProveByHandAsksTheEnvironmentsAddress(t *testing.T) {
	t.Parallel()
	s := newSlotStage(t, "generate", "add-staging", "redeploy-staging", "test-staging")
	s.pass(t, "generate", "add-staging", "redeploy-staging")
	s.outside.Hand, s.outside.Vercel = &steps.Hand{Dashboard: "https://vercel.com/acme"}, nil
	s.look(t, "test-staging")
	evidence := s.engine.Session().State("test-staging").Evidence
	assert.Len(t, evidence.Tables, 1)
	require.Len(t, evidence.Issues, 1)
	assert.Contains(t, evidence.Issues[0], "orders-api staging preview:feat-1, orders-api staging custom:qa: not proved")
	assert.NotEmpty(t, s.accepted(checklist.Staging))
}

// A key is not revoked while the deployment of one slot accepts it.
func TestProveRevokedAsksEachSlot(t *testing.T) {
	t.Parallel()
	s := newSlotStage(t, "see-who-breaks", "remove-compromised", "prove-revoked")
	s.look(t, "see-who-breaks")
	s.run(t, "remove-compromised", checklisttest.Type("remove-compromised", "v1"))
	s.redeployOf(t, "preview", "staging")
	s.redeployOf(t, "production", "")
	refused := func() string {
		return s.engine.Session().Facts[checklist.Fact(checklist.FactRefused, checklist.Staging, checklist.OldKey)]
	}

	err := s.engine.Run(t.Context(), "prove-revoked", checklisttest.NewScript(t))
	require.ErrorContains(t, err, "orders-api staging custom:qa (dpl_")
	require.ErrorContains(t, err, "was accepted, want refused")
	assert.Equal(t, "orders-api staging did not answer as they must", s.engine.Session().State("prove-revoked").Evidence.Summary)
	assert.Empty(t, refused())

	s.redeployOf(t, "qa", "")
	s.redeployOf(t, "preview", "feat-1")
	s.look(t, "prove-revoked")
	assert.NotEmpty(t, refused())
	assert.Len(t, table(t, s.engine.Session().State("prove-revoked").Evidence, ownAddresses).Rows, 4)

	s.outside.Prober.HTTP = behindGate("/d/", protection)
	s.look(t, "prove-revoked")
	assert.Contains(t, s.engine.Session().State("prove-revoked").Evidence.Summary, "; not proved: orders-api staging preview:feat-1, orders-api staging custom:qa")
	assert.Empty(t, refused())
}
