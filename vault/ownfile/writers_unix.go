//go:build unix

package ownfile

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
)

const (
	groupWrites = 0o020
	othersWrite = 0o002
	superuser   = 0
	maxLinks    = 40 // as the kernel has it
	ownFolder   = "use a folder of your own"
)

// CheckWriters returns a *WritersError where everybody could put something else
// at a path: it, a folder on the way to it, or a folder that holds a link on the
// way is writable by everybody. In a folder with the sticky bit, such as /tmp,
// only the owner of a file can replace it; there, what is on the way must belong
// to this user or to root. What does not exist is fine.
func CheckWriters(path string) error {
	abs := path
	if !filepath.IsAbs(path) {
		folder, err := os.Getwd()
		if err != nil {
			return err
		}
		// Not filepath.Join, which drops "link/.." without looking where it leads.
		abs = folder + "/" + path
	}
	w := way{asked: path, at: "/", rest: names(abs)}
	for {
		if err := w.look(); err != nil || len(w.rest) == 0 {
			return ignoreNotExist(err)
		}
		if err := w.step(); err != nil {
			return ignoreNotExist(err)
		}
	}
}

// way is a walk to a file, in the order in which the kernel walks.
type way struct {
	asked    string
	at       string   // where we are; has no links in it
	rest     []string // what is still to be walked
	sticky   bool     // at is a folder in which only owners replace files
	followed int      // links
}

func names(path string) []string {
	return strings.FieldsFunc(path, func(r rune) bool { return r == '/' })
}

// look finds whether everybody can write to where we are.
func (w *way) look() error {
	info, err := os.Lstat(w.at)
	if err != nil {
		return err
	}
	at := w.at
	if len(w.rest) == 0 && w.followed == 0 {
		at = w.asked // as it was named
	}
	shared := info.Mode().Perm()&othersWrite != 0
	w.sticky = shared && info.IsDir() && info.Mode()&fs.ModeSticky != 0
	switch {
	case w.sticky && len(w.rest) == 0:
		return &WritersError{Path: w.asked, At: at, Found: "is a folder in which every user can create files", Advice: ownFolder}
	case shared && !w.sticky:
		return &WritersError{Path: w.asked, At: at, Found: "is writable by every user", Command: "chmod o-w"}
	}
	return nil
}

// step goes one name on, or takes a link's target for the way that is left.
func (w *way) step() error {
	name := w.rest[0]
	w.rest = w.rest[1:]
	switch name {
	case ".":
		return nil
	case "..":
		w.at = filepath.Dir(w.at)
		return nil
	}
	next := filepath.Join(w.at, name)
	info, err := os.Lstat(next)
	if err != nil {
		return err
	}
	if uid := owner(info); w.sticky && uid != superuser && uid != os.Geteuid() {
		return &WritersError{Path: w.asked, At: next, Found: fmt.Sprintf("belongs to user %d, in a folder in which every user can create files", uid), Advice: ownFolder}
	}
	if info.Mode()&fs.ModeSymlink == 0 {
		w.at = next
		return nil
	}
	if w.followed++; w.followed > maxLinks {
		return fmt.Errorf("%s: more than %d links", w.asked, maxLinks)
	}
	target, err := os.Readlink(next)
	if err != nil {
		return err
	}
	if filepath.IsAbs(target) {
		w.at = "/"
	}
	w.rest = append(names(target), w.rest...)
	return nil
}

// CheckOwner returns a *WritersError where a file or folder belongs to another
// user than this one or root. What does not exist is fine.
func CheckOwner(path string) error {
	info, err := os.Stat(path)
	if err != nil {
		return ignoreNotExist(err)
	}
	if uid := owner(info); uid != superuser && uid != os.Geteuid() {
		return &WritersError{Path: path, At: path, Found: fmt.Sprintf("belongs to user %d, and you are user %d", uid, os.Geteuid()),
			Advice: fmt.Sprintf("run Keyturn as user %d, or %s", uid, ownFolder)}
	}
	return nil
}

// GroupWritable reports whether the group of a file or folder can write to it.
func GroupWritable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().Perm()&groupWrites != 0
}

func owner(info fs.FileInfo) int {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return int(stat.Uid)
	}
	return os.Geteuid()
}

func ignoreNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) || errors.Is(err, syscall.ENOTDIR) {
		return nil
	}
	return err
}
