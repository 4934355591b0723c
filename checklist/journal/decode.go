package journal

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"keyturn/checklist"
)

// DamagedError says that a journal is not what Keyturn wrote. Nothing has been
// changed in the file.
type DamagedError struct {
	File   string
	Line   int // 1 for the first
	Reason string
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("journal %s is damaged at line %d: %s", e.File, e.Line, e.Reason)
}

// Hint says what to do about it.
func (e *DamagedError) Hint() string {
	return fmt.Sprintf("the file was left as it is; put back a copy of it in which line %d and the one before are whole", e.Line)
}

// Decode reads a whole journal, such as the copy in a record. name is what
// errors call it. Everything that is not exactly a journal is a *DamagedError,
// a torn last line too; but what another version wrote is a
// *checklist.NewerError or wraps checklist.ErrPreRelease.
func Decode(r io.Reader, name string) ([]checklist.Event, error) {
	text, err := io.ReadAll(r)
	if err != nil {
		return nil, fmt.Errorf("read journal %s: %w", name, err)
	}
	c, err := parse(text, name)
	if err != nil {
		return nil, err
	}
	if len(c.torn) > 0 {
		return nil, &DamagedError{File: name, Line: len(c.events) + 1, Reason: "the last line is torn"}
	}
	return c.events, nil
}

// misread says why a line cannot be read: what another version wrote is no
// damage, where the line is as it was written.
func misread(name string, line int, err error, whole bool) error {
	var newer *checklist.NewerError
	switch {
	case errors.As(err, &newer) && whole:
		return &checklist.NewerError{What: "journal " + name, Reason: fmt.Sprintf("line %d: %s", line, newer.Reason)}
	case errors.Is(err, checklist.ErrPreRelease) && whole:
		return checklist.WithHint(fmt.Errorf("journal %s was %w", name, err), "go on with it in that version, or begin anew")
	}
	return &DamagedError{File: name, Line: line, Reason: err.Error()}
}

// content is a journal's text, understood.
type content struct {
	events []checklist.Event
	chain  checklist.Chain
	size   int64  // of the whole lines, in bytes
	torn   []byte // the last line, when a crash left it in pieces
}

// parse splits a journal into its events and a torn last line. What else is
// wrong is a *DamagedError.
func parse(text []byte, name string) (content, error) {
	c := content{chain: checklist.NewChain()}
	for rest := text; len(rest) > 0; {
		end := bytes.IndexByte(rest, '\n') + 1
		last := end == 0 || end == len(rest)
		// A file system may have kept the length of a line and lost a part of
		// its bytes: a last line that is no JSON is torn as well.
		if end == 0 || last && !json.Valid(rest[:end]) {
			c.torn = rest
			return c, nil
		}
		var e checklist.Event
		chain, err := c.chain.Follow(rest[:end], &e)
		if err != nil {
			// The line that follows tells one that another version wrote from one
			// that was changed.
			next, _, _ := bytes.Cut(rest[end:], []byte("\n"))
			return content{}, misread(name, len(c.events)+1, err, len(next) == 0 || checklist.Continues(next, rest[:end]))
		}
		c.events = append(c.events, e)
		c.chain = chain
		c.size += int64(end)
		rest = rest[end:]
	}
	return c, nil
}
