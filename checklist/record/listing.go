package record

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
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
		case m != nil && entry.IsDir():
			seq, err := strconv.Atoi(m[1])
			if err != nil || folderName(seq, m[2]) != name {
				return listing{}, fmt.Errorf("%w: folder %q is no record's", ErrDamaged, name)
			}
			l.folders = append(l.folders, folder{seq: seq, rotation: m[2], name: name})
		case name == idFile, name == headFile, name == lockFile:
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

// hasRecords reports whether a folder holds any record.
func hasRecords(dir string) (bool, error) {
	entries, err := os.ReadDir(dir)
	return slices.ContainsFunc(entries, func(e os.DirEntry) bool {
		return e.IsDir() && folderPattern.MatchString(e.Name())
	}), err
}

// removeUnfinished removes folders that a crash left before they got their
// name.
func removeUnfinished(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), temporaryPrefix) {
			if err := os.RemoveAll(filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}
