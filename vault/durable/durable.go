// Package durable changes files and folders so that the change outlives a
// crash: once a function returns, a machine that loses power keeps what it did,
// and before that it keeps what was there.
package durable

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
)

// RemainsPattern matches the temporary files that a crash may leave behind.
const RemainsPattern = ".unfinished-*"

// WriteFile replaces a file as a whole: after a crash path holds either the old
// content or all of the new. Only its owner may read it.
func WriteFile(path string, data []byte) error { return WriteFileMode(path, data, 0o600) }

// WriteFileMode does so for a file that others may read too.
func WriteFileMode(path string, data []byte, mode fs.FileMode) error {
	return write(path, data, mode, rename)
}

// Create writes a file that is not there. The error wraps fs.ErrExist, and nothing
// is changed, if there is one by then.
func Create(path string, data []byte, mode fs.FileMode) error {
	return write(path, data, mode, func(from, to string) error {
		// A rename would replace what another process made meanwhile.
		err := os.Link(from, to)
		switch {
		case err == nil:
			return os.Remove(from)
		case errors.Is(err, fs.ErrExist):
			return err
		}
		return claim(from, to)
	})
}

// claim moves a file to a name that it takes with an empty one, where the file
// system has no links.
func claim(from, to string) error {
	f, err := os.OpenFile(to, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return rename(from, to)
}

// write puts the data into a file of another name and has it moved to path.
func write(path string, data []byte, mode fs.FileMode, move func(from, to string) error) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, RemainsPattern) // of mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreNotExist(os.Remove(f.Name())))
		}
	}()
	_, err = f.Write(data)
	if err == nil && mode != 0o600 {
		err = f.Chmod(mode)
	}
	if err == nil {
		err = f.Sync()
	}
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	if err := move(f.Name(), path); err != nil {
		return err
	}
	return SyncDir(dir)
}

// RemoveRemains removes what WriteFile left in a folder when it was cut off, and
// what its callers made there under such a name. The caller keeps every other writer out of the folder.
func RemoveRemains(dir string) error {
	remains, err := fs.Glob(os.DirFS(dir), RemainsPattern)
	if err != nil {
		return err
	}
	for _, name := range remains {
		if err := os.RemoveAll(filepath.Join(dir, name)); err != nil {
			return err
		}
	}
	return nil
}

// MkdirAll makes a folder that only its owner can enter, and those above it.
func MkdirAll(dir string) error { return MkdirAllMode(dir, 0o700) }

// MkdirAllMode does so for folders that others may enter too.
func MkdirAllMode(dir string, mode fs.FileMode) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	} else if err == nil {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := MkdirAllMode(parent, mode); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, mode); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return SyncDir(parent)
}

// Rename moves a file or folder within one file system.
func Rename(from, to string) error {
	if err := rename(from, to); err != nil {
		return err
	}
	into, outOf := filepath.Dir(to), filepath.Dir(from)
	if into == outOf {
		return SyncDir(into)
	}
	return errors.Join(SyncDir(into), SyncDir(outOf))
}

// SyncDir makes the names that were made, moved or removed in a folder last.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" { // folders cannot be flushed there; rename sees to its own
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

func ignoreNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
