package journal

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
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
	file   *flock.Flock
	holder string // the path of the words about us
}

// takeLock takes a session's lock. When somebody else has it, the lock is nil
// and holder says who that is.
func takeLock(session string, o Options) (_ *lock, holder string, err error) {
	file := flock.New(filepath.Join(session, lockName), flock.SetPermissions(0o600))
	// The wait is no part of any caller's work, and short.
	ctx, cancel := context.WithTimeout(context.Background(), lockPatience)
	defer cancel()
	taken, err := file.TryLockContext(ctx, lockRetry)
	if err != nil && !errors.Is(err, context.DeadlineExceeded) {
		return nil, "", fmt.Errorf("lock %s: %w", file.Path(), errors.Join(err, file.Close()))
	}
	if !taken {
		return nil, readHolder(session), file.Close()
	}
	l := &lock{file: file, holder: filepath.Join(session, holderName)}
	if err := os.WriteFile(l.holder, []byte(words(o)+"\n"), 0o600); err != nil {
		return nil, "", errors.Join(err, l.release())
	}
	return l, "", nil
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
	err := os.Remove(l.holder)
	if errors.Is(err, fs.ErrNotExist) {
		err = nil
	}
	return errors.Join(err, l.file.Close())
}

// readHolder returns the words of whoever has the lock, and something true
// when they are not there yet.
func readHolder(session string) string {
	text, err := os.ReadFile(filepath.Join(session, holderName))
	if who := strings.TrimSpace(string(text)); err == nil && who != "" {
		return who
	}
	return "another process"
}

// Holder says who writes to a session's journal now, and is empty when nobody
// does.
func Holder(dir, sessionID string) (string, error) {
	if err := checkSessionID(sessionID); err != nil {
		return "", fmt.Errorf("look for the holder of session %q: %w", sessionID, err)
	}
	session := filepath.Join(dir, sessionID)
	path := filepath.Join(session, lockName)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return "", nil // asking must not make the file
	}
	file := flock.New(path, flock.SetPermissions(0o600))
	free, err := file.TryRLock()
	if err := errors.Join(err, file.Close()); err != nil {
		return "", fmt.Errorf("look for the holder of session %q: %w", sessionID, err)
	}
	if free {
		return "", nil
	}
	return readHolder(session), nil
}
