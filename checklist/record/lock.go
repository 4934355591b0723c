package record

import (
	"context"
	"fmt"
	"path/filepath"
	"time"

	"keyturn/checklist"
	"keyturn/vault/ownfile"
)

const (
	lockRetry    = 50 * time.Millisecond
	lockPatience = 10 * time.Second // an append takes milliseconds
)

// lock is the right to change a trail.
type lock struct {
	*ownfile.Lock
	dir string
}

// lock takes the trail's folder.
func (t *Trail) lock(ctx context.Context) (*lock, error) {
	l, err := ownfile.TakeLock(ctx, filepath.Join(t.dir, lockFile), lockRetry)
	if err != nil {
		return nil, fmt.Errorf("lock trail %s: %w", t.dir, err)
	}
	return &lock{l, t.dir}, nil
}

// check says why the lock no longer keeps others out. It is asked before each
// change, since a signature may have waited for a person: two programs that append
// at once would both make a record with the same number.
func (l *lock) check() error {
	if err := l.Check(); err != nil {
		return checklist.WithHint(fmt.Errorf("%w, so that another Keyturn could change the trail at the same time", err),
			"check that the folder %s is where it was and that no other Keyturn is changing it, then try again", l.dir)
	}
	return nil
}
