package steps

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"keyturn/checklist"
	"keyturn/steps/vercel"
)

func TestEnvironmentsOfARow(t *testing.T) {
	t.Parallel()
	staging, production := checklist.Staging, checklist.Production
	for name, tc := range map[string]struct {
		row  vercel.Variable
		want []checklist.Environment
		says string
	}{
		"preview":             {vercel.Variable{Target: []string{"preview"}}, []checklist.Environment{staging}, "preview"},
		"development":         {vercel.Variable{Target: []string{"development"}}, []checklist.Environment{staging}, "development"},
		"production":          {vercel.Variable{Target: []string{"production"}}, []checklist.Environment{production}, "production"},
		"all of Vercel's":     {vercel.Variable{Target: []string{"production", "preview", "development"}}, []checklist.Environment{staging, production}, "production+preview+development"},
		"a branch":            {vercel.Variable{Target: []string{"preview"}, GitBranch: "fix"}, []checklist.Environment{staging}, "preview branch fix"},
		"a custom one":        {vercel.Variable{CustomEnvironmentIDs: []string{"env_qa"}}, []checklist.Environment{staging}, "custom environment env_qa"},
		"custom and live":     {vercel.Variable{Target: []string{"production"}, CustomEnvironmentIDs: []string{"env_qa"}}, []checklist.Environment{staging, production}, "production custom environment env_qa"},
		"one that is unknown": {vercel.Variable{Target: []string{"edge"}}, []checklist.Environment{staging}, "edge"},
	} {
		assert.Equal(t, tc.want, environmentsOf(tc.row), name)
		assert.Equal(t, tc.says, reach(tc.row), name)
	}
}

func TestOwnAddressOfADeployment(t *testing.T) {
	t.Parallel()
	c := cell{Target{Path: "/api/test", URLs: map[checklist.Environment]string{
		checklist.Staging: "http://127.0.0.1:1/p/orders/staging/api/test", checklist.Production: "https://orders.example.com/api/test",
	}}, checklist.Production}
	assert.Equal(t, "https://orders-x1-team.vercel.app/api/test", ownAddress(c, vercel.Deployment{URL: "orders-x1-team.vercel.app"}))
	c.environment = checklist.Staging
	assert.Equal(t, "http://127.0.0.1:1/d/dpl_1/api/test", ownAddress(c, vercel.Deployment{URL: "127.0.0.1:1/d/dpl_1"}))
}

func TestSpreadsheetsTakeNothingForAFormula(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "checkout": "checkout", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\tx": "'\tx", "a=b": "a=b",
	} {
		assert.Equal(t, want, inCell(text))
	}
}
