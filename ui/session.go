package ui

import (
	"context"
	"errors"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"

	"keyturn/checklist"
	"keyturn/ui/words"
)

// state

// focus is the panel that the arrow keys move.
type focus int

const (
	onItems focus = iota
	onDetail
)

// twoColumns is the least width at which the panels lie side by side.
const twoColumns = 100

// session shows one checklist being carried out.
type session struct {
	host    host
	look    *look
	keymap  keymap
	desk    Desk
	engine  *checklist.Engine
	sandbox bool
	direct  bool // opened from the command line: q leaves the program

	s       *checklist.Session // a snapshot, replaced as a whole
	version int                // counts the snapshots
	holder  string             // who drives the session, if not us
	clock   clock
	items   []checklist.Item

	cursor int
	focus  focus
	notice notice
	ahead  outlook

	list   itemList
	detail detail
	w, h   int
}

// notice is a message about one item that is in no journal, such as a gate
// that was found closed.
type notice struct {
	item, text, hint string
	tone             tone
}

// messages

// reopened brings a new engine for a session that somebody else drives.
type reopened struct {
	engine *checklist.Engine
	err    error
}

// model

func newSession(h host, l *look, k keymap, desk Desk, e *checklist.Engine, sandbox bool) *session {
	m := &session{host: h, look: l, keymap: k, desk: desk, sandbox: sandbox}
	m.take(e)
	if next, ok := m.s.Next(); ok {
		m.selectItem(next.ID)
	}
	return m
}

func (m *session) take(e *checklist.Engine) {
	m.engine, m.holder = e, e.Holder()
	m.clock = clock{e.Now(), m.host.realNow()}
	m.replace(e.Session())
}

func (m *session) replace(s *checklist.Session) {
	m.s = s
	m.version++
	m.items = s.Checklist.Items()
}

func (m *session) resize(w, h int) { m.w, m.h = w, h }

func (m *session) selectItem(id string) {
	for i, item := range m.items {
		if item.ID == id {
			m.move(i)
		}
	}
}

func (m *session) move(to int) {
	to = max(0, min(to, len(m.items)-1))
	if to != m.cursor {
		m.cursor = to
		m.detail.top = 0
	}
}

// item returns the item under the cursor.
func (m *session) item() checklist.Item {
	if m.cursor < len(m.items) {
		return m.items[m.cursor]
	}
	return checklist.Item{}
}

// outlook is what comes next and what it waits for, at one second.
type outlook struct {
	version int
	second  int64
	next    checklist.Item
	more    bool // there is a next item
	closed  []checklist.Closed
	opens   time.Time // when time alone opens it; zero for now or never
	putOff  time.Time // when the others wait for it no longer; zero for never
}

// outlook judges the gates once a second at most, since an approval's gate
// hashes the whole checklist.
func (m *session) outlook(now time.Time) *outlook {
	o := &m.ahead
	if o.version == m.version && o.second == now.Unix() {
		return o
	}
	*o = outlook{version: m.version, second: now.Unix()}
	if o.next, o.more = m.s.Next(); o.more {
		o.closed = m.s.Closed(o.next, now)
		o.opens = m.s.NextOpens(now)
		o.putOff = m.s.PutOffAt(o.next)
	}
	return o
}

func (m *session) now() time.Time { return m.clock.now(m.host.realNow()) }

// readOnly says why nothing can be done here, and is empty when it can.
func (m *session) readOnly() string {
	switch {
	case m.holder != "":
		return "read-only: driven by " + words.Line(m.holder)
	case m.s.Outcome != "":
		return "this session is " + words.Kind(m.s.Outcome)
	}
	return ""
}

func (m *session) deadline() (time.Time, bool) {
	if m.s.Outcome != "" {
		return time.Time{}, false
	}
	return m.s.Deadline()
}

// update

func (m *session) update(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case batch:
		if !msg.now.IsZero() {
			m.clock = clock{msg.now, m.host.realNow()}
		}
		if msg.session != nil && msg.session.ID() == m.s.ID() {
			m.replace(msg.session)
		}
	case reopened:
		if msg.err != nil {
			m.host.say(bad, withHint(msg.err))
			return nil
		}
		m.take(msg.engine)
		m.host.say(plain, "read again")
	case tea.KeyMsg:
		return m.press(msg)
	}
	return nil
}

func (m *session) press(k tea.KeyMsg) tea.Cmd {
	if m.browse(k) {
		return nil
	}
	switch {
	case key.Matches(k, m.keymap.Quit, m.keymap.Back):
		return m.leave(key.Matches(k, m.keymap.Quit))
	case key.Matches(k, m.keymap.Copy):
		return m.copy()
	case key.Matches(k, m.keymap.About):
		m.host.show(m.about())
	case key.Matches(k, m.keymap.Refresh):
		return m.refresh()
	case key.Matches(k, m.keymap.Do, m.keymap.Again, m.keymap.AskAgain, m.keymap.Note, m.keymap.PassOver, m.keymap.Override, m.keymap.Turn, m.keymap.Abandon):
		return m.act(k)
	}
	return nil
}

// browse moves through the panels and reports whether the key was for that.
func (m *session) browse(k tea.KeyMsg) bool {
	switch {
	case key.Matches(k, m.keymap.Focus):
		m.focus = onDetail - m.focus
	case key.Matches(k, m.keymap.ToItems):
		m.focus = onItems
	case key.Matches(k, m.keymap.ToText):
		m.focus = onDetail
	case key.Matches(k, m.keymap.PageUp):
		m.detail.scroll(-m.detail.page())
	case key.Matches(k, m.keymap.PageDown):
		m.detail.scroll(m.detail.page())
	case m.focus == onDetail && key.Matches(k, m.keymap.Up):
		m.detail.scroll(-1)
	case m.focus == onDetail && key.Matches(k, m.keymap.Down):
		m.detail.scroll(1)
	case m.focus == onDetail && key.Matches(k, m.keymap.Top):
		m.detail.top = 0
	case m.focus == onDetail && key.Matches(k, m.keymap.Bottom):
		m.detail.scroll(len(m.detail.lines))
	case key.Matches(k, m.keymap.Up):
		m.move(m.cursor - 1)
	case key.Matches(k, m.keymap.Down):
		m.move(m.cursor + 1)
	case key.Matches(k, m.keymap.Top):
		m.move(0)
	case key.Matches(k, m.keymap.Bottom):
		m.move(len(m.items) - 1)
	default:
		return false
	}
	return true
}

// act does what changes the session.
func (m *session) act(k tea.KeyMsg) tea.Cmd {
	if why := m.readOnly(); why != "" {
		if m.s.Outcome != "" && key.Matches(k, m.keymap.Do) {
			m.recall()
			return nil
		}
		m.host.say(warn, why)
		return nil
	}
	if r := m.host.current(); r != nil {
		m.host.say(warn, r.name+" is under way; ctrl+c cancels it")
		return nil
	}
	switch {
	case key.Matches(k, m.keymap.Do):
		m.doNext()
	case key.Matches(k, m.keymap.Again):
		m.again()
	case key.Matches(k, m.keymap.AskAgain):
		m.askAgain()
	case key.Matches(k, m.keymap.Note):
		m.askNote()
	case key.Matches(k, m.keymap.PassOver):
		m.askPassOver()
	case key.Matches(k, m.keymap.Override):
		m.askOverride()
	case key.Matches(k, m.keymap.Turn):
		m.turn()
	case key.Matches(k, m.keymap.Abandon):
		m.askAbandon()
	}
	return nil
}

func (m *session) leave(quit bool) tea.Cmd {
	if r := m.host.current(); r != nil {
		m.host.say(warn, r.name+" is under way; ctrl+c cancels it")
		return nil
	}
	if !quit && m.focus == onDetail {
		m.focus = onItems
		return nil
	}
	if quit && m.direct {
		return m.host.quit()
	}
	return m.host.home()
}

// ran is called when an item's task has ended.
func (m *session) ran(item checklist.Item, err error) tea.Cmd {
	m.notice = notice{}
	m.detail.top = 0
	var notYet *checklist.NotYet
	var gate *checklist.GateError
	var putOff *checklist.PutOff
	switch {
	case err == nil:
		m.host.say(good, item.Title+": passed")
		m.finish()
	case errors.As(err, &notYet):
		m.host.say(plain, item.Title+" needs more time")
	case errors.As(err, &gate):
		m.host.say(warn, item.Title+" cannot be done yet")
	case errors.As(err, &putOff):
		m.host.say(warn, item.Title+" is put off; "+putOff.Hint())
	case left(err):
		m.host.say(plain, item.Title+" was left; enter takes it up again")
	default:
		m.host.say(bad, item.Title+" did not pass")
		if m.s.State(item.ID).Status != checklist.StatusFailed { // else the journal has it
			m.notice = notice{item: item.ID, text: err.Error(), hint: checklist.Hint(err), tone: bad}
		}
	}
	return nil
}

// said is called when a task that did no item has ended.
func (m *session) said(ok string) func(error) tea.Cmd {
	return func(err error) tea.Cmd {
		switch {
		case err == nil:
			m.host.say(good, ok)
			m.finish()
		case left(err):
			m.host.say(plain, "nothing was changed")
		default:
			m.host.say(bad, err.Error())
			m.notice = notice{item: m.item().ID, text: err.Error(), hint: checklist.Hint(err), tone: bad}
		}
		return nil
	}
}

// view

// commands

func (m *session) doNext() {
	next, ok := m.s.Next()
	if !ok {
		m.finish()
		return
	}
	m.do(next)
}

func (m *session) do(item checklist.Item) {
	m.selectItem(item.ID)
	m.notice = notice{}
	m.detail.top = 0
	m.host.run(task{
		name: item.Title, item: item.ID, engine: m.engine,
		do: func(ctx context.Context, op checklist.Operator) error {
			return m.engine.Run(ctx, item.ID, op)
		},
		done: func(err error) tea.Cmd { return m.ran(item, err) },
	})
}

// finish ends the session once every item is settled.
func (m *session) finish() {
	if _, more := m.s.Next(); more || m.s.Outcome != "" {
		return
	}
	m.host.run(task{
		name: "Finish", engine: m.engine,
		do: m.engine.Finish,
		done: func(err error) tea.Cmd {
			if err != nil {
				return m.said("")(err)
			}
			m.host.show(m.closing(m.exported()))
			return nil
		},
	})
}

// resume compares the outside with what the session saw last.
func (m *session) resume() {
	resumed := "resumed; nothing has changed outside"
	if !m.engine.Observes() {
		resumed = "resumed; what others changed outside cannot be seen"
	}
	if m.readOnly() != "" {
		return
	}
	m.host.run(task{
		name: "Look for drift", engine: m.engine,
		do:   m.engine.Resume,
		done: m.said(resumed),
	})
}

// refresh takes a new snapshot, or opens the session again when somebody else
// writes to it.
func (m *session) refresh() tea.Cmd {
	if m.holder == "" {
		if m.host.current() == nil {
			m.take(m.engine)
			m.host.say(plain, "read again")
		}
		return nil
	}
	desk, old, id := m.desk, m.engine, m.s.ID()
	return m.host.aside("opening the session again", func(ctx context.Context) tea.Msg {
		e, err := desk.Open(ctx, id)
		if err == nil {
			_ = old.Close() // it was only read
		}
		return reopened{e, err}
	})
}
