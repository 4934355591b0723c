package record_test

import (
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist/record"
)

// forge lets alice sign another content of the last record, report and HEAD
// included.
func forge(t *testing.T, trail *record.Trail, name string, change func(*record.Record)) {
	t.Helper()
	sum, err := record.Forge(filepath.Join(trail.Dir(), name), mustKey(t, alice), change)
	require.NoError(t, err)
	writeHead(t, trail, len(recordsIn(t, trail.Dir())), sum)
}

// A signer can sign anything, but not that the journal says so.
func TestRecordSaysWhatItsJournalSays(t *testing.T) {
	t.Parallel()
	const name = "000002-rot-2"
	for field, change := range map[string]func(*record.Record){
		"rotation":   func(r *record.Record) { r.Rotation.Reason = "another reason" },
		"deviations": func(r *record.Record) { r.Deviations = []record.Deviation{{What: "none such"}} },
		"keys":       func(r *record.Record) { r.Keys[1].NewFp = digest("another") },
		"targets":    func(r *record.Record) { r.Targets = append(r.Targets, "more") },
		"approvals":  func(r *record.Record) { r.Approvals[0].Item = "another" },
		"items":      func(r *record.Record) { r.Items[3].Status = "passed over" },
		"issues":     func(r *record.Record) { r.Issues = []string{} },
		"journal.events": func(r *record.Record) {
			r.Journal.Events--
		},
		"journal.head_sha256": func(r *record.Record) { r.Journal.HeadSHA256 = digest("another") },
		"journal":             func(r *record.Record) { r.Journal.Name = "other.jsonl" },
		"created_at":          func(r *record.Record) { r.CreatedAt = "2026-02-04T09:00:00Z" },
		"trail.id":            func(r *record.Record) { r.Trail.ID = "00000000-0000-4000-8000-000000000000" },
		"trail.seq":           func(r *record.Record) { r.Trail.Seq = 3 },
		"trail.prev_sha256":   func(r *record.Record) { r.Trail.PrevSHA256 = digest("another") },
		"signer.key":          func(r *record.Record) { r.Signer.Key = "SHA256:another" },
	} {
		t.Run(field, func(t *testing.T) {
			t.Parallel()
			trail := mustRecords(t, 2)
			forge(t, trail, name, change)
			failure := mustFail(t, trail.Dir())
			assert.Equal(t, record.Failure{Record: name, File: "record.json", Field: field, Reason: failure.Reason}, *failure)
		})
	}
}

func TestNotesWhatThisVersionCannotCheck(t *testing.T) {
	t.Parallel()

	t.Run("report of another renderer", func(t *testing.T) {
		t.Parallel()
		trail := mustRecords(t, 2)
		forge(t, trail, "000002-rot-2", func(r *record.Record) { r.Report.Renderer = "keyturn.report/v9" })
		report, err := verify(t, trail.Dir())
		require.NoError(t, err)
		assert.Contains(t, report.String(), "The report was written by keyturn.report/v9, which this version does not know")
	})

	t.Run("session of another checklist", func(t *testing.T) {
		t.Parallel()
		trail := mustTrail(t, t.TempDir())
		s := newScript(t, trail, "quarterly", "rot-1")
		s.events, s.now = nil, day0
		s.journal.Reset()
		opening := newScript(t, trail, "quarterly", "rot-1").events[0]
		opening.Opening.Digest = digest("another checklist")
		s.add(opening)
		s.run().export()
		report, err := verify(t, trail.Dir())
		require.NoError(t, err)
		assert.Contains(t, report.String(), "000001-rot-1: The session followed a checklist that this version does not have")
	})
}
