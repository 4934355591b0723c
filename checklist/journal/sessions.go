package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"runtime"

	"keyturn/checklist"
	"keyturn/vault/ownfile"
)

// fileName is the journal's within its session's folder.
const fileName = "journal.jsonl"

// ErrEmpty says that a journal holds no event, since a crash came before the
// session was opened. Nothing can have been done in such a session.
var ErrEmpty = errors.New("journal holds no event")

type emptyError struct{ path string }

func (e *emptyError) Error() string { return fmt.Sprintf("%v: %s", ErrEmpty, e.path) }
func (e *emptyError) Unwrap() error { return ErrEmpty }
func (e *emptyError) Hint() string {
	return fmt.Sprintf("the session was never opened; start another one, and remove the folder %s", filepath.Dir(e.path))
}

// sessionIDPattern admits names that are one safe folder on every system.
var sessionIDPattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,127}$`)

func checkSessionID(id string) error {
	if !sessionIDPattern.MatchString(id) {
		return errors.New("want a session id of letters, digits, dots, dashes and underscores, at most 128")
	}
	return nil
}

// List returns the ids of the sessions below dir, sorted; none when dir does
// not exist. A session whose journal holds no event is left out.
func List(dir string) ([]string, error) {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list sessions: %w", err)
	}
	var ids []string
	for _, entry := range entries {
		if entry.IsDir() && checkSessionID(entry.Name()) == nil && begun(filepath.Join(dir, entry.Name(), fileName)) {
			ids = append(ids, entry.Name())
		}
	}
	return ids, nil
}

// begun reports whether a journal is there and has a whole line. One that
// cannot be read has, since its reader should say why.
func begun(path string) bool {
	f, err := ownfile.Open(path, os.O_RDONLY, 0)
	if err != nil {
		return !errors.Is(err, fs.ErrNotExist)
	}
	defer f.Close()
	for chunk := make([]byte, 4096); ; {
		n, err := f.Read(chunk)
		switch {
		case bytes.IndexByte(chunk[:n], '\n') >= 0:
			return true
		case err != nil:
			return err != io.EOF
		}
	}
}

// Read returns the events of a session without waiting for its writer, for an
// overview. A torn last line, which its writer may be about to finish, is left
// out. Errors are those of Open.
func Read(dir, sessionID string) ([]checklist.Event, error) {
	events, err := read(dir, sessionID)
	if err != nil {
		return nil, fmt.Errorf("read journal of session %q: %w", sessionID, err)
	}
	return events, nil
}

func read(dir, sessionID string) ([]checklist.Event, error) {
	if err := checkSessionID(sessionID); err != nil {
		return nil, err
	}
	path := filepath.Join(dir, sessionID, fileName)
	f, err := openFile(path, os.O_RDONLY, 0)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	c, err := readContent(f, path)
	return c.events, err
}

// syncDir flushes a folder, so that names made in it outlive a crash.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // folders cannot be flushed there
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
