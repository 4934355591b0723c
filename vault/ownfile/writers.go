package ownfile

import "fmt"

// WritersError says that somebody else can decide what is at a path.
type WritersError struct {
	Path    string // that was asked about
	At      string // the file or folder that lets others in: Path, or one on the way to it
	Found   string // follows At
	Command string // puts it right, with At as its argument; empty where none does
	Advice  string // what to do where no command helps
}

func (e *WritersError) Error() string {
	if e.At == e.Path {
		return e.At + " " + e.Found
	}
	return fmt.Sprintf("%s %s, which decides what is at %s", e.At, e.Found, e.Path)
}

// Fix says what to do: a command with the path as word writes it, or advice.
func (e *WritersError) Fix(word func(path string) string) string {
	if e.Command == "" {
		return e.Advice
	}
	return e.Command + " " + word(e.At)
}
