package program_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
	"keyturn/steps/rollback"
	"keyturn/vault"
)

// chooses answers every choice that offers one of these with it.
func chooses(ids ...string) func(checklist.Question) (string, bool) {
	return func(q checklist.Question) (string, bool) {
		for _, c := range q.Choices {
			if slices.Contains(ids, c.ID) {
				return c.ID, true
			}
		}
		return noDrift(q)
	}
}

// A key that was revoked as compromised is offered to nobody: a rollback of it
// does not even begin.
func TestNoRollbackBeginsWithACompromisedKey(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	s := rehearse(t, p, "emergency", &programtest.Operator{Answer: chooses("v1", "seal")})
	require.EqualValues(t, "v1", s.Key(checklist.OldKey))
	_, err := p.Begin(t.Context(), "rollback", &programtest.Operator{Answer: chooses("v1")})
	var compromised *rollback.CompromisedError
	require.ErrorAs(t, err, &compromised)
	assert.Equal(t, s.ID(), compromised.Session)
	assert.Contains(t, checklist.Hint(err), "go forward to a new key")
	id, err := p.InProgress("rollback")
	require.NoError(t, err)
	assert.Empty(t, id)
	requireNoRows(t, p, "v1")
}

// requireNoRows checks that a key has no variable anywhere.
func requireNoRows(t *testing.T, p *program.Program, id keygen.KeyID) {
	t.Helper()
	for _, project := range p.World().Projects() {
		variables, err := api(t, p).Variables(t.Context(), project.ID)
		require.NoError(t, err)
		for _, v := range variables {
			require.NotEqual(t, id.Variable(), v.Key, "%s", project.Name)
		}
	}
}

// A key that is revoked while its rollback is under way is not put back.
func TestAKeyThatIsRevokedMeanwhileIsNotPutBack(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	r, _ := rollBack(p, program.RemovalTrouble, checklist.Resume)
	stop := errors.New("an emergency comes first")
	r.BetweenItems = func(item string) error {
		if item == "name-trouble" {
			return stop
		}
		return nil
	}
	_, err := r.Run(t.Context())
	require.ErrorIs(t, err, stop)
	emergency := rehearse(t, p, "emergency", &programtest.Operator{Answer: chooses("v1")})
	require.EqualValues(t, "v1", emergency.Key(checklist.OldKey))

	back := program.Rehearsal{Program: p, Checklist: "rollback", Operator: &programtest.Operator{}, Say: t.Logf} // goes on with what the emergency changed
	_, err = back.Run(t.Context())
	var compromised *rollback.CompromisedError
	require.ErrorAs(t, err, &compromised)
	assert.Equal(t, emergency.ID(), compromised.Session)
	assert.Equal(t, "v1", compromised.Key)
	assert.Contains(t, checklist.Hint(err), "new key")
	requireNoRows(t, p, "v1")
}

// A sealed key is evidence, not a way back.
func TestASealedKeyIsNotPutBack(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	r, _ := rollBack(p, program.RemovalTrouble, checklist.Resume)
	require.NoError(t, r.IntoTrouble(t.Context()))
	_, err := p.Vault().Seal(t.Context(), "production/v1", "found in a public repository")
	require.NoError(t, err)
	_, err = r.RollBack(t.Context())
	require.ErrorIs(t, err, vault.ErrSealed)
	assert.NotEmpty(t, checklist.Hint(err))
	requireKeys(t, p, "v2")
}

// A key that nobody has kept cannot be put back, and the hint says what can be
// done instead.
func TestAKeyThatIsLostIsNotPutBack(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	r, _ := rollBack(p, program.RemovalTrouble, checklist.Resume)
	require.NoError(t, r.IntoTrouble(t.Context()))
	require.NoError(t, p.Vault().Delete(t.Context(), "production/v1"))
	_, err := r.RollBack(t.Context())
	require.ErrorIs(t, err, vault.ErrNotFound)
	assert.Contains(t, checklist.Hint(err), "keyturn emergency")
	requireKeys(t, p, "v2")
}
