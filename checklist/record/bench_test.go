package record_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"keyturn/checklist/record"
)

func BenchmarkVerify(b *testing.B) {
	const records = 1000
	trail := emptyTrail(b)
	var models []*stage
	for _, kind := range []string{"drill", "quarterly"} {
		s := newStage(b, trail, kind, "rot-0")
		s.stops = true
		models = append(models, s.run())
	}
	for i := range records {
		appendCopy(b, trail, models[i%2], fmt.Sprintf("rot-%d", i+1), i)
	}
	o := options(b)
	b.ResetTimer()
	for range b.N {
		report, err := record.VerifyTrail(b.Context(), []string{trail.Dir()}, o)
		require.NoError(b, err)
		require.Equal(b, records, report.Verified[0].Records)
	}
	b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
}

// appendCopy appends a session like another one to a trail, without verifying it
// first.
func appendCopy(tb testing.TB, trail *record.Trail, s *stage, id string, seq int) {
	tb.Helper()
	f := &forger{t: tb, events: decodeEvents(tb, s.cut), asked: random(id)}
	f.events[0].Opening.Session = id
	f.events[0].Opening.TrailSeq, f.events[0].Opening.TrailHead = trail.Head().Seq, trail.Head().Digest
	f.askAnew()
	d := s.draft()
	d.Journal, d.CreatedAt = f.seal(), day0.AddDate(0, 0, 20).Add(time.Duration(seq)*time.Minute)
	require.NoError(tb, record.AppendUnverified(trail, d, mustKey(tb, alice)))
}

func FuzzVerifyRecord(f *testing.F) {
	trailDir := f.TempDir()
	write(f, "7b9c7a4e-6f55-4b0e-9d3a-1f2e3d4c5b6a\n", trailDir, "id") // each worker makes the same record
	exported := newStage(f, mustTrail(f, trailDir), "drill", "rot-1").run().exported
	whole := read(f, exported.Dir, "record.json")
	f.Add(whole, read(f, exported.Dir, "record.json.sig"), read(f, exported.Dir, "journal.jsonl"), read(f, exported.Dir, "report.md"))
	f.Add("{}", "", "", "")
	dir := filepath.Join(f.TempDir(), "000001-rot-1")
	require.NoError(f, os.Mkdir(dir, 0o700))
	o := options(f)
	f.Fuzz(func(t *testing.T, text, armor, journal, report string) {
		for name, content := range map[string]string{"record.json": text, "record.json.sig": armor, "journal.jsonl": journal, "report.md": report} {
			write(t, content, dir, name)
		}
		_, err := record.VerifyTrail(t.Context(), []string{dir}, o)
		if err == nil && text != whole {
			t.Fatalf("accepted %q", text)
		}
	})
}

func FuzzAppend(f *testing.F) {
	s := newStage(f, emptyTrail(f), "drill", "rot-1")
	s.stops = true
	f.Add(s.run().cut)
	f.Add([]byte("{}\n"))
	f.Add([]byte(`{"seq":1,"prev":"` + strings.Repeat("0", 64) + `","at":"2026-01-05T09:00:00Z","by":"x","kind":"opened","opening":{"format":"keyturn.journal/v2","session":"../x"}}` + "\n"))
	key, honest := mustKey(f, alice), s.draft()
	f.Fuzz(func(t *testing.T, journal []byte) {
		trail := mustTrail(t, t.TempDir())
		draft := honest
		draft.Journal, draft.CreatedAt = bytes.Clone(journal), day0.AddDate(10, 0, 0)
		_, err := trail.Append(t.Context(), draft, key)
		if err == nil {
			return
		}
		if again := mustTrail(t, trail.Dir()); again.Head() != trail.Head() || trail.Head().Seq != 0 {
			t.Fatalf("refused with %v, but left %v", err, again.Head())
		}
	})
}
