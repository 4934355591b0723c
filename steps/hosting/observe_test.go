package hosting

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"

	"keyturn/steps/vercel"
)

// What is observed is compared by every later version: its form is format.
func TestRowState(t *testing.T) {
	t.Parallel()
	made := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	changed := made.Add(time.Hour)
	for want, row := range map[string]vercel.Variable{
		"sensitive development,preview 2026-03-02T09:00:00Z": {
			Type: "sensitive", Target: []string{"preview", "development"}, CreatedAt: made.UnixMilli(),
		},
		"sensitive preview:fix 2026-03-02T10:00:00Z usr_2": {
			Type: "sensitive", Target: []string{"preview"}, GitBranch: "fix",
			CreatedAt: made.UnixMilli(), UpdatedAt: changed.UnixMilli(), CreatedBy: "usr_1", UpdatedBy: "usr_2",
		},
		"encrypted custom:env_qa,production 2026-03-02T09:00:00Z usr_1": {
			Type: "encrypted", Target: []string{"production"}, CustomEnvironmentIDs: []string{"env_qa"}, CreatedAt: made.UnixMilli(), CreatedBy: "usr_1",
		},
	} {
		assert.Equal(t, want, rowState(row))
	}
}
