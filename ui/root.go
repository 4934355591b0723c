package ui

import (
	"context"
	"io"
	"time"

	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
)

// state

const (
	leastW, leastH = 60, 15

	toastTime = 5 * time.Second
	spinPace  = 250 * time.Millisecond
	clockPace = time.Second
	idlePace  = 20 * time.Second
	// splitEscape is how soon after an escape the rest of an arrow key's
	// sequence may come, on a slow line.
	splitEscape = 50 * time.Millisecond
)

// screen is home or a session.
type screen interface {
	update(tea.Msg) tea.Cmd
	resize(w, h int)
	rows(now time.Time) []string
	keys() []key.Binding
	status(now time.Time) string
	title(now time.Time) string
	position(now time.Time) string
	reference() string
	deadline() (time.Time, bool)
	now() time.Time
}

// overlay lies over the screen: a prompt or a card.
type overlay interface {
	// update returns true when the overlay is over.
	update(tea.Msg) (tea.Cmd, bool)
	// sheet returns the rows it needs at the bottom, or 0 for the whole room.
	sheet(l *look, w, most int) int
	rows(l *look, w, h int) []string
	keys() []key.Binding
	typing() bool
}

var (
	_ screen  = (*home)(nil)
	_ screen  = (*session)(nil)
	_ overlay = (*prompt)(nil)
	_ overlay = (*card)(nil)
	_ host    = (*root)(nil)
)

// root routes messages to overlays and screens, and draws what is around them.
type root struct {
	opts   Options
	ctx    context.Context // of all tasks; ends when the program does
	look   *look
	keymap keymap
	pump   *pump
	crew   *crew
	out    io.Writer // the terminal

	w, h     int
	desk     Desk
	homeView *home
	session  *session // nil at home
	overlays []overlay
	task     *running
	tasks    int
	toast    struct {
		tone  tone
		text  string
		until time.Time
	}

	lastEscape time.Time
	ticks      int // number of the tick that counts
	pace       time.Duration
	titled     string
	asks       bool // for the terminal's background
	leaving    bool
	pending    []tea.Cmd // commands of host calls, returned by the next Update

	result Result
	crash  *crash
}

// messages

// tick redraws what shows time. Only the newest one counts.
type tick struct{ number int }

// model

func newRoot(ctx context.Context, o Options, l *look, p *pump, c *crew, out io.Writer) *root {
	r := &root{opts: o, ctx: ctx, look: l, keymap: newKeymap(), pump: p, crew: c, out: out}
	r.homeView = newHome(r, l, r.keymap, o)
	return r
}

func (r *root) screen() screen {
	if r.session != nil {
		return r.session
	}
	return r.homeView
}

func (r *root) top() overlay {
	if n := len(r.overlays); n > 0 {
		return r.overlays[n-1]
	}
	return nil
}

func (r *root) realNow() time.Time { return r.opts.Now() }

// update

// Init loads the desk.
func (r *root) Init() tea.Cmd {
	cmds := []tea.Cmd{r.load(), r.after()}
	if r.asks {
		cmds = append(cmds, safe("asking for the background", func() tea.Msg {
			_, _ = io.WriteString(r.out, askBackground) // unanswered is the same as unasked
			return nil
		}))
	}
	return tea.Batch(cmds...)
}

// Update routes a message and keeps the clock going. A panic in it ends the
// program with the terminal restored.
func (r *root) Update(msg tea.Msg) (model tea.Model, cmd tea.Cmd) {
	defer func() {
		if recovered := recover(); recovered != nil {
			model, cmd = r, r.fail(crash{"the interface", stack()})
		}
	}()
	cmd = r.route(msg)
	return r, guarded(tea.Batch(cmd, r.after()))
}

func (r *root) route(msg tea.Msg) tea.Cmd {
	switch msg := msg.(type) {
	case tea.WindowSizeMsg:
		r.w, r.h = msg.Width, msg.Height
	case tea.KeyMsg:
		return r.press(msg)
	case batch:
		return r.receive(msg)
	case loaded:
		r.desk = msg.desk
		return r.homeView.update(msg)
	case overviewRead, closed:
		return r.homeView.update(msg)
	case copied:
		r.sayCopied(msg)
	case backgroundRead:
		r.look.setDark(msg.dark)
	case crash:
		return r.fail(msg)
	case tea.ResumeMsg:
		r.titled = ""
	case tick:
		if msg.number == r.ticks {
			r.pace = 0 // the next one is due to be set
		}
	default:
		return r.other(msg)
	}
	return nil
}

// other passes on what the root does not know.
func (r *root) other(msg tea.Msg) tea.Cmd {
	if top := r.top(); top != nil {
		cmd, _ := top.update(msg)
		return cmd
	}
	return r.screen().update(msg)
}

// receive takes what the pump brought, in the order in which it happened.
func (r *root) receive(b batch) tea.Cmd {
	if b.progress != nil && r.task != nil {
		r.task.progress = b.progress
	}
	var cmds []tea.Cmd
	if r.session != nil {
		cmds = append(cmds, r.session.update(b))
	}
	for _, q := range b.questions {
		r.put(q)
	}
	for _, id := range b.withdrawn {
		r.withdraw(id)
	}
	for _, e := range b.ended {
		if r.task == nil || r.task.id != e.task {
			continue
		}
		done := r.task.done
		r.task = nil
		cmds = append(cmds, done(e.err))
	}
	return tea.Batch(cmds...)
}

// press routes a key: what ends everything first, then the overlay, then the
// screen.
func (r *root) press(k tea.KeyMsg) tea.Cmd {
	if arrow, ok := r.lateArrow(k); ok {
		k = arrow
	}
	top := r.top()
	typing := top != nil && top.typing()
	if k.Type == tea.KeyRunes && len(k.Runes) > 1 && !typing {
		return r.split(k)
	}
	if k.Type == tea.KeyEsc {
		r.lastEscape = r.realNow()
	}
	r.toast.text = ""
	switch {
	case key.Matches(k, r.keymap.Interrupt):
		return r.interrupt()
	case key.Matches(k, r.keymap.Suspend):
		return r.suspend()
	case top != nil:
		return r.pressOver(top, k)
	case key.Matches(k, r.keymap.Help):
		r.show(r.help())
		return nil
	}
	return r.screen().update(k)
}

// pressOver gives a key to an overlay, and lets the text behind a sheet be
// scrolled meanwhile.
func (r *root) pressOver(top overlay, k tea.KeyMsg) tea.Cmd {
	if p, ok := top.(*prompt); ok && !p.scrolls() && !p.editing(k) && key.Matches(k, r.keymap.PageUp, r.keymap.PageDown) {
		return r.screen().update(k)
	}
	cmd, over := top.update(k)
	if over {
		r.remove(top)
	}
	return cmd
}

// split presses runes one by one: what is typed fast arrives as one message,
// which no binding matches. A paste is no pressing of keys.
func (r *root) split(k tea.KeyMsg) tea.Cmd {
	if k.Paste {
		return nil
	}
	var cmds []tea.Cmd
	for _, one := range k.Runes {
		cmds = append(cmds, r.press(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune{one}, Alt: k.Alt}))
	}
	return tea.Sequence(cmds...)
}

// lateArrow mends an arrow key whose escape arrived alone.
func (r *root) lateArrow(k tea.KeyMsg) (tea.KeyMsg, bool) {
	if k.Type != tea.KeyRunes || k.Paste || r.realNow().Sub(r.lastEscape) > splitEscape {
		return k, false
	}
	arrows := map[string]tea.KeyType{"[A": tea.KeyUp, "[B": tea.KeyDown, "[C": tea.KeyRight, "[D": tea.KeyLeft}
	t, ok := arrows[string(k.Runes)]
	return tea.KeyMsg{Type: t}, ok
}

// interrupt cancels the task under way, and quits when there is none or when
// asked twice.
func (r *root) interrupt() tea.Cmd {
	if t := r.task; t != nil && !t.cancelling {
		t.cancelling = true
		t.cancel()
		r.say(warn, "cancelling "+t.name+"; ctrl+c again quits")
		return nil
	}
	r.result.Interrupted = true
	return r.quit()
}

func (r *root) suspend() tea.Cmd {
	if !canSuspend() {
		r.say(warn, "there is no shell to return to")
		return nil
	}
	return tea.Suspend
}

func (r *root) fail(c crash) tea.Cmd {
	if r.crash == nil {
		r.crash = &c
	}
	r.leaving = true
	return tea.Quit
}

// after makes the commands that every Update may need: the next tick, the
// terminal's title, and what a host call left.
func (r *root) after() tea.Cmd {
	cmds := append(r.pending, r.nextTick(), r.setTitle())
	r.pending = nil
	return tea.Batch(cmds...)
}

// nextTick keeps one tick under way, as fast as what is on the screen needs.
func (r *root) nextTick() tea.Cmd {
	pace := idlePace
	switch _, limited := r.screen().deadline(); {
	case r.task != nil && r.look.motion && !r.task.asking:
		pace = spinPace
	case r.task != nil, limited, r.toast.text != "":
		pace = clockPace
	}
	if r.pace != 0 && r.pace <= pace {
		return nil
	}
	r.pace = pace
	r.ticks++
	number := r.ticks
	return tea.Tick(pace, func(time.Time) tea.Msg { return tick{number} })
}

func (r *root) setTitle() tea.Cmd {
	title := r.windowTitle(r.screen().now())
	if title == r.titled || r.leaving {
		return nil
	}
	r.titled = title
	return tea.SetWindowTitle(title)
}

// view

// View draws the frame. A panic in it shows as an empty screen, and ends the
// program.
func (r *root) View() (frame string) {
	defer func() {
		if recovered := recover(); recovered != nil {
			c := crash{"drawing", stack()}
			go r.crew.report(c) // the program waits for View, and cannot take a message now
		}
	}()
	if r.leaving || r.w == 0 || r.h == 0 {
		return ""
	}
	if r.w < leastW || r.h < leastH {
		return r.tooSmall()
	}
	return r.draw()
}

func (r *root) keys() []key.Binding {
	top := r.top()
	if top == nil {
		return r.screen().keys()
	}
	keys := top.keys()
	if p, ok := top.(*prompt); ok && !p.scrolls() && r.session != nil && r.session.detail.overflows() {
		keys = append(keys, as(r.keymap.PageDown, "scroll"))
	}
	return keys
}

// fixedKeys are at the right end of the help bar, however narrow it is.
func (r *root) fixedKeys() []key.Binding {
	switch top := r.top(); {
	case top != nil:
		return nil
	case r.session == nil || r.session.direct:
		return []key.Binding{r.keymap.Help, as(r.keymap.Quit, "quit")}
	}
	return []key.Binding{r.keymap.Help, as(r.keymap.Quit, "back")}
}

func (r *root) sandbox() bool {
	return r.opts.Sandbox || r.homeView.overview.Sandbox || r.session != nil && r.session.s.Opening.Sandbox
}

func (r *root) service() string {
	switch {
	case r.session != nil:
		return r.session.s.Setup().Service
	case r.homeView.known:
		return r.homeView.overview.Service
	}
	return r.opts.Service
}

func (r *root) sayCopied(c copied) {
	if c.err != nil {
		r.say(bad, c.err.Error())
		return
	}
	r.say(good, c.way)
}
