package paperwork

import (
	"context"
	"errors"
	"fmt"

	"keyturn/checklist"
)

// NotifyWindow announces the rotation, and writes the calendar of its days.
type NotifyWindow struct {
	Notice
	Calendars
}

func (n NotifyWindow) Plan(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	plan, err := n.Notice.Plan(ctx, sc)
	plan.Actions = append(plan.Actions, checklist.Action{Words: "write the days of the rotation to " + n.calendarPath(sc)})
	return plan, err
}

func (n NotifyWindow) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	if told, err := n.Notice.Check(ctx, sc); !told || err != nil {
		return false, err
	}
	return calendar(sc.Session, sc.Now()).Holds(n.calendarPath(sc))
}

func (n NotifyWindow) Do(ctx context.Context, sc *checklist.Scope) error {
	if err := n.writeCalendar(ctx, sc); err != nil {
		return err
	}
	if posted(sc, n.To) {
		return nil
	}
	return n.Notice.Do(ctx, sc)
}

func (n NotifyWindow) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	evidence, err := n.Notice.Verify(ctx, sc)
	evidence.Summary += "; " + n.calendarPath(sc) + " has the days for your calendar"
	return evidence, err
}

// ScheduleNext fixes the date of the next rotation, and brings the calendar up
// to date.
type ScheduleNext struct{ Calendars }

func (n ScheduleNext) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	return checklist.Plan{Summary: "Schedule the next rotation", Risk: checklist.Look, Actions: []checklist.Action{
		{Words: fmt.Sprintf("%d days after the new key was added to production", sc.Session.Setup().RotationDays)},
		{Words: "write it to " + n.calendarPath(sc)},
	}}, nil
}

func (n ScheduleNext) Check(_ context.Context, sc *checklist.Scope) (bool, error) {
	return calendar(sc.Session, sc.Now()).Holds(n.calendarPath(sc))
}

func (n ScheduleNext) Do(ctx context.Context, sc *checklist.Scope) error {
	return n.writeCalendar(ctx, sc)
}

func (n ScheduleNext) Verify(_ context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	there, err := calendar(sc.Session, sc.Now()).Holds(n.calendarPath(sc))
	if err != nil {
		return checklist.Evidence{}, err
	}
	if !there {
		return checklist.Evidence{}, fmt.Errorf("%s does not have the next rotation", n.calendarPath(sc))
	}
	next := NextRotation(sc.Session)
	if next.IsZero() {
		return checklist.Evidence{}, checklist.WithHint(errors.New("not proved: the new key was not added to production, from when its days are counted"),
			"do that item first, then this one again; where the checklist has none, pass this one over and say why")
	}
	return checklist.Evidence{
		Summary: "the next rotation is due on " + next.Format("Monday 2 January 2006") + "; import " + n.calendarPath(sc) + " into your calendar",
		Facts:   map[string]string{FactNextRotation: next.Format("2006-01-02")},
	}, nil
}
