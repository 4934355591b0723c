package words

import (
	"strings"

	"keyturn/checklist"
)

// Status says how an item stands.
func Status(s checklist.Status) string { return spaced(string(s)) }

// Kind says what an event or a deviation reports, and how a session ended.
func Kind(k checklist.Kind) string { return spaced(string(k)) }

// Risk says what a plan's risk means for whoever agrees to it.
func Risk(r checklist.Risk) string {
	switch r {
	case checklist.Look:
		return "no consent needed"
	case checklist.Change:
		return "can be undone"
	case checklist.Irreversible:
		return "cannot be undone"
	}
	return spaced(string(r))
}

// Asked names a question of which only the id is known, as in a journal.
func Asked(q checklist.Asked) string {
	text := spaced(q.ID)
	if q.About != "" {
		text += " (" + q.About + ")"
	}
	return text
}

// spaced turns a code such as "passed-over" into words.
func spaced(code string) string { return strings.ReplaceAll(code, "-", " ") }

const (
	sessionRandom = 26 // characters at the end of a session's id
	sessionShown  = 4  // of them, where there is no room for all
)

// Session returns a session's id for a place of some cells: whole where it fits,
// else without most of its random end, which commands go on needing.
func Session(id string, room int) string {
	id = Line(id)
	start := strings.LastIndex(id, "-") + 1
	if len(id) <= room || start == 0 || len(id)-start != sessionRandom {
		return id
	}
	return id[:start+sessionShown]
}
