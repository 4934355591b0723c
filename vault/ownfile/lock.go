package ownfile

import (
	"context"
	"errors"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// Lock is a lock on a file. It is the operating system's, so that it ends with
// its process however that ends; the file stays.
type Lock struct {
	file *flock.Flock
}

// TryLock locks the file at a path, which it makes if need be. It returns nil
// when somebody else has the lock.
func TryLock(path string) (*Lock, error) {
	for {
		if err := checkPlain(path); err != nil {
			return nil, err
		}
		l := &Lock{flock.New(path, flock.SetFlag(os.O_CREATE|os.O_RDONLY|openFlags), flock.SetPermissions(0o600))}
		taken, err := l.file.TryLock()
		if err != nil {
			return nil, errors.Join(err, l.file.Close())
		}
		if !taken {
			return nil, l.file.Close()
		}
		if err = l.Check(); err == nil {
			return l, nil
		}
		// The file was removed or replaced after we had opened it and before we
		// locked it: our lock keeps nobody out. Another try finds the new file.
		replaced := errors.Is(err, ErrDeleted) || errors.Is(err, ErrMoved) || errors.Is(err, ErrReplaced)
		if closed := l.file.Close(); closed != nil || !replaced {
			return nil, errors.Join(err, closed)
		}
	}
}

// TakeLock is TryLock again and again, until ctx ends. Its error is then the
// context's.
func TakeLock(ctx context.Context, path string, retry time.Duration) (*Lock, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		if l, err := TryLock(path); l != nil || err != nil {
			return l, err
		}
		select {
		case <-ctx.Done():
		case <-time.After(retry):
		}
	}
}

// Check says what became of the lock file. As long as it is the one at its
// path, nobody else can have the lock.
func (l *Lock) Check() error {
	info, err := l.file.Stat()
	if err != nil {
		return err
	}
	names, err := links(nil, info)
	if err != nil {
		return err
	}
	return checkSame(l.file.Path(), info, names)
}

// Release gives the lock up. Releasing it again does nothing.
func (l *Lock) Release() error { return l.file.Close() }

// Locked reports whether somebody has the lock on a file. It makes no file.
func Locked(path string) (bool, error) {
	if _, err := os.Lstat(path); errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err := checkPlain(path); err != nil {
		return false, err
	}
	file := flock.New(path, flock.SetFlag(os.O_RDONLY|openFlags))
	free, err := file.TryRLock()
	if errors.Is(err, os.ErrNotExist) { // removed after the look
		free, err = true, nil
	}
	return !free, errors.Join(err, file.Close())
}
