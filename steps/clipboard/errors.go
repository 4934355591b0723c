package clipboard

import "fmt"

// hintedError is a failure with what a person can do about it.
type hintedError struct {
	error
	hint string
}

func hinted(err error, format string, args ...any) error {
	return &hintedError{err, fmt.Sprintf(format, args...)}
}

func (e *hintedError) Unwrap() error { return e.error }

// Hint says what a person can do next.
func (e *hintedError) Hint() string { return e.hint }

// also joins two failures, either of which may be nil, on one line.
func also(first, second error) error {
	switch {
	case first == nil:
		return second
	case second == nil:
		return first
	}
	return fmt.Errorf("%w; %w", first, second)
}
