package paperwork

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/steps/paper"
)

func (c Calendars) calendarPath(sc *checklist.Scope) string {
	return filepath.Join(c.Documents, "calendar", sc.Session.ID()+".ics")
}

// writeCalendar writes the session's calendar, in place of an earlier version
// with other days.
func (c Calendars) writeCalendar(ctx context.Context, sc *checklist.Scope) error {
	path := c.calendarPath(sc)
	if there, err := calendar(sc.Session, sc.Now()).Holds(path); there || err != nil {
		return err
	}
	effect := checklist.Effect{Code: checklist.DocumentCalendar, Object: path}
	err := sc.Effect(ctx, effect, func(context.Context) (checklist.Result, error) {
		return checklist.Result{}, calendar(sc.Session, sc.Now()).Write(path)
	})
	if errors.Is(err, paper.ErrExists) {
		return checklist.WithHint(err, "move that file away, then run the item again")
	}
	return err
}

// calendar returns the days of a rotation, its review meeting and the next
// rotation. Later versions have the same appointments on the days that are then
// known.
func calendar(s *checklist.Session, now time.Time) paper.Calendar {
	setup := s.Setup()
	c := paper.Calendar{
		Session: s.ID(), Service: setup.Service, Sandbox: s.Opening.Sandbox, Made: now,
		Version: int(now.Sub(s.OpenedAt) / time.Second),
	}
	keys := fmt.Sprintf("%s to %s", s.Opening.Old, s.Opening.New)
	last := s.Checklist.LastDay()
	for day := range last + 1 {
		phases, words := ofDay(s.Checklist, day)
		c.Days = append(c.Days, paper.Day{
			ID: fmt.Sprintf("day-%d", day), Date: localDay(s, day), Words: words,
			Title: fmt.Sprintf("%s: key rotation %s, day %d: %s", setup.Service, keys, day, strings.ToLower(phases)),
		})
	}
	next := NextRotation(s)
	if next.IsZero() { // planned for the first day
		next = localDay(s, 1).AddDate(0, 0, setup.RotationDays)
	}
	c.Days = append(c.Days,
		paper.Day{
			ID: "review-meeting", Date: localDay(s, last), Title: setup.Service + ": review of the key rotation " + keys,
			Words: "What should the next rotation look at?",
		},
		paper.Day{
			ID: "next-rotation", Date: next, Title: fmt.Sprintf("%s: rotate key %s", setup.Service, s.Opening.New),
			Words: fmt.Sprintf("%d days after %s was added to production.", setup.RotationDays, s.Opening.New),
		})
	return c
}

// ofDay returns the phases that begin on a day, or the one that goes on, and the
// items that belong to it.
func ofDay(c checklist.Checklist, day int) (phases, items string) {
	var titles, lines []string
	for _, p := range c.Phases {
		switch {
		case p.Day == day:
			titles = append(titles, p.Title)
			for _, i := range p.Items {
				lines = append(lines, "- "+i.Title)
			}
		case p.Day < day && !begins(c, day):
			titles, lines = []string{p.Title}, []string{"- " + p.Title + " goes on"}
		}
	}
	return strings.Join(titles, ", "), strings.Join(lines, "\n")
}

func begins(c checklist.Checklist, day int) bool {
	for _, p := range c.Phases {
		if p.Day == day {
			return true
		}
	}
	return false
}

// Calendars are the calendars of sessions, in the folder of the documents.
type Calendars struct{ Documents string }
