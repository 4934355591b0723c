package ownfile

import (
	"io/fs"
	"os"
	"syscall"
)

// openFlags has no flag against links here: one that is put there after the
// look is found when the open file is compared with what is at its path.
const openFlags = 0

// links returns how many names a file has, and 1 for a file of which only the
// description is known.
//
// Go opens files here so that they can be neither removed nor renamed while
// they are open, so that Check finds little but what was written by others.
func links(f *os.File, _ fs.FileInfo) (uint64, error) {
	if f == nil {
		return 1, nil
	}
	var d syscall.ByHandleFileInformation
	if err := syscall.GetFileInformationByHandle(syscall.Handle(f.Fd()), &d); err != nil {
		return 0, os.NewSyscallError("GetFileInformationByHandle", err)
	}
	return uint64(d.NumberOfLinks), nil
}
