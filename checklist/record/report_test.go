package record_test

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
)

func TestReportHoldsNotes(t *testing.T) {
	t.Parallel()
	trail := mustTrail(t, t.TempDir())
	s := newScript(t, trail, "quarterly", "rot-1")
	s.add(checklist.Event{Kind: checklist.Noted, Item: "generate", Text: "the key room was <b>cold</b>"})
	exported := s.run().export()
	report, err := os.ReadFile(filepath.Join(exported.Dir, "report.md"))
	require.NoError(t, err)
	assert.Contains(t, string(report), "## Notes\n")
	assert.Contains(t, string(report), "| generate | the key room was &lt;b&gt;cold&lt;/b&gt; |")
	_, err = verify(t, trail.Dir())
	require.NoError(t, err, "a verifier renders the notes again")
}
