package steps_test

import (
	"context"
	"crypto/rand"
	"errors"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/keygen"
	"keyturn/steps/requestlog"
	"keyturn/vault"
)

// newEmergency opens a session of some items of the emergency.
func newEmergency(t *testing.T, items ...string) *stage {
	t.Helper()
	s := newStage(t, items...)
	s.outside.SessionFiles = t.TempDir()
	return s
}

// run runs an item whose questions are answered as told, and must pass.
func (s *stage) run(t *testing.T, item string, replies ...checklisttest.Reply) checklist.Evidence {
	t.Helper()
	require.NoError(t, s.engine.Run(t.Context(), item, checklisttest.NewScript(t, replies...)), item)
	return *s.engine.Session().State(item).Evidence
}

func say(text, contains string) checklisttest.Reply {
	return checklisttest.Reply{Contains: contains, Say: text}
}

func (s *stage) declare(t *testing.T) {
	t.Helper()
	e := s.engine
	op := &answerer{since: "2h ago"}
	require.NoError(t, e.Run(t.Context(), "declare", op))
}

// answerer declares a compromise: it confirms whatever time is shown back.
type answerer struct {
	checklist.Operator
	since string
	bodys []string
}

func (*answerer) Show(checklist.Event)        {}
func (*answerer) Progress(checklist.Progress) {}
func (a *answerer) Ask(_ context.Context, q checklist.Question) (checklist.Answer, error) {
	a.bodys = append(a.bodys, q.Body)
	switch q.Kind {
	case checklist.Write:
		if strings.HasPrefix(q.Title, "Since when") {
			return checklist.Answer{Text: a.since}, nil
		}
		return checklist.Answer{Text: "a log with the key was found"}, nil
	default:
		return checklist.Answer{Text: q.Default}, nil
	}
}

func TestDeclare(t *testing.T) {
	t.Parallel()
	s := newEmergency(t, "declare")
	now := s.sandbox.Clock().Now()
	at := now.UTC().Truncate(time.Minute).Add(-time.Hour)
	evidence := s.run(t, "declare",
		say("tomorrow", "go back too far"),
		say("2099-01-01", `"tomorrow": want a time such as`),
		say(at.Format("15:04"), "lies in the future"),
		say("again", at.Format("Mon 2 Jan 2006 15:04:05")+" UTC"),
		say(at.Format("2006-01-02 15:04"), "times are UTC"),
		say(at.Format(time.RFC3339), ""),
		say("a pager", "No secret"),
	)
	assert.Equal(t, map[string]string{
		checklist.FactCompromisedSince: at.Format(time.RFC3339), checklist.FactKnownBy: "a pager",
	}, evidence.Facts)
	assert.Contains(t, evidence.Summary, "v1 is compromised since")
}

func TestDeclareGivesUp(t *testing.T) {
	t.Parallel()
	s := newEmergency(t, "declare")
	err := s.engine.Run(t.Context(), "declare", &answerer{since: "soon"})
	require.ErrorContains(t, err, "none of 10 answers was a time")
}

// What the vault cannot give is not said to be proved.
func TestRevocationWithoutTheCompromisedKey(t *testing.T) {
	t.Parallel()
	s := newEmergency(t, "see-who-breaks", "remove-compromised", "redeploy", "prove-revoked")
	require.NoError(t, s.outside.Vault.Delete(t.Context(), "production/v1"))
	other, err := keygen.Generate(rand.Reader)
	require.NoError(t, err)
	_, err = s.outside.Vault.Put(t.Context(), "staging/v1", other, vault.PutOptions{Replace: true})
	require.NoError(t, err)

	evidence := s.run(t, "see-who-breaks")
	issues := strings.Join(evidence.Issues, "\n")
	assert.Contains(t, issues, "the vault cannot give production/v1")
	assert.Contains(t, issues, "orders-api staging does not accept the vault's copy of v1")

	s.run(t, "remove-compromised", checklisttest.Type("remove-compromised", "v1"))
	s.pass(t, "redeploy")
	evidence = s.run(t, "prove-revoked")
	assert.Contains(t, evidence.Summary, "v1 is refused by 2 services; that orders-api production and payments-api production refuse v1 is not proved by a signed request")
	assert.Contains(t, strings.Join(evidence.Issues, "\n"), "is not proved by a signed request")
	notes := evidence.Tables[len(evidence.Tables)-1]
	assert.Contains(t, notes.Rows, []string{"orders-api staging", "that the vault's copy of v1 was the one in service was not seen before the removal"})
	facts := s.engine.Session().Facts
	assert.Contains(t, evidence.Summary, "that orders-api staging and payments-api staging refuse v1 is not proved by a refusal, since the vault's copy was not seen to be accepted")
	assert.Empty(t, facts[checklist.Fact(checklist.FactRefused, checklist.Staging, checklist.OldKey)], "another value is refused anyway")
	assert.Empty(t, facts[checklist.Fact(checklist.FactRefused, checklist.Production, checklist.OldKey)])
}

// A row that comes back after the removal is found.
func TestRevocationIsNotProvedWithARowLeft(t *testing.T) {
	t.Parallel()
	s := newEmergency(t, "remove-compromised", "redeploy", "prove-revoked")
	s.run(t, "remove-compromised", checklisttest.Type("remove-compromised", "v1"))
	s.pass(t, "redeploy")
	s.add(t, "HMAC_SECRET_V1", "production")
	err := s.engine.Run(t.Context(), "prove-revoked", checklisttest.NewScript(t))
	require.ErrorContains(t, err, "HMAC_SECRET_V1 has 1 rows again")
	assert.Equal(t, "remove-compromised", s.engine.Session().State("prove-revoked").Redo)
}

// brokenLog cannot be read.
type brokenLog struct{}

func (brokenLog) Read(context.Context, string, time.Time, time.Time) (requestlog.Log, error) {
	return requestlog.Log{}, errors.New("the log's server is on fire")
}

// Nobody waits for a log while a key is abused; an audit without one is none.
func TestEmergencyWithoutALog(t *testing.T) {
	t.Parallel()
	s := newEmergency(t, "declare", "see-who-breaks", "audit")
	s.outside.Log = brokenLog{}
	s.declare(t)
	evidence := s.run(t, "see-who-breaks")
	assert.Contains(t, evidence.Summary, "staging: not known")
	assert.Contains(t, strings.Join(evidence.Issues, "\n"), "on fire")
	require.ErrorContains(t, s.engine.Run(t.Context(), "audit", checklisttest.NewScript(t)), "on fire")
}

// equalLogs says the same of both environments.
type equalLogs struct{ log requestlog.Log }

func (f equalLogs) Read(context.Context, string, time.Time, time.Time) (requestlog.Log, error) {
	return f.log, nil
}

func TestAuditOfASilentLog(t *testing.T) {
	t.Parallel()
	s := newEmergency(t, "declare", "audit")
	s.outside.Log = equalLogs{requestlog.Log{Until: s.sandbox.Clock().Now()}}
	s.declare(t)
	err := s.engine.Run(t.Context(), "audit", checklisttest.NewScript(t, say("stop", "The request log of staging proves nothing")))
	require.ErrorContains(t, err, "staging: the request log has no request")
	evidence := s.run(t, "audit", say("go-on", "staging"), say("go-on", "production"))
	assert.Equal(t, []string{
		"the request log of staging proved nothing when it was audited",
		"the request log of production proved nothing when it was audited",
	}, evidence.Issues)
	assert.Contains(t, evidence.Summary, "0 requests named v1")
}

func TestAuditExports(t *testing.T) {
	t.Parallel()
	s := newEmergency(t, "declare", "audit")
	s.declare(t)
	now := s.sandbox.Clock().Now().UTC()
	hour, v1, upper, v2 := now.Truncate(time.Hour), "v1", "V1", "v2"
	s.outside.Log = equalLogs{requestlog.Log{Until: now, Rows: []requestlog.Row{
		{Bucket: hour, Project: "orders-api", Sender: "=HYPERLINK(\"//x\")", KeyID: &v1, Status: 200, Count: 7},
		{Bucket: hour.Add(-time.Hour), Project: "orders-api", Sender: "checkout", KeyID: &upper, Status: 403, Error: "invalid signature", Count: 2},
		{Bucket: hour, Project: "orders-api", Sender: "checkout", KeyID: &v2, Status: 200, Count: 99},
		{Bucket: hour, Project: "orders-api", Sender: "checkout", Status: 403, Count: 99},
	}}}
	evidence := s.run(t, "audit")
	assert.Contains(t, evidence.Summary, "18 requests named v1", "each environment's")
	assert.Equal(t, []string{"production", "=HYPERLINK(\"//x\")", "200", "7", hour.Format("2 Jan 15:04"), hour.Format("2 Jan 15:04")}, evidence.Tables[0].Rows[0])

	dir := filepath.Join(s.outside.SessionFiles, s.engine.Session().ID())
	table, err := os.ReadFile(filepath.Join(dir, "audit.csv"))
	require.NoError(t, err)
	stamp := func(t time.Time) string { return t.Format(time.RFC3339) }
	assert.Equal(t, strings.Join([]string{
		"environment,hour,project,sender,key_id,status,error,count",
		"production," + stamp(hour.Add(-time.Hour)) + ",orders-api,checkout,V1,403,invalid signature,2",
		"staging," + stamp(hour.Add(-time.Hour)) + ",orders-api,checkout,V1,403,invalid signature,2",
		"production," + stamp(hour) + `,orders-api,"'=HYPERLINK(""//x"")",v1,200,,7`,
		"staging," + stamp(hour) + `,orders-api,"'=HYPERLINK(""//x"")",v1,200,,7`, "",
	}, "\r\n"), string(table))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 2, "nothing unfinished is left")
	for _, e := range entries {
		info, err := e.Info()
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm()&0o777)
	}
}

func TestBackupKey(t *testing.T) {
	t.Parallel()
	put := func(t *testing.T, s *stage, name vault.Name) {
		t.Helper()
		secret, err := keygen.Generate(rand.Reader)
		require.NoError(t, err)
		_, err = s.outside.Vault.Put(t.Context(), name, secret, vault.PutOptions{})
		require.NoError(t, err)
	}
	t.Run("held nowhere", func(t *testing.T) {
		t.Parallel()
		s := newEmergency(t, "backup-key")
		assert.Equal(t, "no emergency key is put into service: the vault holds no staging/emergency", s.run(t, "backup-key").Summary)
	})
	t.Run("held for one environment", func(t *testing.T) {
		t.Parallel()
		s := newEmergency(t, "backup-key")
		put(t, s, "staging/emergency")
		assert.Contains(t, s.run(t, "backup-key").Summary, "the vault holds no production/emergency")
	})
	t.Run("not wanted", func(t *testing.T) {
		t.Parallel()
		s := newEmergency(t, "backup-key")
		put(t, s, "staging/emergency")
		put(t, s, "production/emergency")
		evidence := s.run(t, "backup-key", say(checklist.No, "Put the emergency key into service"))
		assert.Equal(t, "the emergency key stays in the vault, by choice", evidence.Summary)
		assert.Empty(t, s.rows(t, "HMAC_SECRET_EMERGENCY"))
	})
	t.Run("half in service already", func(t *testing.T) {
		t.Parallel()
		s := newEmergency(t, "backup-key")
		put(t, s, "staging/emergency")
		put(t, s, "production/emergency")
		s.add(t, "HMAC_SECRET_EMERGENCY", "preview")
		evidence := s.run(t, "backup-key", say(checklist.Yes, "Put the emergency key into service"))
		assert.Len(t, s.rows(t, "HMAC_SECRET_EMERGENCY"), 3)
		assert.Len(t, evidence.Facts, 2, "a fingerprint for each environment")
	})
}

// A deletion whose answer is lost is found to have taken place, and is not made
// twice.
func TestEmergencyDeletionsWithALostAnswer(t *testing.T) {
	t.Parallel()
	s := newEmergency(t, "remove-compromised", "redeploy", "older-deployments")
	s.wire.cut(http.MethodDelete, true, false)
	s.run(t, "remove-compromised", checklisttest.Type("remove-compromised", "v1"))
	assert.Contains(t, s.made("remove-compromised"), checklist.Found)
	s.wire.mend()
	s.pass(t, "redeploy")
	s.wire.cut(http.MethodDelete, true, false)
	evidence := s.run(t, "older-deployments", say("all", "8 older deployments"), checklisttest.Type("older-deployments", "v1"))
	assert.Contains(t, s.made("older-deployments"), checklist.Found)
	for _, e := range s.engine.Session().State("older-deployments").Effects {
		assert.Contains(t, e.Note, "its answer to v1 at ", "what was found does not go with the deployment")
	}
	assert.Regexp(t, `^\d+ older deployments that still accepted v1, or may have, were deleted; of those left: no older deployment is known to accept v1 \(0 were probed\)$`, evidence.Summary)

	// The vault gives nothing to probe with, but nothing is left to be probed.
	assert.Empty(t, s.run(t, "older-deployments").Issues, "looked at again")
}

// Without the key, no deployment is said to refuse it.
func TestOlderDeploymentsWithoutTheKey(t *testing.T) {
	t.Parallel()
	s := newEmergency(t, "redeploy", "older-deployments")
	s.pass(t, "redeploy")
	require.NoError(t, s.outside.Vault.Delete(t.Context(), "staging/v1"))
	require.NoError(t, s.outside.Vault.Delete(t.Context(), "production/v1"))
	evidence := s.run(t, "older-deployments", say("none", "8 older deployments"))
	assert.Contains(t, strings.Join(evidence.Issues, "\n"), "whether 8 older deployments accept v1 is not known")
}

// A deletion that was begun and lost is not taken for made while the deployment is
// there, whatever it answers by then.
func TestADeletionThatWasLostIsNotTakenForMade(t *testing.T) {
	t.Parallel()
	s := newEmergency(t, "redeploy", "older-deployments")
	s.pass(t, "redeploy")
	s.wire.cut(http.MethodDelete, false, true)
	err := s.engine.Run(t.Context(), "older-deployments", checklisttest.NewScript(t,
		say("all", "8 older deployments"), checklisttest.Type("older-deployments", "v1")))
	require.ErrorIs(t, err, checklist.ErrUnknown)
	begun := len(s.engine.Session().State("older-deployments").Pending)
	require.NotZero(t, begun)
	s.wire.mend()
	s.outside.Prober.HTTP = behindGate("/d/", protection) // nothing can be asked any more
	s.reopen(t)
	evidence := s.run(t, "older-deployments")
	st := s.engine.Session().State("older-deployments")
	assert.Empty(t, st.Pending)
	assert.Empty(t, st.Effects, "nothing was deleted")
	assert.Contains(t, strings.Join(evidence.Issues, "\n"), "whether 8 older deployments accept v1 is not known")
}

// What an item left half done is not proved, and keeps nothing up.
func TestABackupKeyThatWasNotFinishedIsTold(t *testing.T) {
	t.Parallel()
	s := newEmergency(t, "generate", "add", "redeploy", "backup-key", "new-key-in-service")
	for _, name := range []vault.Name{"staging/emergency", "production/emergency"} {
		_, err := s.outside.Vault.Put(t.Context(), name, generated(t), vault.PutOptions{})
		require.NoError(t, err)
	}
	s.pass(t, "generate", "add", "redeploy")
	s.wire.cut(http.MethodPost, false, false)
	require.Error(t, s.engine.Run(t.Context(), "backup-key", &willing{}))
	require.NoError(t, s.engine.PassOver(t.Context(), "backup-key", "it takes too long", &willing{}))
	evidence := s.run(t, "new-key-in-service")
	assert.Contains(t, strings.Join(evidence.Issues, "\n"), "HMAC_SECRET_EMERGENCY: not proved in staging, since the item that adds it was not finished")
}

func TestOlderDeploymentsAreNotDeletedUnasked(t *testing.T) {
	t.Parallel()
	s := newEmergency(t, "redeploy", "older-deployments")
	s.pass(t, "redeploy")
	err := s.engine.Run(t.Context(), "older-deployments", checklisttest.NewScript(t,
		say("all", "8 older deployments"), checklisttest.Type("older-deployments", "v2")))
	require.ErrorIs(t, err, checklist.ErrDeclined)
	assert.Empty(t, s.effects("older-deployments", checklist.DeploymentDelete))
}

func TestDispose(t *testing.T) {
	t.Parallel()
	s := newEmergency(t, "dispose")
	op := func(first, second string) *checklisttest.Script {
		return checklisttest.NewScript(t, say(first, "What becomes of staging/v1?"), say(second, "What becomes of production/v1?"), checklisttest.Type("dispose", "v1"))
	}
	require.ErrorContains(t, s.engine.Run(t.Context(), "dispose", checklisttest.NewScript(t,
		say("archive", "staging/v1"))), `"archive" is no choice`)
	require.NoError(t, s.engine.Run(t.Context(), "dispose", op("seal", "destroy")))
	assert.Equal(t, "staging/v1 is sealed as evidence; production/v1 is not in the vault", s.engine.Session().State("dispose").Evidence.Summary)
	_, _, err := s.outside.Vault.Get(t.Context(), "staging/v1")
	require.ErrorIs(t, err, vault.ErrSealed)
	_, _, err = s.outside.Vault.Get(t.Context(), "production/v1")
	require.ErrorIs(t, err, vault.ErrNotFound)
}

// What a redeploy came too early for is served by another.
func TestNewKeyInServiceRedeploysWhatCameLate(t *testing.T) {
	t.Parallel()
	s := newEmergency(t, "remove-compromised", "redeploy", "generate", "add", "new-key-in-service")
	s.run(t, "remove-compromised", checklisttest.Type("remove-compromised", "v1"))
	s.pass(t, "redeploy", "generate", "add")
	evidence := s.run(t, "new-key-in-service", checklisttest.Agree("new-key-in-service"))
	assert.Equal(t, "v2 is accepted in staging and production", evidence.Summary)
	assert.Len(t, s.effects("new-key-in-service", checklist.DeploymentCreate), 8, "four intended, four done")
	require.NoError(t, s.engine.Run(t.Context(), "new-key-in-service", checklisttest.NewScript(t)), "done again, it asks nothing")
}
