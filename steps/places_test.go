package steps

import (
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/steps/vercel"
)

// Whom a place belongs to is what the configuration says, and else what comes
// before production is staging's.
func TestOwnerOfAPlace(t *testing.T) {
	t.Parallel()
	slots := map[checklist.Environment][]Slot{
		checklist.Staging:    {{Target: "preview", Branch: "fix"}, {CustomEnvironment: "qa"}},
		checklist.Production: {{Target: "production"}, {CustomEnvironment: "eu"}},
	}
	for name, tc := range map[string]struct {
		place Slot
		slots map[checklist.Environment][]Slot
		want  checklist.Environment
	}{
		"preview":                         {Slot{Target: "preview"}, nil, checklist.Staging},
		"development":                     {Slot{Target: "development"}, nil, checklist.Staging},
		"production":                      {Slot{Target: "production"}, nil, checklist.Production},
		"a branch":                        {Slot{Target: "preview", Branch: "other"}, nil, checklist.Staging},
		"a branch that no slot names":     {Slot{Target: "preview", Branch: "other"}, slots, checklist.Staging},
		"a custom one":                    {Slot{CustomEnvironment: "qa"}, slots, checklist.Staging},
		"a custom one of production":      {Slot{CustomEnvironment: "eu"}, slots, checklist.Production},
		"a custom one that no slot names": {Slot{CustomEnvironment: "us"}, slots, checklist.Staging},
		"one that nobody knows":           {Slot{Target: "edge"}, slots, checklist.Staging},
		"production that has other slots": {Slot{Target: "production"}, map[checklist.Environment][]Slot{checklist.Production: {{CustomEnvironment: "eu"}}}, checklist.Production},
		"preview, of which one branch is": {Slot{Target: "preview"}, slots, checklist.Staging},
	} {
		assert.Equal(t, tc.want, Target{Slots: tc.slots}.Owner(tc.place), name)
	}
}

// What an emergency takes of a row, and what the row keeps.
func TestCompromisedRows(t *testing.T) {
	t.Parallel()
	both := []checklist.Environment{checklist.Staging, checklist.Production}
	slots := map[checklist.Environment][]Slot{checklist.Production: {{Target: "production"}, {CustomEnvironment: "eu"}}}
	for name, tc := range map[string]struct {
		row   vercel.Variable
		in    []checklist.Environment
		slots map[checklist.Environment][]Slot
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
				customs:   map[string]Customs{"p": {"qa": "env_qa", "eu": "env_eu"}},
			}
			rows, err := revocationsFrom(now, "v1", tc.in, []Target{{Project: "p", Name: "orders-api", Slots: tc.slots}})
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

func TestReachOfARow(t *testing.T) {
	t.Parallel()
	for want, row := range map[string]vercel.Variable{
		"preview+development":                  {Target: []string{"preview", "development"}},
		"preview branch fix":                   {Target: []string{"preview"}, GitBranch: "fix"},
		"custom environment env_qa":            {CustomEnvironmentIDs: []string{"env_qa"}},
		"production custom environment env_qa": {Target: []string{"production"}, CustomEnvironmentIDs: []string{"env_qa"}},
	} {
		assert.Equal(t, want, Reach(row))
	}
}

func TestOwnAddressOfADeployment(t *testing.T) {
	t.Parallel()
	c := Place{Target: Target{Path: "/api/test", URLs: map[checklist.Environment]string{
		checklist.Staging: "http://127.0.0.1:1/p/orders/staging/api/test", checklist.Production: "https://orders.example.com/api/test",
	}}, Environment: checklist.Production}
	assert.Equal(t, "https://orders-x1-team.vercel.app/api/test", ownAddress(c, Deployment{Host: "orders-x1-team.vercel.app"}))
	c.Environment = checklist.Staging
	assert.Equal(t, "http://127.0.0.1:1/d/dpl_1/api/test", ownAddress(c, Deployment{Host: "127.0.0.1:1/d/dpl_1"}))
}

func TestSpreadsheetsTakeNothingForAFormula(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "checkout": "checkout", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\tx": "'\tx", "a=b": "a=b",
	} {
		assert.Equal(t, want, inCell(text))
	}
}
