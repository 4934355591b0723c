package record_test

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/record"
)

func TestAppend(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "state", "trail")
	trail := mustTrail(t, dir)
	assert.Len(t, trail.ID(), 36)
	assert.Equal(t, record.Head{Trail: trail.ID(), Digest: strings.Repeat("0", 64)}, trail.Head())
	_, ok, err := trail.Last()
	require.NoError(t, err)
	assert.False(t, ok)

	drill := newScript(t, trail, "drill", "drill-1").run()
	first := drill.export()
	second := newScript(t, trail, "quarterly", "rot-2").run().export()
	assert.Equal(t, filepath.Join(dir, "000002-rot-2"), second.Dir)
	assert.Equal(t, 2, second.Seq)
	assert.Equal(t, digest(read(t, second.Dir, "record.json")), second.Digest)
	assert.Equal(t, second.Head+"\n", read(t, dir, "HEAD"))
	head, err := record.ParseHead(second.Head)
	require.NoError(t, err)
	assert.Equal(t, trail.Head(), head)
	assert.Equal(t, drill.journal.String(), read(t, first.Dir, "journal.jsonl"))

	records, err := trail.Records()
	require.NoError(t, err)
	require.Len(t, records, 2)
	assert.Equal(t, first.Digest, records[1].Trail.PrevSHA256)
	assert.Equal(t, record.WorldSandbox, records[0].Rotation.World)
	assert.Equal(t, []string{"staging"}, records[0].Rotation.Environments)
	assert.Equal(t, "completed", records[1].Rotation.Outcome)
	assert.Len(t, records[1].Approvals, 2)
	assert.Equal(t, []string{"one client was late"}, records[1].Issues)
	assert.Equal(t, "this record", records[1].Items[len(records[1].Items)-1].Status)
	assert.Equal(t, record.Keys{
		Environment: "production", OldID: "v1", OldFp: digest("productionold"), NewID: "v2", NewFp: digest("productionnew"),
	}, records[1].Keys[1])

	t.Run("again gives the record that is there", func(t *testing.T) {
		again, err := trail.Append(t.Context(), drill.draft(), mustKey(t, bob))
		require.NoError(t, err)
		assert.Equal(t, first, again)
		found, ok, err := trail.Find("rot-2")
		require.NoError(t, err)
		assert.True(t, ok)
		assert.Equal(t, second, found)
	})

	t.Run("a reopened trail goes on", func(t *testing.T) {
		again := mustTrail(t, dir)
		assert.Equal(t, trail.ID(), again.ID())
		assert.Equal(t, trail.Head(), again.Head())
	})
}

func TestAppendRefuses(t *testing.T) {
	t.Parallel()
	trail := mustRecords(t, 1)
	key := mustKey(t, alice)
	s := newScript(t, trail, "quarterly", "rot-2").run()
	other := newScript(t, mustTrail(t, t.TempDir()), "quarterly", "rot-3").run()
	for name, tc := range map[string]struct {
		change func(*record.Draft)
		want   string
	}{
		"a torn journal":             {func(d *record.Draft) { d.Journal = d.Journal[:len(d.Journal)-1] }, "the line feed is missing"},
		"a changed journal":          {func(d *record.Draft) { d.Journal[len(d.Journal)/2] ^= 1 }, "read the journal"},
		"an empty journal":           {func(d *record.Draft) { d.Journal = nil }, "it is empty"},
		"another trail's session":    {func(d *record.Draft) { *d = other.draft() }, "was opened for trail"},
		"a clock before the journal": {func(d *record.Draft) { d.CreatedAt = s.now.Add(-time.Hour) }, "the journal ends at"},
		"a record without a signer":  {func(d *record.Draft) { d.Signer = "" }, "principal is missing"},
	} {
		t.Run(name, func(t *testing.T) {
			d := s.draft()
			tc.change(&d)
			_, err := trail.Append(t.Context(), d, key)
			require.ErrorContains(t, err, "append to trail")
			require.ErrorContains(t, err, tc.want)
		})
	}

	t.Run("a clock before the last record", func(t *testing.T) {
		trail := mustTrail(t, t.TempDir())
		early, late := newScript(t, trail, "drill", "early").run(), newScript(t, trail, "drill", "late").run().draft()
		late.CreatedAt = day0.AddDate(0, 0, 1)
		_, err := trail.Append(t.Context(), late, key)
		require.NoError(t, err)
		_, err = trail.Append(t.Context(), early.draft(), key)
		require.ErrorContains(t, err, "the last record was made at 2026-01-06T09:00:00Z")
	})

	t.Run("once the context has ended", func(t *testing.T) {
		ctx, cancel := contextThatEnded(t)
		defer cancel()
		_, err := trail.Append(ctx, s.draft(), key)
		require.ErrorContains(t, err, "canceled")
	})
	assert.Equal(t, 1, mustTrail(t, trail.Dir()).Head().Seq)
}

func TestAppendFromTwoPrograms(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one := mustTrail(t, dir)
	scripts := []*script{newScript(t, one, "drill", "a").run(), newScript(t, one, "drill", "b").run(), newScript(t, one, "drill", "c").run()}
	var wait sync.WaitGroup
	for _, s := range scripts {
		s.trail = mustTrail(t, dir)
		draft := s.draft()
		draft.CreatedAt = day0.AddDate(0, 0, 1)
		wait.Go(func() {
			_, err := s.trail.Append(t.Context(), draft, mustKey(t, alice))
			assert.NoError(t, err)
		})
	}
	wait.Wait()
	report, err := verify(t, dir)
	require.NoError(t, err)
	assert.Equal(t, 3, report.Verified[0].Records)
}

func TestOpenTrailAfterACrash(t *testing.T) {
	t.Parallel()

	t.Run("before the folder got its name", func(t *testing.T) {
		trail := mustRecords(t, 1)
		unfinished := filepath.Join(trail.Dir(), ".unfinished-123")
		require.NoError(t, os.Mkdir(unfinished, 0o700))
		write(t, "half", unfinished, "record.json")
		assert.Equal(t, trail.Head(), mustTrail(t, trail.Dir()).Head())
		assert.NoDirExists(t, unfinished)
	})

	for name, stale := range map[string]func(*testing.T, *record.Trail){
		"between the first record and HEAD": func(t *testing.T, trail *record.Trail) {
			require.NoError(t, os.Remove(filepath.Join(trail.Dir(), "HEAD")))
		},
		"between a later record and HEAD": func(t *testing.T, trail *record.Trail) {
			before := read(t, trail.Dir(), "HEAD")
			newScript(t, trail, "quarterly", "rot-2").run().export()
			write(t, before, trail.Dir(), "HEAD")
		},
	} {
		t.Run(name, func(t *testing.T) {
			trail := mustRecords(t, 1)
			stale(t, trail)
			again := mustTrail(t, trail.Dir())
			assert.Equal(t, trail.Head(), again.Head())
			assert.Equal(t, trail.Head().Line()+"\n", read(t, trail.Dir(), "HEAD"))
		})
	}
}

func TestOpenTrailRefusesDamage(t *testing.T) {
	t.Parallel()
	for name, damage := range map[string]func(*testing.T, *record.Trail){
		"last record removed": func(t *testing.T, trail *record.Trail) {
			require.NoError(t, os.RemoveAll(filepath.Join(trail.Dir(), "000003-rot-3")))
		},
		"middle record removed": func(t *testing.T, trail *record.Trail) {
			require.NoError(t, os.RemoveAll(filepath.Join(trail.Dir(), "000002-rot-2")))
		},
		"last record changed": func(t *testing.T, trail *record.Trail) {
			path := []string{trail.Dir(), "000003-rot-3", "record.json"}
			write(t, strings.Replace(read(t, path...), "scheduled", "scheduler", 1), path...)
		},
		"HEAD of another trail": func(t *testing.T, trail *record.Trail) {
			write(t, strings.Replace(read(t, trail.Dir(), "HEAD"), trail.ID(), "00000000-0000-4000-8000-000000000000", 1), trail.Dir(), "HEAD")
		},
		"HEAD emptied": func(t *testing.T, trail *record.Trail) { write(t, "", trail.Dir(), "HEAD") },
		"HEAD removed": func(t *testing.T, trail *record.Trail) {
			require.NoError(t, os.Remove(filepath.Join(trail.Dir(), "HEAD")))
		},
		"id removed": func(t *testing.T, trail *record.Trail) {
			require.NoError(t, os.Remove(filepath.Join(trail.Dir(), "id")))
		},
		"id changed": func(t *testing.T, trail *record.Trail) { write(t, "x\n", trail.Dir(), "id") },
		"record twice": func(t *testing.T, trail *record.Trail) {
			require.NoError(t, os.Mkdir(filepath.Join(trail.Dir(), "000003-x"), 0o700))
		},
		"other numbers": func(t *testing.T, trail *record.Trail) {
			require.NoError(t, os.Mkdir(filepath.Join(trail.Dir(), "0000004-x"), 0o700))
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trail := mustRecords(t, 3)
			damage(t, trail)
			before := read(t, trail.Dir(), "000001-rot-1", "record.json")
			_, err := record.OpenTrail(trail.Dir())
			require.ErrorIs(t, err, record.ErrDamaged)
			assert.Equal(t, before, read(t, trail.Dir(), "000001-rot-1", "record.json"))
		})
	}
}

func TestAbandonedSession(t *testing.T) {
	t.Parallel()
	trail := mustTrail(t, t.TempDir())
	s := newScript(t, trail, "quarterly", "rot-1")
	s.add(checklist.Event{Kind: checklist.Abandoned, Text: "the window was cancelled", Evidence: &checklist.Evidence{Summary: "staging: v1; production: v1"}})
	s.export()
	last, ok, err := trail.Last()
	require.NoError(t, err)
	require.True(t, ok)
	assert.Equal(t, "abandoned", last.Rotation.Outcome)
	require.Len(t, last.Deviations, 1)
	assert.Equal(t, "abandoned before its end; in service as far as the session knows: staging: v1; production: v1", last.Deviations[0].What)
	assert.Equal(t, "the window was cancelled", last.Deviations[0].Reason)
	assert.NotEmpty(t, last.Deviations[0].By)
	_, err = verify(t, trail.Dir())
	require.NoError(t, err)
}

func TestHead(t *testing.T) {
	t.Parallel()
	line := "keyturn-trail v1 7b9c7a4e-6f55-4b0e-9d3a-1f2e3d4c5b6a 412 sha256:" + digest("x")
	head, err := record.ParseHead("  " + line + "\r\n")
	require.NoError(t, err)
	assert.Equal(t, line, head.Line())
	for _, bad := range []string{"", "keyturn-trail v2" + line[16:], line + "0", strings.Replace(line, " 412 ", " 0412 ", 1), strings.ToUpper(line)} {
		_, err := record.ParseHead(bad)
		require.ErrorContains(t, err, "parse head")
	}
}
