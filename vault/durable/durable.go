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
// content or all of the new. The file has mode 0600, as os.CreateTemp makes it.
func WriteFile(path string, data []byte) (err error) {
	dir := filepath.Dir(path)
	f, err := os.CreateTemp(dir, RemainsPattern)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, ignoreNotExist(os.Remove(f.Name())))
		}
	}()
	if _, err := f.Write(data); err != nil {
		return errors.Join(err, f.Close())
	}
	if err := errors.Join(f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Rename(f.Name(), path); err != nil {
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
func MkdirAll(dir string) error {
	if info, err := os.Stat(dir); err == nil && info.IsDir() {
		return nil
	} else if err == nil {
		return &fs.PathError{Op: "mkdir", Path: dir, Err: syscall.ENOTDIR}
	}
	parent := filepath.Dir(dir)
	if parent != dir {
		if err := MkdirAll(parent); err != nil {
			return err
		}
	}
	if err := os.Mkdir(dir, 0o700); err != nil && !errors.Is(err, fs.ErrExist) {
		return err
	}
	return SyncDir(parent)
}

// Rename moves a file or folder within one file system.
func Rename(from, to string) error {
	if err := os.Rename(from, to); err != nil {
		return err
	}
	return errors.Join(SyncDir(filepath.Dir(to)), SyncDir(filepath.Dir(from)))
}

// SyncDir makes the names that were made, moved or removed in a folder last.
func SyncDir(dir string) error {
	if runtime.GOOS == "windows" { // folders cannot be flushed there; NTFS journals renames
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
