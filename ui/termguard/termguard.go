// Package termguard keeps the terminal libraries from asking the terminal
// anything before main.
//
// Bubble Tea asks for the background colour while packages are initialised,
// and waits five seconds for a terminal that does not answer: a hook, a CI
// job, expect, some ssh sessions. It does not ask a terminal that calls itself
// dumb. So this package says TERM=dumb until Restore.
//
// It works by the order of initialisation: of the packages whose imports are
// ready, the one whose path sorts first goes first (Go specification, Program
// initialization). Importing os alone makes this package ready before os/exec,
// which Bubble Tea needs. A further import could end that.
package termguard

import "os"

// The value of TERM that was found; package state because initialisation has
// no other place to leave it.
var (
	found    string
	existed  bool
	replaced bool
)

func init() {
	found, existed = os.LookupEnv("TERM")
	replaced = os.Setenv("TERM", "dumb") == nil
}

// Restore puts back the TERM that the process was started with. It must be
// called before anything reads TERM or starts a process: main's first line is
// the place. Further calls do nothing.
func Restore() {
	if !replaced {
		return
	}
	replaced = false
	if existed {
		_ = os.Setenv("TERM", found) // the value came from the environment
	} else {
		_ = os.Unsetenv("TERM")
	}
}
