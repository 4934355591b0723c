package ui

import (
	"fmt"
	"strconv"
	"time"

	"github.com/charmbracelet/bubbles/key"

	"keyturn/checklist"
	"keyturn/ui/words"
)

func (m *home) title(time.Time) string { return "home" }

// position is what the header says behind the service's name.
func (m *home) position(time.Time) string { return "" }

func (m *home) reference() string { return "" }

func (m *home) keys() []key.Binding {
	switch {
	case m.err != nil:
		return []key.Binding{as(m.keymap.Refresh, "try again")}
	case len(m.entries) == 0:
		return nil
	}
	open := as(m.keymap.Do, "open")
	if m.cursor < len(m.entries) {
		switch e := m.entries[m.cursor]; {
		case e.offer != nil:
			open = as(m.keymap.Do, "start")
		case e.session.Outcome == "":
			open = as(m.keymap.Do, "resume")
		}
	}
	return []key.Binding{open, as(m.keymap.Number, "start or resume"), m.keymap.Refresh}
}

func (m *home) status(time.Time) string {
	if m.err != nil || m.known {
		return ""
	}
	return m.look.muted.paint("opening" + m.look.ellipsis)
}

func (m *home) rows(now time.Time) []string {
	m.drawn = now
	p := m.look.page(m.w - 2)
	at := -1
	switch {
	case m.err != nil:
		m.drawError(p)
	case !m.known:
		p.lines = append(p.lines, "")
		p.heading("Keys")
		p.text(m.look.muted, "opening the vault and the sessions"+m.look.ellipsis)
	default:
		p.lines = append(p.lines, "")
		m.drawKeys(p)
		at = m.drawEntries(p)
		p.gap()
		p.pair("Vault", m.overview.Vault)
	}
	for i, line := range p.lines {
		p.lines[i] = " " + line
	}
	if len(p.lines) <= m.h || m.h < 2 {
		m.follow(at, len(p.lines), m.h)
		return m.look.window(p.lines, m.top, m.w, m.h)
	}
	h := m.h - 1 // the last row says that there is more
	m.follow(at, len(p.lines), h)
	return append(m.look.window(p.lines, m.top, m.w, h), m.look.fit(" "+m.look.muted.paint(m.more(h)), m.w))
}

// follow scrolls so that the entry at a line is in sight, in that many rows.
func (m *home) follow(at, lines, h int) {
	if at >= 0 {
		m.top = min(m.top, max(0, at-1))
		m.top = max(m.top, at+3-h)
	}
	switch {
	case m.cursor == 0 && at+3 <= h:
		m.top = 0
	case m.cursor == len(m.entries)-1:
		m.top = lines - h // with what is below it
	}
	m.top = max(0, min(m.top, lines-h))
}

// more says what is out of sight, and how to get there.
func (m *home) more(h int) string {
	below := 0
	for _, at := range m.lines {
		if at >= m.top+h {
			below++
		}
	}
	switch {
	case below > 0:
		return fmt.Sprintf("%s %d more below, %s", m.look.ellipsis, below, m.keymap.Down.Help().Key)
	case m.top == 0:
		return fmt.Sprintf("%s more below, %s", m.look.ellipsis, m.keymap.Bottom.Help().Key)
	}
	return fmt.Sprintf("%s more above, %s", m.look.ellipsis, m.keymap.Up.Help().Key)
}

func (m *home) drawError(p *page) {
	p.lines = append(p.lines, "")
	p.item(m.look.bad, m.look.failed, m.look.bold, "Keyturn cannot open what it works with")
	p.gap()
	p.text(style{}, m.err.Error())
	if hint := checklist.Hint(m.err); hint != "" {
		p.gap()
		p.text(m.look.accent, "hint: "+hint)
	}
	p.gap()
	p.text(m.look.muted, "r tries again, q quits")
}

var keyColumns = []struct {
	name string
	w    int
}{{"Key", 10}, {"Environment", 12}, {"Fingerprint", 20}, {"Status", 16}, {"Age", 9}, {"Rotate in", 11}}

// roomy returns what each column gets more on a wide screen.
func (m *home) roomy() int {
	if m.w < twoColumns {
		return 0
	}
	return 3
}

func (m *home) drawKeys(p *page) {
	l := m.look
	next := ""
	if !m.overview.NextRotation.IsZero() {
		next = "next rotation " + words.Date(m.overview.NextRotation)
	}
	p.lines = append(p.lines, l.ends(l.strong.paint("Keys"), l.muted.paint(next), p.w))
	head := ""
	for _, c := range keyColumns {
		head += l.fit(c.name, c.w+m.roomy())
	}
	p.lines = append(p.lines, l.muted.paint(l.cut(head, p.w)))
	for _, k := range m.overview.Keys {
		p.lines = append(p.lines, l.cut(m.keyRow(k), p.w))
	}
	if len(m.overview.Keys) == 0 {
		p.text(l.muted, "no key is known yet")
	}
	for _, problem := range m.overview.Problems {
		p.item(l.warn, l.warning, style{}, problem)
	}
}

func (m *home) keyRow(k checklist.KeyStatus) string {
	l := m.look
	age, due, dueStyle := "", "", style{}
	if !k.Created.IsZero() {
		age = words.Days(m.drawn.Sub(k.Created))
	}
	if !k.RotateBy.IsZero() {
		due, dueStyle = m.due(k.RotateBy)
	}
	state, glyph := l.muted, l.open
	switch {
	case k.State == checklist.KeyInService && len(k.Concerns) == 0:
		state, glyph = l.good, l.next
	case k.State == checklist.KeyInService: // and something is wrong with that
		state, glyph = l.bad, l.failed
	case k.State == checklist.KeyInVault:
		state, glyph = l.accent, l.open
	}
	fingerprint := k.Fingerprint.Short()
	if fingerprint == "" {
		fingerprint = "unknown"
	}
	cells := []string{
		l.bold.paint(words.Line(string(k.ID))), string(k.Environment), fingerprint,
		state.paint(glyph + " " + words.Line(k.Words())), age, dueStyle.paint(due),
	}
	row := ""
	for i, c := range keyColumns {
		row += l.fit(cells[i], c.w+m.roomy())
	}
	return row
}

// due says when a key is to be rotated, and how urgent that is.
func (m *home) due(by time.Time) (string, style) {
	left := by.Sub(m.drawn)
	switch days := int(left / (24 * time.Hour)); {
	case left < 0:
		return words.Days(-left) + " over", m.look.danger
	case days == 0:
		return "today", m.look.warn
	case days <= 14:
		return words.Days(left), m.look.warn
	default:
		return words.Days(left), style{}
	}
}

// drawEntries lists what can be opened and returns the line of the cursor.
func (m *home) drawEntries(p *page) int {
	at, heading := -1, ""
	m.lines = m.lines[:0]
	for i, e := range m.entries {
		title := "Start"
		if e.session != nil {
			title = "In progress"
			if e.session.Outcome != "" {
				title = "Ended"
			}
		}
		if title != heading {
			p.heading(title)
			heading = title
		}
		if i == m.cursor {
			at = len(p.lines)
		}
		m.lines = append(m.lines, len(p.lines))
		if e.offer != nil {
			m.drawOffer(p, i, *e.offer)
		} else {
			m.drawSession(p, i, *e.session)
		}
	}
	return at
}

// choice is an entry: its number, its name, and what is beside it, which may
// take more lines.
func (m *home) choice(p *page, i int, name, beside string) {
	const column = 24
	l := m.look
	number := " "
	if n := m.entries[i].number; n <= 9 {
		number = strconv.Itoa(n)
	}
	indent := choiceIndent + column + 2
	for n, line := range words.Wrap(beside, max(20, p.w-indent)) {
		row := spaces(indent) + line
		if n == 0 {
			row = "  " + number + "  " + l.fit(name, column) + "  " + line
		}
		switch {
		case i == m.cursor && n == 0:
			row = l.selected.paint(l.fit(l.cursor+row[1:], p.w))
		case i == m.cursor:
			row = l.selected.paint(l.fit(row, p.w))
		case n == 0:
			row = "  " + l.muted.paint(number) + "  " + l.fit(name, column) + "  " + l.muted.paint(line)
		default:
			row = spaces(indent) + l.muted.paint(line)
		}
		p.lines = append(p.lines, row)
	}
}

const choiceIndent = 5

func (m *home) drawOffer(p *page, i int, o checklist.Offer) {
	beside := words.Line(o.Purpose)
	if o.WhyNot != "" {
		beside = "not now: " + words.Line(o.WhyNot)
	}
	m.choice(p, i, words.Line(o.Title), beside)
}

func (m *home) drawSession(p *page, i int, s checklist.Summary) {
	l := m.look
	if s.Problem != "" {
		m.choice(p, i, words.Line(s.Title), "cannot be read")
		p.hanging(l.bad, spaces(choiceIndent), spaces(choiceIndent), s.Problem)
		return
	}
	if s.Outcome != "" {
		m.choice(p, i, words.Line(s.Title), fmt.Sprintf("%s, opened %s, %d of %d settled", words.Kind(s.Outcome), words.Date(s.Opened), s.Settled, s.Total))
		return
	}
	beside := fmt.Sprintf("day %d of %d, %d of %d settled", s.Day, s.LastDay, s.Settled, s.Total)
	if s.LastDay == 0 {
		beside = fmt.Sprintf("%d of %d settled", s.Settled, s.Total)
	}
	if s.Holder != "" {
		beside += ", driven by " + words.Line(s.Holder)
	}
	m.choice(p, i, words.Line(s.Title), beside)
	next := "every item is settled: open it to finish"
	if s.Next != "" {
		next = "next: " + words.Line(s.Next)
	}
	if s.Opens.After(m.drawn) {
		next += ", opens " + words.Moment(s.Opens) + ", " + words.Until(s.Opens, m.drawn)
	} else if s.Why != "" {
		next += " (" + words.Line(s.Why) + ")"
	}
	p.hanging(l.accent, spaces(choiceIndent), spaces(choiceIndent), next)
}
