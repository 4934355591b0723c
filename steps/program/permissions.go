package program

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"keyturn/checklist"
	"keyturn/vault/ownfile"
)

// ExposedError says where somebody else could change what Keyturn goes by: its
// state, its records, its vault or the roster. Nothing of that is read.
type ExposedError struct{ All []*ownfile.WritersError }

func (e *ExposedError) Error() string {
	lines := make([]string, len(e.All))
	for i, w := range e.All {
		lines[i] = w.Error()
	}
	return strings.Join(lines, "\n")
}

// Hint says what to do about each.
func (e *ExposedError) Hint() string {
	fixes := make([]string, len(e.All))
	for i, w := range e.All {
		fixes[i] = w.Fix(checklist.ShellWord)
	}
	return strings.Join(fixes, "\n")
}

// checkWriters returns an *ExposedError, as a *UsageError, where somebody else
// could change what the realm goes by. The roster may belong to another user:
// who decides who may approve need not be who rotates. The configuration has
// been checked where it was read.
func (p *Program) checkWriters() error {
	exposed := &ExposedError{}
	for _, folder := range p.folders() {
		err := errors.Join(exposed.add(ownfile.CheckWriters(folder)), exposed.add(ownfile.CheckOwner(folder)))
		if err != nil {
			return fmt.Errorf("find who can write to %s: %w", folder, err)
		}
	}
	if err := exposed.add(ownfile.CheckWriters(p.RosterPath())); err != nil {
		return fmt.Errorf("find who can write to the roster: %w", err)
	}
	if len(exposed.All) > 0 {
		return &UsageError{exposed}
	}
	return nil
}

// add keeps what lets others in, once, and returns any other error.
func (e *ExposedError) add(err error) error {
	var w *ownfile.WritersError
	if !errors.As(err, &w) {
		return err
	}
	for _, known := range e.All { // a folder lets others into all that is in it
		if known.At == w.At && known.Found == w.Found {
			return nil
		}
	}
	e.All = append(e.All, w)
	return nil
}

// folders returns the state folder, the realm's with the one that it is in, and
// those in it that Keyturn alone writes to.
func (p *Program) folders() []string {
	folders := slices.Compact([]string{filepath.Clean(p.options.State), filepath.Dir(p.dir), p.dir})
	for _, name := range []string{sessionsFolder, trailFolder, vaultFolder, requestsFolder, worldFolder} {
		folders = append(folders, filepath.Join(p.dir, name))
	}
	return folders
}

// permissions says that all is well, and where a group can write: that may be the
// user's own, or a team's that is trusted.
func (d *doctor) permissions() {
	said := "the state folder is yours alone, and not every user can write to the roster"
	var groups []string
	for _, path := range append(d.p.folders(), d.p.RosterPath()) {
		if ownfile.GroupWritable(path) {
			groups = append(groups, path)
		}
	}
	if len(groups) > 0 {
		said += "; a group can write to " + strings.Join(groups, ", ") + ": chmod g-w unless the group is yours alone"
	}
	d.good("permissions", "%s", said)
}

// exposedFindings are what the doctor says where somebody else could change what
// it would look at; none for any other error.
func exposedFindings(err error) []Finding {
	var exposed *ExposedError
	if !errors.As(err, &exposed) {
		return nil
	}
	d := &doctor{}
	for _, w := range exposed.All {
		d.bad("permissions", w.Error(), w.Fix(checklist.ShellWord))
	}
	d.bad("everything else", "was not looked at: others may have changed it", "put the permissions right and see what was changed, then run keyturn doctor again")
	return d.findings
}
