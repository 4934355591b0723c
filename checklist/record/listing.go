package record

import (
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// listing is what a trail's folder holds.
type listing struct {
	folders []folder
	foreign []string // names that are no part of a trail
}

var folderPattern = regexp.MustCompile(`^([0-9]{6,9})-(.+)$`)

// listTrail lists the records, which must be numbered without a gap from the one
// after base.
func listTrail(dir string, base int) (listing, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return listing{}, err
	}
	var l listing
	for _, entry := range entries {
		name := entry.Name()
		m := folderPattern.FindStringSubmatch(name)
		switch {
		case m != nil && entry.Type()&fs.ModeSymlink != 0:
			return listing{}, fmt.Errorf("%w: %q is a link, and no record's folder", ErrDamaged, name)
		case m != nil && entry.IsDir():
			seq, err := strconv.Atoi(m[1])
			if err != nil || folderName(seq, m[2]) != name {
				return listing{}, fmt.Errorf("%w: folder %q is no record's", ErrDamaged, name)
			}
			l.folders = append(l.folders, folder{seq: seq, rotation: m[2], name: name})
		case name == idFile, name == headFile, name == lockFile:
		case name == attributesFile && isAttributes(filepath.Join(dir, name)):
		case base > 0 && slices.Contains(predecessorFiles(), name):
		default:
			l.foreign = append(l.foreign, name)
		}
	}
	slices.SortStableFunc(l.folders, func(a, b folder) int { return a.seq - b.seq })
	for i, f := range l.folders {
		if f.seq != base+i+1 {
			return listing{}, fmt.Errorf("%w: want record %d and found folder %q", ErrDamaged, base+i+1, f.name)
		}
	}
	return l, nil
}

// isAttributes reports whether a file says to git what a new trail says: another
// text may be anybody's.
func isAttributes(path string) bool {
	text, err := readFile(path)
	return err == nil && string(text) == attributes
}

// hasRecords reports whether a folder holds any record.
func hasRecords(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return e.IsDir() && folderPattern.MatchString(e.Name())
	}), err
}
