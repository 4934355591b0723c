package record_test

import (
	"bytes"
	"crypto/sha256"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/record"
	"keyturn/keygen/sshsig"
)

// BenchmarkVerifyTrail verifies records of 110 events with one approval each. Beside
// it stands what their signatures and digests alone cost. Processor time counts: what
// else the machine does changes it little.
func BenchmarkVerifyTrail(b *testing.B) {
	const records, events = 500, 110
	trail := emptyTrail(b)
	model := newStage(b, trail, "quarterly", "rot-0")
	model.stops = true
	f := &forger{t: b, events: decodeEvents(b, model.run().cut)}
	f.abandonAt(f.find(checklist.Planned, "approve-removal", 0))
	for len(f.events) < events {
		f.insert(len(f.events)-1, checklist.Event{Kind: checklist.Noted, Text: "the clients have been told"})
	}
	model.cut = f.seal()
	require.Len(b, f.events, events)
	for i := range records {
		appendCopy(b, trail, model, fmt.Sprintf("rot-%d", i+1), i)
	}
	last, _, err := trail.Last()
	require.NoError(b, err)
	require.Len(b, last.Approvals, 1)
	o := options(b)
	spent := processorTime(b)
	for b.Loop() {
		report, err := record.VerifyTrail(b.Context(), []string{trail.Dir()}, o)
		require.NoError(b, err)
		require.Equal(b, records, report.Verified[0].Records)
	}
	perRecord := func(spent time.Duration, rounds int) float64 {
		return spent.Seconds() * 1000 / float64(records*rounds)
	}
	b.ReportMetric(perRecord(processorTime(b)-spent, b.N), "cpu-ms/record")
	b.ReportMetric(float64(records)*float64(b.N)/b.Elapsed().Seconds(), "records/s")
	b.ReportMetric(perRecord(bare(b, trail, o.Roster), 1), "bare-cpu-ms/record")
}

// processorTime is what this process has used so far.
func processorTime(tb testing.TB) time.Duration {
	tb.Helper()
	var used syscall.Rusage
	require.NoError(tb, syscall.Getrusage(syscall.RUSAGE_SELF, &used))
	return time.Duration(used.Utime.Nano() + used.Stime.Nano())
}

// bare is the processor time that it takes to hash the files of a trail once, and to
// verify two signatures for each record.
func bare(b *testing.B, trail *record.Trail, roster sshsig.Roster) (spent time.Duration) {
	b.Helper()
	for _, name := range recordsIn(b, trail.Dir()) {
		files := filesIn(b, filepath.Join(trail.Dir(), name))
		began := processorTime(b)
		for _, text := range files {
			sha256.Sum256([]byte(text))
		}
		for range 2 {
			_, err := roster.Verify(files["record.json.sig"], sshsig.NamespaceRecord, []byte(files["record.json"]), day0)
			require.NoError(b, err)
		}
		spent += processorTime(b) - began
	}
	return spent
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
