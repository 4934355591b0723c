package record_test

import (
	"bytes"
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
	"keyturn/keygen/sshsig"
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

	drill := newStage(t, trail, "drill", "drill-1").run()
	first := drill.exported
	second := newStage(t, trail, "quarterly", "rot-2").run().exported
	assert.Equal(t, filepath.Join(dir, "000002-rot-2"), second.Dir)
	assert.Equal(t, 2, second.Seq)
	assert.Equal(t, digest(read(t, second.Dir, "record.json")), second.Digest)
	assert.Equal(t, second.Head+"\n", read(t, dir, "HEAD"))
	head, err := record.ParseHead(second.Head)
	require.NoError(t, err)
	assert.Equal(t, trail.Head(), head)

	records, err := trail.Records()
	require.NoError(t, err)
	require.Len(t, records, 2)
	assert.Equal(t, first.Digest, records[1].Trail.PrevSHA256)
	assert.Equal(t, record.WorldSandbox, records[0].Rotation.World)
	assert.Equal(t, []string{"staging"}, records[0].Rotation.Environments)
	assert.Equal(t, record.Completed, records[1].Rotation.Outcome)
	one, err := trail.Record(2)
	require.NoError(t, err)
	assert.Equal(t, records[1], one)
	_, err = trail.Record(3)
	require.ErrorContains(t, err, "has no record 3")

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
	s := newStage(t, trail, "quarterly", "rot-2")
	s.stops = true
	s.run()
	other := newStage(t, emptyTrail(t), "drill", "rot-3")
	other.stops = true
	other.run()
	for name, tc := range map[string]struct {
		change func(*record.Draft)
		want   string
	}{
		"a torn journal":            {func(d *record.Draft) { d.Journal = d.Journal[:len(d.Journal)-1] }, "the line feed is missing"},
		"a changed journal":         {func(d *record.Draft) { d.Journal[len(d.Journal)/2] ^= 1 }, "read the journal"},
		"an empty journal":          {func(d *record.Draft) { d.Journal = nil }, "it is empty"},
		"another trail's session":   {func(d *record.Draft) { *d = other.draft() }, "was opened for trail"},
		"a session under way":       {func(d *record.Draft) { d.Journal = cutLines(d.Journal, 30) }, "has neither been abandoned nor reached the item"},
		"a record without a signer": {func(d *record.Draft) { d.Signer = "" }, "principal is missing"},
		"no reader of requests":     {func(d *record.Draft) { d.Requests = nil }, "a reader of approval requests is required"},
		"a signer under another's name": {func(d *record.Draft) { d.Signer = bob },
			`would not verify, so nothing was written: 000002-rot-2/record.json (signer.principal): it says "bob@example.com", and the key is of alice@example.com`},
		"a signer whose line has ended":                {func(d *record.Draft) { d.Roster = endedRoster(t, d.CreatedAt.AddDate(0, 0, -1)) }, "would not verify, so nothing was written"},
		"fewer second persons than the policy demands": {func(d *record.Draft) { d.Policy.ApprovalsRequired = 2 }, "with the consent of 1 second persons"},
	} {
		t.Run(name, func(t *testing.T) {
			d := s.draft()
			tc.change(&d)
			_, err := trail.Append(t.Context(), d, key)
			require.ErrorContains(t, err, "append to trail")
			require.ErrorContains(t, err, tc.want)
			assert.Len(t, recordsIn(t, trail.Dir()), 1)
		})
	}

	t.Run("says what to do about it", func(t *testing.T) {
		d := s.draft()
		d.Roster = endedRoster(t, d.CreatedAt.AddDate(0, 0, -1))
		_, err := trail.Append(t.Context(), d, key)
		assert.Contains(t, checklist.Hint(err), "another member may sign it too")
		var failure *record.Failure
		require.ErrorAs(t, err, &failure)
		d = s.draft()
		d.Signer = bob
		_, err = trail.Append(t.Context(), d, mustKey(t, bob))
		require.ErrorContains(t, err, "bob@example.com approved, and signed the record: another member has to sign it")
		assert.Equal(t, "let another member of the roster sign the record", checklist.Hint(err))
		d = s.draft()
		d.Signer = carol
		_, err = trail.Append(t.Context(), d, mustKey(t, carol))
		require.NoError(t, err, "as another member does here")
	})

	t.Run("once the context has ended", func(t *testing.T) {
		ctx, cancel := contextThatEnded(t)
		defer cancel()
		_, err := trail.Append(ctx, s.draft(), key)
		require.ErrorContains(t, err, "canceled")
	})
}

// cutLines returns the first lines of a journal.
func cutLines(journal []byte, n int) []byte {
	lines := bytes.SplitAfter(journal, []byte("\n"))
	return bytes.Join(lines[:n], nil)
}

// endedRoster is a roster in which alice's line ended at a time.
func endedRoster(t *testing.T, at time.Time) sshsig.Roster {
	t.Helper()
	text := strings.Replace(rosterText(t), alice+" ", alice+` valid-before="`+at.UTC().Format("20060102150405")+`Z",`, 1)
	r, err := sshsig.ParseRoster("allowed_signers", []byte(text))
	require.NoError(t, err)
	return r
}

func TestAppendByAClockThatIsBehind(t *testing.T) {
	t.Parallel()
	trail := emptyTrail(t)
	early := newStage(t, trail, "drill", "early")
	early.stops = true
	early.run()
	newStage(t, trail, "drill", "late").run()

	d := early.draft()
	d.CreatedAt = early.now.Add(-time.Hour)
	_, err := trail.Append(t.Context(), d, mustKey(t, alice))
	require.ErrorIs(t, err, record.ErrClock)
	require.ErrorContains(t, err, "the journal ends at")

	d.CreatedAt = early.now
	last, _, err := trail.Last()
	require.NoError(t, err)
	d.CreatedAt, err = time.Parse(time.RFC3339, last.CreatedAt)
	require.NoError(t, err)
	d.CreatedAt = d.CreatedAt.Add(-time.Second)
	_, err = trail.Append(t.Context(), d, mustKey(t, alice))
	require.ErrorIs(t, err, record.ErrClock)
	require.ErrorContains(t, err, "the last record was made at "+last.CreatedAt)
	assert.Contains(t, checklist.Hint(err), "successor trail")
}

func TestAppendFromTwoPrograms(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	one := mustTrail(t, dir)
	var stages []*stage
	for _, id := range []string{"a", "b", "c"} {
		s := newStage(t, one, "drill", id)
		s.stops = true
		stages = append(stages, s.run())
	}
	var wait sync.WaitGroup
	for _, s := range stages {
		s.trail = mustTrail(t, dir)
		draft := s.draft()
		draft.CreatedAt = day0.AddDate(0, 0, 1)
		wait.Go(func() {
			_, err := s.trail.Append(t.Context(), draft, mustKey(t, alice))
			assert.NoError(t, err)
		})
	}
	wait.Wait()
	assert.Equal(t, 3, mustVerify(t, dir).Records)
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
			writeHead(t, trail, 0, strings.Repeat("0", 64))
		},
		"between a later record and HEAD": func(t *testing.T, trail *record.Trail) {
			before := read(t, trail.Dir(), "HEAD")
			newStage(t, trail, "quarterly", "rot-2").run()
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
	trail := emptyTrail(t)
	s := newStage(t, trail, "quarterly", "rot-1").until("monitor")
	require.NoError(t, s.engine.Abandon(t.Context(), "the window was cancelled", s))
	require.NoError(t, s.export(t.Context()))
	last := mustRecord(t, s.exported)
	assert.Equal(t, record.Abandoned, last.Rotation.Outcome)
	require.Len(t, last.Deviations, 1)
	assert.Equal(t, checklist.Abandoned, last.Deviations[0].Kind)
	assert.Equal(t, []checklist.Presence{
		{Environment: checklist.Staging, Key: "v1"}, {Environment: checklist.Staging, Key: "v2"},
		{Environment: checklist.Production, Key: "v1"}, {Environment: checklist.Production, Key: "v2"},
	}, last.Deviations[0].Leaves)
	assert.Equal(t, "the window was cancelled", last.Deviations[0].Reason)
	assert.Contains(t, read(t, s.exported.Dir, "report.md"), "in service as far as the session knows: staging: v1, v2; production: v1, v2")
	mustVerify(t, trail.Dir())
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
