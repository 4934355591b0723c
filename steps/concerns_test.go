package steps_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"keyturn/checklist"
	"keyturn/steps"
)

func TestConcerns(t *testing.T) {
	t.Parallel()
	const subject = "orders-api HMAC_SECRET_V2 row env_1"
	for name, tc := range map[string]struct {
		effect checklist.Effect
		want   bool
	}{
		"a row that was made":    {checklist.Effect{Name: "vercel.env.create", Target: "orders-api", Words: "create HMAC_SECRET_V2 in orders-api preview"}, true},
		"a row that was deleted": {checklist.Effect{Name: "vercel.env.delete", Target: "orders-api", Words: "delete HMAC_SECRET_V2 from orders-api: row env_1 for preview"}, true},
		"another target":         {checklist.Effect{Name: "vercel.env.create", Target: "orders", Words: "create HMAC_SECRET_V2 in orders preview"}, false},
		"another key":            {checklist.Effect{Name: "vercel.env.create", Target: "orders-api", Words: "create HMAC_SECRET_V21 in orders-api preview"}, false},
		"no row":                 {checklist.Effect{Name: "vercel.deploy", Target: "orders-api", Words: "deploy HMAC_SECRET_V2 again"}, false},
		"no target":              {checklist.Effect{Name: "vercel.env.create", Words: "create HMAC_SECRET_V2 somewhere"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, tc.want, steps.Concerns(tc.effect, subject))
		})
	}
}
