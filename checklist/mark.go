package checklist

import (
	"fmt"
	"strconv"
	"strings"
)

// Mark says which item of which session made something, wherever a text can be
// left beside it, so that whoever comes back after a crash knows their own work.
// Its texts are format. No part of them holds a blank, and ROUND is 1 for the
// first:
//
//	SESSION ITEM #ROUND           the vault's note on a key, and a deployment's meta
//	SESSION ITEM #ROUND SLOT      a deployment of another slot than its environment's first
//	keyturn SESSION ITEM #ROUND   the comment of a variable's row
type Mark struct {
	Session, Item string
	Round         int    // ItemState.Round
	Slot          string // of a deployment; "" for the first
}

// commentPrefix tells people at the platform who made a row.
const commentPrefix = "keyturn "

// Mark returns the mark of what the item makes in its present round.
func (sc *Scope) Mark() Mark {
	return Mark{Session: sc.Session.ID(), Item: sc.Item.ID, Round: sc.Round()}
}

func (m Mark) String() string {
	return strings.TrimSuffix(fmt.Sprintf("%s %s #%d %s", m.Session, m.Item, m.Round+1, m.Slot), " ")
}

// Comment is the mark of a row.
func (m Mark) Comment() string { return commentPrefix + m.String() }

// ParseMark reads what String writes; ok is false for any other text.
func ParseMark(text string) (m Mark, ok bool) {
	parts := strings.Split(text, " ")
	if len(parts) != 3 && len(parts) != 4 {
		return Mark{}, false
	}
	number, _ := strings.CutPrefix(parts[2], "#")
	round, err := strconv.Atoi(number)
	m = Mark{Session: parts[0], Item: parts[1], Round: round - 1}
	if len(parts) == 4 {
		m.Slot = parts[3]
	}
	return m, err == nil && round > 0 && m.String() == text
}

// Replaces reports whether another text is the mark of what the same item made
// in an earlier round: that is to be replaced, not trusted.
func (m Mark) Replaces(text string) bool {
	was, ok := ParseMark(text)
	return ok && was.Session == m.Session && was.Item == m.Item && was.Slot == m.Slot && was.Round < m.Round
}

// ReplacesRow is Replaces for the comment of a row.
func (m Mark) ReplacesRow(comment string) bool {
	text, ok := strings.CutPrefix(comment, commentPrefix)
	return ok && m.Replaces(text)
}
