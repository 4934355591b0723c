package plain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"keyturn/checklist"
	"keyturn/ui/words"
)

// Desk is where sessions are begun and found.
type Desk interface {
	Begin(ctx context.Context, checklistID string, op checklist.Operator) (*checklist.Engine, error)
	Open(ctx context.Context, sessionID string) (*checklist.Engine, error)
	InProgress(checklistID string) (string, error)
	TurnClock(ctx context.Context, e *checklist.Engine, to time.Time, op checklist.Operator) error
	ReturnCommand(sessionID string) string
	Sandbox() bool
	Service() string
}

// ErrStopped says that the session was left before its end, and waits.
var ErrStopped = errors.New("stopped; the session can be resumed")

// errNotBegun says that the operator left before there was a session, so that
// nothing waits for anybody.
var errNotBegun = errors.New("no session was begun")

// driver walks one session.
type driver struct {
	desk   Desk
	c      *console
	t      *Transcript
	out    io.Writer
	engine *checklist.Engine
}

// Run walks the checklist's session line by line: the one in progress, or a
// new one. It returns nil once the session has ended, or when none was begun, and
// ErrStopped when the operator left it before its end.
func Run(ctx context.Context, desk Desk, checklistID string, in io.Reader, out io.Writer) error {
	return walk(ctx, desk, checklistID, newConsole(in, out), out)
}

func walk(ctx context.Context, desk Desk, checklistID string, c *console, out io.Writer) (err error) {
	d := &driver{desk: desk, c: c, out: out, t: NewTranscript(out, c.answer)}
	if desk.Sandbox() {
		fmt.Fprintln(out, "SANDBOX: nothing real is changed")
	}
	if err := d.open(ctx, checklistID); errors.Is(err, errNotBegun) {
		return nil
	} else if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.engine.Close()) }()
	s := d.engine.Session()
	d.t.Know(s.Checklist)
	fmt.Fprintf(out, "%s of %s, session %s\n", s.Checklist.Title, desk.Service(), s.ID())
	if holder := d.engine.Holder(); holder != "" {
		return fmt.Errorf("%w: it is driven by %s", checklist.ErrReadOnly, holder)
	}
	for {
		item, ok := d.engine.Session().Next()
		if !ok {
			return d.end(ctx)
		}
		switch err := d.step(ctx, item); {
		case errors.Is(err, ErrStopped), errors.Is(err, errEnd):
			fmt.Fprintf(out, "\nNothing is lost. Return with: %s\n", desk.ReturnCommand(s.ID()))
			return ErrStopped
		case ctx.Err() != nil:
			fmt.Fprintf(out, "\nInterrupted; nothing is lost. Return with: %s\n", desk.ReturnCommand(s.ID()))
			return ctx.Err()
		case err != nil:
			d.report(err)
		}
	}
}

// end ends a session whose items are all settled. Of one that was abandoned it
// says what is left in service, what to do next, and where the record is.
func (d *driver) end(ctx context.Context) error {
	s := d.engine.Session()
	if s.Outcome == "" {
		return d.engine.Finish(ctx, d.t)
	}
	if s.Outcome != checklist.Abandoned {
		return nil
	}
	fmt.Fprintln(d.out)
	if len(s.Leaves) > 0 {
		d.t.Say("In service, as far as this session knows: %s.", checklist.LeavesWords(s.Leaves))
		d.t.Say("%s", s.WayOn())
	}
	recorded, err := d.engine.Record(ctx)
	if err != nil || recorded.Summary == "" {
		return err
	}
	d.t.Say("%s", recorded.Summary)
	for _, command := range recorded.Commands { // in one line, as it is run
		fmt.Fprintf(d.out, "  %s\n", words.Clean(command))
	}
	return nil
}

func (d *driver) open(ctx context.Context, checklistID string) error {
	id, err := d.desk.InProgress(checklistID)
	if err != nil {
		return err
	}
	if id == "" {
		d.engine, err = d.desk.Begin(ctx, checklistID, d.t)
		return d.begun(ctx, err)
	}
	if d.engine, err = d.desk.Open(ctx, id); err != nil {
		return err
	}
	if d.engine.Holder() != "" {
		return nil
	}
	d.t.Know(d.engine.Session().Checklist)
	if err := d.engine.Resume(ctx, d.t); err != nil {
		return errors.Join(err, d.engine.Close())
	}
	return nil
}

// begun says that nothing was started, when the operator left the questions
// that come before a session.
func (d *driver) begun(ctx context.Context, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, errEnd), errors.Is(err, checklist.ErrCancelled):
		fmt.Fprintln(d.out, "\nNothing was started.")
		return errNotBegun
	case ctx.Err() != nil:
		fmt.Fprintln(d.out, "\nInterrupted; nothing was started.")
		return ctx.Err()
	}
	return err
}

// report prints what went wrong, where the transcript has not done so.
func (d *driver) report(err error) {
	d.t.Say("%v", err)
	if hint := checklist.Hint(err); hint != "" {
		d.t.Say("hint: %s", hint)
	}
}

// position says how far the session has come: its day, or its hour.
func position(s *checklist.Session, now time.Time) string {
	settled, total := s.Settled()
	text := fmt.Sprintf("%d of %d items", settled, total)
	if last := s.Checklist.LastDay(); last > 0 {
		text = fmt.Sprintf("day %d of %d", s.Day(now), last)
	}
	if end, limited := s.Deadline(); limited {
		text += ", its hour ends " + words.Until(end, now)
	}
	return text
}

// act is one thing that the operator may do about the next item.
type act struct {
	key, words string
	do         func(context.Context, checklist.Item) error
}

func (d *driver) step(ctx context.Context, item checklist.Item) error {
	s, now := d.engine.Session(), d.engine.Now()
	_, phase, _ := s.Checklist.Item(item.ID)
	st := s.State(item.ID)
	fmt.Fprintf(d.out, "\n%s, %s. Next: %s (%s)\n", phase.Title, position(s, now), item.Title, words.Status(st.Status))
	d.t.line("   ", item.Why)
	closed := s.Closed(item, now)
	for _, c := range closed {
		until := ""
		if !c.Until.IsZero() {
			until = ", opens " + words.Until(c.Until, now)
		}
		d.t.labelled("gate", c.Why+until)
	}
	for _, r := range s.Waiting(now) {
		if r.Consent.Item == item.ID {
			d.t.labelled("asked", s.ConsentWords(r.Consent)+"; it can be answered until "+words.Moment(r.Expires))
		}
	}
	acts := d.acts(s, item, closed)
	prompt := "   enter = do it"
	for _, a := range acts {
		prompt += ", " + a.key + " = " + a.words
	}
	for {
		text, err := d.c.line(ctx, prompt+" > ")
		if err != nil {
			return err
		}
		if text == "" {
			return d.run(ctx, item)
		}
		for _, a := range acts {
			if a.key == text {
				return a.do(ctx, item)
			}
		}
		fmt.Fprintln(d.out, "   there is no such act")
	}
}

func (d *driver) run(ctx context.Context, item checklist.Item) error {
	err := d.engine.Run(ctx, item.ID, d.t)
	var notYet *checklist.NotYet
	if errors.As(err, &notYet) {
		return nil // the transcript said so
	}
	return err
}

func (d *driver) acts(s *checklist.Session, item checklist.Item, closed []checklist.Closed) []act {
	acts := []act{
		{"n", "note", func(ctx context.Context, i checklist.Item) error {
			return d.withText(ctx, "note", func(text string) error { return d.engine.Note(ctx, i.ID, text, d.t) })
		}},
		{"q", "leave", func(context.Context, checklist.Item) error { return ErrStopped }},
	}
	if !item.Required {
		acts = append(acts, act{"s", "pass over", func(ctx context.Context, i checklist.Item) error {
			return d.withReason(ctx, checklist.Consent{Item: i.ID, Deviation: checklist.PassedOver}, func(text string) error { return d.engine.PassOver(ctx, i.ID, text, d.t) })
		}})
	}
	if approving, ok := s.AskAgain(closed); ok {
		acts = append(acts, act{"p", "ask for the approval again", func(ctx context.Context, _ checklist.Item) error {
			return d.run(ctx, approving)
		}})
	}
	for _, c := range closed {
		if c.CanOverride {
			acts = append(acts, act{"o", "override the gate", func(ctx context.Context, i checklist.Item) error {
				return d.withReason(ctx, checklist.Consent{Item: i.ID, Deviation: checklist.Overridden, Gate: c.ID}, func(text string) error { return d.engine.Override(ctx, i.ID, c.ID, text, d.t) })
			}})
			break
		}
	}
	acts = append(acts, act{"d", "do an earlier item again", d.reopen})
	if opens := s.NextOpens(d.engine.Now()); d.desk.Sandbox() && !opens.IsZero() {
		acts = append(acts, act{"f", "turn the sandbox clock to " + words.Moment(opens), func(ctx context.Context, _ checklist.Item) error {
			return d.desk.TurnClock(ctx, d.engine, opens, d.t)
		}})
	} else if d.desk.Sandbox() {
		acts = append(acts, act{"f", "turn the sandbox clock by a day", func(ctx context.Context, _ checklist.Item) error {
			return d.desk.TurnClock(ctx, d.engine, d.engine.Now().Add(24*time.Hour), d.t)
		}})
	}
	return append(acts, act{"abandon", "end the session for good", func(ctx context.Context, _ checklist.Item) error {
		return d.withText(ctx, "reason", func(reason string) error {
			return d.withText(ctx, "type abandon to end it", func(text string) error {
				if text != "abandon" {
					d.t.Say("Nothing was ended: want the word abandon.")
					return nil
				}
				return d.engine.Abandon(ctx, reason, d.t)
			})
		})
	}})
}

// withText asks for a text and does something with it.
func (d *driver) withText(ctx context.Context, what string, do func(string) error) error {
	text, err := d.c.line(ctx, "   "+what+" (empty to go back) > ")
	if err != nil || text == "" {
		return err
	}
	return do(text)
}

// withReason asks for the reason of a deviation and does something with it. The
// reason with which a second person was asked before is taken again by enter: only
// with the same one does their answer count.
func (d *driver) withReason(ctx context.Context, c checklist.Consent, do func(string) error) error {
	asked := d.engine.Session().AskedReason(c, d.engine.Now())
	if asked == "" {
		return d.withText(ctx, "reason", do)
	}
	text, err := d.c.line(ctx, "   reason (enter for the one that a second person was asked with: "+words.Line(asked)+"; cancel to go back) > ")
	switch {
	case err != nil || text == "cancel":
		return err
	case text == "":
		text = asked
	}
	return do(text)
}

// reopen lets the operator choose an item to be done again.
func (d *driver) reopen(ctx context.Context, _ checklist.Item) error {
	s := d.engine.Session()
	q := checklist.Question{Kind: checklist.Choose, Title: "Which item is to be done again, with all after it?"}
	for _, i := range s.Checklist.Items() {
		if s.CanReopen(i.ID) == nil {
			q.Choices = append(q.Choices, checklist.Choice{ID: i.ID, Label: i.Title, Help: words.Status(s.State(i.ID).Status)})
		}
	}
	if len(q.Choices) == 0 {
		return errors.New("no item can be done again now")
	}
	a, err := d.t.Ask(ctx, q)
	if errors.Is(err, checklist.ErrCancelled) {
		return nil
	}
	if err != nil {
		return err
	}
	return d.withText(ctx, "reason", func(text string) error { return d.engine.Reopen(ctx, a.Text, text, d.t) })
}
