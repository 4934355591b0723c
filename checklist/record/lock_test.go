package record_test

import (
	"os"
	"path/filepath"
	"runtime"
	"sync"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/record"
	"keyturn/vault/ownfile"
)

// TestAppendWithoutItsLock loses the trail's lock while a record is made and
// verified: it is not added then, and is once the lock can be taken again.
func TestAppendWithoutItsLock(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows lets nobody remove or rename a file that Go has open")
	}
	for name, tc := range map[string]struct {
		lose func(path string) error
		want error
	}{
		"deleted": {os.Remove, ownfile.ErrDeleted},
		"moved":   {func(path string) error { return os.Rename(path, filepath.Join(filepath.Dir(path), "..", "lock.old")) }, ownfile.ErrMoved},
		"replaced": {func(path string) error {
			if err := os.WriteFile(path+".new", nil, 0o600); err != nil {
				return err
			}
			return os.Rename(path+".new", path)
		}, ownfile.ErrReplaced},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			trail := mustRecords(t, 1)
			s := newStage(t, trail, "quarterly", "rot-2")
			s.stops = true
			s.run()
			before, head := recordsIn(t, trail.Dir()), read(t, trail.Dir(), "HEAD")
			d := s.draft()
			lose := sync.OnceValue(func() error { return tc.lose(filepath.Join(trail.Dir(), ".lock")) })
			d.Requests = losing{d.Requests, lose}
			_, err := trail.Append(t.Context(), d, mustKey(t, alice))
			require.ErrorIs(t, err, tc.want)
			assert.Contains(t, err.Error(), "another Keyturn could change the trail at the same time")
			assert.Contains(t, checklist.Hint(err), "no other Keyturn is changing it")
			assert.Equal(t, before, recordsIn(t, trail.Dir()), "nothing was added")
			assert.Equal(t, head, read(t, trail.Dir(), "HEAD"))

			_, err = mustTrail(t, trail.Dir()).Append(t.Context(), d, mustKey(t, alice))
			require.NoError(t, err)
			assert.Equal(t, 2, mustVerify(t, trail.Dir()).Records)
		})
	}
}

// losing loses the lock when a request is read, which is while a record is made.
type losing struct {
	record.Requests
	lose func() error
}

func (l losing) Fields(text string) (map[string]string, error) {
	if err := l.lose(); err != nil {
		return nil, err
	}
	return l.Requests.Fields(text)
}
