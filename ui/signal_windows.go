package ui

import (
	"os"
	"syscall"
)

// endings are the signals that end the interface.
var endings = []os.Signal{os.Interrupt, syscall.SIGTERM}

func signalNumber(s os.Signal) int {
	if n, ok := s.(syscall.Signal); ok {
		return int(n)
	}
	return 0
}

// canSuspend reports that Windows has no job control.
func canSuspend() bool { return false }
