package journal

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/vault/ownfile"
)

// loss is a way to lose a journal, given the folder of the sessions.
type loss struct {
	lose  func(dir string) error
	found string // by the journal
	// held says that Windows does not let it happen while the file is open.
	held bool
}

func losses() map[string]loss {
	file := func(dir string) string { return filepath.Join(dir, "rot", fileName) }
	lock := func(dir string) string { return filepath.Join(dir, "rot", lockName) }
	return map[string]loss{
		"the folder was removed":    {func(dir string) error { return os.RemoveAll(filepath.Join(dir, "rot")) }, "was deleted", true},
		"all sessions were removed": {os.RemoveAll, "was deleted", true},
		"the folder was moved away": {func(dir string) error {
			return os.Rename(filepath.Join(dir, "rot"), filepath.Join(dir, "moved"))
		}, "was moved away", true},
		"the folder was replaced by a copy": {func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, "rot"), filepath.Join(dir, "moved")),
				os.CopyFS(filepath.Join(dir, "rot"), os.DirFS(filepath.Join(dir, "moved"))))
		}, "was replaced", true},
		"a file is in the folder's place": {func(dir string) error {
			return errors.Join(os.Rename(filepath.Join(dir, "rot"), filepath.Join(dir, "moved")), os.WriteFile(filepath.Join(dir, "rot"), nil, 0o600))
		}, "not a directory", true},
		"the file was deleted":    {func(dir string) error { return os.Remove(file(dir)) }, "was deleted", true},
		"the file was moved away": {func(dir string) error { return os.Rename(file(dir), file(dir)+".old") }, "was moved away", true},
		"the file was replaced by a copy": {func(dir string) error {
			text, err := os.ReadFile(file(dir))
			return errors.Join(err, os.WriteFile(file(dir)+".new", text, 0o600), os.Rename(file(dir)+".new", file(dir)))
		}, "was replaced", true},
		"a link is in the file's place": {func(dir string) error {
			return errors.Join(os.Rename(file(dir), file(dir)+".old"), os.Symlink(file(dir)+".old", file(dir)))
		}, "is a symbolic link", true},
		"a folder is in the file's place": {func(dir string) error {
			return errors.Join(os.Rename(file(dir), file(dir)+".old"), os.Mkdir(file(dir), 0o700))
		}, "is not a regular file", true},
		"the file was truncated": {func(dir string) error { return os.Truncate(file(dir), 10) }, "the file was truncated", false},
		"the file was emptied":   {func(dir string) error { return os.WriteFile(file(dir), nil, 0o600) }, "has 0 bytes", false},
		"somebody appended to the file": {func(dir string) error {
			f, err := os.OpenFile(file(dir), os.O_WRONLY|os.O_APPEND, 0)
			if err != nil {
				return err
			}
			_, err = f.WriteString("{}\n")
			return errors.Join(err, f.Close())
		}, "another program wrote to it", false},
		"the file has a second name": {func(dir string) error { return os.Link(file(dir), filepath.Join(dir, "second")) }, "has a second name", false},
		"the lock was deleted":       {func(dir string) error { return os.Remove(lock(dir)) }, lockName + " was deleted", true},
		"the lock was replaced": {func(dir string) error {
			return errors.Join(os.Remove(lock(dir)), os.WriteFile(lock(dir), nil, 0o600))
		}, lockName + " was replaced", true},
	}
}

// tree returns the bytes of all files below a folder, by their path.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{}
	require.NoError(t, filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if errors.Is(err, fs.ErrNotExist) {
			return nil
		}
		if err != nil || !d.Type().IsRegular() {
			return err
		}
		text, err := os.ReadFile(path)
		files[path] = string(text)
		return err
	}))
	return files
}

func requireLost(t *testing.T, err error, found string) {
	t.Helper()
	var lost *checklist.LostError
	require.ErrorAs(t, err, &lost)
	require.ErrorContains(t, err, found)
	assert.Contains(t, checklist.Hint(err), "open the session again")
}

func TestALostJournalTakesNothing(t *testing.T) {
	t.Parallel()
	for name, l := range losses() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if l.held && runtime.GOOS == "windows" {
				t.Skip("Windows lets nobody remove or rename a file that Go has open")
			}
			dir := t.TempDir()
			f := mustCreate(t, dir)
			require.NoError(t, f.Check())
			require.NoError(t, l.lose(dir))
			before := tree(t, dir)

			_, err := f.Append(t.Context(), note("into nowhere"))
			requireLost(t, err, l.found)
			requireLost(t, f.Check(), l.found)
			assert.Len(t, f.Events(), 3)
			assert.Equal(t, before, tree(t, dir), "nothing was written anywhere")
		})
	}
}

// slowDisk lets something happen while a line is being flushed.
type slowDisk struct {
	disk
	meanwhile func() error
}

func (d *slowDisk) Sync() error { return errors.Join(d.disk.Sync(), d.meanwhile()) }

func TestAJournalThatIsLostWhileItIsWrittenDoesNotSayThatItWas(t *testing.T) {
	t.Parallel()
	for name, l := range losses() {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if l.held && runtime.GOOS == "windows" {
				t.Skip("Windows lets nobody remove or rename a file that Go has open")
			}
			dir := t.TempDir()
			f := mustCreate(t, dir)
			f.disk = &slowDisk{f.disk, func() error { return l.lose(dir) }}
			_, err := f.Append(t.Context(), note("half way"))
			requireLost(t, err, l.found)
			assert.Len(t, f.Events(), 3)
		})
	}
}

func TestALostJournalStaysLost(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows lets nobody rename a file that Go has open")
	}
	dir := t.TempDir()
	f := mustCreate(t, dir)
	away := filepath.Join(dir, "away")
	require.NoError(t, os.Rename(filepath.Join(dir, "rot"), away))
	requireLost(t, f.Check(), "was moved away")
	require.NoError(t, os.Rename(away, filepath.Join(dir, "rot")))
	_, err := f.Append(t.Context(), note("it is back"))
	requireLost(t, err, "was moved away")
	require.NoError(t, f.Close())

	again, err := Open(dir, "rot", options())
	require.NoError(t, err)
	defer again.Close()
	assert.Len(t, again.Events(), 3)
	_, err = again.Append(t.Context(), note("what was put back is read first"))
	require.NoError(t, err)
}

// Deleting the lock file lets a second writer in; the first one notices before it
// writes, and leaves the second one's words alone.
func TestOfTwoWritersTheFirstStops(t *testing.T) {
	t.Parallel()
	if runtime.GOOS == "windows" {
		t.Skip("Windows lets nobody remove a file that Go has open")
	}
	dir := t.TempDir()
	first := mustCreate(t, dir)
	require.NoError(t, os.Remove(filepath.Join(dir, "rot", lockName)))
	second, err := Open(dir, "rot", Options{Clock: options().Clock, By: "grace@example.com"})
	require.NoError(t, err)
	defer second.Close()
	require.Empty(t, second.Holder(), "nothing keeps it out")

	_, err = first.Append(t.Context(), note("by the first"))
	requireLost(t, err, "another Keyturn could drive the session")
	require.NoError(t, first.Close())
	holder, err := Holder(dir, "rot")
	require.NoError(t, err)
	assert.Contains(t, holder, "grace@example.com")
	_, err = second.Append(t.Context(), note("by the second"))
	require.NoError(t, err)
	events, err := Read(dir, "rot")
	require.NoError(t, err)
	assert.Len(t, events, 4)
}

func TestAJournalThatIsNoFileOfItsOwnIsNotOpened(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		put  func(path string) error
		want error
	}{
		"a link": {func(path string) error {
			return errors.Join(os.Rename(path, path+".old"), os.Symlink(path+".old", path))
		}, ownfile.ErrLink},
		"a dead link": {func(path string) error { return errors.Join(os.Remove(path), os.Symlink("nothing", path)) }, ownfile.ErrLink},
		"a hard link": {func(path string) error { return os.Link(path, path+".old") }, ownfile.ErrHardLink},
		"a folder":    {func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }, ownfile.ErrIrregular},
		"a pipe":      {func(path string) error { return errors.Join(os.Remove(path), makePipe(path)) }, ownfile.ErrIrregular},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := mustWrite(t, dir, threeLines(t))
			if err := c.put(path); errors.Is(err, errors.ErrUnsupported) {
				t.Skip("Windows has no pipes among its files")
			} else {
				require.NoError(t, err)
			}
			for name, open := range map[string]func() error{
				"open": func() error { _, err := Open(dir, "rot", options()); return err },
				"read": func() error { _, err := Read(dir, "rot"); return err },
			} {
				err := open()
				require.ErrorIs(t, err, c.want, name)
				assert.NotEmpty(t, checklist.Hint(err), name)
			}
			ids, err := List(dir)
			require.NoError(t, err)
			assert.Equal(t, []string{"rot"}, ids, "it is listed, so that its reader says why")
			holder, err := Holder(dir, "rot")
			require.NoError(t, err)
			assert.Empty(t, holder)
		})
	}
}

// What lies where the words about the holder go is removed, not written to.
func TestTheHoldersWordsAreWrittenThroughNoLink(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	mustWrite(t, dir, threeLines(t))
	other := filepath.Join(dir, "other")
	require.NoError(t, os.WriteFile(other, []byte("mine"), 0o600))
	require.NoError(t, os.Symlink(other, filepath.Join(dir, "rot", holderName)))
	f, err := Open(dir, "rot", options())
	require.NoError(t, err)
	defer f.Close()
	text, err := os.ReadFile(other)
	require.NoError(t, err)
	assert.Equal(t, "mine", string(text))
	holder, err := Holder(dir, "rot")
	require.NoError(t, err)
	assert.Contains(t, holder, "ada@example.com")
}
