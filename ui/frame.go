package ui

import (
	"strings"
	"time"

	"keyturn/ui/words"
)

func (r *root) draw() string {
	now := r.screen().now()
	body := r.h - 4
	var over []string
	var rows []string
	top := r.top()
	if top != nil {
		n := top.sheet(r.look, r.w, body*2/3)
		if n == 0 {
			n = body
		}
		over = top.rows(r.look, r.w, n)
	}
	if room := body - len(over); room > 0 {
		r.screen().resize(r.w, room)
		rows = r.screen().rows(now)
	}
	var b strings.Builder
	b.Grow(r.w * r.h * 2)
	line := func(text string) {
		if b.Len() > 0 {
			b.WriteByte('\n')
		}
		b.WriteString(text)
	}
	line(r.header(now))
	line(r.ruleUnderHeader(top))
	for _, row := range rows {
		line(row)
	}
	for _, row := range over {
		line(row)
	}
	line(r.look.fit(" "+r.statusLine(now), r.w))
	line(r.look.fit(" "+r.look.helpBar(r.keys(), r.fixedKeys(), r.w-2), r.w))
	return b.String()
}

// header is the first row of every frame: whose world this is, what is being
// done, and when. Where room is short, the program's name and the day of the
// week go first.
func (r *root) header(now time.Time) string {
	l := r.look
	clock := "Mon 2 Jan 15:04 MST"
	left := r.headerLeft(now, l.strong.paint("keyturn"))
	right := ""
	if text, style := r.countdown(now); text != "" {
		right = style.paint(text) + "  "
	}
	if width(left)+width(right)+len(clock)+3 > r.w {
		clock = "2 Jan 15:04 MST"
		left = r.headerLeft(now, "")
	}
	if r.session == nil && !r.homeView.known { // the desk's time is not known
		return l.fit(left, r.w)
	}
	return l.ends(left, right+l.muted.paint(now.UTC().Format(clock))+" ", r.w)
}

func (r *root) headerLeft(now time.Time, name string) string {
	l := r.look
	parts := []string{name, words.Line(r.service())}
	if r.session != nil {
		parts = append(parts, l.bold.paint(words.Line(r.session.s.Checklist.Title)))
	}
	parts = append(parts, r.screen().position(now))
	left := ""
	for _, part := range parts {
		switch {
		case part == "":
		case left == "":
			left = " " + part
		default:
			left += l.muted.paint(" "+l.between+" ") + part
		}
	}
	if r.sandbox() {
		left = l.sandbox.paint(" SANDBOX ") + left
	}
	return left
}

// countdown says how much of a checklist's limit is left.
func (r *root) countdown(now time.Time) (string, style) {
	end, limited := r.screen().deadline()
	if !limited {
		return "", style{}
	}
	left := end.Sub(now)
	switch {
	case left < 0:
		return words.Countdown(left) + " over", r.look.danger
	case left < 15*time.Minute:
		return words.Countdown(left) + " left", r.look.warn
	}
	return words.Countdown(left) + " left", r.look.bold
}

func (r *root) ruleUnderHeader(top overlay) string {
	l := r.look
	line, w, mark := l.line, r.w, ""
	if r.sandbox() {
		const text = " sandbox: nothing here is real "
		line, w = l.sandboxLine, r.w-width(text)-2
		mark = line.paint(text + strings.Repeat(l.horizontal, 2))
	}
	title := words.Session(r.screen().reference(), titleRoom(w))
	if c, ok := top.(*card); ok {
		title = c.title()
	}
	return l.rule(line, title, l.muted, w) + mark
}

// statusLine is the row above the keys: a message, work under way, or what
// comes next.
func (r *root) statusLine(now time.Time) string {
	switch {
	case r.toast.text != "" && r.realNow().Before(r.toast.until):
		return r.toned(r.toast.tone, r.toast.text)
	case r.task != nil:
		return r.work()
	}
	return r.screen().status(now)
}

// work says what the task under way does, or that it waits for an answer.
func (r *root) work() string {
	l, t := r.look, r.task
	if t.asking {
		return l.warn.paint(l.next+" your answer is needed") + "  " + words.Line(t.name)
	}
	text := l.accent.paint(r.spin(t)+" "+t.verb()+" "+words.Duration(r.realNow().Sub(t.started))) + "  " + words.Line(t.name)
	if t.progress != nil && t.progress.Words != "" {
		text += l.muted.paint(" " + l.between + " " + words.Line(t.progress.Words))
	}
	return text
}

// spin returns the sign of work under way.
func (r *root) spin(t *running) string {
	l := r.look
	if t.asking || !l.motion {
		return l.next
	}
	return l.spinner[int(r.realNow().Sub(t.started)/spinPace)%len(l.spinner)]
}

func (r *root) toned(t tone, text string) string {
	l := r.look
	text = words.Line(text)
	switch t {
	case good:
		return l.good.paint(l.passed + " " + text)
	case warn:
		return l.warn.paint(l.warning + " " + text)
	case bad:
		return l.bad.paint(l.failed + " " + text)
	}
	return text
}

func (r *root) tooSmall() string {
	text := "keyturn needs 60x15 cells"
	if r.sandbox() {
		text = "SANDBOX " + r.look.between + " " + text
	}
	rows := make([]string, r.h)
	rows[r.h/2] = r.look.cut(spaces(max(0, (r.w-width(text))/2))+text, r.w)
	return strings.Join(rows, "\n")
}

func (r *root) windowTitle(now time.Time) string {
	title := "keyturn"
	if s := r.screen().title(now); s != "home" {
		title += " " + words.Line(s)
	}
	if text, _ := r.countdown(now); text != "" {
		title += ", " + text
	}
	if r.sandbox() {
		title = "SANDBOX " + title
	}
	return title
}
