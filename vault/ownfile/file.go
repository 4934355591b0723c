package ownfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
)

// The ways in which a file can stop being the one that was opened. They are
// written so that they follow the file's name.
var (
	ErrDeleted  = errors.New("was deleted")
	ErrMoved    = errors.New("was moved away, or a folder above it was")
	ErrReplaced = errors.New("was replaced by another file")
)

// The files that are never opened.
var (
	ErrLink      = errors.New("is a symbolic link")
	ErrIrregular = errors.New("is not a regular file")
	ErrHardLink  = errors.New("has a second name (a hard link)")
)

// File is an open file that can tell whether it is still the one at its path.
type File struct {
	*os.File
}

// Open opens a file as os.OpenFile does. The error wraps ErrLink, ErrIrregular
// or ErrHardLink where path is not a regular file with one name; opening a pipe
// would wait for its other end.
func Open(path string, flag int, perm fs.FileMode) (*File, error) {
	if err := checkPlain(path); err != nil {
		return nil, err
	}
	// Between the look above and here the file may have become something else.
	opened, err := os.OpenFile(path, flag|openFlags, perm)
	if err != nil {
		return nil, err
	}
	f := &File{opened}
	if _, err := f.Check(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// checkPlain looks at what is at a path before it is opened. Nothing is fine:
// opening it says so, or makes the file.
func checkPlain(path string) error {
	info, err := os.Lstat(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	return plain(path, info)
}

func plain(path string, info fs.FileInfo) error {
	switch {
	case info.Mode()&fs.ModeSymlink != 0:
		return fmt.Errorf("%s %w", path, ErrLink)
	case !info.Mode().IsRegular():
		return fmt.Errorf("%s %w", path, ErrIrregular)
	}
	return nil
}

// Check says what became of the file, and describes it where it is still the
// one at its path. The error wraps one of the errors of this package, unless
// the system could not be asked.
func (f *File) Check() (fs.FileInfo, error) {
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	names, err := links(f.File, info)
	if err != nil {
		return nil, err
	}
	if err := checkSame(f.Name(), info, names); err != nil {
		return nil, err
	}
	if names > 1 {
		return nil, fmt.Errorf("%s %w", f.Name(), ErrHardLink)
	}
	return info, nil
}

// checkSame compares an open file with what is at its path. names is how many
// names it has, and tells a file that was deleted from one that was moved; it
// decides nothing, since some file systems do not count them.
func checkSame(path string, open fs.FileInfo, names uint64) error {
	found, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist) && names == 0:
		return fmt.Errorf("%s %w", path, ErrDeleted)
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("%s %w", path, ErrMoved)
	case err != nil:
		return err
	}
	if err := plain(path, found); err != nil {
		return err
	}
	if !os.SameFile(open, found) {
		return fmt.Errorf("%s %w", path, ErrReplaced)
	}
	return nil
}
