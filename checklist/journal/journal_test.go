package journal

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
)

var morning = time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)

func options() Options {
	return Options{Clock: func() time.Time { return morning }, By: "ada@example.com"}
}

func opening(session string) checklist.Event {
	return checklist.Event{Kind: checklist.Opened, At: morning, By: "ada@example.com", Opening: &checklist.Opening{
		Format: checklist.Format, Session: session, Checklist: checklist.Quarterly(7),
		Setup:        checklist.Setup{Service: "orders", Targets: []checklist.Target{{Name: "orders-api"}}, DualKeyDays: 7},
		Environments: []checklist.Environment{checklist.Staging}, Old: "v1", New: "v2",
	}}
}

func note(text string) checklist.Event {
	return checklist.Event{Kind: checklist.Noted, At: morning.Add(time.Minute), By: "ada@example.com", Text: text}
}

// mustCreate returns the open journal of session "rot" with three events.
func mustCreate(t testing.TB, dir string) *File {
	t.Helper()
	f, err := Create(dir, "rot", options())
	require.NoError(t, err)
	t.Cleanup(func() { assert.NoError(t, f.Close()) })
	for _, e := range []checklist.Event{opening("rot"), note("first <b>&</b>"), note("second")} {
		_, err := f.Append(t.Context(), e)
		require.NoError(t, err)
	}
	return f
}

// mustWrite makes a closed journal of exactly these bytes.
func mustWrite(t testing.TB, dir string, text []byte) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Join(dir, "rot"), 0o700))
	path := filepath.Join(dir, "rot", fileName)
	require.NoError(t, os.WriteFile(path, text, 0o600))
	return path
}

// threeLines returns the text of the journal that mustCreate makes.
func threeLines(t testing.TB) []byte {
	t.Helper()
	m := NewMemory()
	for _, e := range []checklist.Event{opening("rot"), note("first <b>&</b>"), note("second")} {
		_, err := m.Append(context.Background(), e)
		require.NoError(t, err)
	}
	text, err := m.Bytes()
	require.NoError(t, err)
	return text
}

func TestAppend(t *testing.T) {
	t.Parallel()

	t.Run("chains each line to the bytes of the one before", func(t *testing.T) {
		t.Parallel()
		f := mustCreate(t, t.TempDir())
		text, err := os.ReadFile(f.Path())
		require.NoError(t, err)
		prev := strings.Repeat("0", 64)
		lines := bytes.SplitAfter(text, []byte("\n"))
		require.Len(t, lines, 4, "three lines, each with a line feed, and nothing behind")
		for i, line := range lines[:3] {
			assert.Contains(t, string(line), fmt.Sprintf(`{"seq":%d,"prev":"%s",`, i+1, prev))
			sum := sha256.Sum256(line)
			prev = hex.EncodeToString(sum[:])
		}
		assert.Contains(t, string(lines[1]), `first <b>&</b>`, "written for people, without HTML escapes")
	})

	t.Run("returns what a later reader reads", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		f := mustCreate(t, dir)
		until := morning.In(time.FixedZone("", 7200))
		written, err := f.Append(t.Context(), checklist.Event{
			Kind: checklist.Waiting, At: morning.In(time.FixedZone("", -3600)), Item: "monitor", Until: &until,
			Text: "not UTF-8: \xff, a separator: \u2028", Seen: map[string]string{},
		})
		require.NoError(t, err)
		assert.Equal(t, 4, written.Seq)
		assert.Equal(t, time.UTC, written.At.Location())
		assert.Equal(t, time.UTC, written.Until.Location())
		read, err := Read(dir, "rot")
		require.NoError(t, err)
		assert.Equal(t, written, read[3])
		assert.Equal(t, read, f.Events())
	})

	t.Run("refuses an event that cannot be encoded, and goes on", func(t *testing.T) {
		t.Parallel()
		f := mustCreate(t, t.TempDir())
		_, err := f.Append(t.Context(), checklist.Event{Kind: checklist.Noted, At: time.Date(12026, 1, 1, 0, 0, 0, 0, time.UTC)})
		require.Error(t, err)
		e, err := f.Append(t.Context(), note("third"))
		require.NoError(t, err)
		assert.Equal(t, 4, e.Seq)
	})

	t.Run("heeds no cancelling", func(t *testing.T) {
		t.Parallel()
		f := mustCreate(t, t.TempDir())
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		_, err := f.Append(ctx, note("what has happened has happened"))
		require.NoError(t, err)
	})

	t.Run("is safe from several goroutines", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		f := mustCreate(t, dir)
		var group sync.WaitGroup
		for range 8 {
			group.Go(func() {
				_, err := f.Append(context.Background(), note("at once"))
				assert.NoError(t, err)
			})
		}
		group.Wait()
		events, err := Read(dir, "rot")
		require.NoError(t, err)
		assert.Len(t, events, 11)
	})

	t.Run("fails on a closed journal", func(t *testing.T) {
		t.Parallel()
		f := mustCreate(t, t.TempDir())
		require.NoError(t, f.Close())
		_, err := f.Append(t.Context(), note("too late"))
		require.ErrorIs(t, err, fs.ErrClosed)
		_, err = f.Bytes()
		require.ErrorIs(t, err, fs.ErrClosed)
	})

	t.Run("refuses when somebody else wrote to the file", func(t *testing.T) {
		t.Parallel()
		f := mustCreate(t, t.TempDir())
		other, err := os.OpenFile(f.Path(), os.O_WRONLY|os.O_APPEND, 0)
		require.NoError(t, err)
		_, err = other.WriteString("{}\n")
		require.NoError(t, errors.Join(err, other.Close()))
		before, err := os.ReadFile(f.Path())
		require.NoError(t, err)
		_, err = f.Append(t.Context(), note("fourth"))
		require.ErrorContains(t, err, "another program wrote to it")
		assert.NotEmpty(t, checklist.Hint(err))
		after, err := os.ReadFile(f.Path())
		require.NoError(t, err)
		assert.Equal(t, before, after)
	})
}

func TestCreate(t *testing.T) {
	t.Parallel()

	t.Run("makes a private file in a private folder", func(t *testing.T) {
		t.Parallel()
		if runtime.GOOS == "windows" {
			t.Skip("file modes mean nothing on Windows; the profile folder's access list decides")
		}
		f := mustCreate(t, filepath.Join(t.TempDir(), "state", "sessions"))
		for path, want := range map[string]fs.FileMode{
			f.Path():               0o600,
			filepath.Dir(f.Path()): 0o700,
			filepath.Join(filepath.Dir(f.Path()), lockName):   0o600,
			filepath.Join(filepath.Dir(f.Path()), holderName): 0o600,
		} {
			info, err := os.Stat(path)
			require.NoError(t, err)
			assert.Equal(t, want, info.Mode().Perm(), path)
		}
	})

	t.Run("refuses a session that exists", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		mustCreate(t, dir)
		_, err := Create(dir, "rot", options())
		require.ErrorIs(t, err, fs.ErrExist)
	})

	for name, id := range map[string]string{
		"empty": "", "a path": "a/b", "the folder above": "..", "hidden": ".rot", "a drive": `C:\x`, "too long": strings.Repeat("x", 129),
	} {
		t.Run("refuses a session id that is "+name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			_, err := Create(dir, id, options())
			require.ErrorContains(t, err, "want a session id")
			_, err = Open(dir, id, options())
			require.ErrorContains(t, err, "want a session id")
			_, err = Read(dir, id)
			require.ErrorContains(t, err, "want a session id")
			_, err = Holder(dir, id)
			require.ErrorContains(t, err, "want a session id")
			left, err := os.ReadDir(dir)
			require.NoError(t, err)
			assert.Empty(t, left)
		})
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()

	t.Run("goes on where the journal ended", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		require.NoError(t, mustCreate(t, dir).Close())
		f, err := Open(dir, "rot", options())
		require.NoError(t, err)
		t.Cleanup(func() { assert.NoError(t, f.Close()) })
		assert.Empty(t, f.Holder())
		require.Len(t, f.Events(), 3)
		_, err = f.Append(t.Context(), note("third"))
		require.NoError(t, err)
		events, err := Read(dir, "rot")
		require.NoError(t, err)
		assert.Len(t, events, 4)
	})

	t.Run("says that there is no such session, and makes nothing", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		_, err := Open(dir, "rot", options())
		require.ErrorIs(t, err, fs.ErrNotExist)
		_, err = Read(dir, "rot")
		require.ErrorIs(t, err, fs.ErrNotExist)
		left, err := os.ReadDir(dir)
		require.NoError(t, err)
		assert.Empty(t, left)
	})

	for name, text := range map[string]string{"empty": "", "torn in its first line": `{"seq":1,"prev":"00`} {
		t.Run("says that a journal is "+name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := mustWrite(t, dir, []byte(text))
			_, err := Open(dir, "rot", options())
			require.ErrorIs(t, err, ErrEmpty)
			assert.Contains(t, checklist.Hint(err), filepath.Dir(path))
			_, err = Read(dir, "rot")
			require.ErrorIs(t, err, ErrEmpty)
			ids, err := List(dir)
			require.NoError(t, err)
			assert.Empty(t, ids, "nothing can be done with it")
			holder, err := Holder(dir, "rot")
			require.NoError(t, err)
			assert.Empty(t, holder, "the failed opening gave the lock up")
		})
	}
}

func TestBytesAreTheFile(t *testing.T) {
	t.Parallel()
	f := mustCreate(t, t.TempDir())
	got, err := f.Bytes()
	require.NoError(t, err)
	want, err := os.ReadFile(f.Path())
	require.NoError(t, err)
	assert.Equal(t, want, got)
	assert.Equal(t, threeLines(t), got, "memory and file write the same lines")
	events, err := Decode(bytes.NewReader(got), "copy")
	require.NoError(t, err)
	assert.Equal(t, f.Events(), events)
}

func TestList(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	none, err := List(filepath.Join(dir, "missing"))
	require.NoError(t, err)
	assert.Empty(t, none)

	for _, id := range []string{"b", "a"} {
		f, err := Create(dir, id, options())
		require.NoError(t, err)
		_, err = f.Append(t.Context(), opening(id))
		require.NoError(t, errors.Join(err, f.Close()))
	}
	require.NoError(t, os.Mkdir(filepath.Join(dir, ".hidden"), 0o700))
	require.NoError(t, os.Mkdir(filepath.Join(dir, "no-journal"), 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "file"), nil, 0o600))
	ids, err := List(dir)
	require.NoError(t, err)
	assert.Equal(t, []string{"a", "b"}, ids)
}
