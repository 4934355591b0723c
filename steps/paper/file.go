package paper

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"keyturn/vault/durable"
)

// ErrChanged says that a file is not as it was when the draft was made.
var ErrChanged = errors.New("the file has changed since it was shown")

// ErrExists says that there is a file of the name already, with another text.
var ErrExists = errors.New("there is another file of this name")

// Mark returns the comment by which the entry of a session is found again, on a
// line of its own. Markdown does not show it. It is format: entries that an
// earlier version wrote are found by it. A session whose item is done anew
// (round 1, 2, …) has an entry for each round.
func Mark(session string, round int) string {
	id := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || r == '-' || r == '.' {
			return r
		}
		return '_'
	}, session)
	if round > 0 {
		id += fmt.Sprintf(" round %d", round+1)
	}
	return "<!-- keyturn " + strings.ReplaceAll(id, "--", "-") + " -->"
}

// Marked reports whether a file has a mark. A file that is missing has none.
func Marked(path, mark string) (bool, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	return has(string(text), mark), err
}

// has reports whether a line of the text is the mark, and nothing else.
func has(text, mark string) bool {
	for line := range strings.Lines(text) {
		if strings.TrimSpace(line) == mark {
			return true
		}
	}
	return false
}

// Draft is a change of one file that can be looked at before it is written.
type Draft struct {
	Path string // as it was given
	// Written says that the file has the entry already: Write does nothing.
	Written bool

	real     string // with symbolic links followed
	exists   bool
	old, new string
}

// PlanAppend drafts an entry at the end of a file, with its mark above. A file
// that is missing begins with title as its heading.
func PlanAppend(path, title, mark, entry string) (Draft, error) {
	d, err := open(path)
	if err != nil {
		return d, err
	}
	if d.exists && has(d.old, mark) {
		d.Written, d.new = true, d.old
		return d, nil
	}
	before, lineEnd := d.old, "\n"
	if strings.Contains(before, "\r\n") {
		lineEnd = "\r\n"
	}
	if strings.TrimSpace(before) == "" {
		before = "# " + title + lineEnd
	}
	if !strings.HasSuffix(before, "\n") {
		before += lineEnd
	}
	d.new = before + strings.ReplaceAll("\n"+mark+"\n"+strings.TrimSpace(entry)+"\n", "\n", lineEnd)
	return d, nil
}

// PlanCreate drafts a new file, with its mark above the text. A file that has
// the mark is left as it is, with all that people wrote into it; any other file
// of the name is ErrExists.
func PlanCreate(path, mark, text string) (Draft, error) {
	d, err := open(path)
	switch {
	case err != nil:
		return d, err
	case d.exists && has(d.old, mark):
		d.Written, d.new = true, d.old
		return d, nil
	case d.exists:
		return d, fmt.Errorf("%s: %w", path, ErrExists)
	}
	d.new = mark + "\n" + strings.TrimSpace(text) + "\n"
	return d, nil
}

func open(path string) (Draft, error) {
	d := Draft{Path: path, real: path}
	if real, err := filepath.EvalSymlinks(path); err == nil {
		d.real = real // the link stays a link
	} else if !errors.Is(err, fs.ErrNotExist) {
		return d, err
	}
	text, err := os.ReadFile(d.real)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return d, nil
	case err != nil:
		return d, err
	}
	d.exists, d.old = true, string(text)
	return d, nil
}

// Diff returns what Write would change, as a unified diff.
func (d Draft) Diff() (string, error) { return Diff(filepath.ToSlash(d.Path), d.old, d.new) }

// Write makes the change in one step: after a crash the file is the old one or
// the new one. It is ErrChanged if somebody wrote to the file since the draft
// was made.
func (d Draft) Write() error {
	if d.Written {
		return nil
	}
	now, err := open(d.Path)
	if err != nil {
		return err
	}
	switch {
	case now.exists != d.exists || now.old != d.old:
		return fmt.Errorf("%s: %w", d.Path, ErrChanged)
	case d.exists:
		return replace(d.real, d.new)
	}
	return create(d.real, d.new)
}

// AppendOnce adds an entry under its mark to a file that has none with it.
func AppendOnce(path, title, mark, entry string) error {
	d, err := PlanAppend(path, title, mark, entry)
	if err != nil {
		return err
	}
	return d.Write()
}

// Create writes a new file. It is not an error when the file has that text
// already; with any other it is ErrExists.
func Create(path, text string) error {
	d, err := open(path)
	switch {
	case err != nil:
		return err
	case d.exists && d.old == text:
		return nil
	case d.exists:
		return fmt.Errorf("%s: %w", path, ErrExists)
	}
	return create(d.real, text)
}

// newMode is the mode of a new document: everybody who has the folder may read.
const newMode fs.FileMode = 0o644

// replace writes a file that is there, and keeps its mode.
func replace(path, text string) error {
	// A rename asks only the folder: what may not be written must not be replaced.
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	info, err := f.Stat()
	if err := errors.Join(err, f.Close()); err != nil {
		return err
	}
	return durable.WriteFileMode(path, []byte(text), info.Mode().Perm())
}

// create writes a file that is not there.
func create(path, text string) error {
	if err := durable.MkdirAllMode(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	err := durable.Create(path, []byte(text), newMode)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s: %w", path, ErrExists)
	}
	return err
}
