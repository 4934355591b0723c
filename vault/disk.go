package vault

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"runtime"

	"keyturn/vault/durable"
)

// hasModes reports whether file modes mean something here. On Windows the
// folder's access list decides, which for a profile folder is the user alone.
const hasModes = runtime.GOOS != "windows"

// makePrivateDir makes dir, and takes other users' rights away if it has any.
func makePrivateDir(dir string) error {
	if err := durable.MkdirAll(dir); err != nil {
		return fmt.Errorf("make vault folder: %w", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return fmt.Errorf("look at vault folder: %w", err)
	}
	if hasModes && info.Mode().Perm()&0o077 != 0 {
		if err := os.Chmod(dir, 0o700); err != nil {
			return fmt.Errorf("close vault folder to others: %w", err)
		}
	}
	return nil
}

func ignoreNotExist(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// readPrivateFile reads a file of at most limit bytes that nobody else may
// read or change.
func readPrivateFile(path string, limit int64) ([]byte, error) {
	// Opening a pipe would wait for somebody to write to it.
	if info, err := os.Stat(path); err != nil {
		return nil, err
	} else if !info.Mode().IsRegular() {
		return nil, fmt.Errorf("%s is not a regular file", path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // nothing was written
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case hasModes && info.Mode().Perm()&0o077 != 0:
		return nil, &Error{Op: "read", Subject: path, Kind: ErrUnavailable,
			Cause:  fmt.Errorf("mode %04o lets other users in", info.Mode().Perm()),
			Advice: "chmod 600 " + path}
	case info.Size() > limit:
		return nil, fmt.Errorf("%s has %d bytes, at most %d are expected", path, info.Size(), limit)
	}
	data := make([]byte, info.Size())
	if _, err := io.ReadFull(f, data); err != nil {
		return nil, fmt.Errorf("read %s: %w", path, err)
	}
	return data, nil
}
