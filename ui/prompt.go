package ui

import (
	"strconv"
	"strings"
	"time"

	"github.com/charmbracelet/bubbles/cursor"
	"github.com/charmbracelet/bubbles/key"
	"github.com/charmbracelet/bubbles/textarea"
	"github.com/charmbracelet/bubbles/textinput"
	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/lipgloss"
	"github.com/muesli/termenv"

	"keyturn/checklist"
	"keyturn/ui/words"
)

const (
	writeRows = 3
	writeMost = 16000 // characters; a signature with its text fits
)

// prompt asks one question in a sheet at the bottom, so that what it is about
// stays in sight above.
type prompt struct {
	id int // of a task's question; 0 for the screen's own
	q  checklist.Question
	// answered gets the answer, or checklist.ErrCancelled.
	answered func(answer string, err error) tea.Cmd

	keymap  keymap
	host    host
	yes     bool
	choice  int
	line    textinput.Model // Type
	area    textarea.Model  // Write
	problem string          // what is wrong with the answer
	top     int             // first line of the body in sight

	body   []string
	bodyW  int
	shown  int // rows of the body in sight
	bodyOf *look
}

func newPrompt(q checklist.Question, l *look, k keymap, h host, answered func(string, error) tea.Cmd) *prompt {
	p := &prompt{q: q, keymap: k, host: h, answered: answered, yes: q.Default == checklist.Yes}
	for i, c := range q.Choices {
		if c.ID == q.Default {
			p.choice = i
		}
	}
	switch q.Kind {
	case checklist.Type:
		p.line = newLine(l)
	case checklist.Write:
		p.area = newArea(l)
		if q.Optional { // where an empty text is an answer, it cannot stand for the default
			p.area.SetValue(q.Default)
		} else {
			p.area.Placeholder = words.Clean(q.Default)
		}
	}
	return p
}

// plainStyle is a style without colour whose cursor can be seen.
func plainStyle(l *look) lipgloss.Style {
	r := lipgloss.NewRenderer(nil)
	r.SetColorProfile(termenv.Ascii)
	if l.attributes {
		r.SetColorProfile(termenv.ANSI)
	}
	r.SetHasDarkBackground(l.dark)
	return r.NewStyle()
}

func newLine(l *look) textinput.Model {
	m := textinput.New()
	s := plainStyle(l)
	m.Prompt = ""
	m.CharLimit = 200
	m.TextStyle, m.PromptStyle, m.PlaceholderStyle = s, s, s
	m.Cursor.Style, m.Cursor.TextStyle = s, s
	m.Cursor.SetMode(cursor.CursorStatic)
	m.Focus()
	return m
}

func newArea(l *look) textarea.Model {
	m := textarea.New()
	s := plainStyle(l)
	styles := textarea.Style{Base: s, CursorLine: s, CursorLineNumber: s, EndOfBuffer: s, LineNumber: s, Placeholder: s.Faint(true), Prompt: s, Text: s}
	m.FocusedStyle, m.BlurredStyle = styles, styles
	m.Cursor.Style, m.Cursor.TextStyle = s, s
	m.Cursor.SetMode(cursor.CursorStatic)
	m.Prompt = ""
	m.ShowLineNumbers = false
	m.EndOfBufferCharacter = ' '
	m.CharLimit = writeMost
	m.SetHeight(writeRows)
	m.Focus()
	return m
}

func (p *prompt) typing() bool {
	return p.q.Kind == checklist.Type || p.q.Kind == checklist.Write
}

// editing reports a key that scrolls elsewhere and edits text here: ctrl+u
// clears what stands before the cursor, such as a default.
func (p *prompt) editing(k tea.KeyMsg) bool { return p.typing() && k.Type == tea.KeyCtrlU }

// scrolls reports whether the body is longer than its window.
func (p *prompt) scrolls() bool { return len(p.body) > p.shown }

// update

func (p *prompt) update(msg tea.Msg) (tea.Cmd, bool) {
	k, ok := msg.(tea.KeyMsg)
	if !ok {
		return p.edit(msg), false
	}
	switch {
	case key.Matches(k, p.keymap.Leave):
		return p.answered("", checklist.ErrCancelled), true
	case key.Matches(k, p.keymap.CopyText) && p.q.Copy != "":
		return p.host.copyText(p.q.Copy), false
	case p.scrolls() && !p.editing(k) && key.Matches(k, p.keymap.PageUp):
		p.top = max(0, p.top-p.shown)
		return nil, false
	case p.scrolls() && key.Matches(k, p.keymap.PageDown):
		p.top = min(len(p.body)-p.shown, p.top+p.shown)
		return nil, false
	}
	switch p.q.Kind {
	case checklist.Confirm:
		return p.confirm(k)
	case checklist.Choose:
		return p.choose(k)
	case checklist.Type:
		return p.typeExactly(k)
	}
	return p.write(k)
}

func (p *prompt) confirm(k tea.KeyMsg) (tea.Cmd, bool) {
	switch {
	case key.Matches(k, p.keymap.Yes):
		return p.answered(checklist.Yes, nil), true
	case key.Matches(k, p.keymap.No):
		return p.answered(checklist.No, nil), true
	case key.Matches(k, p.keymap.Switch):
		p.yes = !p.yes
	case key.Matches(k, p.keymap.Accept):
		answer := checklist.No
		if p.yes {
			answer = checklist.Yes
		}
		return p.answered(answer, nil), true
	}
	return nil, false
}

func (p *prompt) choose(k tea.KeyMsg) (tea.Cmd, bool) {
	n := len(p.q.Choices)
	if n == 0 {
		return nil, false
	}
	switch {
	case key.Matches(k, p.keymap.Up):
		p.choice = (p.choice + n - 1) % n
	case key.Matches(k, p.keymap.Down), key.Matches(k, p.keymap.Focus):
		p.choice = (p.choice + 1) % n
	case key.Matches(k, p.keymap.Number):
		if i, err := strconv.Atoi(k.String()); err == nil && i <= n {
			p.choice = i - 1
		}
	case key.Matches(k, p.keymap.Accept):
		return p.answered(p.q.Choices[p.choice].ID, nil), true
	}
	return nil, false
}

// typeExactly takes no white space away: what is typed must be the text.
func (p *prompt) typeExactly(k tea.KeyMsg) (tea.Cmd, bool) {
	if !key.Matches(k, p.keymap.Accept) {
		p.problem = ""
		return p.edit(k), false
	}
	if p.line.Value() == p.q.Expect {
		return p.answered(p.q.Expect, nil), true
	}
	p.problem = "that is not " + p.q.Expect
	return nil, false
}

func (p *prompt) write(k tea.KeyMsg) (tea.Cmd, bool) {
	switch {
	case key.Matches(k, p.keymap.NewLine):
		p.area.InsertRune('\n')
		return nil, false
	case p.offers() && key.Matches(k, p.keymap.Focus):
		p.area.SetValue(p.q.Default)
		return nil, false
	case !key.Matches(k, p.keymap.Accept):
		p.problem = ""
		return p.edit(k), false
	case p.q.Block.Unfinished(p.area.Value()): // a terminal that does not mark what is pasted
		p.area.InsertRune('\n')
		return nil, false
	}
	text := strings.TrimSpace(p.area.Value())
	if p.offers() {
		text = p.q.Default
	}
	if text == "" && !p.q.Optional {
		p.problem = "write something, or leave with esc"
		return nil, false
	}
	return p.answered(text, nil), true
}

// offers reports whether enter takes the default, which stands where the text
// will.
func (p *prompt) offers() bool { return p.area.Placeholder != "" && p.area.Value() == "" }

func (p *prompt) edit(msg tea.Msg) tea.Cmd {
	var cmd tea.Cmd
	switch p.q.Kind {
	case checklist.Type:
		p.line, cmd = p.line.Update(msg)
	case checklist.Write:
		p.area, cmd = p.area.Update(msg)
	}
	return cmd
}

// view

// sheet returns how many rows the prompt needs, at most most.
func (p *prompt) sheet(l *look, w, most int) int {
	p.wrap(l, w)
	return min(most, 1+len(p.body)+p.controlRows(l, w)+p.clockRows())
}

// clockRows is the row of the time that is left, if there is one.
func (p *prompt) clockRows() int {
	if p.q.Until.IsZero() {
		return 0
	}
	return 1
}

// clock says how much is left of the time that the body speaks of.
func (p *prompt) clock(l *look) string {
	left := p.q.Until.Sub(p.host.realNow()).Round(time.Second)
	if left <= 0 {
		return l.warn.paint("The time is over.")
	}
	return l.muted.paint(words.Duration(left) + " left")
}

func (p *prompt) controlRows(l *look, w int) int {
	switch p.q.Kind {
	case checklist.Choose:
		return len(p.choices(l, w))
	case checklist.Write:
		return writeRows + 1
	case checklist.Type:
		return 2
	}
	return 1
}

func (p *prompt) wrap(l *look, w int) {
	if p.bodyW == w && p.bodyOf == l {
		return
	}
	p.bodyW, p.bodyOf, p.body = w, l, nil
	page := l.page(min(w-4, 100))
	if width(words.Line(p.q.Title)) > titleRoom(w) { // the rule cannot hold it
		page.text(l.bold, p.q.Title)
	}
	if p.q.Body != "" {
		page.text(style{}, p.q.Body)
	}
	page.gap()
	p.body = page.lines
	p.line.Width = min(60, w-8)
	if p.q.Kind == checklist.Write {
		p.area.SetWidth(min(w-4, 100))
	}
}

func (p *prompt) rows(l *look, w, h int) []string {
	p.wrap(l, w)
	line := l.accent
	if p.q.Kind == checklist.Type {
		line = l.danger
	}
	rows := make([]string, 0, h)
	rows = append(rows, l.rule(line, words.Line(p.q.Title), l.bold, w))
	p.shown = max(0, min(len(p.body), h-1-p.controlRows(l, w)-p.clockRows()))
	if p.scrolls() {
		p.shown = max(0, p.shown-1) // a row that says so: what is out of sight must not be missed
	}
	p.top = max(0, min(p.top, len(p.body)-p.shown))
	for _, text := range p.body[p.top : p.top+p.shown] {
		rows = append(rows, l.fit("  "+text, w))
	}
	if rest := len(p.body) - p.top - p.shown; p.scrolls() && rest > 0 {
		rows = append(rows, l.fit("  "+l.muted.paint(words.Count(rest, "more line")+", pgdn"), w))
	} else if p.scrolls() {
		rows = append(rows, l.fit("  "+l.muted.paint(words.Count(p.top, "line")+" above, pgup"), w))
	}
	if p.clockRows() > 0 && len(rows) < h {
		rows = append(rows, l.fit("  "+p.clock(l), w))
	}
	for _, text := range p.controls(l, w) {
		if len(rows) < h {
			rows = append(rows, l.fit("  "+text, w))
		}
	}
	for len(rows) < h {
		rows = append(rows, spaces(w))
	}
	return rows
}

func (p *prompt) controls(l *look, w int) []string {
	switch p.q.Kind {
	case checklist.Confirm:
		return []string{p.option(l, "Yes", p.yes) + "   " + p.option(l, "No", !p.yes)}
	case checklist.Choose:
		return p.choices(l, w)
	case checklist.Type:
		return []string{l.danger.paint(l.cursor) + " " + p.line.View(), l.bad.paint(p.problem)}
	}
	below := l.bad.paint(p.problem)
	if p.offers() {
		below = l.muted.paint("enter takes this, tab changes it, typing replaces it")
	}
	return append(strings.Split(p.area.View(), "\n"), below)
}

// choices lists what can be chosen, in full.
func (p *prompt) choices(l *look, w int) []string {
	page := l.page(min(w-4, 110))
	for i, c := range p.q.Choices {
		number := strconv.Itoa(i+1) + "  "
		mark, s := "  "+number, style{}
		if i == p.choice {
			mark, s = l.strong.paint(l.cursor+" "+number), l.strong
		}
		page.hanging(s, mark, "  "+number, words.Line(c.Label))
		if c.Help != "" {
			page.hanging(l.muted, spaces(2+len(number)), "  "+number, words.Line(c.Help))
		}
	}
	return page.lines
}

func (p *prompt) option(l *look, text string, chosen bool) string {
	if chosen {
		return l.strong.paint(l.cursor) + " " + l.strong.paint(text)
	}
	return "  " + text
}

func (p *prompt) keys() []key.Binding {
	keys := []key.Binding{}
	switch p.q.Kind {
	case checklist.Confirm:
		keys = append(keys, p.keymap.Yes, p.keymap.No, p.keymap.Switch, p.keymap.Accept)
	case checklist.Choose:
		keys = append(keys, as(p.keymap.Down, "choose"), p.keymap.Accept)
	case checklist.Write:
		keys = append(keys, p.keymap.Accept, p.keymap.NewLine)
	default:
		keys = append(keys, p.keymap.Accept)
	}
	if p.q.Copy != "" {
		keys = append(keys, p.keymap.CopyText)
	}
	keys = append(keys, p.keymap.Leave)
	if p.scrolls() {
		keys = append(keys, as(p.keymap.PageDown, "scroll"))
	}
	return keys
}
