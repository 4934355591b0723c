package paper

import (
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const session = "quarterly-20260825-7f3a"

func mustRead(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	return string(text)
}

// mustBeAlone checks that nothing is left beside the file.
func mustBeAlone(t *testing.T, path string) {
	t.Helper()
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	require.Len(t, entries, 1)
}

func TestAppendOnce(t *testing.T) {
	t.Parallel()
	mark := Mark(session, 0)

	t.Run("a missing file is begun, with its folder", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "docs", "decisions.md")
		require.NoError(t, AppendOnce(path, "Decisions", mark, "## one\n"))
		assert.Equal(t, "# Decisions\n\n"+mark+"\n## one\n", mustRead(t, path))
		mustBeAlone(t, path)
	})

	t.Run("an entry is written once", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "decisions.md")
		require.NoError(t, AppendOnce(path, "Decisions", mark, "## one\n"))
		require.NoError(t, AppendOnce(path, "Decisions", mark, "## another\n"))
		assert.NotContains(t, mustRead(t, path), "another")
		require.NoError(t, AppendOnce(path, "Decisions", Mark(session, 1), "## second round\n"))
		assert.Contains(t, mustRead(t, path), "second round")
	})

	t.Run("what is there stays, with its mode and its line ends", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "decisions.md")
		require.NoError(t, os.WriteFile(path, []byte("# Ours\r\n\r\nno line feed at the end"), 0o640))
		require.NoError(t, os.Chmod(path, 0o640))
		require.NoError(t, AppendOnce(path, "Decisions", mark, "## one\nx\n"))
		assert.Equal(t, "# Ours\r\n\r\nno line feed at the end\r\n\r\n"+mark+"\r\n## one\r\nx\r\n", mustRead(t, path))
		if runtime.GOOS != "windows" {
			info, err := os.Stat(path)
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o640), info.Mode().Perm())
		}
		mustBeAlone(t, path)
	})

	t.Run("a link stays a link", func(t *testing.T) {
		t.Parallel()
		real := filepath.Join(t.TempDir(), "elsewhere.md")
		require.NoError(t, os.WriteFile(real, []byte("# Ours\n"), 0o600))
		link := filepath.Join(t.TempDir(), "decisions.md")
		if err := os.Symlink(real, link); err != nil {
			t.Skip("symbolic links are not allowed here: " + err.Error())
		}
		require.NoError(t, AppendOnce(link, "Decisions", mark, "## one\n"))
		assert.Contains(t, mustRead(t, real), "## one")
		info, err := os.Lstat(link)
		require.NoError(t, err)
		assert.NotZero(t, info.Mode()&os.ModeSymlink)
	})

	t.Run("what may not be written is not replaced", func(t *testing.T) {
		t.Parallel()
		if runtime.GOOS == "windows" || os.Geteuid() == 0 {
			t.Skip("this user may write everything")
		}
		path := filepath.Join(t.TempDir(), "decisions.md")
		require.NoError(t, os.WriteFile(path, []byte("# Ours\n"), 0o400))
		require.ErrorIs(t, AppendOnce(path, "Decisions", mark, "## one\n"), os.ErrPermission)
		assert.Equal(t, "# Ours\n", mustRead(t, path))
	})

	t.Run("a folder of that name is an error", func(t *testing.T) {
		t.Parallel()
		require.Error(t, AppendOnce(t.TempDir(), "Decisions", mark, "## one\n"))
	})
}

func TestADraftIsNotWrittenOverSomebodyElsesChange(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "decisions.md")
	missing, err := PlanAppend(path, "Decisions", Mark(session, 0), "## one\n")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte("# Theirs\n"), 0o600))
	require.ErrorIs(t, missing.Write(), ErrChanged)

	draft, err := PlanAppend(path, "Decisions", Mark(session, 0), "## one\n")
	require.NoError(t, err)
	require.NoError(t, os.WriteFile(path, []byte("# Theirs, again\n"), 0o600))
	require.ErrorIs(t, draft.Write(), ErrChanged)
	require.NoError(t, os.Remove(path))
	require.ErrorIs(t, draft.Write(), ErrChanged)
}

func TestManyCreateOneFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "post-mortem.md")
	var all sync.WaitGroup
	errs := make([]error, 16)
	for i := range errs {
		all.Go(func() { errs[i] = Create(path, strings.Repeat(string(rune('a'+i)), 1000)) })
	}
	all.Wait()
	made := 0
	for _, err := range errs {
		if err == nil {
			made++
			continue
		}
		require.ErrorIs(t, err, ErrExists)
	}
	assert.Equal(t, 1, made)
	text := mustRead(t, path)
	assert.Equal(t, strings.Repeat(text[:1], 1000), text, "one of them, whole")
	mustBeAlone(t, path)
}

func TestCreate(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "audit", "rows.csv")
	require.NoError(t, Create(path, "a,b\n"))
	require.NoError(t, Create(path, "a,b\n"), "the same again is no harm")
	require.ErrorIs(t, Create(path, "c\n"), ErrExists)
	assert.Equal(t, "a,b\n", mustRead(t, path))
}

func TestPlanCreateLeavesWhatPeopleWrote(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "post-mortem.md")
	mark := Mark(session, 0)
	draft, err := PlanCreate(path, mark, "# Post-mortem\n")
	require.NoError(t, err)
	require.NoError(t, draft.Write())
	marked, err := Marked(path, mark)
	require.NoError(t, err)
	assert.True(t, marked)

	require.NoError(t, os.WriteFile(path, []byte(mustRead(t, path)+"written by people\n"), 0o600))
	again, err := PlanCreate(path, mark, "# Post-mortem\n\nwith more\n")
	require.NoError(t, err)
	assert.True(t, again.Written)
	require.NoError(t, again.Write())
	assert.Contains(t, mustRead(t, path), "written by people")

	_, err = PlanCreate(path, Mark("another", 0), "# Post-mortem\n")
	require.ErrorIs(t, err, ErrExists)
	marked, err = Marked(path+".missing", mark)
	require.NoError(t, err)
	assert.False(t, marked)
}

func TestDiff(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "decisions.md")
	require.NoError(t, os.WriteFile(path, []byte("# Decisions\n\nfirst\nsecond\nthird \x1b[31m\u202e\n"), 0o600))
	draft, err := PlanAppend(path, "Decisions", Mark(session, 0), "## one\n\n- a\n")
	require.NoError(t, err)
	diff, err := draft.Diff()
	require.NoError(t, err)
	_, hunk, _ := strings.Cut(diff, "\n@@")
	assert.Equal(t, strings.Join([]string{
		" -3,3 +3,8 @@", " first", " second", " third (U+001B)[31m(U+202E)", "+", "+" + Mark(session, 0), "+## one", "+", "+- a", "",
	}, "\n"), hunk)

	created, err := Diff("/docs/new.md", "", "# New\n")
	require.NoError(t, err)
	assert.Equal(t, "--- /dev/null\n+++ b/docs/new.md\n@@ -0,0 +1 @@\n+# New\n", created)
	same, err := Diff("x", "a\n", "a\n")
	require.NoError(t, err)
	assert.Empty(t, same)
}

func TestMark(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "<!-- keyturn quarterly-20260825-7f3a -->", Mark(session, 0))
	assert.Equal(t, "<!-- keyturn quarterly-20260825-7f3a round 2 -->", Mark(session, 1))
	assert.NotContains(t, strings.TrimSuffix(Mark("a --> <b>\n", 0), " -->"), "-->")
}
