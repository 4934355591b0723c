// Package e2e holds tests only. They build the real binary and drive it as a
// person would: in a terminal of tmux, through a pipe, and from scripts that
// read as documentation of the command line (testdata/script). A rotation that
// takes its nine days outside the sandbox is driven through the test binary,
// which is then the same interface with a clock that the test sets.
package e2e
