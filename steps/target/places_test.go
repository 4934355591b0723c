package target

import (
	"testing"

	"github.com/stretchr/testify/assert"

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
