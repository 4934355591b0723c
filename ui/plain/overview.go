package plain

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"keyturn/checklist"
	"keyturn/ui/words"
)

// Overview prints what the home screen shows.
func Overview(out io.Writer, o checklist.Overview) {
	if o.Sandbox {
		fmt.Fprintln(out, "SANDBOX: nothing real is changed")
	}
	fmt.Fprintf(out, "%s, %s\nSecrets are in the %s.\n", words.Line(o.Service), words.Moment(o.Now), words.Line(o.Vault))
	if !o.NextRotation.IsZero() {
		fmt.Fprintf(out, "The next rotation is due %s, %s.\n", words.Until(o.NextRotation, o.Now), words.Date(o.NextRotation))
	}
	keys := checklist.Table{Columns: []string{"Key", "Environment", "Fingerprint", "Status", "Age", "Rotate by"}}
	for _, k := range o.Keys {
		keys.Rows = append(keys.Rows, keyRow(k, o))
	}
	fmt.Fprintln(out, "\nKeys")
	printTable(out, keys)
	if len(o.Sessions) > 0 {
		fmt.Fprintln(out, "\nSessions")
	}
	for _, s := range o.Sessions {
		fmt.Fprintf(out, "  %s: %s\n", s.ID, words.Line(sessionWords(s, o)))
	}
	for _, p := range o.Problems {
		fmt.Fprintf(out, "problem: %s\n", words.Line(p))
	}
}

func keyRow(k checklist.KeyStatus, o checklist.Overview) []string {
	age, due := "-", "-"
	if !k.Created.IsZero() {
		age = words.Days(o.Now.Sub(k.Created))
	}
	if !k.RotateBy.IsZero() {
		due = words.Date(k.RotateBy)
	}
	fingerprint := k.Fingerprint.Short()
	if fingerprint == "" {
		fingerprint = "-"
	}
	return []string{string(k.ID), string(k.Environment), fingerprint, k.Words(), age, due}
}

func sessionWords(s checklist.Summary, o checklist.Overview) string {
	switch {
	case s.Problem != "":
		return s.Problem
	case s.Outcome != "":
		return fmt.Sprintf("%s, %s, %d of %d items", s.Title, words.Kind(s.Outcome), s.Settled, s.Total)
	}
	text := fmt.Sprintf("%s, %d of %d items; next: %s", s.Title, s.Settled, s.Total, s.Next)
	if s.LastDay > 0 {
		text = fmt.Sprintf("%s, day %d of %d, %d of %d items; next: %s", s.Title, s.Day, s.LastDay, s.Settled, s.Total, s.Next)
	}
	if s.Why != "" {
		text += "; " + s.Why
	}
	if !s.Opens.IsZero() {
		text += ", opens " + words.Until(s.Opens, o.Now)
	}
	if !s.Deadline.IsZero() {
		text += "; its hour ends " + words.Until(s.Deadline, o.Now)
	}
	if s.Holder != "" {
		text += "; driven by " + s.Holder
	}
	return text
}

func printTable(out io.Writer, t checklist.Table) {
	lines, _ := words.Table(t, width-2)
	for _, l := range lines {
		fmt.Fprintf(out, "  %s\n", l)
	}
}

// Overviewer is a desk that has a home screen.
type Overviewer interface {
	Desk
	Overview(context.Context) (checklist.Overview, error)
}

// Home prints the overview and lets the operator start or resume a checklist.
func Home(ctx context.Context, desk Overviewer, in io.Reader, out io.Writer) error {
	o, err := desk.Overview(ctx)
	if err != nil {
		return err
	}
	Overview(out, o)
	fmt.Fprintln(out, "\nChecklists")
	for i, offer := range o.Offers {
		state := "start"
		if id, err := desk.InProgress(offer.Checklist); err == nil && id != "" {
			state = "resume " + id
		}
		fmt.Fprintf(out, "  %d. %s (%s): %s\n", i+1, offer.Title, state, offer.Purpose)
	}
	c := newConsole(in, out)
	for {
		text, err := c.line(ctx, fmt.Sprintf("1 to %d, or q to leave > ", len(o.Offers)))
		if errors.Is(err, errEnd) || text == "q" {
			return nil
		}
		if err != nil {
			return err
		}
		if n, err := strconv.Atoi(text); err == nil && n >= 1 && n <= len(o.Offers) {
			return walk(ctx, desk, o.Offers[n-1].Checklist, c, out)
		}
		fmt.Fprintln(out, "there is no such choice")
	}
}
