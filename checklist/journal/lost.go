package journal

import (
	"errors"
	"fmt"
	"io/fs"

	"keyturn/checklist"
	"keyturn/vault/ownfile"
)

// openFile opens a journal's file, and says what to do where it is not a
// regular file with one name.
func openFile(path string, flag int, perm fs.FileMode) (*ownfile.File, error) {
	f, err := ownfile.Open(path, flag, perm)
	switch {
	case err == nil:
		return f, nil
	case errors.Is(err, ownfile.ErrLink):
		err = checklist.WithHint(err, "put the file that it leads to in its place: a journal is kept where Keyturn made it")
	case errors.Is(err, ownfile.ErrHardLink):
		err = checklist.WithHint(err, "whoever writes to the other one changes the journal: copy the file, and put the copy in its place")
	case errors.Is(err, ownfile.ErrIrregular):
		err = checklist.WithHint(err, "find out what put it there, and put the journal back from a copy")
	}
	return nil, err
}

// check says why the journal can no longer be trusted: its file or its lock file
// is not the one that we hold, or the file is not as long as we made it. That is
// remembered, since nobody knows what was done to the file meanwhile, even if it
// is put back. Opening it again reads it from its first line. The caller holds
// mu.
func (f *File) check(size int64) error {
	switch {
	case f.broken != nil:
		return f.broken
	case f.disk == nil:
		return fs.ErrClosed
	}
	if lost := f.look(size); lost != nil {
		f.broken = lost
	}
	return f.broken
}

func (f *File) look(size int64) error {
	info, err := f.disk.Check()
	switch {
	case errors.Is(err, ownfile.ErrDeleted):
		return &checklist.LostError{Found: err.Error(), Next: putBack("restore the session's folder from a copy")}
	case errors.Is(err, ownfile.ErrMoved):
		return &checklist.LostError{Found: err.Error(), Next: putBack("put the session's folder back in its place")}
	case err != nil:
		return &checklist.LostError{Found: err.Error(), Next: putBack("find out what did it, and put the journal back as it was")}
	case info.Size() < size:
		return &checklist.LostError{
			Found: fmt.Sprintf("%s has %d bytes, and Keyturn wrote %d: the file was truncated", f.path, info.Size(), size),
			Next:  putBack("find out what did it, and restore the journal from a copy"),
		}
	case info.Size() > size:
		return &checklist.LostError{
			Found: fmt.Sprintf("%s has %d bytes, and Keyturn wrote %d: another program wrote to it", f.path, info.Size(), size),
			Next:  putBack("find out what did it"),
		}
	}
	if err := f.lock.Check(); err != nil {
		return &checklist.LostError{
			Found: err.Error() + ", so that another Keyturn could drive the session at the same time",
			Next:  putBack("make sure that no other Keyturn drives the session"),
		}
	}
	return nil
}

// putBack is what to do about a lost journal.
func putBack(first string) string {
	return "leave, " + first + ", then open the session again; it checks what is outside before it changes anything"
}
