// Package e2e holds tests only. They build the real binary and drive it as a
// person would: in a terminal of tmux, through a pipe, and from scripts that
// read as documentation of the command line (testdata/script).
package e2e
