package ui

import (
	"fmt"
	"time"

	"keyturn/checklist"
	"keyturn/ui/words"
)

// itemList is the panel with the phases and their items.
type itemList struct {
	key  listKey
	rows []string
	top  int
}

// listKey holds all that the panel depends on: while it stays the same, so
// does the panel.
type listKey struct {
	version, cursor, w, h int
	focus                 focus
	dark                  bool
	working               string // the item under way
	spin, verb            string
	nextID, next          string // the next item, and how it stands
}

// listLine is one row: a phase, an item, or nothing.
type listLine struct {
	phase *checklist.Phase
	item  int
}

func (m *session) listRows(now time.Time, w, h int) []string {
	k := listKey{version: m.version, cursor: m.cursor, w: w, h: h, focus: m.focus, dark: m.look.dark}
	if r := m.host.current(); r != nil {
		k.working, k.spin, k.verb = r.item, m.host.spin(r), r.verb()
	}
	if ahead := m.outlook(now); ahead.more {
		k.nextID, k.next = ahead.next.ID, nextWord(ahead, now)
	}
	if m.list.rows != nil && m.list.key == k {
		return m.list.rows
	}
	m.list.key = k
	m.list.rows = m.drawList(k)
	return m.list.rows
}

func (m *session) drawList(k listKey) []string {
	lines := m.listLines(k.h)
	at := 0
	for i, line := range lines {
		if line.phase == nil && line.item == m.cursor {
			at = i
		}
	}
	// Keep the cursor in sight, with the line above it where there is room.
	m.list.top = min(m.list.top, max(0, at-1))
	m.list.top = max(m.list.top, min(at+2, len(lines))-k.h)
	m.list.top = max(0, min(m.list.top, len(lines)-k.h))
	rows := make([]string, 0, k.h)
	for i := m.list.top; i < len(lines) && len(rows) < k.h; i++ {
		switch line := lines[i]; {
		case line.phase != nil:
			rows = append(rows, m.phaseRow(*line.phase, k.w))
		case line.item < 0:
			rows = append(rows, spaces(k.w))
		default:
			rows = append(rows, m.itemRow(line.item, k))
		}
	}
	for len(rows) < k.h {
		rows = append(rows, spaces(k.w))
	}
	return rows
}

// listLines lists the phases and items, with a free line between phases where
// the height allows it.
func (m *session) listLines(h int) []listLine {
	phases := m.s.Checklist.Phases
	airy := len(m.items)+2*len(phases) <= h
	var lines []listLine
	item := 0
	for i := range phases {
		if airy {
			lines = append(lines, listLine{item: -1})
		}
		lines = append(lines, listLine{phase: &phases[i], item: -1})
		for range phases[i].Items {
			lines = append(lines, listLine{item: item})
			item++
		}
	}
	return lines
}

func (m *session) phaseRow(p checklist.Phase, w int) string {
	l := m.look
	settled := 0
	for _, i := range p.Items {
		if m.s.State(i.ID).Status.Settled() {
			settled++
		}
	}
	title := " " + l.strong.paint(words.Line(p.Title))
	if m.s.Checklist.LastDay() > 0 {
		title += l.muted.paint(fmt.Sprintf(" %s day %d", l.between, p.Day))
	}
	return l.ends(title, l.muted.paint(fmt.Sprintf("%d/%d", settled, len(p.Items)))+" ", w)
}

func (m *session) itemRow(i int, k listKey) string {
	l := m.look
	item := m.items[i]
	glyph, word, s := m.standing(item, k)
	title := words.Line(item.Title)
	if i != m.cursor {
		return l.ends("   "+s.paint(glyph)+" "+title, s.paint(word)+" ", k.w)
	}
	row := l.ends(" "+l.cursor+" "+glyph+" "+title, word+" ", k.w)
	if k.focus == onDetail {
		return l.bold.paint(row)
	}
	return l.selected.paint(row)
}

// standing returns an item's glyph, word and colour, which all say the same.
func (m *session) standing(item checklist.Item, k listKey) (glyph, word string, s style) {
	l := m.look
	if k.working != "" && item.ID == k.working {
		return k.spin, k.verb, l.accent
	}
	status := m.s.State(item.ID).Status
	word = words.Status(status)
	switch status {
	case checklist.StatusPassed:
		return l.passed, word, l.good
	case checklist.StatusPassedOver:
		return l.passedOver, word, l.warn
	case checklist.StatusFailed:
		return l.failed, word, l.bad
	case checklist.StatusUnknown:
		return l.unknown, word, l.warn
	case checklist.StatusWaiting:
		return l.waiting, word, l.warn
	}
	if item.ID == k.nextID {
		return l.next, k.next, l.accent
	}
	return l.open, word, l.muted
}

// nextWord says in a few letters whether the next item can be done.
func nextWord(ahead *outlook, now time.Time) string {
	if opens := ahead.opens; opens.After(now) {
		if d := opens.Sub(now); d > time.Hour {
			return "opens in " + words.Duration(d.Round(time.Hour))
		}
		return "opens soon"
	}
	for _, c := range ahead.closed {
		if c.Gate.Kind != checklist.GateMetric { // read anew by the next try
			return "gate closed"
		}
	}
	return "next"
}
