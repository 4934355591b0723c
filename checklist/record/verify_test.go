package record_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist/record"
)

func TestVerifyTrail(t *testing.T) {
	t.Parallel()
	trail := mustRecords(t, 3)

	t.Run("a trail", func(t *testing.T) {
		v := mustVerify(t, trail.Dir())
		assert.Equal(t, trail.Head(), v.Head)
		assert.Equal(t, 3, v.Records)
		assert.Equal(t, 2, v.Countersigned)
		assert.Equal(t, 4, v.Approvals)
		assert.Equal(t, 2, v.ApprovedBefore)
		assert.Equal(t, "rot-3", v.Last.Rotation.ID)
		report, err := verify(t, trail.Dir())
		require.NoError(t, err)
		text := report.String()
		assert.Contains(t, text, "  + Signatures: records 1 to 3, with their reports and journals, are byte for byte what a member of your roster signed")
		assert.Contains(t, text, "  + Consent: 2 sessions changed production after second persons had signed for these items, targets and keys; 4 approvals checked: signed in time")
		assert.Contains(t, text, "  + Countersigned: an approver's signature in a later record names record 2, so")
		assert.Contains(t, text, "  - Whether records were removed after record 3:")
		assert.Contains(t, text, trail.Head().Line())
		assert.NotContains(t, text, "proved")
		assert.NotContains(t, text, "not checked")
		assert.NotContains(t, text, "missing")
	})

	t.Run("one record", func(t *testing.T) {
		v := mustVerify(t, filepath.Join(trail.Dir(), "000002-rot-2"))
		assert.True(t, v.Single)
		assert.Contains(t, v.Unprovable(), "Whether the record is part of a trail, and which records came before and after it.")
		assert.NotContains(t, strings.Join(v.Checked(), "\n"), "chain")
	})

	t.Run("several", func(t *testing.T) {
		report, err := record.VerifyTrail(t.Context(), []string{trail.Dir(), filepath.Join(trail.Dir(), "000001-rot-1")}, options(t))
		require.NoError(t, err)
		assert.Len(t, report.Verified, 2)
	})

	t.Run("an empty trail", func(t *testing.T) {
		assert.Equal(t, []string{"The trail has no records."}, mustVerify(t, emptyTrail(t).Dir()).Checked())
	})

	t.Run("a sandbox says so", func(t *testing.T) {
		report, err := verify(t, filepath.Join(trail.Dir(), "000001-rot-1"))
		require.NoError(t, err)
		assert.Contains(t, report.String(), "SANDBOX: drill rot-1")
		assert.Contains(t, report.String(), "  + Consent: no journal shows a change of production.\n")
		assert.Contains(t, report.String(), "the sandbox holds the keys of both")
	})

	t.Run("nothing there", func(t *testing.T) {
		_, err := verify(t, t.TempDir())
		require.ErrorContains(t, err, "neither a trail nor a record")
		_, err = verify(t, filepath.Join(t.TempDir(), "missing"))
		require.ErrorIs(t, err, os.ErrNotExist)
		_, err = record.VerifyTrail(t.Context(), nil, options(t))
		require.ErrorContains(t, err, "a path and a reader")
	})

	t.Run("once the context has ended", func(t *testing.T) {
		ctx, cancel := contextThatEnded(t)
		defer cancel()
		_, err := record.VerifyTrail(ctx, []string{trail.Dir()}, options(t))
		require.ErrorContains(t, err, "canceled")
	})
}

// What could not be checked is no failure, and is told by class.
func TestWhatIsNotChecked(t *testing.T) {
	t.Parallel()
	other := record.Head{Trail: "00000000-0000-4000-8000-000000000000", Seq: 9, Digest: digest("x")}
	for name, tc := range map[string]struct {
		change  func(*testing.T, *record.Trail)
		witness []record.Head
		want    record.Finding
	}{
		"a file beside the records": {
			change: func(t *testing.T, trail *record.Trail) { write(t, "x", trail.Dir(), "notes.txt") },
			want:   record.Finding{Class: record.ClassForeign, Words: "notes.txt is no part of the trail, and no signature covers it"},
		},
		"a file in a record": {
			change: func(t *testing.T, trail *record.Trail) {
				write(t, "x", trail.Dir(), "000001-rot-1", "record.json.sig.tsr")
			},
			want: record.Finding{Class: record.ClassForeign, Record: "000001-rot-1", Words: "record.json.sig.tsr is no part of the record, and no signature covers it"},
		},
		"an approval beside a record that needs none": {
			change: func(t *testing.T, trail *record.Trail) {
				write(t, "x", trail.Dir(), "000002-rot-2", "approval-late.txt")
			},
			want: record.Finding{Class: record.ClassForeign, Record: "000002-rot-2", Words: "approval-late.txt is no part of the record, and no signature covers it"},
		},
		"no HEAD": {
			change: func(t *testing.T, trail *record.Trail) {
				require.NoError(t, os.Remove(filepath.Join(trail.Dir(), "HEAD")))
			},
			want: record.Finding{Class: record.ClassHead, Words: "HEAD is missing, so nothing says how many records the trail should have"},
		},
		"a HEAD that is one behind": {
			change: func(t *testing.T, trail *record.Trail) {
				writeHead(t, trail, 1, digest(read(t, trail.Dir(), "000001-rot-1", "record.json")))
			},
			want: record.Finding{Class: record.ClassHead, Words: "HEAD names record 1, so whether record 2 is the last was not compared: Keyturn brings it up to date when it opens the trail"},
		},
		"a witness of another trail": {
			change: func(*testing.T, *record.Trail) {}, witness: []record.Head{other},
			want: record.Finding{Class: record.ClassWitness, Words: `the head "` + other.Line() + `" was seen outside, and is of a trail that was not given`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trail := mustRecords(t, 2)
			tc.change(t, trail)
			o := options(t)
			o.Witnesses = tc.witness
			report, err := record.VerifyTrail(t.Context(), []string{trail.Dir()}, o)
			require.NoError(t, err)
			assert.Equal(t, []record.Finding{tc.want}, report.Findings())
			assert.Contains(t, report.String(), "not checked:\n  ? "+string(tc.want.Class)+": ")
			assert.Empty(t, report.Findings(tc.want.Class), "allowed")
			assert.Len(t, report.Findings("other"), 1)
		})
	}
	for _, class := range record.Classes() {
		parsed, err := record.ParseClass(string(class))
		require.NoError(t, err)
		assert.Equal(t, class, parsed)
		assert.NotEqual(t, string(class), class.Words())
	}
	_, err := record.ParseClass("times")
	require.ErrorContains(t, err, `"times" is no class`)
}

// One changed byte anywhere is refused, with the file named.
func TestEveryFlippedByteIsFound(t *testing.T) {
	t.Parallel()
	const samples = 30 // in each file
	trail := mustRecords(t, 2)
	random := rand.New(rand.NewPCG(1, 2))
	for _, path := range []string{
		"HEAD", "id",
		"000001-rot-1/record.json", "000001-rot-1/record.json.sig", "000001-rot-1/report.md", "000001-rot-1/journal.jsonl",
		"000002-rot-2/record.json", "000002-rot-2/record.json.sig", "000002-rot-2/report.md", "000002-rot-2/journal.jsonl",
	} {
		t.Run(path, func(t *testing.T) {
			whole := read(t, trail.Dir(), path)
			for range min(samples, len(whole)) {
				at, bit := random.IntN(len(whole)), random.IntN(8)
				flipped := []byte(whole)
				flipped[at] ^= 1 << bit
				write(t, string(flipped), trail.Dir(), path)
				failure := mustFail(t, trail.Dir())
				require.Equal(t, filepath.FromSlash(path), filepath.Join(failure.Record, failure.File), "byte %d, bit %d: %v", at, bit, failure)
				if folder, file := filepath.Split(path); folder != "" {
					alone := mustFail(t, filepath.Join(trail.Dir(), folder))
					require.Contains(t, alone.Error(), file, "byte %d, bit %d", at, bit)
				}
			}
			write(t, whole, trail.Dir(), path)
		})
	}
	_, err := verify(t, trail.Dir())
	require.NoError(t, err)
}

func TestMissingAndCutFilesAreFound(t *testing.T) {
	t.Parallel()
	for _, file := range []string{"record.json", "record.json.sig", "report.md", "journal.jsonl"} {
		t.Run(file, func(t *testing.T) {
			trail := mustRecords(t, 2)
			path := []string{trail.Dir(), "000001-rot-1", file}
			whole := read(t, path...)
			for _, cut := range []string{"", whole[:len(whole)-1], whole + "\n", whole[:strings.LastIndex(whole[:len(whole)-1], "\n")+1]} {
				write(t, cut, path...)
				assert.Equal(t, file, mustFail(t, trail.Dir()).File)
			}
			require.NoError(t, os.Remove(filepath.Join(path...)))
			failure := mustFail(t, trail.Dir())
			assert.Equal(t, file, failure.File)
			assert.Equal(t, "the file is missing", failure.Reason)
		})
	}
}

// What no signature can show is shown by a head that was kept outside.
func TestOnlyAWitnessShowsIt(t *testing.T) {
	t.Parallel()
	for name, attack := range map[string]func(*testing.T, *record.Trail) string{
		"newest record removed, HEAD rewritten": func(t *testing.T, trail *record.Trail) string {
			require.NoError(t, os.RemoveAll(filepath.Join(trail.Dir(), "000003-rot-3")))
			writeHead(t, trail, 2, digest(read(t, trail.Dir(), "000002-rot-2", "record.json")))
			return trail.Dir()
		},
		"newest record signed anew": func(t *testing.T, trail *record.Trail) string {
			resign(t, trail, "000003-rot-3", mustKey(t, alice), replacing(t, `"approvals_required": 1`, `"approvals_required": 2`))
			return trail.Dir()
		},
		"all of it written anew by signer and approver": func(t *testing.T, trail *record.Trail) string {
			dir := t.TempDir()
			write(t, trail.ID()+"\n", dir, "id")
			forged := mustTrail(t, dir)
			for i := range 3 {
				s := newStage(t, forged, "quarterly", fmt.Sprintf("rot-%d", i+1))
				s.before["notify"] = plainPassOver(s, "notify")
				s.run()
			}
			return dir
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trail := mustRecords(t, 3)
			head := trail.Head()
			dir := attack(t, trail)
			mustVerify(t, dir) // alone, it looks whole
			o := options(t)
			o.Witnesses = []record.Head{head}
			_, err := record.VerifyTrail(t.Context(), []string{dir}, o)
			var failure *record.Failure
			require.ErrorAs(t, err, &failure)
			assert.Contains(t, failure.Reason, "seen outside")
		})
	}

	t.Run("of a record alone", func(t *testing.T) {
		trail := mustRecords(t, 2)
		dir, o := filepath.Join(trail.Dir(), "000002-rot-2"), options(t)
		o.Witnesses = []record.Head{trail.Head()}
		report, err := record.VerifyTrail(t.Context(), []string{dir}, o)
		require.NoError(t, err)
		assert.Empty(t, report.Findings())
		assert.Equal(t, 2, report.Verified[0].Witnessed)
		forgeRecord(t, trail, "000002-rot-2", nil, func(r *record.Record) { r.Tool = "another" })
		_, err = record.VerifyTrail(t.Context(), []string{dir}, o)
		require.ErrorContains(t, err, "it was rewritten")
	})

	t.Run("nothing changed", func(t *testing.T) {
		trail := mustRecords(t, 2)
		o := options(t)
		o.Witnesses = []record.Head{trail.Head()}
		report, err := record.VerifyTrail(t.Context(), []string{trail.Dir()}, o)
		require.NoError(t, err)
		assert.Empty(t, report.Findings())
		assert.Equal(t, 2, report.Verified[0].Witnessed)
		assert.Contains(t, report.String(), "  + Witnessed: record 2 is the one whose head was seen outside, so")
		assert.NotContains(t, report.String(), "Whether records were removed")
	})
}

// An approver's signature names the trail's head, so that old approvals do not
// fit rewritten history.
func TestRewrittenHistoryDoesNotFitOldApprovals(t *testing.T) {
	t.Parallel()
	trail := emptyTrail(t)
	newStage(t, trail, "drill", "rot-1").run()
	newStage(t, trail, "quarterly", "rot-2").run()
	sum, err := record.Forge(filepath.Join(trail.Dir(), "000001-rot-1"), mustKey(t, alice), nil, func(r *record.Record) { r.Tool = "another" })
	require.NoError(t, err)
	forgeRecord(t, trail, "000002-rot-2", nil, func(r *record.Record) { r.Trail.PrevSHA256 = sum })
	failure := mustFail(t, trail.Dir())
	assert.Equal(t, "000002-rot-2", failure.Record)
	assert.Equal(t, "journal", failure.Field)
	assert.Contains(t, failure.Reason, "not this trail's")
}

// forgeRecord lets alice sign the last record anew, with a HEAD that fits.
func forgeRecord(t testing.TB, trail *record.Trail, name string, journal []byte, change func(*record.Record)) {
	t.Helper()
	sum, err := record.Forge(filepath.Join(trail.Dir(), name), mustKey(t, alice), journal, change)
	require.NoError(t, err)
	fitHead(t, trail, name, sum)
}

func TestFailureNamesThePlace(t *testing.T) {
	t.Parallel()
	failure := &record.Failure{Record: "000001-x", File: "record.json", Field: "created_at", Reason: "it is late"}
	assert.Equal(t, filepath.Join("000001-x", "record.json")+" (created_at): it is late", failure.Error())
	assert.Equal(t, "HEAD: it is old", (&record.Failure{File: "HEAD", Reason: "it is old"}).Error())
}
