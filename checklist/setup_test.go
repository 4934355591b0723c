package checklist_test

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
)

// setupWorld returns a session of two targets, in staging and production.
func setupWorld(t *testing.T, kind string) *checklisttest.World {
	t.Helper()
	a := item("a")
	a.Environments = []checklist.Environment{checklist.Staging, checklist.Production}
	c := list([]checklist.Item{a, item("b")})
	c.ID = kind
	w := checklisttest.NewWorld(t, c)
	o := checklisttest.Opening(c)
	o.Setup = twoTargets()
	w.Reopen(t, o)
	w.Config.Setup, w.Config.Approver = twoTargets(), &checklisttest.Second{}
	return w
}

func twoTargets() checklist.Setup {
	s := checklisttest.Setup()
	s.Targets = append(s.Targets, checklist.Target{
		Name: "orders-web", Platform: checklist.PlatformVercel, Project: "orders-web", Role: "both",
		Probes: map[checklist.Environment]string{checklist.Production: "https://orders.example.com/api/test"},
	})
	return s
}

func TestAnotherConfigurationIsAgreedToBeforeAnythingIsDone(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*checklist.Setup)
		says   string
	}{
		"one more target": {func(s *checklist.Setup) { s.Targets = append(s.Targets, checklist.Target{Name: "billing"}) }, "targets/billing appeared: billing"},
		"another address": {func(s *checklist.Setup) {
			s.Targets[1].Probes = map[checklist.Environment]string{checklist.Production: "https://evil.example.com"}
		}, "targets/orders-web/probes.production changed: it was https://orders.example.com/api/test, now https://evil.example.com"},
		"another role":    {func(s *checklist.Setup) { s.Targets[0].Role = "signer" }, "targets/orders-api/role changed"},
		"another team":    {func(s *checklist.Setup) { s.Team = "acme" }, "team appeared: acme"},
		"fewer people":    {func(s *checklist.Setup) { s.Approval.Required = 0 }, "approval.required changed: it was 1, now 0"},
		"another profile": {func(s *checklist.Setup) { s.Profile = map[string]string{"encoding": "base64"} }, "profile.encoding appeared: base64"},
		"another log":     {func(s *checklist.Setup) { s.Log = map[string]string{"url": "https://log.example.com"} }, "log.url appeared"},
		"other days":      {func(s *checklist.Setup) { s.DualKeyDays = 1 }, "dual_key_days changed: it was 7, now 1"},
		"by hand":         {func(s *checklist.Setup) { s.Hosting = checklist.HostingDashboard }, "hosting changed: it was api, now dashboard"},
		"another api":     {func(s *checklist.Setup) { s.API = "https://api.example.com" }, "api appeared"},
		"another slot": {func(s *checklist.Setup) {
			s.Targets[0].Slots = map[checklist.Environment][]string{checklist.Staging: {"preview"}}
		}, "targets/orders-api/slots.staging appeared: preview"},
		"a rotation period":  {func(s *checklist.Setup) { s.RotationDays = 30 }, "rotation_days changed"},
		"a limit":            {func(s *checklist.Setup) { s.Limits = map[string]int{"failures_per_hour": 5000} }, "limits.failures_per_hour appeared: 5000"},
		"another project":    {func(s *checklist.Setup) { s.Targets[0].Project = "prj_2" }, "targets/orders-api/project changed"},
		"protection":         {func(s *checklist.Setup) { s.Targets[0].Protected = true }, "targets/orders-api/protected changed"},
		"another service":    {func(s *checklist.Setup) { s.Service = "billing" }, "service changed"},
		"somebody who joins": {func(s *checklist.Setup) { s.Approval.Approvers = []string{"bob@example.com"} }, "approval.approvers appeared: bob@example.com"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := setupWorld(t, "quarterly")
			tc.change(&w.Config.Setup)
			step := w.Config.Steps.(checklisttest.Steps)["a"].(*checklisttest.Step)
			ask := checklisttest.Reply{Item: "a", Kind: checklist.Confirm, Contains: tc.says, Say: checklist.No}
			op := checklisttest.NewScript(t, ask)
			err := w.Engine(t).Run(t.Context(), "a", op)
			require.ErrorContains(t, err, tc.says)
			assert.NotEmpty(t, checklist.Hint(err))
			assert.Empty(t, op.Events(), "nothing was done, so there is nothing to write")
			assert.Empty(t, step.Calls(), "nothing was even looked at")

			ask.Say = checklist.Yes
			op.Expect(ask)
			e := w.Engine(t)
			require.NoError(t, e.Run(t.Context(), "a", op))
			require.NoError(t, e.Run(t.Context(), "b", op), "it is not asked twice")
			s := e.Session()
			require.Len(t, s.Deviations, 1)
			assert.Equal(t, "the configuration changed: "+op.Events()[0].Drift[0].String(), s.Words(s.Deviations[0]))
			assert.Equal(t, w.Config.Setup, s.Setup())
		})
	}
}

func TestWhatWasApprovedForAnotherConfigurationIsNotApproved(t *testing.T) {
	t.Parallel()
	s, other := twoTargets(), twoTargets()
	other.Approval.Approvers = []string{"bob@example.com"}
	assert.Equal(t, s.Digest(), other.Digest(), "whoever joins changes nothing of what was approved")
	other.Targets[0], other.Targets[1] = other.Targets[1], other.Targets[0]
	assert.Equal(t, s.Digest(), other.Digest(), "nor does the order of the targets")
	other.Targets[0].Role = "signer"
	assert.NotEqual(t, s.Digest(), other.Digest())
}

func TestTheSandboxsPortsAreNoDrift(t *testing.T) {
	t.Parallel()
	w := setupWorld(t, "quarterly")
	o := w.Config.Journal.Events()[0].Opening
	o.Sandbox = true
	o.Setup.API = "http://127.0.0.1:1234/vercel"
	w.Reopen(t, *o)
	w.Config.Setup.API = "http://127.0.0.1:5678/vercel"
	require.NoError(t, w.Engine(t).Run(t.Context(), "a", checklisttest.NewScript(t)))
	w.Config.Setup.API = "http://127.0.0.2:5678/vercel"
	ask := checklisttest.Reply{Contains: "api changed", Say: checklist.No}
	require.Error(t, w.Engine(t).Run(t.Context(), "b", checklisttest.NewScript(t, ask)))
}

func TestATargetThatIsGone(t *testing.T) {
	t.Parallel()
	gone := func(t *testing.T, kind string) *checklisttest.World {
		w := setupWorld(t, kind)
		w.Config.Setup = checklisttest.Setup()
		return w
	}
	why := checklisttest.Reply{Item: "a", Kind: checklist.Write, Contains: "orders-web is not configured any more"}
	t.Run("stops until somebody says why", func(t *testing.T) {
		t.Parallel()
		w := gone(t, "quarterly")
		op := checklisttest.NewScript(t, why)
		err := w.Engine(t).Run(t.Context(), "a", op)
		require.ErrorContains(t, err, "orders-web is part of this session")
		assert.Contains(t, checklist.Hint(err), "put it back")
		assert.Empty(t, op.Events())
	})
	t.Run("is taken out with a reason and a second person", func(t *testing.T) {
		t.Parallel()
		w := gone(t, "quarterly")
		said := why
		said.Say = "it was merged into orders-api"
		op := checklisttest.NewScript(t, said)
		e := w.Engine(t)
		require.NoError(t, e.Run(t.Context(), "a", op))
		assert.Equal(t, []checklist.Kind{checklist.Requested, checklist.Approved, checklist.Narrowed, checklist.Planned, checklist.Started, checklist.Passed}, op.Kinds())
		s := e.Session()
		assert.Equal(t, []string{checklisttest.Target}, s.Setup().TargetNames())
		assert.Equal(t, []string{"orders-web"}, s.NarrowedTargets())
		require.Len(t, s.Deviations, 1)
		assert.Equal(t, "orders-web was taken out of the session, and not changed from then on", s.Words(s.Deviations[0]))
		assert.Equal(t, said.Say, s.Deviations[0].Reason)
		assert.Equal(t, []string{"grace@example.com"}, s.Deviations[0].Approved)
		require.NoError(t, e.Run(t.Context(), "b", op), "once is enough")

		w.Config.Setup = twoTargets()
		require.NoError(t, w.Engine(t).Resume(t.Context(), op), "a target that comes back stays out")
	})
	t.Run("stays where the second person says no", func(t *testing.T) {
		t.Parallel()
		w := gone(t, "quarterly")
		w.Config.Approver = &checklisttest.Second{Err: checklist.ErrCancelled}
		said := why
		said.Say = "merged"
		op := checklisttest.NewScript(t, said)
		require.ErrorIs(t, w.Engine(t).Run(t.Context(), "a", op), checklist.ErrCancelled)
		assert.Equal(t, []checklist.Kind{checklist.Requested}, op.Kinds())
	})
	for _, kind := range []string{"emergency", "rollback"} {
		t.Run("does not keep "+kind+" waiting", func(t *testing.T) {
			t.Parallel()
			w := gone(t, kind)
			op := checklisttest.NewScript(t)
			e := w.Engine(t)
			require.NoError(t, e.Run(t.Context(), "a", op))
			assert.Equal(t, []string{"orders-web"}, e.Session().NarrowedTargets())
			assert.Len(t, e.Session().Deviations, 1)
		})
	}
	t.Run("the last one is no session any more", func(t *testing.T) {
		t.Parallel()
		w := gone(t, "emergency")
		w.Config.Setup = w.Config.Setup.Without(checklisttest.Target)
		require.ErrorContains(t, w.Engine(t).Run(t.Context(), "a", checklisttest.NewScript(t)), "the last target of the session")
	})
	t.Run("what was seen of it is no drift", func(t *testing.T) {
		t.Parallel()
		c := list([]checklist.Item{item("a")})
		o := checklisttest.Opening(c)
		o.Setup = twoTargets()
		row := checklist.VariableSubject("orders-web", "HMAC_SECRET_V1", "env_1")
		other := checklist.VariableSubject(checklisttest.Target, "HMAC_SECRET_V1", "env_2")
		s := mustFold(t, c, o, checklist.Event{Kind: checklist.Observed, Seen: map[string]string{row: "sensitive", other: "sensitive"}},
			checklist.Event{Kind: checklist.Narrowed, Target: "orders-web", Text: "merged"})
		assert.Equal(t, map[string]string{other: "sensitive"}, s.Seen)
	})
}
