//go:build unix

package ownfile

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// stranger is a user that is neither the one of the tests nor root.
const stranger = 12345

func TestCheckWriters(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		// change changes things around dir/folder/file, and returns what to ask
		// about; "" for the file.
		change  func(t *testing.T, dir string) string
		at      string // below dir; "" where nothing is wrong
		found   string
		command string
	}{
		"a private file": {func(*testing.T, string) string { return "" }, "", "", ""},
		"nothing":        {func(_ *testing.T, dir string) string { return filepath.Join(dir, "folder", "nothing", "at", "all") }, "", "", ""},
		"below a file":   {func(_ *testing.T, dir string) string { return filepath.Join(dir, "folder", "file", "file") }, "", "", ""},
		"a file that its group can write": {func(t *testing.T, dir string) string {
			return chmod(t, filepath.Join(dir, "folder", "file"), 0o660)
		}, "", "", ""},
		"a file that everybody can read": {func(t *testing.T, dir string) string {
			return chmod(t, filepath.Join(dir, "folder", "file"), 0o644)
		}, "", "", ""},
		"a file that everybody can write": {func(t *testing.T, dir string) string {
			return chmod(t, filepath.Join(dir, "folder", "file"), 0o602)
		}, "folder/file", "is writable by every user", "chmod o-w"},
		"a folder that everybody can write": {func(t *testing.T, dir string) string {
			return chmod(t, filepath.Join(dir, "folder"), 0o777)
		}, "folder", "is writable by every user", "chmod o-w"},
		"a folder that everybody can write, asked about itself": {func(t *testing.T, dir string) string {
			chmod(t, filepath.Join(dir, "folder"), 0o702)
			return filepath.Join(dir, "folder")
		}, "folder", "is writable by every user", "chmod o-w"},
		"a folder above that everybody can write": {func(t *testing.T, dir string) string { return chmod(t, dir, 0o777) }, ".", "is writable by every user", "chmod o-w"},
		"nothing yet in a folder that everybody can write": {func(t *testing.T, dir string) string {
			chmod(t, filepath.Join(dir, "folder"), 0o777)
			return filepath.Join(dir, "folder", "new")
		}, "folder", "is writable by every user", "chmod o-w"},
		"our file in a folder like /tmp": {func(t *testing.T, dir string) string {
			return chmod(t, filepath.Join(dir, "folder"), 0o777|fs.ModeSticky)
		}, "", "", ""},
		"a folder like /tmp itself": {func(t *testing.T, dir string) string {
			chmod(t, filepath.Join(dir, "folder"), 0o777|fs.ModeSticky)
			return filepath.Join(dir, "folder")
		}, "folder", "in which every user can create files", ""},
		"a stranger's file in a folder like /tmp": {func(t *testing.T, dir string) string {
			chmod(t, filepath.Join(dir, "folder"), 0o777|fs.ModeSticky)
			return chown(t, filepath.Join(dir, "folder", "file"))
		}, "folder/file", "belongs to user 12345", ""},
		"a stranger's link in a folder like /tmp": {func(t *testing.T, dir string) string {
			chmod(t, filepath.Join(dir, "folder"), 0o777|fs.ModeSticky)
			link := filepath.Join(dir, "folder", "link")
			require.NoError(t, os.Symlink("file", link))
			chown(t, link)
			return link
		}, "folder/link", "belongs to user 12345", ""},
		"a stranger's file in a private folder": {func(t *testing.T, dir string) string {
			return chown(t, filepath.Join(dir, "folder", "file"))
		}, "", "", ""},
		"a link to a private file": {func(t *testing.T, dir string) string {
			link := filepath.Join(dir, "link")
			require.NoError(t, os.Symlink("folder/file", link))
			return link
		}, "", "", ""},
		"a link into a folder that everybody can write": {func(t *testing.T, dir string) string {
			chmod(t, filepath.Join(dir, "folder"), 0o777)
			link := filepath.Join(dir, "link")
			require.NoError(t, os.Symlink(filepath.Join(dir, "folder", "file"), link))
			return link
		}, "folder", "is writable by every user", "chmod o-w"},
		"a link in a folder that everybody can write": {func(t *testing.T, dir string) string {
			shared := filepath.Join(dir, "shared")
			require.NoError(t, os.Mkdir(shared, 0o700))
			chmod(t, shared, 0o777)
			require.NoError(t, os.Symlink("../folder/file", filepath.Join(shared, "link")))
			return filepath.Join(shared, "link")
		}, "shared", "is writable by every user", "chmod o-w"},
		"a link that leads through such a folder and out again": {func(t *testing.T, dir string) string {
			shared := filepath.Join(dir, "shared")
			require.NoError(t, os.Mkdir(shared, 0o700))
			chmod(t, shared, 0o777)
			require.NoError(t, os.Symlink(filepath.Join(dir, "folder"), filepath.Join(shared, "in")))
			link := filepath.Join(dir, "link")
			require.NoError(t, os.Symlink("shared/in/file", link))
			return link
		}, "shared", "is writable by every user", "chmod o-w"},
		"a way up from behind a link": {func(t *testing.T, dir string) string {
			shared := filepath.Join(dir, "shared")
			require.NoError(t, os.MkdirAll(filepath.Join(shared, "below"), 0o700))
			mustWrite(t, filepath.Join(shared, "file"))
			chmod(t, shared, 0o777)
			require.NoError(t, os.Symlink(filepath.Join(shared, "below"), filepath.Join(dir, "link")))
			return dir + "/link/../file" // shared/file, and not dir/file
		}, "shared", "is writable by every user", "chmod o-w"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir, err := filepath.EvalSymlinks(t.TempDir())
			require.NoError(t, err)
			dir = filepath.Join(dir, "dir")
			mustWrite(t, filepath.Join(dir, "folder", "file"))
			asked := c.change(t, dir)
			if asked == "" {
				asked = filepath.Join(dir, "folder", "file")
			}
			err = CheckWriters(asked)
			if c.found == "" {
				require.NoError(t, err)
				return
			}
			var w *WritersError
			require.ErrorAs(t, err, &w)
			assert.Equal(t, asked, w.Path)
			assert.Equal(t, filepath.Join(dir, c.at), w.At)
			assert.Contains(t, w.Found, c.found)
			assert.Equal(t, c.command, w.Command)
			assert.Contains(t, err.Error(), asked)
			fix := w.Fix(func(path string) string { return "<" + path + ">" })
			if c.command != "" {
				assert.Equal(t, c.command+" <"+w.At+">", fix)
			} else {
				assert.Equal(t, "use a folder of your own", fix)
			}
		})
	}

	t.Run("links in a circle", func(t *testing.T) {
		t.Parallel()
		link := filepath.Join(t.TempDir(), "link")
		require.NoError(t, os.Symlink("link", link))
		require.ErrorContains(t, CheckWriters(link), "more than 40 links")
	})
}

func TestARelativePathIsAskedAboutInTheWorkingFolder(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	require.NoError(t, os.WriteFile("file", nil, 0o600))
	require.NoError(t, CheckWriters("file"))
	chmod(t, "file", 0o606)
	var w *WritersError
	require.ErrorAs(t, CheckWriters("file"), &w)
	assert.Equal(t, "file is writable by every user", w.Error())
}

func TestCheckOwner(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	require.NoError(t, CheckOwner(dir))
	require.NoError(t, CheckOwner(filepath.Join(dir, "nothing")))
	require.NoError(t, CheckOwner("/"), "root's")
	chown(t, dir)
	t.Cleanup(func() { _ = os.Chown(dir, os.Getuid(), os.Getgid()) })
	var w *WritersError
	require.ErrorAs(t, CheckOwner(dir), &w)
	require.ErrorContains(t, w, "belongs to user 12345")
	assert.Contains(t, w.Fix(nil), "run Keyturn as user 12345")
}

func TestGroupWritable(t *testing.T) {
	t.Parallel()
	file := mustWrite(t, filepath.Join(t.TempDir(), "file"))
	assert.False(t, GroupWritable(file))
	assert.False(t, GroupWritable(file+".not"))
	chmod(t, file, 0o620)
	assert.True(t, GroupWritable(file))
}

// chmod returns "", for the tables.
func chmod(t *testing.T, path string, mode fs.FileMode) string {
	t.Helper()
	require.NoError(t, os.Chmod(path, mode))
	return ""
}

// chown gives a file to the stranger, where the tests run as root.
func chown(t *testing.T, path string) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root can give a file away")
	}
	require.NoError(t, os.Lchown(path, stranger, stranger))
	return ""
}
