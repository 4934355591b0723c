package record_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/record"
)

func TestReport(t *testing.T) {
	t.Parallel()
	trail := emptyTrail(t)
	s := newStage(t, trail, "quarterly", "rot-1")
	s.opening.Checklist = manual(s.opening.Checklist, "notify", "tell-them")
	s.before["notify"] = func() {
		require.NoError(t, s.engine.PassOver(t.Context(), "notify", "nobody | is\n# here <img src=x> \u202etxt `x` ```", s))
	}
	s.before["store"] = func() { require.NoError(t, s.engine.Note(t.Context(), "generate", "the key room was <b>cold</b>", s)) }
	s.before["update-clients"] = func() {
		s.setup = s.setup.Without("payments-api")
		s.resume()
	}
	text := read(t, s.run().exported.Dir, "report.md")

	deviations, summary := strings.Index(text, "## Deviations"), strings.Index(text, "## Who, when, why")
	assert.Positive(t, deviations)
	assert.Less(t, deviations, summary, "deviations come first")
	assert.Contains(t, text, `nobody \| is \# here &lt;img src=x&gt; (U+202E)txt \`+"`x\\` \\`\\`\\`")
	assert.NotContains(t, text, "\u202e")
	assert.NotContains(t, text, "<script>")
	for _, want := range []string{
		"# Quarterly rotation rot-1\n", digest("productionnew"), "bob@example.com approved approve-production at ", "```text\nkeyturn approval request v2\n",
		"| tampered body \\| &lt;script&gt; | 401 | refused |", "```text\ncurl -i -X POST", "- one client was late\n", "made\\_orders-api",
		"It cannot show changes made\naround it", "ssh-keygen -Y verify -f allowed_signers -I alice@example.com -n keyturn-record",
		"## Notes\n", "| generate | the key room was &lt;b&gt;cold&lt;/b&gt; |", "passed over Notify team of rotation window",
		"| payments-api | vercel | prj\\_payments-api | verifier | taken out at ", "Added to the checklist by hand: Tell the data center.",
	} {
		assert.Contains(t, text, want)
	}
	drill := newStage(t, trail, "drill", "drill-2").run()
	assert.Contains(t, read(t, drill.exported.Dir, "report.md"), "> **SANDBOX.**")
	mustVerify(t, trail.Dir())
}

// A report that was written in other words is no other report: its digest is
// what was signed. Rendered again, it has the words of today.
func TestReportInOtherWords(t *testing.T) {
	t.Parallel()
	trail := emptyTrail(t)
	s := newStage(t, trail, "quarterly", "rot-1")
	for p := range s.opening.Checklist.Phases {
		phase := &s.opening.Checklist.Phases[p]
		phase.Title = "Teil"
		for i := range phase.Items {
			phase.Items[i].Title, phase.Items[i].Why = "Schritt "+phase.Items[i].ID, "Darum."
			for g := range phase.Items[i].Gates {
				phase.Items[i].Gates[g].Words = "bewiesen"
			}
		}
	}
	s.run()
	path := filepath.Join(s.exported.Dir, "report.md")
	write(t, "Ein Bericht.\n", path)
	sum := digest("Ein Bericht.\n")
	resign(t, trail, "000001-rot-1", mustKey(t, alice), func(text string) string {
		return strings.Replace(text, mustRecord(t, s.exported).Report.SHA256, sum, 1)
	})
	v := mustVerify(t, trail.Dir())
	assert.Empty(t, v.Added, "other words are no added items")

	text, err := record.ReadReport(s.exported.Dir)
	require.NoError(t, err)
	assert.Contains(t, string(text), "Schritt add-production", "the session's own titles")
	assert.Contains(t, string(text), "## Deviations\n\nNone: everything was done as the checklist says.")
}

func TestReadReport(t *testing.T) {
	t.Parallel()
	trail := mustRecords(t, 2)
	dir := filepath.Join(trail.Dir(), "000002-rot-2")
	text, err := record.ReadReport(dir)
	require.NoError(t, err)
	assert.Equal(t, read(t, dir, "report.md"), string(text))
	last, err := record.ReadReport(trail.Dir())
	require.NoError(t, err)
	assert.Equal(t, text, last, "of a trail, that of its last record")
	_, err = record.ReadReport(emptyTrail(t).Dir())
	require.ErrorContains(t, err, "has no record")
	_, err = record.ReadReport(t.TempDir())
	require.ErrorIs(t, err, os.ErrNotExist)
}

func TestReportTellsOfAnEmergency(t *testing.T) {
	t.Parallel()
	trail := emptyTrail(t)
	s := newStage(t, trail, "emergency", "rot-1").run()
	assert.Contains(t, read(t, s.exported.Dir, "report.md"), "production was changed before a second person had approved it")
	require.Len(t, mustRecord(t, s.exported).Deviations, 1)
	assert.Equal(t, checklist.Unapproved, mustRecord(t, s.exported).Deviations[0].Kind)
}
