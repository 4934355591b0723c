package steps_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/vault"
)

const (
	v1 = "HMAC_SECRET_V1"
	v2 = "HMAC_SECRET_V2"
)

func TestAddKeyRefusesAForeignRow(t *testing.T) {
	t.Parallel()
	s := newStage(t, "generate", "add-staging")
	s.pass(t, "generate")
	s.add(t, v2, "preview")
	before := s.rows(t, v2)
	// The row is no surprise to the operator, and no licence to write over it.
	op := checklisttest.NewScript(t,
		checklisttest.Reply{Item: "add-staging", Contains: "changed outside this session", Say: checklist.Yes},
		checklisttest.Agree("add-staging"))
	err := s.engine.Run(t.Context(), "add-staging", op)
	require.ErrorContains(t, err, "orders-api preview has HMAC_SECRET_V2 already")
	require.ErrorContains(t, err, "which this session did not make")
	assert.Contains(t, checklist.Hint(err), "find out who added it")
	assert.Equal(t, before, s.rows(t, v2), "nothing was added, and the row is as it was")
	assert.Empty(t, s.effects("add-staging", checklist.VariableCreate))
}

func TestAddKeyMakesOneRowForEachTarget(t *testing.T) {
	t.Parallel()
	s := newStage(t, "generate", "add-staging")
	s.pass(t, "generate", "add-staging")
	rows := s.rows(t, v2)
	assert.Len(t, rows, 2)
	assert.Equal(t, "sensitive", rows["preview"].Type)
	assert.Equal(t, "encrypted", rows["development"].Type, "development cannot have a sensitive one")
	assert.NotContains(t, rows, "production")
}

// A value that was found corrupted is replaced by the next round of the item,
// and only what this session made.
func TestAddKeyReplacesWhatItMadeInAnEarlierRound(t *testing.T) {
	t.Parallel()
	s := newStage(t, "generate", "add-staging")
	s.pass(t, "generate", "add-staging")
	first := s.rows(t, v2)
	require.NoError(t, s.engine.Reopen(t.Context(), "add-staging", "the value was corrupted", checklisttest.NewScript(t)))
	s.pass(t, "add-staging")
	second := s.rows(t, v2)
	require.Len(t, second, 2)
	for target := range first {
		assert.NotEqual(t, first[target].ID, second[target].ID, target)
		assert.Equal(t, "keyturn session-1 add-staging #2", second[target].Comment)
	}
	assert.Len(t, s.rows(t, v1), 3, "the old key is as it was")
	assert.Len(t, s.effects("add-staging", checklist.VariableDelete), 8, "four rows, each intended and done")
}

func TestGenerateKey(t *testing.T) {
	t.Parallel()
	t.Run("a foreign key in the vault is not written over", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, "generate")
		foreign := s.sandbox.Seeded()["staging"]
		_, err := s.outside.Vault.Put(t.Context(), "production/v2", foreign, vault.PutOptions{Note: "made by hand"})
		require.NoError(t, err)
		err = s.engine.Run(t.Context(), "generate", agree(t, "generate"))
		require.ErrorContains(t, err, "an active production/v2 that this session did not make (made by hand)")
		assert.Contains(t, checklist.Hint(err), "the next free key id")
		kept, _, err := s.outside.Vault.Get(t.Context(), "production/v2")
		require.NoError(t, err)
		assert.True(t, kept.Equal(foreign))
	})
	t.Run("a key that a dead process made is adopted", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, "generate")
		made := s.sandbox.Seeded()["staging"]
		_, err := s.outside.Vault.Put(t.Context(), "staging/v2", made, vault.PutOptions{Note: "session-1 generate #1"})
		require.NoError(t, err)
		s.pass(t, "generate")
		kept, entry, err := s.outside.Vault.Get(t.Context(), "staging/v2")
		require.NoError(t, err)
		assert.True(t, kept.Equal(made))
		assert.Equal(t, 1, entry.Version)
		assert.Equal(t, made.Fingerprint(trailID), s.engine.Session().Fingerprint(checklist.Staging, checklist.NewKey))
	})
	t.Run("a second round makes another key", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, "generate")
		s.pass(t, "generate")
		first := s.engine.Session().Fingerprint(checklist.Staging, checklist.NewKey)
		require.NoError(t, s.engine.Reopen(t.Context(), "generate", "it was seen on a screen", checklisttest.NewScript(t)))
		s.pass(t, "generate")
		assert.NotEqual(t, first, s.engine.Session().Fingerprint(checklist.Staging, checklist.NewKey))
	})
}

// A key that somebody replaced in the vault is never sent anywhere.
func TestAKeyThatWasReplacedInTheVaultIsNotUsed(t *testing.T) {
	t.Parallel()
	s := newStage(t, "generate", "add-staging")
	s.pass(t, "generate")
	_, err := s.outside.Vault.Put(t.Context(), "staging/v2", s.sandbox.Seeded()["production"], vault.PutOptions{Replace: true})
	require.NoError(t, err)
	err = s.engine.Run(t.Context(), "add-staging", agree(t, "add-staging"))
	require.ErrorContains(t, err, "staging/v2 is not the key that this session recorded")
	assert.Contains(t, checklist.Hint(err), "somebody replaced it")
	assert.Empty(t, s.rows(t, v2))
}

// TestLostAnswers loses the answer to each kind of write, with the write taken
// and with it lost as well, and finds out which by looking.
func TestLostAnswers(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, method, item string
		effect             checklist.EffectCode
		before             []string
		missing            string
		effects            int // in all, of the item
	}{
		{"adding a variable", http.MethodPost, "add-staging", checklist.VariableCreate, []string{"generate"},
			"the row is not there", 4},
		{"redeploying", http.MethodPost, "redeploy-staging", checklist.DeploymentCreate, nil,
			"no deployment was made", 2},
		{"removing a variable", http.MethodDelete, "remove-test", checklist.VariableDelete, []string{"generate-test", "add-test"},
			"the row is still there", 2},
	} {
		items := append(append([]string(nil), tc.before...), tc.item)
		t.Run(tc.name+"/it was taken", func(t *testing.T) {
			t.Parallel()
			s := newStage(t, items...)
			s.pass(t, tc.before...)
			s.wire.cut(tc.method, true, false)
			s.pass(t, tc.item)
			require.Len(t, s.made(tc.item), tc.effects)
			assert.Equal(t, 1, howOften(s.made(tc.item), checklist.Found))
			assert.NotContains(t, s.effects(tc.item, tc.effect), checklist.Unmade)
			s.requireOnce(t, tc.item)
		})
		t.Run(tc.name+"/it was lost too", func(t *testing.T) {
			t.Parallel()
			s := newStage(t, items...)
			s.pass(t, tc.before...)
			s.wire.cut(tc.method, false, false)
			err := s.engine.Run(t.Context(), tc.item, agree(t, tc.item))
			require.ErrorContains(t, err, tc.missing)
			assert.Contains(t, checklist.Hint(err), "again")
			assert.Contains(t, s.effects(tc.item, tc.effect), checklist.Unmade, "the journal says that it was not made")
			s.pass(t, tc.item)
			assert.Zero(t, howOften(s.made(tc.item), checklist.Found))
			s.requireOnce(t, tc.item)
		})
		t.Run(tc.name+"/nobody can look", func(t *testing.T) {
			t.Parallel()
			s := newStage(t, items...)
			s.pass(t, tc.before...)
			s.wire.cut(tc.method, true, true)
			err := s.engine.Run(t.Context(), tc.item, agree(t, tc.item))
			require.ErrorIs(t, err, checklist.ErrUnknown)
			assert.Contains(t, s.effects(tc.item, tc.effect), checklist.Unknown)
			assert.ErrorContains(t, err, "504")
			assert.Contains(t, s.engine.Session().State(tc.item).Words(), "not known whether this was made", "the reader is told")
			s.wire.mend()
			s.reopen(t)
			s.pass(t, tc.item)
			assert.Empty(t, s.engine.Session().State(tc.item).Pending)
			assert.Len(t, s.made(tc.item), tc.effects)
			s.requireOnce(t, tc.item)
		})
	}
}

// requireOnce checks that the outside has what an item makes exactly once, in
// every project.
func (s *stage) requireOnce(t *testing.T, item string) {
	t.Helper()
	for _, p := range s.sandbox.Projects() {
		switch item {
		case "redeploy-staging":
			all, err := s.outside.Vercel.Deployments(t.Context(), p.ID, "preview")
			require.NoError(t, err)
			assert.Len(t, all, 3, "two that were there, and one")
		default:
			variables, err := s.outside.Vercel.Variables(t.Context(), p.ID)
			require.NoError(t, err)
			assert.Len(t, variables, map[string]int{"add-staging": 5, "remove-test": 3}[item])
		}
	}
}

func howOften(made []checklist.How, how checklist.How) int {
	n := 0
	for _, h := range made {
		if h == how {
			n++
		}
	}
	return n
}

// containing returns the texts that have a part.
func containing(texts []string, part string) []string {
	return slices.DeleteFunc(slices.Clone(texts), func(text string) bool { return !strings.Contains(text, part) })
}
