package ui

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"keyturn/checklist"
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
