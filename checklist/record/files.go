package record

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"

	"keyturn/checklist"
	"keyturn/vault/durable"
)

// Sizes far above those of honest files, in bytes. A larger file is refused before
// it fills the memory.
const (
	maxFile  = 32 << 20 // a record, its journal and its report
	maxSmall = 64 << 10 // everything else: one line, one text or one signature

	maxAudit = 256 << 20 // what an audit exported, which is never held in memory
)

func limitOf(name string) int64 {
	switch name {
	case recordFile, journalFile, reportFile:
		return maxFile
	}
	return maxSmall
}

// errLineEnds says that a file is not as it was written only because another
// program changed its line ends. No file of a trail has a carriage return.
var errLineEnds = checklist.WithHint(
	errors.New("its lines end in CRLF, as git makes them when it checks out with core.autocrlf; nothing else is wrong so far"),
	"clone again with git clone -c core.autocrlf=false, or commit a file .gitattributes with the line %q beside the trail and check out anew", strings.TrimSpace(attributes))

// readFile reads a file of a trail.
func readFile(path string) ([]byte, error) { return readInto(nil, path) }

// readInto is readFile into a buffer that is used again, or into a larger one.
func readInto(buffer []byte, path string) (_ []byte, err error) {
	f, size, err := openRegular(path, limitOf(filepath.Base(path)))
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, f.Close()) }()
	text := slices.Grow(buffer[:0], int(size)+1)[:size+1] // one more shows that it grew
	n, err := io.ReadFull(f, text)
	switch {
	case err == nil:
		return nil, errChanged
	case !errors.Is(err, io.ErrUnexpectedEOF) && !errors.Is(err, io.EOF):
		return nil, err
	case bytes.Contains(text[:n], []byte("\r\n")):
		return nil, errLineEnds
	}
	return text[:n], nil
}

var errChanged = errors.New("it changed while it was read")

// openRegular opens a file for reading and returns its size. It must be a regular
// one of a sensible size: a link may lead out of the trail, a pipe never ends, and
// a device may not either.
func openRegular(path string, limit int64) (_ *os.File, size int64, err error) {
	unfit := func(is os.FileInfo) bool { return !is.Mode().IsRegular() || is.Size() > limit }
	refuse := fmt.Errorf("it is no regular file of at most %d bytes", limit)
	there, err := os.Lstat(path)
	if err != nil {
		return nil, 0, err
	}
	if unfit(there) {
		return nil, 0, refuse
	}
	// O_NONBLOCK keeps a pipe that took its place since from being waited for.
	f, err := os.OpenFile(path, os.O_RDONLY|syscall.O_NONBLOCK, 0)
	if err != nil {
		return nil, 0, err
	}
	opened, err := f.Stat()
	if err == nil && (unfit(opened) || !os.SameFile(there, opened)) {
		err = refuse
	}
	if err != nil {
		return nil, 0, errors.Join(err, f.Close())
	}
	return f, opened.Size(), nil
}

// writeFolder makes a folder with files: whole and durable under its name, or
// not at all, as where the trail's lock is lost.
func writeFolder(l *lock, parent, name string, files map[string][]byte) (err error) {
	temporary, err := os.MkdirTemp(parent, durable.RemainsPattern)
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.RemoveAll(temporary))
		}
	}()
	for file, text := range files {
		if err := writeFile(filepath.Join(temporary, file), text); err != nil {
			return err
		}
	}
	if err := durable.SyncDir(temporary); err != nil {
		return err
	}
	if err := l.check(); err != nil {
		return err
	}
	if err := os.Rename(temporary, filepath.Join(parent, name)); err != nil {
		return err
	}
	return durable.SyncDir(parent)
}

func writeFile(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}
