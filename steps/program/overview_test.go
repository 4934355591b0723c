package program_test

import (
	"crypto/rand"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/program"
	"keyturn/vault"
)

// statuses returns the keys of the home screen by their vault names.
func statuses(t *testing.T, p *program.Program) map[vault.Name]checklist.KeyStatus {
	t.Helper()
	o, err := p.Overview(t.Context())
	require.NoError(t, err)
	require.Empty(t, o.Problems)
	keys := map[vault.Name]checklist.KeyStatus{}
	for _, k := range o.Keys {
		keys[vault.Name(string(k.Environment)+"/"+string(k.ID))] = k
	}
	return keys
}

func TestOverviewOfSealedKeys(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	p := open(t, program.Options{})
	assert.Equal(t, "in service", statuses(t, p)["staging/v1"].Words())

	secret, err := keygen.Generate(rand.Reader)
	require.NoError(t, err)
	_, err = p.Vault().Put(ctx, "staging/v9", secret, vault.PutOptions{})
	require.NoError(t, err)
	for _, name := range []vault.Name{"staging/v9", "staging/v1"} {
		_, err := p.Vault().Seal(ctx, name, "compromised")
		require.NoError(t, err)
	}
	keys := statuses(t, p)
	assert.Equal(t, "sealed: compromised", keys["staging/v9"].Words())
	assert.Equal(t, "in service, although compromised", keys["staging/v1"].Words())
	assert.Equal(t, "in service", keys["production/v1"].Words())
}

// TestArchivedKeyKeepsItsAge: the first key was made long before the sandbox
// was opened, and stays that old when it is out of service.
func TestArchivedKeyKeepsItsAge(t *testing.T) {
	t.Parallel()
	p := open(t, program.Options{})
	before := statuses(t, p)["staging/v1"].Created
	assert.Greater(t, p.World().Clock().Now().Sub(before), 80*24*time.Hour)
	entries, err := p.Vault().List(t.Context())
	require.NoError(t, err)
	for _, e := range entries {
		if e.Name == "staging/v1" || e.Name == "production/v1" {
			assert.WithinDuration(t, before, e.Created, time.Second, e.Name)
		}
	}
}

func TestSandboxIsACompany(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "acme", open(t, program.Options{}).Service())
}
