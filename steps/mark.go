package steps

import (
	"fmt"
	"strconv"
	"strings"

	"keyturn/checklist"
	"keyturn/vault"
)

// mark says which item of which session made something, wherever a text can be
// left beside it, so that whoever comes back after a crash knows their own work.
// Its texts are format. No part of them holds a blank, and ROUND is 1 for the
// first:
//
//	SESSION ITEM #ROUND           the vault's note on a key, and a deployment's meta
//	SESSION ITEM #ROUND SLOT      a deployment of another slot than its environment's first
//	keyturn SESSION ITEM #ROUND   the comment of a variable's row
type mark struct {
	session, item string
	round         int    // ItemState.Round
	slot          string // of a deployment; "" for the first
}

// commentPrefix tells people at the platform who made a row.
const commentPrefix = "keyturn "

// NoteAgeUnknown is the vault's note on a key that was made elsewhere, nobody
// said when. It is format.
const NoteAgeUnknown = "age-unknown"

// markOf returns the mark of what the item makes in its present round.
func markOf(sc *checklist.Scope) mark {
	return mark{session: sc.Session.ID(), item: sc.Item.ID, round: sc.Session.State(sc.Item.ID).Round}
}

func (m mark) String() string {
	return strings.TrimSuffix(fmt.Sprintf("%s %s #%d %s", m.session, m.item, m.round+1, m.slot), " ")
}

// comment is the mark of a row.
func (m mark) comment() string { return commentPrefix + m.String() }

// parseMark reads what String writes; ok is false for any other text.
func parseMark(text string) (m mark, ok bool) {
	parts := strings.Split(text, " ")
	if len(parts) != 3 && len(parts) != 4 {
		return mark{}, false
	}
	number, _ := strings.CutPrefix(parts[2], "#")
	round, err := strconv.Atoi(number)
	m = mark{session: parts[0], item: parts[1], round: round - 1}
	if len(parts) == 4 {
		m.slot = parts[3]
	}
	return m, err == nil && round > 0 && m.String() == text
}

// replaces reports whether another text is the mark of what the same item made
// in an earlier round: that is to be replaced, not trusted.
func (m mark) replaces(text string) bool {
	was, ok := parseMark(text)
	return ok && was.session == m.session && was.item == m.item && was.slot == m.slot && was.round < m.round
}

// generatedIn reports whether a session made the secret of a vault's entry.
func generatedIn(s *checklist.Session, entry vault.Entry) bool {
	m, ok := parseMark(entry.Note)
	return ok && m.session == s.ID()
}
