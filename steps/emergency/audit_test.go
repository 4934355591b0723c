package emergency

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

func TestSpreadsheetsTakeNothingForAFormula(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"": "", "checkout": "checkout", "=1+1": "'=1+1", "+1": "'+1", "-1": "'-1", "@SUM(A1)": "'@SUM(A1)", "\tx": "'\tx", "a=b": "a=b",
	} {
		assert.Equal(t, want, inCell(text))
	}
}
