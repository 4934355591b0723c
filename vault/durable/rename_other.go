//go:build !windows

package durable

import "os"

// rename is on the disk once both folders are flushed.
func rename(from, to string) error { return os.Rename(from, to) }
