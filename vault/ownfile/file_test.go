package ownfile

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const windows = runtime.GOOS == "windows"

func mustWrite(t *testing.T, path string) string {
	t.Helper()
	require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
	require.NoError(t, os.WriteFile(path, []byte("text"), 0o600))
	return path
}

func TestOpen(t *testing.T) {
	t.Parallel()

	t.Run("a regular file", func(t *testing.T) {
		t.Parallel()
		f, err := Open(mustWrite(t, filepath.Join(t.TempDir(), "file")), os.O_RDONLY, 0)
		require.NoError(t, err)
		defer f.Close()
		info, err := f.Check()
		require.NoError(t, err)
		assert.EqualValues(t, 4, info.Size())
	})

	t.Run("a file that it makes", func(t *testing.T) {
		t.Parallel()
		path := filepath.Join(t.TempDir(), "file")
		f, err := Open(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		require.NoError(t, err)
		require.NoError(t, f.Close())
		_, err = Open(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
		require.ErrorIs(t, err, fs.ErrExist)
	})

	t.Run("nothing", func(t *testing.T) {
		t.Parallel()
		_, err := Open(filepath.Join(t.TempDir(), "file"), os.O_RDONLY, 0)
		require.ErrorIs(t, err, fs.ErrNotExist)
	})

	for name, c := range map[string]struct {
		put  func(path, other string) error
		want error
	}{
		"a link":      {func(path, other string) error { return os.Symlink(other, path) }, ErrLink},
		"a dead link": {func(path, _ string) error { return os.Symlink("nothing", path) }, ErrLink},
		"a hard link": {func(path, other string) error { return os.Link(other, path) }, ErrHardLink},
		"a folder":    {func(path, _ string) error { return os.Mkdir(path, 0o700) }, ErrIrregular},
	} {
		t.Run(name+" is refused", func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path, other := filepath.Join(dir, "file"), mustWrite(t, filepath.Join(dir, "other"))
			require.NoError(t, c.put(path, other))
			for _, flag := range []int{os.O_RDONLY, os.O_RDWR | os.O_CREATE} {
				_, err := Open(path, flag, 0o600)
				require.ErrorIs(t, err, c.want)
				require.ErrorContains(t, err, path)
			}
			assert.NoFileExists(t, filepath.Join(dir, "nothing"))
		})
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		change func(path string) error
		want   error
	}{
		"a deleted file":      {os.Remove, ErrDeleted},
		"a deleted folder":    {func(path string) error { return os.RemoveAll(filepath.Dir(path)) }, ErrDeleted},
		"a file that moved":   {func(path string) error { return os.Rename(path, path+".old") }, ErrMoved},
		"a folder that moved": {func(path string) error { return os.Rename(filepath.Dir(path), filepath.Dir(path)+".old") }, ErrMoved},
		"another file": {func(path string) error {
			return errors.Join(os.Rename(path, path+".old"), os.WriteFile(path, []byte("text"), 0o600))
		}, ErrReplaced},
		"a link to it": {func(path string) error {
			return errors.Join(os.Rename(path, path+".old"), os.Symlink(path+".old", path))
		}, ErrLink},
		"a folder in its place": {func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }, ErrIrregular},
		"a second name":         {func(path string) error { return os.Link(path, path+".old") }, ErrHardLink},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if windows && !errors.Is(c.want, ErrHardLink) {
				t.Skip("Windows lets nobody remove or rename a file that Go has open")
			}
			path := mustWrite(t, filepath.Join(t.TempDir(), "folder", "file"))
			f, err := Open(path, os.O_RDWR, 0)
			require.NoError(t, err)
			defer f.Close()
			require.NoError(t, c.change(path))
			_, err = f.Check()
			require.ErrorIs(t, err, c.want)
			require.ErrorContains(t, err, path)
		})
	}

	// The same file under the same name is the same, wherever a folder above is kept.
	t.Run("a folder that is reached through a link", func(t *testing.T) {
		t.Parallel()
		if windows {
			t.Skip("Windows lets nobody rename a folder with an open file")
		}
		path := mustWrite(t, filepath.Join(t.TempDir(), "folder", "file"))
		f, err := Open(path, os.O_RDWR, 0)
		require.NoError(t, err)
		defer f.Close()
		require.NoError(t, os.Rename(filepath.Dir(path), filepath.Dir(path)+".disk2"))
		require.NoError(t, os.Symlink("folder.disk2", filepath.Dir(path)))
		_, err = f.Check()
		require.NoError(t, err)
	})
}
