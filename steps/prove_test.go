package steps_test

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/steps"
	"keyturn/steps/paperwork"
	"keyturn/steps/sandbox"
	"keyturn/steps/vercel"
	"keyturn/vault"
)

func TestProveVaultWantsTheKeyThatIsInService(t *testing.T) {
	t.Parallel()
	s := newStage(t, "generate", "store")
	s.pass(t, "generate")
	// As if the two environments had been mixed up when the old key was stored.
	_, err := s.outside.Vault.Put(t.Context(), "staging/v1", s.sandbox.Seeded()["production"], vault.PutOptions{Replace: true})
	require.NoError(t, err)
	err = s.engine.Run(t.Context(), "store", checklisttest.NewScript(t))
	require.ErrorContains(t, err, "orders-api staging does not accept the vault's copy of v1")
	assert.Contains(t, checklist.Hint(err), "a rollback would fail")
	assert.Empty(t, s.engine.Session().Facts[checklist.Fact(checklist.FactRecoverable, checklist.Staging, checklist.OldKey)])

	require.NoError(t, s.outside.Vault.Delete(t.Context(), "staging/v1"))
	err = s.engine.Run(t.Context(), "store", checklisttest.NewScript(t))
	require.ErrorIs(t, err, vault.ErrNotFound)
	assert.Contains(t, checklist.Hint(err), "put the old key into the vault first")

	_, err = s.outside.Vault.Put(t.Context(), "staging/v1", s.sandbox.Seeded()["staging"], vault.PutOptions{})
	require.NoError(t, err)
	s.look(t, "store")
	for _, e := range []checklist.Environment{checklist.Staging, checklist.Production} {
		assert.NotEmpty(t, s.engine.Session().Facts[checklist.Fact(checklist.FactRecoverable, e, checklist.OldKey)])
	}
}

func TestAProofEndsWithTheDeploymentItWasAbout(t *testing.T) {
	t.Parallel()
	s := newStage(t, "generate", "add-staging", "redeploy-staging", "test-staging", "redeploy-removal")
	accepted := func() string {
		return s.engine.Session().Facts[checklist.Fact(checklist.FactAccepted, checklist.Staging, checklist.NewKey)]
	}
	s.pass(t, "generate", "add-staging", "redeploy-staging")
	assert.Empty(t, accepted())
	s.look(t, "test-staging")
	assert.Regexp(t, `^dpl_[^ ,]+(,dpl_[^ ,]+)*$`, accepted(), "the deployments, separated by commas")
	evidence := s.engine.Session().State("test-staging").Evidence
	require.NotNil(t, evidence)
	assert.Len(t, evidence.Tables, 3, "one for each target, and one of the deployments' own addresses")
	require.NotEmpty(t, evidence.Commands)
	assert.Contains(t, evidence.Commands[0], "curl ")
	s.pass(t, "redeploy-removal")
	assert.Empty(t, accepted(), "nothing was proved of the new deployment")
}

func TestProveSeesWhatIsServedInPlaceOfWhatWasDeployed(t *testing.T) {
	t.Parallel()
	s := newStage(t, "generate", "add-staging", "test-staging")
	s.pass(t, "generate", "add-staging")
	err := s.engine.Run(t.Context(), "test-staging", checklisttest.NewScript(t))
	require.ErrorContains(t, err, "orders-api staging")
	require.ErrorContains(t, err, "HMAC_SECRET_V2")
	assert.NotEmpty(t, checklist.Hint(err))
	assert.Equal(t, checklist.StatusFailed, s.engine.Session().State("test-staging").Status)
	assert.Equal(t, "add-staging", s.engine.Session().State("test-staging").Redo, "which replaces the value")
	evidence := s.engine.Session().State("test-staging").Evidence
	require.NotNil(t, evidence, "the table shows what was asked and answered")
	assert.NotEmpty(t, evidence.Tables)
}

func TestRedeployDoesNotRelyOnAFailedBuild(t *testing.T) {
	t.Parallel()
	s := newStage(t, "redeploy-staging")
	require.NoError(t, s.sandbox.SetFault(sandbox.DeploymentFailed))
	err := s.engine.Run(t.Context(), "redeploy-staging", agree(t, "redeploy-staging"))
	require.ErrorContains(t, err, "ended as ERROR")
	require.NoError(t, s.sandbox.SetFault(sandbox.None))
	s.pass(t, "redeploy-staging")
	for _, p := range s.sandbox.Projects() {
		all, err := s.outside.Vercel.Deployments(t.Context(), p.ID, "preview")
		require.NoError(t, err)
		assert.Len(t, all, 4, "two that were there, one that failed, one that serves")
	}
}

// A build that is under way is waited for, whoever began it; none is begun beside
// it.
func TestRedeployWaitsForTheBuildThatItBegan(t *testing.T) {
	t.Parallel()
	s := newStage(t, "redeploy-staging")
	s.outside.Poll.Deadline = 10 * buildTime
	require.NoError(t, s.sandbox.SetFault(sandbox.DeploymentStuck))
	for range 2 {
		err := s.engine.Run(t.Context(), "redeploy-staging", agree(t, "redeploy-staging"))
		require.ErrorIs(t, err, vercel.ErrStuck)
		s.reopen(t)
	}
	require.NoError(t, s.sandbox.SetFault(sandbox.None))
	// It is done: there is nothing to agree to any more.
	require.NoError(t, s.engine.Run(t.Context(), "redeploy-staging", checklisttest.NewScript(t)))
	s.requireOnce(t, "redeploy-staging")
	assert.Len(t, s.made("redeploy-staging"), len(s.outside.Targets))
}

func TestArchiveOldKey(t *testing.T) {
	t.Parallel()
	s := newStage(t, "archive-old")
	_, err := s.outside.Vault.Archive(t.Context(), "staging/v1", "test") // by a process that died
	require.NoError(t, err)
	s.pass(t, "archive-old")
	assert.Len(t, s.made("archive-old"), 1, "what was archived is not archived again")
	for _, name := range []vault.Name{"staging/v1", "production/v1"} {
		secret, entry, err := s.outside.Vault.Get(t.Context(), name)
		require.NoError(t, err)
		assert.Equal(t, vault.Archived, entry.Status)
		assert.False(t, secret.IsZero(), "a rollback can still read it")
	}
}

func TestDiscardTestKey(t *testing.T) {
	t.Parallel()
	s := newStage(t, "generate-test", "discard-test")
	s.pass(t, "generate-test", "discard-test")
	_, _, err := s.outside.Vault.Get(t.Context(), "staging/test")
	require.ErrorIs(t, err, vault.ErrNotFound)
	_, _, err = s.outside.Vault.Get(t.Context(), "staging/v1")
	require.NoError(t, err)
}

// reviewed is a trail that only answers what the last record says.
type reviewed struct {
	steps.Trail
	last paperwork.Reviewed
	ok   bool
	err  error
}

func (r reviewed) Review(context.Context) (paperwork.Reviewed, bool, error) {
	return r.last, r.ok, r.err
}

func TestReview(t *testing.T) {
	t.Parallel()
	t.Run("there is no record", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, "review")
		s.outside.Trail = reviewed{}
		s.look(t, "review")
		assert.Contains(t, s.engine.Session().State("review").Evidence.Summary, "first session of the trail")
	})
	t.Run("the record does not verify", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, "review")
		s.outside.Trail = reviewed{err: errors.New("record.json: signature does not hold")}
		err := s.engine.Run(t.Context(), "review", checklisttest.NewScript(t))
		require.ErrorContains(t, err, "verify the last record: record.json: signature does not hold")
		assert.Contains(t, checklist.Hint(err), "keyturn verify")
	})
	t.Run("the record has open issues", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, "review")
		s.outside.Trail = reviewed{ok: true, last: paperwork.Reviewed{Name: "000001-rot", Words: "v1 to v2", Issues: []string{"billing was late"}}}
		s.look(t, "review")
		issues := table(t, s.engine.Session().State("review").Evidence, "Open issues of 000001-rot")
		assert.Equal(t, [][]string{{"billing was late"}}, issues.Rows)
	})
}
