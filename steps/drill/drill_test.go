package drill

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"keyturn/checklist"
)

// Each line of the runbook's test checklist is proved by an item of the drill.
func TestLinesAreProvedByItemsOfTheDrill(t *testing.T) {
	t.Parallel()
	assert.NotEmpty(t, drillChecks)
	for _, c := range drillChecks {
		_, _, ok := checklist.Drill().Item(c.item)
		assert.True(t, ok, "%s: %s", c.line, c.item)
	}
}
