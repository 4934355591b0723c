package ui

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"keyturn/checklist"
	"keyturn/ui/words"
)

// state

// home shows the keys, the sessions, and what can be started.
type home struct {
	host   host
	look   *look
	keymap keymap
	desk   Desk // nil until it is loaded

	overview checklist.Overview
	known    bool // overview has been read
	asked    int  // number of the last reading asked for
	clock    clock
	err      error // why the desk or the overview is not there
	sandbox  bool
	service  string
	start    string // what to open at once

	entries  []entry
	lines    []int  // where each of entries was drawn
	returned string // the session that was just left
	cursor   int
	top      int
	w, h     int
	drawn    time.Time // the time in the frame being drawn
	direct   bool      // the session that Start names is being opened
}

// entry is a line that can be opened: a session, or a checklist to start.
type entry struct {
	session *checklist.Summary
	offer   *checklist.Offer
	number  int // the key that opens it, from 1; above 9 there is none
}

// clock tells a time that was read once and goes on at the real pace.
type clock struct{ base, at time.Time }

func (c clock) now(realNow time.Time) time.Time {
	if c.base.IsZero() {
		return realNow
	}
	return c.base.Add(realNow.Sub(c.at))
}

// messages

// loaded says that the desk is there, or why not.
type loaded struct {
	desk Desk
	err  error
}

// overviewRead carries the answer to the reading of that number.
type overviewRead struct {
	number   int
	overview checklist.Overview
	err      error
}

// closed says that a session could not be closed.
type closed struct{ err error }

// model

func newHome(h host, l *look, k keymap, o Options) *home {
	return &home{host: h, look: l, keymap: k, sandbox: o.Sandbox, service: o.Service, start: o.Start}
}

func (m *home) now() time.Time { return m.clock.now(m.host.realNow()) }

func (m *home) resize(w, h int) { m.w, m.h = w, h }

func (m *home) arrange() {
	m.entries = nil
	// The checklists have the first numbers, however many sessions there are: an
	// emergency must be found blindly.
	number := len(m.overview.Offers)
	add := func(s *checklist.Summary) {
		number++
		m.entries = append(m.entries, entry{session: s, number: number})
	}
	for i := range m.overview.Sessions {
		if s := &m.overview.Sessions[i]; s.Outcome == "" {
			add(s)
		}
	}
	for i := range m.overview.Offers {
		m.entries = append(m.entries, entry{offer: &m.overview.Offers[i], number: i + 1})
	}
	for i := range m.overview.Sessions {
		if s := &m.overview.Sessions[i]; s.Outcome != "" {
			add(s)
		}
	}
	for i, e := range m.entries {
		if e.session != nil && e.session.ID == m.returned {
			m.cursor = i
		}
	}
	m.returned = ""
	m.cursor = max(0, min(m.cursor, len(m.entries)-1))
}

// wants finds what Start asks for: a session by its id, a session of that
// checklist in progress, or the checklist itself.
func (m *home) wants() (entry, bool) {
	var found entry
	for _, e := range m.entries {
		switch {
		case e.session != nil && e.session.ID == m.start:
			return e, true
		case found != entry{}:
		case e.session != nil && e.session.Checklist == m.start && e.session.Outcome == "" && e.session.Problem == "":
			found = e
		case e.offer != nil && e.offer.Checklist == m.start:
			found = e
		}
	}
	return found, found != entry{}
}

// update

func (m *home) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case loaded:
		m.desk, m.err = msg.desk, msg.err
		return m.read()
	case overviewRead:
		return m.receive(msg)
	case closed:
		m.host.say(bad, "close the session: "+withHint(msg.err))
		return m.read()
	case tea.KeyMsg:
		return m.press(msg)
	}
	return nil
}

func (m *home) receive(msg overviewRead) tea.Cmd {
	if msg.number != m.asked {
		return nil // a later reading is on its way
	}
	m.err = msg.err
	if msg.err == nil {
		m.overview, m.known = msg.overview, true
		m.clock = clock{msg.overview.Now, m.host.realNow()}
		m.arrange()
	}
	if m.start == "" {
		return nil
	}
	wanted, ok := m.wants()
	if !ok {
		m.host.say(bad, fmt.Sprintf("there is no session or checklist %q", m.start))
	}
	m.start = ""
	if !ok {
		return nil
	}
	m.direct = true
	return m.open(wanted)
}

func (m *home) press(k tea.KeyMsg) tea.Cmd {
	switch {
	case key.Matches(k, m.keymap.Up):
		m.cursor = max(0, m.cursor-1)
	case key.Matches(k, m.keymap.Down):
		m.cursor = max(0, min(len(m.entries)-1, m.cursor+1))
	case key.Matches(k, m.keymap.Top, m.keymap.PageUp):
		m.cursor = 0
	case key.Matches(k, m.keymap.Bottom, m.keymap.PageDown):
		m.cursor = max(0, len(m.entries)-1)
	case key.Matches(k, m.keymap.Number):
		return m.openNumber(k.String())
	case key.Matches(k, m.keymap.Do):
		if m.cursor < len(m.entries) {
			return m.open(m.entries[m.cursor])
		}
	case key.Matches(k, m.keymap.Refresh) && m.desk == nil:
		return m.host.reload()
	case key.Matches(k, m.keymap.Refresh):
		return m.read()
	case key.Matches(k, m.keymap.Quit):
		return m.host.quit()
	}
	return nil
}

// openNumber opens the entry that has a number.
func (m *home) openNumber(number string) tea.Cmd {
	for i, e := range m.entries {
		if strconv.Itoa(e.number) == number {
			m.cursor = i
			return m.open(e)
		}
	}
	return nil
}

func (m *home) open(e entry) tea.Cmd {
	switch {
	case e.offer != nil && e.offer.WhyNot != "":
		m.host.say(warn, e.offer.Title+" cannot be started: "+e.offer.WhyNot)
	case e.offer != nil:
		m.begin(*e.offer)
	case e.session.Problem != "":
		m.host.say(bad, e.session.Title+" cannot be read: "+e.session.Problem)
	default:
		m.resume(*e.session)
	}
	return nil
}

// view

func (m *home) title(time.Time) string { return "home" }

// position is what the header says behind the service's name.
func (m *home) position(time.Time) string { return "" }

func (m *home) reference() string { return "" }

// deadline is the earliest of the sessions in progress: an emergency's hour runs
// on every screen.
func (m *home) deadline() (earliest time.Time, limited bool) {
	for _, s := range m.overview.Sessions {
		if !s.Deadline.IsZero() && (!limited || s.Deadline.Before(earliest)) {
			earliest, limited = s.Deadline, true
		}
	}
	return earliest, limited
}

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

// commands

// read asks for the overview.
func (m *home) read() tea.Cmd {
	if m.desk == nil {
		return nil
	}
	return m.host.aside("reading the overview", m.reading())
}

// reading returns what reads the overview; only the newest reading counts.
func (m *home) reading() func(context.Context) tea.Msg {
	m.asked++
	number, desk := m.asked, m.desk
	return func(ctx context.Context) tea.Msg {
		o, err := desk.Overview(ctx)
		return overviewRead{number, o, err}
	}
}

func (m *home) begin(o checklist.Offer) {
	var opened *checklist.Engine
	desk := m.desk
	m.host.run(task{
		name: "Start: " + o.Title,
		do: func(ctx context.Context, op checklist.Operator) (err error) {
			opened, err = desk.Begin(ctx, o.Checklist, op)
			return err
		},
		done: func(err error) tea.Cmd { return m.opened(opened, err, false) },
	})
}

func (m *home) resume(s checklist.Summary) {
	var opened *checklist.Engine
	desk := m.desk
	m.host.run(task{
		name: "Open: " + s.Title,
		do: func(ctx context.Context, _ checklist.Operator) (err error) {
			opened, err = desk.Open(ctx, s.ID)
			return err
		},
		done: func(err error) tea.Cmd { return m.opened(opened, err, true) },
	})
}

func (m *home) opened(e *checklist.Engine, err error, resumed bool) tea.Cmd {
	switch {
	case err == nil:
		m.host.enter(e, resumed)
	case left(err):
		m.direct = false
		m.host.say(plain, "nothing was started")
	default:
		m.direct = false
		m.host.say(bad, withHint(err))
	}
	return m.read()
}
