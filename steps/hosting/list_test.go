package hosting

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"keyturn/checklist"
	"keyturn/steps/target"
	"keyturn/steps/vercel"
)

// A deployment of a branch is made with the rows of all branches and with its own,
// and one of a custom environment with those that name it.
func TestRowsOfASite(t *testing.T) {
	t.Parallel()
	c := target.Place{Target: target.Target{Project: "p", Name: "orders-api", Slots: map[checklist.Environment][]target.Slot{checklist.Staging: {
		{Target: "development"}, {Target: "preview"}, {Target: "preview", Branch: "fix"}, {CustomEnvironment: "qa"},
	}}}, Environment: checklist.Staging}
	now := Listing{
		variables: map[string][]vercel.Variable{"p": {
			{ID: "all", Key: "HMAC_SECRET_V1", Target: []string{"preview", "production"}},
			{ID: "fix", Key: "HMAC_SECRET_V1", Target: []string{"preview"}, GitBranch: "fix"},
			{ID: "other", Key: "HMAC_SECRET_V1", Target: []string{"preview"}, GitBranch: "other"},
			{ID: "qa", Key: "HMAC_SECRET_V1", CustomEnvironmentIDs: []string{"env_qa"}},
			{ID: "eu", Key: "HMAC_SECRET_V1", CustomEnvironmentIDs: []string{"env_eu"}},
			{ID: "dev", Key: "HMAC_SECRET_V1", Target: []string{"development"}},
		}},
		customs: map[string]target.Customs{"p": {"qa": "env_qa", "eu": "env_eu"}},
	}
	want := map[string][]string{
		"orders-api staging": {"all"}, "orders-api staging preview:fix": {"all", "fix"}, "orders-api staging custom:qa": {"qa"},
	}
	got := map[string][]string{}
	for _, s := range c.Deployed() {
		for _, v := range now.RowsOf("v1", s) {
			got[s.String()] = append(got[s.String()], v.ID)
		}
		assert.Empty(t, now.RowsOf("v2", s))
	}
	assert.Equal(t, want, got)

	held := map[string][]string{}
	for _, d := range []vercel.Deployment{
		{ID: "staging", Branch: "staging"}, {ID: "fix", Branch: "fix"}, {ID: "other", Branch: "other"},
		{ID: "qa", CustomEnvironment: "qa", Branch: "fix"}, {ID: "eu", CustomEnvironment: "eu"}, {ID: "live", Target: "production"},
	} {
		for _, s := range c.Deployed() {
			if s.Made(d) {
				held[s.String()] = append(held[s.String()], d.ID)
			}
		}
	}
	assert.Equal(t, map[string][]string{
		"orders-api staging": {"staging", "other"}, "orders-api staging preview:fix": {"fix"}, "orders-api staging custom:qa": {"qa"},
	}, held)
}
