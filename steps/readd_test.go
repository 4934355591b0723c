package steps_test

import (
	"context"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/keygen"
	"keyturn/steps/rollback"
	"keyturn/steps/vercel"
	"keyturn/vault"
)

// realm is the other sessions of a stage: none, but for what a test says of
// compromised keys.
type realm struct {
	compromised map[checklist.Environment]string // to the session that revoked the old key
	err         error
}

func (r realm) Session(context.Context, string) (*checklist.Session, error) {
	return nil, errors.New("there is no other session")
}
func (r realm) Events(context.Context, string) ([]checklist.Event, error) {
	return nil, errors.New("there is no other session")
}
func (r realm) Compromised(_ context.Context, _ keygen.KeyID, e checklist.Environment) (string, bool, error) {
	by, ok := r.compromised[e]
	return by, ok, r.err
}
func (r realm) RolledBack(context.Context, string, string, string, map[string]string) error {
	return errors.New("there is no other session")
}
func (r realm) Abandon(context.Context, string, string) error {
	return errors.New("there is no other session")
}

// newRollback opens a rollback of v1 on a stage whose rows of some targets of
// the first project are gone.
func newRollback(t *testing.T, gone ...string) *stage {
	t.Helper()
	s := newStage(t, "re-add-old")
	s.outside.Sessions = realm{}
	for _, target := range gone {
		v, ok := s.rows(t, v1)[target]
		require.True(t, ok, target)
		require.NoError(t, s.outside.Vercel.DeleteVariable(t.Context(), s.sandbox.Projects()[0].ID, v.ID))
	}
	return s
}

func TestReAddOldKeyLeavesWhatIsThere(t *testing.T) {
	t.Parallel()
	s := newRollback(t)
	before := s.rows(t, v1)
	s.pass(t, "re-add-old")
	assert.Equal(t, before, s.rows(t, v1))
	assert.Empty(t, s.engine.Session().State("re-add-old").Effects)
	assert.Contains(t, s.engine.Session().State("re-add-old").Evidence.Summary, "0 of them put back")
}

func TestReAddOldKeyMakesWhatIsMissing(t *testing.T) {
	t.Parallel()
	s := newRollback(t, "production", "development")
	before := s.rows(t, v1)
	s.pass(t, "re-add-old")
	after := s.rows(t, v1)
	require.Len(t, after, 3)
	assert.Equal(t, before["preview"], after["preview"], "it was there")
	assert.Equal(t, "keyturn session-1 re-add-old #1", after["production"].Comment)
	assert.Equal(t, "sensitive", after["production"].Type)
	assert.Equal(t, "encrypted", after["development"].Type)
	assert.Len(t, s.engine.Session().State("re-add-old").Effects, 2)
	for _, e := range []checklist.Environment{checklist.Staging, checklist.Production} {
		assert.NotEmpty(t, s.engine.Session().Fingerprint(e, checklist.OldKey), "the record says which key was put back")
	}
}

// One row for several targets is somebody's own way, and serves as well.
func TestReAddOldKeyCountsARowForSeveralTargets(t *testing.T) {
	t.Parallel()
	s := newRollback(t, "preview", "development")
	s.add(t, v1, "preview", "development")
	s.pass(t, "re-add-old")
	assert.Len(t, s.rows(t, v1), 2)
	assert.Empty(t, s.engine.Session().State("re-add-old").Effects)
}

func TestReAddOldKeyReplacesOnlyWhatItMade(t *testing.T) {
	t.Parallel()
	s := newRollback(t, "production")
	s.pass(t, "re-add-old")
	first := s.rows(t, v1)
	require.NoError(t, s.engine.Reopen(t.Context(), "re-add-old", "the value was corrupted", checklisttest.NewScript(t)))
	s.pass(t, "re-add-old")
	second := s.rows(t, v1)
	assert.NotEqual(t, first["production"].ID, second["production"].ID)
	assert.Equal(t, first["preview"], second["preview"])
	assert.Equal(t, first["development"], second["development"])
}

func TestReAddOldKeyPutsAnArchivedKeyToUse(t *testing.T) {
	t.Parallel()
	s := newRollback(t, "production")
	for _, name := range []vault.Name{"staging/v1", "production/v1"} {
		_, err := s.outside.Vault.Archive(t.Context(), name, "replaced")
		require.NoError(t, err)
	}
	s.pass(t, "re-add-old")
	for _, name := range []vault.Name{"staging/v1", "production/v1"} {
		_, entry, err := s.outside.Vault.Get(t.Context(), name)
		require.NoError(t, err)
		assert.Equal(t, vault.Active, entry.Status, "%s", name)
	}
	assert.Len(t, s.effects("re-add-old", checklist.VaultReinstate), 4, "two keys, each intended and done")
}

// An answer that is lost is looked for, and nothing is made twice.
func TestReAddOldKeyFindsALostAnswer(t *testing.T) {
	t.Parallel()
	s := newRollback(t, "production")
	s.wire.cut(http.MethodPost, true, false)
	s.pass(t, "re-add-old")
	assert.Len(t, s.rows(t, v1), 3)
	assert.Equal(t, []checklist.How{checklist.Found}, s.made("re-add-old"))
}

// What must not come back does not: the refusal is made before anything is
// asked, names who said so, and changes nothing.
func TestReAddOldKeyRefuses(t *testing.T) {
	t.Parallel()
	unreadable := errors.New("a journal is damaged")
	for name, tc := range map[string]struct {
		prepare func(*testing.T, *stage)
		is      error
		words   string
	}{
		"a key that was compromised in production": {func(_ *testing.T, s *stage) {
			s.outside.Sessions = realm{compromised: map[checklist.Environment]string{checklist.Production: "emergency-1"}}
		}, nil, "v1 of production was revoked as compromised by emergency-1"},
		"a key that was compromised in staging": {func(_ *testing.T, s *stage) {
			s.outside.Sessions = realm{compromised: map[checklist.Environment]string{checklist.Staging: "emergency-2"}}
		}, nil, "v1 of staging was revoked as compromised by emergency-2"},
		"a key of which nobody can tell": {func(_ *testing.T, s *stage) {
			s.outside.Sessions = realm{err: unreadable}
		}, unreadable, "look whether v1 was revoked"},
		"a key that is sealed": {func(t *testing.T, s *stage) {
			_, err := s.outside.Vault.Seal(t.Context(), "staging/v1", "found on a laptop")
			require.NoError(t, err)
		}, vault.ErrSealed, "get the old key of staging"},
		"a key that is lost": {func(t *testing.T, s *stage) {
			require.NoError(t, s.outside.Vault.Delete(t.Context(), "production/v1"))
		}, vault.ErrNotFound, "get the old key of production"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newRollback(t, "production")
			tc.prepare(t, s)
			before := s.rows(t, v1)
			err := s.engine.Run(t.Context(), "re-add-old", checklisttest.NewScript(t))
			require.ErrorContains(t, err, tc.words)
			if tc.is != nil {
				require.ErrorIs(t, err, tc.is)
			} else {
				var compromised *rollback.CompromisedError
				require.ErrorAs(t, err, &compromised)
				assert.NotEmpty(t, checklist.Hint(err))
			}
			assert.Equal(t, before, s.rows(t, v1))
			assert.Empty(t, s.engine.Session().State("re-add-old").Effects)
		})
	}
}

// An emergency that comes between the consent and the act is heeded.
func TestReAddOldKeyHeedsAnEmergencyInBetween(t *testing.T) {
	t.Parallel()
	s := newRollback(t, "production")
	before := s.rows(t, v1)
	err := s.engine.Run(t.Context(), "re-add-old", emergencyOnConsent{s, checklisttest.NewScript(t, checklisttest.Agree("re-add-old"))})
	var compromised *rollback.CompromisedError
	require.ErrorAs(t, err, &compromised)
	assert.Equal(t, before, s.rows(t, v1))
}

// emergencyOnConsent revokes the key while the operator is being asked.
type emergencyOnConsent struct {
	stage *stage
	*checklisttest.Script
}

func (o emergencyOnConsent) Ask(ctx context.Context, q checklist.Question) (checklist.Answer, error) {
	o.stage.outside.Sessions = realm{compromised: map[checklist.Environment]string{checklist.Production: "emergency-1"}}
	return o.Script.Ask(ctx, q)
}

// A rollback is proved in every slot, and the new key is looked for in each.
func TestRollbackOfATargetWithSlots(t *testing.T) {
	t.Parallel()
	s := newSlotStage(t, "redeploy", "verify-old", "investigate")
	s.outside.Sessions = realm{}
	project := s.sandbox.Projects()[0].ID
	customs, err := s.outside.Vercel.CustomEnvironments(t.Context(), project)
	require.NoError(t, err)
	right, wrong := generated(t), generated(t)
	_, err = s.outside.Vault.Put(t.Context(), "staging/v2", right, vault.PutOptions{})
	require.NoError(t, err)
	for _, v := range []vercel.NewVariable{
		{Key: v2, Value: right, Type: vercel.TypeSensitive, Target: "preview", GitBranch: "feat-1"},
		{Key: v2, Value: wrong, Type: vercel.TypeSensitive, CustomEnvironmentID: customs[0].ID},
	} {
		_, err = s.outside.Vercel.CreateVariable(t.Context(), project, v)
		require.NoError(t, err)
	}
	s.pass(t, "redeploy")
	s.look(t, "verify-old")
	evidence := s.engine.Session().State("verify-old").Evidence
	assert.Len(t, table(t, evidence, ownAddresses).Rows, 4, "three of staging, one of production")
	found := table(t, evidence, "The new key v2").Rows
	require.Len(t, found, 4)
	assert.Equal(t, []string{"orders-api", "staging", "has no row"}, found[0])
	assert.Equal(t, []string{"orders-api", "staging preview:feat-1", "accepted"}, found[1])
	assert.Equal(t, "staging custom:qa", found[2][1])
	assert.Contains(t, found[2][2], "refused")
	assert.Equal(t, []string{"v2 is not accepted by orders-api staging custom:qa"}, evidence.Issues)
	assert.Empty(t, s.accepted(checklist.Staging), "accepted is what all slots accept")

	s.look(t, "investigate")
	evidence = s.engine.Session().State("investigate").Evidence
	found = table(t, evidence, "The new key v2").Rows
	require.Len(t, found, 2, "where it has a row")
	assert.Equal(t, []string{"orders-api", "staging preview:feat-1", "nothing: it is accepted, and every forgery refused"}, found[0])
	assert.Contains(t, found[1][2], "orders-api staging custom:qa refuses v2: ")
	made := map[string]int{}
	for _, tb := range evidence.Tables {
		if strings.HasPrefix(tb.Title, "Deployments since") {
			for _, row := range tb.Rows {
				made[row[1]]++
			}
		}
	}
	assert.Equal(t, map[string]int{"staging": 2, "staging preview:feat-1": 2, "staging custom:qa": 2, "production": 2}, made)
}
