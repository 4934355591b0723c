//go:build unix

package ownfile

import (
	"io/fs"
	"os"
	"syscall"
)

// openFlags keep a link from being followed that is put there after the look.
const openFlags = syscall.O_NOFOLLOW

// links returns how many names a file has.
func links(_ *os.File, info fs.FileInfo) (uint64, error) {
	if stat, ok := info.Sys().(*syscall.Stat_t); ok {
		return uint64(stat.Nlink), nil
	}
	return 1, nil
}
