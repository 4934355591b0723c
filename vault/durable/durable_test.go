package durable_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/vault/durable"
)

func TestWriteFileReplacesTheWholeFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, durable.WriteFile(path, []byte("a long first text")))
	require.NoError(t, durable.WriteFile(path, []byte("short")))
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "short", string(text))
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, entries, 1, "no temporary file is left")
	if runtime.GOOS != "windows" {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
	}
}

func TestWriteFileThatFailsLeavesNothingBehind(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	target := filepath.Join(dir, "folder")
	require.NoError(t, os.MkdirAll(filepath.Join(target, "full"), 0o700))
	require.Error(t, durable.WriteFile(target, []byte("x")))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	assert.Len(t, entries, 1)
}

func TestRemoveRemains(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, os.WriteFile(filepath.Join(dir, ".unfinished-123"), nil, 0o600))
	require.NoError(t, os.WriteFile(filepath.Join(dir, "kept"), nil, 0o600))
	require.NoError(t, durable.RemoveRemains(dir))
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	require.Len(t, entries, 1)
	assert.Equal(t, "kept", entries[0].Name())
}

func TestMkdirAllAndRename(t *testing.T) {
	t.Parallel()
	root := t.TempDir()
	deep := filepath.Join(root, "a", "b", "c")
	require.NoError(t, durable.MkdirAll(deep))
	require.NoError(t, durable.MkdirAll(deep), "twice is fine")
	require.NoError(t, durable.Rename(deep, filepath.Join(root, "moved")))
	assert.DirExists(t, filepath.Join(root, "moved"))
	assert.NoDirExists(t, deep)
	file := filepath.Join(root, "file")
	require.NoError(t, os.WriteFile(file, nil, 0o600))
	require.Error(t, durable.MkdirAll(file))
	require.Error(t, durable.MkdirAll(filepath.Join(file, "below")))
}

func TestCreateReplacesNothing(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "file")
	require.NoError(t, durable.Create(path, []byte("first"), 0o644))
	require.ErrorIs(t, durable.Create(path, []byte("second"), 0o644), fs.ErrExist)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.Equal(t, "first", string(text))
	entries, err := os.ReadDir(filepath.Dir(path))
	require.NoError(t, err)
	assert.Len(t, entries, 1, "no temporary file is left")
	if runtime.GOOS != "windows" {
		info, err := os.Stat(path)
		require.NoError(t, err)
		assert.Equal(t, os.FileMode(0o644), info.Mode().Perm(), "whatever the umask")
	}
}
