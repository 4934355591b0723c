package steps_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/hosting"
)

func TestConcerns(t *testing.T) {
	t.Parallel()
	subject := checklist.VariableSubject("orders-api", "HMAC_SECRET_V2", "env_1")
	effect := func(code checklist.EffectCode, target string, key string) checklist.Effect {
		return checklist.Effect{Code: code, Target: target, Key: keygen.KeyID(key)}
	}
	for name, tc := range map[string]struct {
		effect checklist.Effect
		want   bool
	}{
		"a row that was made":     {effect(checklist.VariableCreate, "orders-api", "v2"), true},
		"a row that was deleted":  {effect(checklist.VariableDelete, "orders-api", "v2"), true},
		"a row that was narrowed": {effect(checklist.VariableNarrow, "orders-api", "v2"), true},
		"another target":          {effect(checklist.VariableCreate, "orders", "v2"), false},
		"another key":             {effect(checklist.VariableCreate, "orders-api", "v21"), false},
		"no row":                  {effect(checklist.DeploymentCreate, "orders-api", "v2"), false},
		"no target":               {effect(checklist.VariableCreate, "", "v2"), false},
		"no key":                  {effect(checklist.VariableCreate, "orders-api", ""), false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, hosting.Concerns(tc.effect, subject))
		})
	}
	assert.False(t, hosting.Concerns(effect(checklist.VariableCreate, "orders-api", "v2"), "targets/orders-api"), "what is no row")
}
