package ui

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"keyturn/ui/words"
)

const blanks = "                                                                                "

func spaces(n int) string {
	if n <= 0 {
		return ""
	}
	if n <= len(blanks) {
		return blanks[:n]
	}
	return strings.Repeat(" ", n)
}

// width returns the cells that a text takes. Most texts are plain ASCII, for
// which counting bytes is enough.
func width(text string) int {
	for i := range len(text) {
		if c := text[i]; c >= 0x80 || c < ' ' {
			return ansi.StringWidth(text)
		}
	}
	return len(text)
}

// fit makes a text exactly w cells wide, by cutting or by filling up.
func (l *look) fit(text string, w int) string {
	if w <= 0 {
		return ""
	}
	n := width(text)
	if n > w {
		text = ansi.Truncate(text, w, l.ellipsis)
		n = width(text)
	}
	return text + spaces(w-n)
}

// ends puts one text at each end of a row of w cells. The left one is cut when
// both do not fit.
func (l *look) ends(left, right string, w int) string {
	r := width(right)
	if r == 0 || r+1 >= w {
		return l.fit(left, w)
	}
	return l.fit(left, w-r-1) + " " + right
}

// titleRoom is how long the title of a rule of w cells may be.
func titleRoom(w int) int { return w - 6 }

// rule draws a horizontal line of w cells with a title in it.
func (l *look) rule(line style, title string, titled style, w int) string {
	if title == "" {
		return line.paint(strings.Repeat(l.horizontal, max(0, w)))
	}
	title = l.cut(title, titleRoom(w))
	rest := w - 4 - width(title)
	return line.paint(strings.Repeat(l.horizontal, 2)) + " " + titled.paint(title) + " " +
		line.paint(strings.Repeat(l.horizontal, max(0, rest)))
}

// cut shortens a text to at most w cells.
func (l *look) cut(text string, w int) string {
	if width(text) <= w {
		return text
	}
	return ansi.Truncate(text, max(0, w), l.ellipsis)
}

// bar draws how much of a whole is done.
func (l *look) bar(done, total, w int) string {
	if total <= 0 || w <= 0 {
		return ""
	}
	n := min(w, max(0, done*w/total))
	return l.good.paint(strings.Repeat(l.filled, n)) + l.line.paint(strings.Repeat(l.empty, w-n))
}

// window returns h rows of w cells from lines, starting at top.
func (l *look) window(lines []string, top, w, h int) []string {
	rows := make([]string, 0, h)
	for i := top; i < len(lines) && len(rows) < h; i++ {
		rows = append(rows, l.fit(lines[i], w))
	}
	for len(rows) < h {
		rows = append(rows, spaces(w))
	}
	return rows
}

// page collects the lines of a text panel, wrapped to its width.
type page struct {
	*look
	w     int
	lines []string
}

const indent = 2

func (l *look) page(w int) *page { return &page{look: l, w: max(10, w)} }

// gap leaves one line free, once.
func (p *page) gap() {
	if n := len(p.lines); n > 0 && p.lines[n-1] != "" {
		p.lines = append(p.lines, "")
	}
}

func (p *page) heading(text string) {
	p.gap()
	p.lines = append(p.lines, p.strong.paint(p.cut(words.Line(text), p.w)))
}

// text adds a paragraph. Lines that the text has itself are kept.
func (p *page) text(s style, text string) { p.hanging(s, "", "", text) }

// hanging adds a paragraph whose first line begins with a mark, and whose
// other lines begin under its text.
func (p *page) hanging(s style, mark, markWidth, text string) {
	room := p.w - width(markWidth)
	for i, line := range strings.Split(words.Clean(text), "\n") {
		for j, part := range words.Wrap(line, room) {
			lead := mark
			if i+j > 0 {
				lead = spaces(width(markWidth))
			}
			p.lines = append(p.lines, lead+paintText(s, part))
		}
	}
}

// paintText leaves an empty line empty, so that gap sees it.
func paintText(s style, text string) string {
	if text == "" {
		return ""
	}
	return s.paint(text)
}

// item adds a paragraph behind a sign.
func (p *page) item(sign style, glyph string, s style, text string) {
	p.hanging(s, sign.paint(glyph)+" ", glyph+" ", text)
}

// command adds a command as it would be typed. One that takes several lines
// can be selected and run as it stands; a word that is too long for a line is
// cut only on the screen, and the copy key takes it whole.
func (p *page) command(text string) {
	room := p.w - indent
	for _, line := range words.Command(text, room) {
		for _, part := range words.Break(line, room) {
			p.lines = append(p.lines, spaces(indent)+paintText(p.muted, part))
		}
	}
}

// pairColumn is how wide the names of pairs are.
const pairColumn = 14

func (p *page) pair(name, value string) {
	if value == "" {
		return
	}
	p.hanging(style{}, p.muted.paint(p.fit(name, pairColumn)), spaces(pairColumn), value)
}
