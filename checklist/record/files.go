package record

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
)

// maxFile is far above any file of a record, in bytes. A larger one is refused
// before it fills the memory.
const maxFile = 256 << 20

func readFile(path string) ([]byte, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if !info.Mode().IsRegular() || info.Size() > maxFile {
		return nil, fmt.Errorf("%s is no regular file of at most %d bytes", path, maxFile)
	}
	return os.ReadFile(path)
}

// writeFolder makes a folder with files: whole and durable under its name, or
// not at all.
func writeFolder(parent, name string, files map[string][]byte) (err error) {
	temporary, err := os.MkdirTemp(parent, temporaryPrefix)
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
	if err := syncDir(temporary); err != nil {
		return err
	}
	if err := os.Rename(temporary, filepath.Join(parent, name)); err != nil {
		return err
	}
	return syncDir(parent)
}

// replaceFile writes a file so that a crash leaves the old one or the new one.
func replaceFile(path string, text []byte) error {
	temporary := filepath.Join(filepath.Dir(path), temporaryPrefix+filepath.Base(path))
	if err := writeFile(temporary, text); err != nil {
		return err
	}
	if err := os.Rename(temporary, path); err != nil {
		return err
	}
	return syncDir(filepath.Dir(path))
}

func writeFile(path string, text []byte) error {
	f, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	return errors.Join(err, f.Sync(), f.Close())
}

// syncDir flushes a folder, so that names made in it outlive a crash.
func syncDir(dir string) error {
	if runtime.GOOS == "windows" { // folders cannot be flushed there
		return nil
	}
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
