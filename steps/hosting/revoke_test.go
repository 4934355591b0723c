package hosting

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/steps/target"
	"keyturn/steps/vercel"
)

// What an emergency takes of a row, and what the row keeps.
func TestCompromisedRows(t *testing.T) {
	t.Parallel()
	both := []checklist.Environment{checklist.Staging, checklist.Production}
	slots := map[checklist.Environment][]target.Slot{checklist.Production: {{Target: "production"}, {CustomEnvironment: "eu"}}}
	for name, tc := range map[string]struct {
		row   vercel.Variable
		in    []checklist.Environment
		slots map[checklist.Environment][]target.Slot
		want  string // environment: words; "" for nothing
		err   string
	}{
		"preview":                      {row: vercel.Variable{Target: []string{"preview"}}, in: both, want: "staging: delete row r, which serves preview"},
		"production, not in staging":   {row: vercel.Variable{Target: []string{"production"}}, in: both[:1]},
		"all of Vercel's":              {row: vercel.Variable{Target: []string{"production", "preview", "development"}}, in: both, want: "production: delete row r, which serves production+preview+development"},
		"both, in staging":             {row: vercel.Variable{Target: []string{"production", "preview", "development"}}, in: both[:1], want: "staging: take preview+development from row r, which goes on serving production with its value"},
		"both, in production":          {row: vercel.Variable{Target: []string{"production", "preview"}}, in: both[1:], want: "production: take production from row r, which goes on serving preview with its value"},
		"a branch that no slot names":  {row: vercel.Variable{Target: []string{"preview"}, GitBranch: "fix"}, in: both, want: "staging: delete row r, which serves preview branch fix"},
		"a custom one without a slot":  {row: vercel.Variable{CustomEnvironmentIDs: []string{"env_qa"}}, in: both[:1], want: "staging: delete row r, which serves custom environment env_qa"},
		"a custom one of production":   {row: vercel.Variable{CustomEnvironmentIDs: []string{"env_eu"}}, in: both[1:], slots: slots, want: "production: delete row r, which serves custom environment env_eu"},
		"that one, in staging":         {row: vercel.Variable{CustomEnvironmentIDs: []string{"env_eu"}}, in: both[:1], slots: slots},
		"one that nobody knows":        {row: vercel.Variable{Target: []string{"edge"}}, in: both, want: "staging: delete row r, which serves edge"},
		"one that is nowhere":          {in: both, want: "staging: delete row r, which serves "},
		"custom ones of both":          {row: vercel.Variable{CustomEnvironmentIDs: []string{"env_qa", "env_eu"}}, in: both[:1], slots: slots, err: "of which the session may take only custom:qa"},
		"custom ones of both, at once": {row: vercel.Variable{CustomEnvironmentIDs: []string{"env_qa", "env_eu"}}, in: both, slots: slots, want: "production: delete row r, which serves custom environment env_qa, env_eu"},
		"custom and production":        {row: vercel.Variable{Target: []string{"production"}, CustomEnvironmentIDs: []string{"env_qa"}}, in: both[:1], err: "of which the session may take only custom:qa"},
		"all targets beside a custom":  {row: vercel.Variable{Target: []string{"production"}, CustomEnvironmentIDs: []string{"env_qa"}}, in: both[1:], err: "of which the session may take only production"},
		"some beside a custom one":     {row: vercel.Variable{Target: []string{"production", "preview"}, CustomEnvironmentIDs: []string{"env_qa"}}, in: both[1:], want: "production: take production from row r, which goes on serving preview with its value"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.row.ID, tc.row.Key = "r", "HMAC_SECRET_V1"
			now := Listing{
				variables: map[string][]vercel.Variable{"p": {{ID: "x", Key: "DATABASE_URL", Target: []string{"preview"}}, tc.row}},
				customs:   map[string]target.Customs{"p": {"qa": "env_qa", "eu": "env_eu"}},
			}
			rows, err := revocationsFrom(now, "v1", tc.in, []target.Target{{Project: "p", Name: "orders-api", Slots: tc.slots}})
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				assert.Contains(t, checklist.Hint(err), "split the row at Vercel")
				return
			}
			require.NoError(t, err)
			got := ""
			for _, d := range rows {
				got += string(d.Environment) + ": " + d.words()
			}
			assert.Equal(t, tc.want, got)
		})
	}
}
