package journal

import (
	"errors"
	"os"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
)

// failingDisk writes at most room bytes more, then says that the disk is full.
type failingDisk struct {
	disk
	room        int
	syncErr     error
	truncateErr error
}

func (d *failingDisk) WriteAt(b []byte, at int64) (int, error) {
	if len(b) <= d.room {
		d.room -= len(b)
		return d.disk.WriteAt(b, at)
	}
	n, err := d.disk.WriteAt(b[:d.room], at)
	d.room = 0
	return n, errors.Join(err, syscall.ENOSPC)
}

func (d *failingDisk) Sync() error {
	err := d.syncErr
	d.syncErr = nil
	return errors.Join(err, d.disk.Sync())
}

func (d *failingDisk) Truncate(size int64) error {
	if d.truncateErr != nil {
		return d.truncateErr
	}
	return d.disk.Truncate(size)
}

func TestAFailedAppendLeavesTheJournalAsItWas(t *testing.T) {
	t.Parallel()
	for name, failing := range map[string]failingDisk{
		"disk full before the first byte": {},
		"disk full in the middle":         {room: 40},
		"flush failed":                    {room: 1 << 20, syncErr: syscall.EIO},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			f := mustCreate(t, dir)
			good, before := f.disk, f.Events()
			failing.disk = good
			f.disk = &failing
			_, err := f.Append(t.Context(), note("does not fit"))
			require.ErrorContains(t, err, "the journal is as it was before")
			assert.Contains(t, checklist.Hint(err), "make room")
			assert.Equal(t, before, f.Events())
			text, err := os.ReadFile(f.Path())
			require.NoError(t, err)
			assert.Equal(t, threeLines(t), text)

			f.disk = good
			e, err := f.Append(t.Context(), note("fits"))
			require.NoError(t, err, "room was made")
			assert.Equal(t, 4, e.Seq)
			_, err = Read(dir, "rot")
			require.NoError(t, err)
		})
	}
}

func TestATornLineThatStaysEndsTheWriting(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	f := mustCreate(t, dir)
	good := f.disk
	f.disk = &failingDisk{disk: good, room: 40, truncateErr: syscall.EIO}
	_, err := f.Append(t.Context(), note("torn"))
	require.ErrorIs(t, err, syscall.ENOSPC)
	require.ErrorContains(t, err, "could not be taken back")
	f.disk = good
	_, err = f.Append(t.Context(), note("behind a torn line"))
	require.ErrorContains(t, err, "could not be taken back", "nothing is written behind a torn line")
	require.NoError(t, f.Close())

	again, err := Open(dir, "rot", options())
	require.NoError(t, err)
	defer again.Close()
	require.Len(t, again.Events(), 4)
	assert.Equal(t, checklist.Recovered, again.Events()[3].Kind)
}
