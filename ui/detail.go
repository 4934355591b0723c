package ui

import (
	"fmt"
	"maps"
	"slices"
	"time"

	"keyturn/checklist"
	"keyturn/ui/words"
)

// detail is the panel with all that is known of one item.
type detail struct {
	key    detailKey
	lines  []string // of the text, unpadded
	rows   []string // of the window
	shown  windowKey
	copies bool // there is a command to copy
	top    int
	h      int
}

// detailKey holds all that the text depends on.
type detailKey struct {
	version, cursor, w int
	dark               bool
	notice             notice
	progress           *checklist.Progress
	working            bool
	tick               int64 // the second or minute, where something counts down
	spin, verb         string
}

type windowKey struct {
	detailKey
	top, h int
}

// overflows reports whether there is more text than room.
func (d *detail) overflows() bool { return len(d.lines) > d.h }

func (d *detail) page() int { return max(1, d.h-2) }

func (d *detail) scroll(by int) {
	d.top = max(0, min(d.top+by, len(d.lines)-d.h))
}

func (m *session) detailRows(now time.Time, w, h int) []string {
	d := &m.detail
	k := m.detailKey(now, w)
	if d.lines == nil || d.key != k {
		d.key, d.lines = k, m.drawDetail(now, k)
		d.copies = len(copyable(m.s.State(m.item().ID))) > 0
	}
	d.h = h
	d.top = max(0, min(d.top, len(d.lines)-h))
	if shown := (windowKey{k, d.top, h}); d.rows == nil || d.shown != shown {
		d.shown, d.rows = shown, m.look.window(d.lines, d.top, w, h)
		m.markMore(w, h)
	}
	return d.rows
}

// markMore says at the right edge that the text goes on.
func (m *session) markMore(w, h int) {
	d := &m.detail
	if rest := len(d.lines) - d.top - h; rest > 0 && h > 1 {
		more := m.look.muted.paint(words.Count(rest, "more line") + ", pgdn")
		d.rows[h-1] = m.look.ends(m.look.cut(" "+more, w), "", w)
	}
}

func (m *session) detailKey(now time.Time, w int) detailKey {
	k := detailKey{version: m.version, cursor: m.cursor, w: w, dark: m.look.dark}
	item := m.item()
	if m.notice.item == item.ID {
		k.notice = m.notice
	}
	if r := m.host.current(); r != nil && r.item == item.ID {
		k.working, k.progress, k.spin, k.verb = true, r.progress, m.host.spin(r), r.verb()
		k.tick = now.Unix()
		return k
	}
	if !m.s.PutOffAt(item).IsZero() {
		k.tick = now.Unix()
	} else if opens := m.outlook(now).opens; opens.After(now) {
		k.tick = now.Unix()
		if opens.Sub(now) > time.Hour {
			k.tick /= 60
		}
	}
	return k
}

// drawDetail puts first what matters most in the item's state.
func (m *session) drawDetail(now time.Time, k detailKey) []string {
	const margin = 1
	p := m.look.page(min(k.w-2*margin, 110))
	item, st := m.item(), m.s.State(m.item().ID)
	m.drawTitle(p, item, st)
	m.drawPatience(p, item, now)
	m.drawNotice(p, k.notice)
	if k.working {
		m.drawWork(p, m.host.current(), now)
		m.drawPlan(p, st)
	}
	switch st.Status {
	case checklist.StatusFailed:
		if !k.working {
			m.drawFailure(p, st)
		}
		m.drawEvidence(p, st, "What was found")
	case checklist.StatusWaiting:
		m.drawWaiting(p, st, now)
		m.drawEvidence(p, st, "So far")
	case checklist.StatusPassed:
		m.drawEvidence(p, st, "Evidence")
	case checklist.StatusPassedOver:
		p.heading("Passed over")
		p.text(style{}, st.Text)
	}
	m.drawApprovals(p, item, now)
	m.drawEffects(p, st)
	if !st.Status.Settled() {
		m.drawGates(p, item, now)
	}
	m.drawReasons(p, item)
	if !k.working {
		m.drawPlan(p, st)
	}
	m.drawRemarks(p, st)
	for i, line := range p.lines {
		if line != "" {
			p.lines[i] = spaces(margin) + line
		}
	}
	return p.lines
}

func (m *session) drawTitle(p *page, item checklist.Item, st checklist.ItemState) {
	glyph, word, s := m.standing(item, m.list.key)
	p.hanging(m.look.bold, "", "", item.Title)
	about := s.paint(glyph + " " + word)
	add := func(text string) { about += m.look.muted.paint(" " + m.look.between + " " + text) }
	for _, e := range item.Environments {
		add(string(e))
	}
	if item.Required {
		add("required")
	}
	if st.Attempts > 1 {
		add(fmt.Sprintf("attempt %d", st.Attempts))
	}
	if !st.At.IsZero() {
		add(words.Moment(st.At))
	}
	p.lines = append(p.lines, about)
}

// drawPatience says how long the items behind this one wait for it.
func (m *session) drawPatience(p *page, item checklist.Item, now time.Time) {
	if at := m.s.PutOffAt(item); !at.IsZero() {
		p.item(m.look.warn, m.look.waiting, m.look.warn, putOffIn(at, now))
	}
}

func putOffIn(at, now time.Time) string {
	if !at.After(now) {
		return "its time is over: enter puts it off"
	}
	return "put off in " + words.Countdown(at.Sub(now)) + " if not done"
}

func (m *session) drawNotice(p *page, n notice) {
	if n.text == "" {
		return
	}
	p.gap()
	p.item(m.look.bad, m.look.failed, style{}, n.text)
	m.drawHint(p, n.hint)
}

func (m *session) drawHint(p *page, hint string) {
	if hint != "" {
		p.hanging(m.look.accent, "  ", "  ", "hint: "+hint)
	}
}

// drawWork shows how the item under way goes on.
func (m *session) drawWork(p *page, r *running, now time.Time) {
	if r == nil || r.asking {
		return
	}
	p.gap()
	p.item(m.look.accent, m.host.spin(r), m.look.accent, r.verb()+" "+words.Duration(m.host.realNow().Sub(r.started)))
	pr := r.progress
	if pr == nil {
		return
	}
	p.text(style{}, pr.Words)
	if pr.Total > 0 {
		p.lines = append(p.lines, m.look.bar(pr.Done, pr.Total, min(40, p.w-12))+fmt.Sprintf(" %d of %d", pr.Done, pr.Total))
	}
	if left := pr.Until.Sub(now); left > 0 {
		p.text(m.look.muted, "at most "+words.Duration(left)+" more")
	}
	if pr.Table != nil {
		m.drawTable(p, *pr.Table)
	}
}

func (m *session) drawFailure(p *page, st checklist.ItemState) {
	p.gap()
	p.item(m.look.bad, m.look.failed, style{}, st.Words())
	m.drawHint(p, st.Hint)
	if cause, ok := m.putRightBy(st); ok && m.readOnly() == "" {
		p.hanging(m.look.accent, "  ", "  ", fmt.Sprintf("d opens %q again, and what was done behind it", cause.Title))
	}
}

func (m *session) drawWaiting(p *page, st checklist.ItemState, now time.Time) {
	p.gap()
	p.item(m.look.warn, m.look.waiting, style{}, st.Text)
	switch {
	case st.Until.IsZero():
	case st.Until.After(now):
		p.hanging(m.look.warn, "  ", "  ", "look again "+words.Moment(st.Until)+", "+words.Until(st.Until, now))
	default:
		p.hanging(m.look.warn, "  ", "  ", "it is time to look again, since "+words.Moment(st.Until))
	}
}

func (m *session) drawEvidence(p *page, st checklist.ItemState, heading string) {
	e := st.Evidence
	if e == nil || e.Summary == "" && len(e.Tables) == 0 && len(e.Commands) == 0 {
		return
	}
	p.heading(heading)
	p.text(style{}, e.Summary)
	for _, t := range e.Tables {
		p.gap()
		m.drawTable(p, t)
	}
	for _, r := range e.Readings {
		text := fmt.Sprintf("%s is %g", r.Metric, r.Value)
		if r.Detail != "" {
			text += ": " + r.Detail
		}
		p.item(m.look.muted, m.look.bullet, style{}, text)
	}
	for _, issue := range e.Issues {
		p.item(m.look.warn, m.look.warning, style{}, issue)
	}
	if len(e.Commands) > 0 {
		p.gap()
		p.text(m.look.muted, "The same by hand (y copies):")
		for _, c := range e.Commands {
			p.command(c)
		}
	}
}

// drawApprovals names who agreed to what an approving item asks for, who refused
// what was asked for about an item, and what still waits for an answer.
func (m *session) drawApprovals(p *page, item checklist.Item, now time.Time) {
	asked := func(id string) checklist.Consent {
		at := slices.IndexFunc(m.s.Requests, func(r checklist.Request) bool { return r.ID == id && r.Consent.Item == item.ID })
		if at < 0 {
			return checklist.Consent{}
		}
		return m.s.Requests[at].Consent
	}
	about := func(c checklist.Consent) string {
		if c.Deviation == "" {
			return ""
		}
		return " (" + m.s.ConsentWords(c) + ")"
	}
	for _, a := range m.s.Approvals {
		if c := asked(a.Request); c.Item != "" && c.Deviation == "" {
			p.item(m.look.good, m.look.passed, style{}, "approved by "+a.By+", "+words.Moment(a.At))
		}
	}
	for _, r := range m.s.Refusals {
		if c := asked(r.Request); c.Item != "" {
			text := "refused by " + r.By + ", " + words.Moment(r.At) + about(c)
			if r.Reason != "" {
				text += ": " + r.Reason
			}
			p.item(m.look.bad, m.look.failed, style{}, text)
		}
	}
	for _, r := range m.s.Waiting(now) {
		if r.Consent.Item == item.ID {
			p.item(m.look.warn, m.look.waiting, style{}, "a second person was asked"+about(r.Consent)+", and can answer until "+words.Moment(r.Expires))
		}
	}
}

func (m *session) drawTable(p *page, t checklist.Table) {
	if t.Title != "" {
		p.text(m.look.bold, t.Title)
	}
	lines, head := words.Table(t, p.w)
	for i, line := range lines {
		if i < head {
			line = m.look.muted.paint(line)
		}
		p.lines = append(p.lines, line)
	}
}

func (m *session) drawEffects(p *page, st checklist.ItemState) {
	if len(st.Effects) == 0 && len(st.Pending) == 0 {
		return
	}
	p.heading("Changed outside")
	for _, e := range st.Effects {
		p.item(m.look.good, m.look.passed, style{}, e.String())
	}
	for _, e := range st.Pending {
		p.item(m.look.warn, m.look.unknown, style{}, e.Words()+" (outcome not known yet)")
	}
}

// drawGates says why the item may not be done, and until when.
func (m *session) drawGates(p *page, item checklist.Item, now time.Time) {
	closed := m.closedGates(item, now)
	if len(closed) == 0 {
		return
	}
	p.heading("Not yet")
	for _, c := range closed {
		p.item(m.look.warn, m.look.waiting, style{}, c.Why)
		var about string
		switch {
		case c.Until.After(now):
			about = "opens " + words.Until(c.Until, now)
		case c.Gate.Kind == checklist.GateMetric:
			about = "read again when the item is done"
		case c.Gate.Kind == checklist.GateProof:
			about = "no reason can stand in for a proof"
		case m.readOnly() != "":
		default:
			if _, ok := m.s.AskAgain([]checklist.Closed{c}); ok && item.ID == m.outlook(now).next.ID {
				about = "p asks for it again"
			}
		}
		if about != "" {
			p.hanging(m.look.muted, "  ", "  ", about)
		}
	}
}

// closedGates leaves out the order of items, which the list shows.
func (m *session) closedGates(item checklist.Item, now time.Time) []checklist.Closed {
	all := m.outlook(now).closed
	if item.ID != m.outlook(now).next.ID {
		all = m.s.Closed(item, now)
	}
	var closed []checklist.Closed
	for _, c := range all {
		if c.Gate.Kind != checklist.GateOrder {
			closed = append(closed, c)
		}
	}
	return closed
}

func (m *session) drawReasons(p *page, item checklist.Item) {
	if item.ID == "" {
		return
	}
	p.heading("Why it matters")
	p.text(style{}, item.Why)
	if item.Runbook != "" {
		p.heading("What the runbook says")
		p.text(style{}, item.Runbook)
	}
}

func (m *session) drawPlan(p *page, st checklist.ItemState) {
	plan := st.Plan
	if plan == nil {
		return
	}
	p.heading("Plan " + m.look.between + " " + words.Risk(plan.Risk))
	p.text(style{}, plan.Summary)
	for _, w := range plan.Warnings {
		p.item(m.look.warn, m.look.warning, style{}, w)
	}
	for _, a := range plan.Actions {
		text := a.Words
		if a.Target != "" {
			text = a.Target + ": " + text
		}
		if a.Environment != "" {
			text += " (" + string(a.Environment) + ")"
		}
		p.item(m.look.muted, m.look.bullet, style{}, text)
		if a.Command != "" {
			p.command(a.Command)
		}
	}
}

// drawRemarks lists what people said: reasons, answers and notes.
func (m *session) drawRemarks(p *page, st checklist.ItemState) {
	for _, gate := range slices.Sorted(maps.Keys(st.Overrides)) {
		p.gap()
		p.item(m.look.warn, m.look.warning, style{}, "gate "+gate+" overridden: "+st.Overrides[gate].Reason)
	}
	if len(st.Answers) > 0 {
		p.heading("Answers")
		for _, a := range st.Answers {
			p.text(m.look.muted, words.Asked(*a.Question))
			p.hanging(style{}, "  ", "  ", a.Text)
		}
	}
	if len(st.Notes) > 0 {
		p.heading("Notes")
		for _, n := range st.Notes {
			p.item(m.look.muted, m.look.bullet, style{}, n.Text+" ("+n.By+", "+words.Moment(n.At)+")")
		}
	}
}
