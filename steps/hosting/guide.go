package hosting

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/proof"
	"keyturn/steps/target"
	"keyturn/steps/vercel"
)

// Dashboard guides the operator through Vercel's dashboard where Keyturn has no
// access to the API: each act is spelt out, the operator does it and says so,
// and the services are then asked what came of it.
type Dashboard struct {
	proof.Services
	// Address is that of the team's or the person's dashboard, such as
	// https://vercel.com/acme.
	Address   string
	Clipboard Clipboard
	// Pause waits between two looks at something that takes a moment.
	Pause func(context.Context, time.Duration) error
}

// NewDashboard returns the dashboard of the services' deployments.
func NewDashboard(s proof.Services, address string, c Clipboard, pause func(context.Context, time.Duration) error) *Dashboard {
	d := &Dashboard{s, address, c, pause}
	d.Deployments = d
	return d
}

// Clipboard takes a secret to where the operator pastes it.
type Clipboard interface {
	// Describe names the way that a secret takes, for people.
	Describe() string
	// Notice tells, before a value goes out for a time, what becomes of it and of
	// what else is on the clipboard.
	Notice(d time.Duration) string
	// Put lets the secret lie on the clipboard for a time, and no longer even if
	// this process ends. clear takes it off before; to call it again does no harm.
	Put(ctx context.Context, secret keygen.Secret, d time.Duration) (clear func(context.Context) error, err error)
}

// clipTime is how long a value lies on the clipboard.
const clipTime = 45 * time.Second

// clearPatience is how long the clipboard is waited for when it is cleared, also
// for an operator who has left.
const clearPatience = 5 * time.Second

// page is a page of a target in the dashboard.
func (d *Dashboard) page(t target.Target, path string) string {
	return d.Address + "/" + t.Project + "/" + path
}

const (
	pageVariables   = "settings/environment-variables"
	pageDeployments = "deployments"
)

// The answers to an act by hand.
const (
	handCopy = "copy"
	handDone = "done"
)

// act is one thing that the operator does in the dashboard.
type act struct {
	effect checklist.Effect
	title  string
	clicks []string
	done   string // the choice that says that it is done
	// also is another item that may have had it done in place of this one.
	also string
	// value gives the secret to be pasted; nil where there is none.
	value func(context.Context) (keygen.Secret, error)
}

// perform has an act done: it is journalled as intended, spelt out, and
// journalled as done once the operator says so.
func (d *Dashboard) perform(ctx context.Context, sc *checklist.Scope, a act) error {
	return sc.Effect(ctx, a.effect, func(ctx context.Context) (checklist.Result, error) { return d.guide(ctx, sc, a) })
}

// guide asks until the operator says that the act is done. Whatever ends the question ends the value's time on the
// clipboard too.
func (d *Dashboard) guide(ctx context.Context, sc *checklist.Scope, a act) (checklist.Result, error) {
	forget, copied := func() error { return nil }, false
	note, suggested, until := "", handDone, time.Time{}
	if a.value != nil {
		suggested = handCopy
	}
	// Whoever leaves may have pressed Save before.
	left := func(err error) (checklist.Result, error) {
		return checklist.Result{}, fmt.Errorf("%w: %w", checklist.ErrUnknown, errors.Join(err, forget()))
	}
	for {
		answer, err := sc.Ask(ctx, a.question(note, suggested, until))
		switch {
		case err != nil:
			return left(err)
		case answer.Text == handDone:
			var notes []string
			if a.value != nil && !copied {
				notes = append(notes, "the value was not copied here")
			}
			// What was done is done, whatever becomes of the clipboard.
			if err := forget(); err != nil {
				notes = append(notes, fmt.Sprintf("the clipboard could not be cleared at once, and is within %s: %v", clipTime, err))
			}
			return checklist.Result{How: checklist.Said, Note: strings.Join(notes, "; ")}, nil
		case answer.Text != handCopy || a.value == nil:
			return left(fmt.Errorf("%q is none of the choices", answer.Text))
		}
		clear, err := d.copyValue(ctx, a)
		if clear != nil {
			copied = true
			forget = func() error {
				// Also for an operator who has left: the value must not stay.
				ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), clearPatience)
				defer cancel()
				return clear(ctx)
			}
		}
		switch {
		case ctx.Err() != nil:
			return left(ctx.Err())
		case err != nil:
			until = time.Time{}
			note, suggested = fmt.Sprintf("The value could not be put on the clipboard: %v.%s", err, checklist.Suffix(" ", checklist.Hint(err))), handCopy
		default:
			until = sc.Now().Add(clipTime)
			note = fmt.Sprintf("Handed to %s. Paste it into Value alone.", d.Clipboard.Describe())
			suggested = handDone
		}
	}
}

// copyValue puts the act's value on the clipboard.
func (d *Dashboard) copyValue(ctx context.Context, a act) (clear func(context.Context) error, err error) {
	secret, err := a.value(ctx)
	if err != nil {
		return nil, err
	}
	return d.Clipboard.Put(ctx, secret, clipTime)
}

func (a act) question(note, suggested string, until time.Time) checklist.Question {
	var body strings.Builder
	if note != "" {
		body.WriteString(note + "\n\n")
	}
	for i, click := range a.clicks {
		fmt.Fprintf(&body, "%d. %s\n", i+1, click)
	}
	q := checklist.Question{Kind: checklist.Choose, Asked: a.asked(), Title: a.title, Body: strings.TrimSuffix(body.String(), "\n"), Default: suggested, Until: until}
	if a.value != nil {
		q.Choices = append(q.Choices, checklist.Choice{
			ID: handCopy, Label: fmt.Sprintf("Copy the value for %d seconds", int(clipTime/time.Second)),
		})
	}
	q.Choices = append(q.Choices, checklist.Choice{ID: handDone, Label: a.done})
	return q
}

// asked names the act's question, by what the act changes.
func (a act) asked() checklist.Asked {
	e := a.effect
	about := []string{string(e.Code), e.Target, string(e.Environment), string(e.Key), e.Place, e.Object}
	return checklist.Asked{ID: "by-hand", About: strings.Join(slices.DeleteFunc(about, func(s string) bool { return s == "" }), " ")}
}

// said reports whether the operator has said in this round that the act was done.
func (a act) said(sc *checklist.Scope) bool {
	return a.effect.Among(sc.Made()) ||
		a.also != "" && a.effect.Among(sc.Session.State(a.also).Effects)
}

// byHand is an effect that the operator makes. Each round of an item has its
// own, so that one act is not taken for the next.
func byHand(sc *checklist.Scope, e checklist.Effect) checklist.Effect {
	e.ByHand, e.Round = true, sc.Round()
	return e
}

// placeWords says where a slot is, as the dashboard's form names it.
func placeWords(s target.Slot) string {
	switch {
	case s.CustomEnvironment != "":
		return fmt.Sprintf("the custom environment %s alone", s.CustomEnvironment)
	case s.Branch != "":
		return fmt.Sprintf("Preview alone, and of its branches %s alone", s.Branch)
	case s.Target == vercel.TargetPreview:
		return "Preview alone, all its branches"
	}
	return dashboardName(s) + " alone"
}

// dashboardName is what the dashboard calls the slot's environment.
func dashboardName(s target.Slot) string {
	switch {
	case s.CustomEnvironment != "":
		return s.CustomEnvironment
	case s.Target == "":
		return ""
	}
	return strings.ToUpper(s.Target[:1]) + s.Target[1:]
}

// kindWords says which type to choose. The dashboard has called a variable that
// cannot be read back sensitive, and calls it a secret now.
func kindWords(s target.Slot) string {
	if s.VariableType() == vercel.TypeSensitive {
		return `Type: Secret (once "Sensitive").`
	}
	return `Type: Config (not "Sensitive").`
}

// byHandTable is what the evidence says of acts by hand. It also says what the
// evidence lacks, compared with that of an act by the API.
func byHandTable(sc *checklist.Scope, rows []target.Place, what string) checklist.Table {
	t := checklist.Table{Title: what + " by hand; what else there is could not be looked at", Columns: []string{"Target", "Vercel target", "Who says so"}}
	for _, r := range rows {
		t.Rows = append(t.Rows, []string{r.Target.Name, cmp.Or(r.Slot.String(), "every one of "+string(r.Environment)), sc.Session.Opening.Operator})
	}
	return t
}

// guided runs acts one after the other, as one person does, showing how far
// they have come. What is said to be done already is left out.
func (d *Dashboard) guided(ctx context.Context, sc *checklist.Scope, words string, acts []act) error {
	var cells []target.Place
	of := map[string][]act{}
	for _, a := range acts {
		c := d.placeOf(a)
		if len(of[c.String()]) == 0 {
			cells = append(cells, c)
		}
		of[c.String()] = append(of[c.String()], a)
	}
	board := target.NewBoard(sc, cells)
	for _, c := range cells {
		err := board.Work(c, words, func() error {
			for _, a := range of[c.String()] {
				if a.said(sc) {
					continue
				}
				if err := d.perform(ctx, sc, a); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *Dashboard) placeOf(a act) target.Place {
	i := slices.IndexFunc(d.Targets, func(t target.Target) bool { return t.Name == a.effect.Target })
	return target.Place{Target: d.Targets[i], Environment: a.effect.Environment}
}

// allSaid reports whether all acts are said to be done.
func allSaid(sc *checklist.Scope, acts []act) bool {
	return !slices.ContainsFunc(acts, func(a act) bool { return !a.said(sc) })
}
