//go:build unix

package ui

import (
	"os"
	"syscall"

	"golang.org/x/sys/unix"
)

// endings are the signals that end the interface.
var endings = []os.Signal{syscall.SIGHUP, syscall.SIGTERM, syscall.SIGINT}

func signalNumber(s os.Signal) int {
	if n, ok := s.(syscall.Signal); ok {
		return int(n)
	}
	return 0
}

// canSuspend reports whether there is a shell that could take us back: one in
// our session and in another process group. A leader of its own session, as
// under docker or "ssh host keyturn", would stop for ever.
func canSuspend() bool {
	parent := os.Getppid()
	theirs, err1 := unix.Getsid(parent)
	ours, err2 := unix.Getsid(0)
	group, err3 := unix.Getpgid(parent)
	return err1 == nil && err2 == nil && err3 == nil && theirs == ours && group != unix.Getpgrp()
}
