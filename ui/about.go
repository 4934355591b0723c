package ui

import (
	"fmt"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/ui/words"
)

// about is the card with what a session is about and what was noticed.
func (m *session) about() *card {
	s, now := m.s, m.now()
	return &card{name: "About this session", draw: func(p *page) {
		p.heading(s.Checklist.Title)
		p.text(p.muted, s.Checklist.Purpose)
		p.gap()
		o, setup := s.Opening, s.Setup()
		p.pair("Session", words.Session(o.Session, p.w-pairColumn))
		if o.Sandbox {
			p.pair("World", "the sandbox: nothing outside this machine is touched")
		}
		p.pair("Service", setup.Service)
		p.pair("Targets", strings.Join(setup.TargetNames(), ", "))
		p.pair("Old key", string(o.Old))
		p.pair("New key", string(o.New))
		p.pair("Opened", words.Moment(s.OpenedAt)+" by "+o.Operator)
		p.pair("Reason", o.Reason)
		p.pair("Driven by", m.holder)
		settled, total := s.Settled()
		p.pair("Settled", fmt.Sprintf("%d of %d items", settled, total))
		drawMilestones(p, s, now)
		drawFindings(p, s)
	}, copy: s.ID()}
}

// closing is the card at the end of a session; evidence is that of its signed
// record.
func (m *session) closing(evidence *checklist.Evidence) *card {
	s := m.s
	c := &card{name: s.Checklist.Title + ": " + words.Kind(s.Outcome)}
	if evidence != nil && len(evidence.Commands) > 0 {
		c.copy = evidence.Commands[0]
	}
	c.draw = func(p *page) {
		glyph, s1 := p.passed, p.good
		if s.Outcome == checklist.Abandoned {
			glyph, s1 = p.failed, p.bad
		}
		p.item(s1, glyph, p.bold, fmt.Sprintf("%s %s, %s", s.Checklist.Title, words.Kind(s.Outcome), words.Moment(s.EndedAt)))
		if s.EndText != "" {
			p.hanging(style{}, "  ", "  ", s.EndText)
		}
		drawLeft(p, s)
		p.gap()
		p.pair("Session", words.Session(s.ID(), p.w-pairColumn))
		p.pair("Took", words.Duration(s.EndedAt.Sub(s.OpenedAt)))
		passed, over, total := tally(s)
		p.pair("Items", fmt.Sprintf("%d passed, %d passed over, of %d", passed, over, total))
		p.pair("Deviations", fmt.Sprint(len(s.Deviations)))
		drawMilestones(p, s, s.EndedAt)
		if evidence != nil && evidence.Summary != "" {
			m.drawRecord(p, evidence)
		}
		drawFindings(p, s)
	}
	return c
}

// drawLeft says what a session that was given up leaves in service, and what to
// do next.
func drawLeft(p *page, s *checklist.Session) {
	if len(s.Leaves) == 0 {
		return
	}
	p.gap()
	p.text(style{}, "In service, as far as this session knows: "+checklist.LeavesWords(s.Leaves)+".")
	p.text(style{}, s.WayOn())
}

func (m *session) drawRecord(p *page, e *checklist.Evidence) {
	p.heading("The signed record")
	p.text(style{}, e.Summary)
	for _, t := range e.Tables {
		m.drawTable(p, t)
	}
	for _, c := range e.Commands {
		p.command(c)
	}
}

// drawMilestones says what a checklist with a limit has to reach, and by how
// much each was early or late at a time.
func drawMilestones(p *page, s *checklist.Session, now time.Time) {
	if s.Checklist.Limit == 0 {
		return
	}
	end := s.OpenedAt.Add(s.Checklist.Limit)
	p.heading("Milestones, within " + words.Duration(s.Checklist.Limit))
	for _, m := range s.Milestones() {
		glyph, tone, text := p.open, p.muted, "not yet, "+words.Duration(end.Sub(now))+" left"
		switch {
		case !m.At.IsZero() && m.Late > 0:
			glyph, tone, text = p.failed, p.bad, "after "+words.Duration(m.After)+", "+words.Duration(m.Late)+" late"
		case !m.At.IsZero():
			glyph, tone, text = p.passed, p.good, "after "+words.Duration(m.After)+", "+words.Duration(m.Late)+" early"
		case s.Outcome != "":
			glyph, tone, text = p.failed, p.bad, "not reached"
		case now.After(end):
			glyph, tone, text = p.failed, p.bad, "not yet, "+words.Duration(now.Sub(end))+" over"
		}
		p.item(tone, glyph, style{}, m.Name+": "+text)
	}
}

func tally(s *checklist.Session) (passed, over, total int) {
	for _, item := range s.Checklist.Items() {
		total++
		switch s.State(item.ID).Status {
		case checklist.StatusPassed:
			passed++
		case checklist.StatusPassedOver:
			over++
		}
	}
	return passed, over, total
}

func drawFindings(p *page, s *checklist.Session) {
	if len(s.Deviations) > 0 {
		p.heading("Deviations")
		for _, d := range s.Deviations {
			text := s.Words(d) + ": " + d.Reason
			if len(d.Approved) > 0 {
				text += " (agreed by " + strings.Join(d.Approved, " and ") + ")"
			}
			p.item(p.warn, p.warning, style{}, text)
		}
	}
	if issues := s.Issues(); len(issues) > 0 {
		p.heading("For the next rotation")
		for _, issue := range issues {
			p.item(p.muted, p.bullet, style{}, s.IssueWords(issue))
		}
	}
	if len(s.Notes) > 0 {
		p.heading("Notes")
		for _, n := range s.Notes {
			p.item(p.muted, p.bullet, style{}, n.Text+" ("+n.By+")")
		}
	}
}
