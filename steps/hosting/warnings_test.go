package hosting

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/target"
	"keyturn/steps/vercel"
)

func TestDuplicatesAreExplained(t *testing.T) {
	t.Parallel()
	rows := []vercel.Variable{
		{ID: "a", Key: "HMAC_SECRET_V1", Target: []string{"preview"}},
		{ID: "b", Key: "HMAC_SECRET_V1", Target: []string{"preview", "production"}},
		{ID: "c", Key: "HMAC_SECRET_V1", Target: []string{"preview"}, GitBranch: "fix"}, // of a branch: none
		{ID: "d", Key: "HMAC_SECRET_V1", CustomEnvironmentIDs: []string{"env_qa"}},
	}
	words := duplicates(target.Target{Name: "orders-api"}, rows, nil)
	require.Len(t, words, 1)
	assert.Contains(t, words[0], "orders-api has HMAC_SECRET_V1 twice for preview, rows a and b")
	assert.Contains(t, words[0], "Remove the one that is not wanted")
}

// What each environment loses of a row, staging first.
func TestDoomedRows(t *testing.T) {
	t.Parallel()
	both := []checklist.Environment{checklist.Staging, checklist.Production}
	qa := map[checklist.Environment][]target.Slot{checklist.Staging: {{Target: "preview"}, {CustomEnvironment: "qa"}}}
	for name, tc := range map[string]struct {
		row   vercel.Variable
		in    []checklist.Environment
		slots map[checklist.Environment][]target.Slot
		want  []string // environment: words
		err   string
	}{
		"one target":               {row: vercel.Variable{Target: []string{"preview"}}, in: both, want: []string{"staging: delete row r, which serves preview"}},
		"none of the item's":       {row: vercel.Variable{Target: []string{"production"}}, in: both[:1]},
		"two of one environment":   {row: vercel.Variable{Target: []string{"preview", "development"}}, in: both, want: []string{"staging: delete row r, which serves preview+development"}},
		"more than the item's":     {row: vercel.Variable{Target: []string{"production", "preview", "development"}}, in: both[:1], want: []string{"staging: take preview+development from row r, which goes on serving production with its value"}},
		"all of both":              {row: vercel.Variable{Target: []string{"production", "preview"}}, in: both, want: []string{"staging: take preview from row r, which goes on serving production with its value", "production: delete row r, which serves production"}},
		"production before":        {row: vercel.Variable{Target: []string{"production", "preview"}}, in: both[1:], want: []string{"production: take production from row r, which goes on serving preview with its value"}},
		"a branch":                 {row: vercel.Variable{Target: []string{"preview"}, GitBranch: "fix"}, in: both, want: []string{"staging: delete row r, which serves preview branch fix"}},
		"a branch of nobody's":     {row: vercel.Variable{Target: []string{"preview"}, GitBranch: "fix"}, in: both, slots: map[checklist.Environment][]target.Slot{checklist.Staging: {{Target: "preview", Branch: "main-2"}}}},
		"all branches are not":     {row: vercel.Variable{Target: []string{"preview"}}, in: both, slots: map[checklist.Environment][]target.Slot{checklist.Staging: {{Target: "preview", Branch: "fix"}}}},
		"a custom environment":     {row: vercel.Variable{CustomEnvironmentIDs: []string{"env_qa"}}, in: both, slots: qa, want: []string{"staging: delete row r, which serves custom environment env_qa"}},
		"a custom one of nobody's": {row: vercel.Variable{CustomEnvironmentIDs: []string{"env_eu"}}, in: both, slots: qa},
		"custom ones of two":       {row: vercel.Variable{CustomEnvironmentIDs: []string{"env_qa", "env_eu"}}, in: both, slots: qa, err: "of which staging may lose only custom:qa"},
		"custom and production":    {row: vercel.Variable{Target: []string{"production"}, CustomEnvironmentIDs: []string{"env_qa"}}, in: both[:1], slots: qa, err: "of which staging may lose only custom:qa"},
		"preview and a custom one of nobody's": {row: vercel.Variable{Target: []string{"preview", "production"}, CustomEnvironmentIDs: []string{"env_eu"}}, in: both[:1], slots: qa,
			want: []string{"staging: take preview from row r, which goes on serving production with its value"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			tc.row.ID, tc.row.Key = "r", "HMAC_SECRET_V1"
			api := target.Target{Project: "p", Name: "orders-api", Slots: tc.slots}
			other := vercel.Variable{ID: "x", Key: "DATABASE_URL", Target: []string{"preview", "production"}}
			now := Listing{
				variables: map[string][]vercel.Variable{"p": {other, tc.row}},
				customs:   map[string]target.Customs{"p": {"qa": "env_qa", "eu": "env_eu"}},
			}
			rows, err := removalsFrom(now, keygen.KeyID("v1"), tc.in, []target.Target{api})
			if tc.err != "" {
				require.ErrorContains(t, err, tc.err)
				assert.Contains(t, checklist.Hint(err), "split the row")
				return
			}
			require.NoError(t, err)
			var got []string
			for _, d := range rows {
				got = append(got, string(d.Environment)+": "+d.words())
				assert.True(t, strings.HasPrefix(d.command(), "DELETE /v1/projects/p/env") || strings.HasPrefix(d.command(), "PATCH /v9/projects/p/env/r"))
			}
			assert.Equal(t, tc.want, got)
		})
	}
}
