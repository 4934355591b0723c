package ui

import (
	"fmt"
	"time"

	"github.com/charmbracelet/bubbles/key"

	"keyturn/checklist"
	"keyturn/ui/words"
)

func (m *session) title(now time.Time) string {
	t := m.s.Checklist.Title
	if at := m.position(now); at != "" {
		t += ", " + at
	}
	return t
}

// position is "day 1 of 9", or how far the session has come.
func (m *session) position(now time.Time) string {
	switch last := m.s.Checklist.LastDay(); {
	case m.s.Outcome != "":
		return words.Kind(m.s.Outcome)
	case last > 0:
		return fmt.Sprintf("day %d of %d", m.s.Day(now), last)
	}
	settled, total := m.s.Settled()
	return fmt.Sprintf("%d of %d", settled, total)
}

func (m *session) reference() string { return m.s.ID() }

func (m *session) keys() []key.Binding {
	k := m.keymap
	browse := []key.Binding{as(k.Down, "browse")}
	if m.detail.copies {
		browse = append(browse, k.Copy)
	}
	if m.detail.overflows() {
		browse = append(browse, as(k.PageDown, "scroll"))
	}
	browse = append(browse, as(k.About, "about"), k.Focus)
	if m.s.Outcome != "" {
		return append([]key.Binding{as(k.Do, "how it ended")}, browse...)
	}
	if m.holder != "" {
		return append([]key.Binding{k.Refresh}, browse...)
	}
	if m.host.current() != nil {
		return append([]key.Binding{as(k.Interrupt, "cancel")}, browse...)
	}
	now := m.now()
	var keys []key.Binding
	ahead := m.outlook(now)
	switch {
	case !ahead.more:
		keys = append(keys, as(k.Do, "finish"))
	case m.s.State(ahead.next.ID).Status == checklist.StatusFailed:
		keys = append(keys, as(k.Do, "try again"))
	default:
		keys = append(keys, k.Do)
	}
	if m.sandbox && ahead.opens.After(now) {
		keys = append(keys, k.Turn)
	}
	if m.canRepeat(m.item()) {
		keys = append(keys, k.Again)
	} else if _, ok := m.reopens(m.item()); ok {
		keys = append(keys, as(k.Again, "open again"))
	}
	if _, ok := m.s.AskAgain(ahead.closed); ok {
		keys = append(keys, k.AskAgain)
	}
	if ahead.more && !ahead.next.Required {
		keys = append(keys, k.PassOver)
	}
	if len(m.overridable(now)) > 0 {
		keys = append(keys, k.Override)
	}
	return append(append(keys, k.Note), browse...)
}

// status says what comes next, or why nothing does.
func (m *session) status(now time.Time) string {
	l := m.look
	if why := m.readOnly(); why != "" {
		return l.warn.paint(why)
	}
	ahead := m.outlook(now)
	if !ahead.more {
		return l.good.paint("every item is settled; enter ends the session")
	}
	text, opens := "next: "+words.Line(ahead.next.Title), ahead.opens
	switch {
	case opens.After(now) && m.sandbox:
		return l.warn.paint(text + ", opens " + words.Until(opens, now) + "; f turns the clock there")
	case opens.After(now):
		return l.warn.paint(text + ", opens " + words.Until(opens, now) + ", " + words.Moment(opens))
	case !ahead.putOff.IsZero():
		return l.warn.paint(text + ", " + putOffIn(ahead.putOff, now))
	case m.s.State(ahead.next.ID).Status == checklist.StatusFailed:
		return l.bad.paint(text + " (failed)")
	}
	return l.accent.paint(text)
}

func (m *session) rows(now time.Time) []string {
	if m.w >= twoColumns {
		return m.sideBySide(now)
	}
	return m.stacked(now)
}

func (m *session) sideBySide(now time.Time) []string {
	left := max(44, min(64, m.w*2/5))
	right := m.w - left - 1
	list := m.listRows(now, left, m.h)
	detail := m.detailRows(now, right, m.h)
	line := m.look.line.paint(m.look.vertical)
	rows := make([]string, m.h)
	for i := range rows {
		rows[i] = list[i] + line + detail[i]
	}
	return rows
}

// stacked puts the detail under the list, and gives most of the room to the
// one that has the focus. While something is asked, that is the detail.
func (m *session) stacked(now time.Time) []string {
	top := max(3, (m.h-1)*2/5)
	if m.focus == onDetail || m.h < 17 {
		top = min(3, m.h-1)
	}
	rows := m.listRows(now, m.w, top)
	if top < m.h {
		rows = append(rows, m.look.rule(m.look.line, "", style{}, m.w))
	}
	return append(rows, m.detailRows(now, m.w, m.h-len(rows))...)
}
