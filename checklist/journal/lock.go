package journal

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"keyturn/vault/ownfile"
)

// The lock is the operating system's, on a file that is never removed, so it
// ends with its process however that ends. The words about the holder are in a
// file of their own, since Windows lets nobody read a locked one.
const (
	lockName   = "journal.lock"
	holderName = "journal.holder"
)

// Whoever asks for the holder takes the lock for a moment, and a process that
// was killed may still be on its way out; a writer waits for both to be over.
const (
	lockPatience = 200 * time.Millisecond
	lockRetry    = 10 * time.Millisecond
)

// lock is the right to write to a session's journal.
type lock struct {
	*ownfile.Lock
	holder string // the path of the words about us
}

// takeLock takes a session's lock. When somebody else has it, the lock is nil
// and holder says who that is.
func takeLock(session string, o Options) (_ *lock, holder string, err error) {
	// The wait is no part of any caller's work, and short.
	ctx, cancel := context.WithTimeout(context.Background(), lockPatience)
	defer cancel()
	path := filepath.Join(session, lockName)
	taken, err := ownfile.TakeLock(ctx, path, lockRetry)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return nil, readHolder(session), nil
	case err != nil:
		return nil, "", fmt.Errorf("lock %s: %w", path, err)
	}
	l := &lock{taken, filepath.Join(session, holderName)}
	if err := writeHolder(l.holder, words(o)); err != nil {
		return nil, "", errors.Join(err, l.release())
	}
	return l, "", nil
}

// writeHolder makes the file anew, so that a link or a pipe in its place is
// removed and not written to.
func writeHolder(path, words string) error {
	if err := removeIfThere(path); err != nil {
		return err
	}
	f, err := ownfile.Open(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if err != nil {
		return err
	}
	_, err = f.WriteString(words + "\n")
	return errors.Join(err, f.Close())
}

func removeIfThere(path string) error {
	if err := os.Remove(path); !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return nil
}

func words(o Options) string {
	host, err := os.Hostname()
	if err != nil {
		host = "this machine"
	}
	return fmt.Sprintf("pid %d on %s since %s by %s", os.Getpid(), host, o.Clock().UTC().Format(time.RFC3339), o.By)
}

// release gives the lock up. A nil lock was never taken.
func (l *lock) release() error {
	if l == nil {
		return nil
	}
	if l.Check() != nil { // the words may be those of whoever has the lock now
		return l.Release()
	}
	return errors.Join(removeIfThere(l.holder), l.Release())
}

// maxHolder is far more than words takes, in bytes.
const maxHolder = 4096

// readHolder returns the words of whoever has the lock, and something true
// when they are not there yet.
func readHolder(session string) string {
	const unknown = "another process"
	f, err := ownfile.Open(filepath.Join(session, holderName), os.O_RDONLY, 0)
	if err != nil {
		return unknown
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxHolder))
	if who := strings.TrimSpace(string(text)); err == nil && who != "" {
		return who
	}
	return unknown
}

// Holder says who writes to a session's journal now, and is empty when nobody
// does.
func Holder(dir, sessionID string) (string, error) {
	if err := checkSessionID(sessionID); err != nil {
		return "", fmt.Errorf("look for the holder of session %q: %w", sessionID, err)
	}
	session := filepath.Join(dir, sessionID)
	locked, err := ownfile.Locked(filepath.Join(session, lockName))
	if err != nil {
		return "", fmt.Errorf("look for the holder of session %q: %w", sessionID, err)
	}
	if !locked {
		return "", nil
	}
	return readHolder(session), nil
}
