package ownfile

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func mustLock(t *testing.T, path string) *Lock {
	t.Helper()
	l, err := TryLock(path)
	require.NoError(t, err)
	require.NotNil(t, l)
	t.Cleanup(func() { assert.NoError(t, l.Release()) })
	return l
}

func TestLock(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "lock")
	locked, err := Locked(path)
	require.NoError(t, err)
	assert.False(t, locked)
	assert.NoFileExists(t, path, "asking makes no file")

	l := mustLock(t, path)
	require.NoError(t, l.Check())
	locked, err = Locked(path)
	require.NoError(t, err)
	assert.True(t, locked)
	second, err := TryLock(path)
	require.NoError(t, err)
	assert.Nil(t, second, "somebody has it")
	ctx, cancel := context.WithTimeout(t.Context(), 3*time.Millisecond)
	defer cancel()
	_, err = TakeLock(ctx, path, time.Millisecond)
	require.ErrorIs(t, err, context.DeadlineExceeded)

	require.NoError(t, l.Release())
	require.NoError(t, l.Release(), "releasing it again does nothing")
	locked, err = Locked(path)
	require.NoError(t, err)
	assert.False(t, locked)
	assert.FileExists(t, path, "the file stays")
	l, err = TakeLock(t.Context(), path, time.Millisecond)
	require.NoError(t, err)
	require.NoError(t, l.Release())
}

func TestALockWhoseFileIsNotTheOneAtItsPath(t *testing.T) {
	t.Parallel()
	if windows {
		t.Skip("Windows lets nobody remove or rename a file that Go has open")
	}
	for name, c := range map[string]struct {
		change func(path string) error
		want   error
	}{
		"deleted":          {os.Remove, ErrDeleted},
		"moved":            {func(path string) error { return os.Rename(path, path+".old") }, ErrMoved},
		"replaced":         {func(path string) error { return errors.Join(os.Remove(path), os.WriteFile(path, nil, 0o600)) }, ErrReplaced},
		"its folder moved": {func(path string) error { return os.Rename(filepath.Dir(path), filepath.Dir(path)+".old") }, ErrMoved},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "folder", "lock")
			require.NoError(t, os.Mkdir(filepath.Dir(path), 0o700))
			l := mustLock(t, path)
			require.NoError(t, c.change(path))
			require.ErrorIs(t, l.Check(), c.want)

			require.NoError(t, os.MkdirAll(filepath.Dir(path), 0o700))
			second := mustLock(t, path)
			require.NoError(t, second.Check(), "the next one has a lock that counts")
			require.ErrorIs(t, l.Check(), ErrReplaced)
		})
	}
}

func TestALockThatIsNoFileIsRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		put  func(path string) error
		want error
	}{
		"a link":   {func(path string) error { return os.Symlink("other", path) }, ErrLink},
		"a folder": {func(path string) error { return os.Mkdir(path, 0o700) }, ErrIrregular},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			path := filepath.Join(t.TempDir(), "lock")
			require.NoError(t, c.put(path))
			_, err := TryLock(path)
			require.ErrorIs(t, err, c.want)
			_, err = TakeLock(t.Context(), path, time.Millisecond)
			require.ErrorIs(t, err, c.want)
			_, err = Locked(path)
			require.ErrorIs(t, err, c.want)
			assert.NoFileExists(t, filepath.Join(filepath.Dir(path), "other"))
		})
	}
	t.Run("in no folder", func(t *testing.T) {
		t.Parallel()
		_, err := TryLock(filepath.Join(t.TempDir(), "nothing", "lock"))
		require.ErrorIs(t, err, fs.ErrNotExist)
	})
}

// Of many that take a lock whose file is removed again and again, one at a time
// has it: a lock is only good once its file is the one at its path.
func TestOneAtATimeHasALockWhoseFileIsRemoved(t *testing.T) {
	t.Parallel()
	if windows {
		t.Skip("Windows lets nobody remove a file that Go has open")
	}
	path := filepath.Join(t.TempDir(), "lock")
	held := make(chan struct{}, 1)
	done := make(chan error)
	const takers, times = 4, 50
	for range takers {
		go func() {
			for range times {
				l, err := TakeLock(context.Background(), path, 100*time.Microsecond)
				if err != nil {
					done <- err
					return
				}
				select {
				case held <- struct{}{}:
				default:
					done <- errors.New("two have the lock")
					return
				}
				<-held
				// As a cleaner does, and while we have the lock: from here on it
				// keeps nobody out, and we do nothing more under it.
				if err := errors.Join(os.Remove(path), l.Release()); err != nil {
					done <- err
					return
				}
			}
			done <- nil
		}()
	}
	for range takers {
		require.NoError(t, <-done)
	}
}
