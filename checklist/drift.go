package checklist

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Explainer knows what other sessions of the same realm did.
type Explainer interface {
	// Explain says in sentences which other sessions made some of the changes
	// outside, and what to do where one of them leaves no way to this session's
	// end, such as by revoking its new key. Each is "" where there is none.
	Explain(ctx context.Context, s *Session, drift []Drift) (changes, wayOut string)
}

func (e *Engine) explain(ctx context.Context, drift []Drift) (changes, wayOut string) {
	if e.cfg.Explainer == nil {
		return "", ""
	}
	return e.cfg.Explainer.Explain(ctx, e.Session(), drift)
}

// VariableSubject names a row of a variable in an observation. The form is
// format: a session that was opened by one version is compared by another.
func VariableSubject(target, variable, row string) string {
	return strings.Join([]string{"variable", target, variable, row}, "/")
}

// ParseVariable reads what VariableSubject writes.
func ParseVariable(subject string) (target, variable, row string, ok bool) {
	parts := strings.SplitN(subject, "/", 4)
	if len(parts) != 4 || parts[0] != "variable" {
		return "", "", "", false
	}
	return parts[1], parts[2], parts[3], true
}

func (d Drift) String() string {
	subject := d.Subject
	if target, variable, row, ok := ParseVariable(d.Subject); ok {
		subject = fmt.Sprintf("%s %s row %s", target, variable, row)
	}
	switch {
	case d.Believed == "":
		return fmt.Sprintf("%s appeared: %s", subject, d.Found)
	case d.Found == "":
		return fmt.Sprintf("%s is gone: it was %s", subject, d.Believed)
	}
	return fmt.Sprintf("%s changed: it was %s, now %s", subject, d.Believed, d.Found)
}

func driftWords(drift []Drift) []string {
	lines := make([]string, len(drift))
	for i, d := range drift {
		lines[i] = d.String()
	}
	return lines
}

// checkSetup compares the configuration with what the session is bound to.
// Nothing is planned, looked at or done while the two differ: the operator
// agrees to the difference first, and for a target that is not configured any
// more a second person does.
func (e *Engine) checkSetup(ctx context.Context, op Operator, item Item) error {
	s := e.Session()
	now := e.cfg.Setup.Without(s.narrowed...)
	missing := e.setupDrift(s, now).missing
	for _, name := range missing {
		if err := e.narrow(ctx, op, item, name); err != nil {
			return err
		}
	}
	drift := e.setupDrift(e.Session(), now).drift
	if len(drift) == 0 {
		return nil
	}
	lines := driftWords(drift)
	note := ""
	if slices.Contains(s.Environments(), Production) && s.Checklist.ID == Quarterly(0).ID {
		note = "\n\nProduction needs a new approval then: what was approved was approved for the configuration before."
	}
	if required := s.Opening.Setup.Approval.Required; now.Approval.Required < required {
		note += fmt.Sprintf("\n\n%d people must still approve: as many as when the session was opened.", required)
	}
	a, err := op.Ask(ctx, Question{
		Kind: Confirm, Item: item.ID, Default: No,
		Title: "The configuration is not the one that this session was opened with. Go on with it?",
		Body:  strings.Join(lines, "\n") + note,
	})
	switch {
	case err != nil:
		return err
	case a.Text != Yes:
		return WithHint(fmt.Errorf("the configuration is not the session's: %s", strings.Join(lines, "; ")),
			"nothing was done; put the configuration back, or run the item again and agree to it")
	}
	return e.record(ctx, op, Event{Kind: Configured, Item: item.ID, Drift: drift, Setup: &now, Text: "the operator went on with the other configuration"})
}

// setupDrift is how the configuration differs from what a session is bound to.
func (e *Engine) setupDrift(s *Session, now Setup) (d struct {
	drift   []Drift
	missing []string
}) {
	bound := s.Setup()
	if s.Opening.Sandbox {
		bound, now = bound.WithoutPorts(), now.WithoutPorts()
	}
	d.drift, d.missing = bound.Diff(now), bound.Missing(now)
	return d
}

// narrow takes a target out of the session that the configuration does not have
// any more. An emergency and a rollback go on with the rest at once; elsewhere
// the operator gives a reason, and a second person agrees where production is
// at stake.
func (e *Engine) narrow(ctx context.Context, op Operator, item Item, target string) error {
	ev := Event{Kind: Narrowed, Item: item.ID, Target: target, Text: "it is not configured any more"}
	s := e.Session()
	if len(s.Setup().Targets) == 1 {
		return WithHint(fmt.Errorf("%s, the last target of the session, is not configured any more", target),
			"put it back into the configuration, or abandon the session")
	}
	if !s.urgent() {
		a, err := op.Ask(ctx, Question{
			Kind: Write, Item: item.ID, Optional: true,
			Title:   fmt.Sprintf("%s is not configured any more. Why is it taken out of this session? (empty to stop)", target),
			Default: s.AskedReason(Consent{Item: item.ID, Deviation: Narrowed, Target: target}, e.clock()),
			Body:    "Nothing is changed there from now on. The reason is printed first in the record.",
		})
		switch {
		case err != nil:
			return err
		case strings.TrimSpace(a.Text) == "":
			return WithHint(fmt.Errorf("%s is part of this session and is not configured any more", target),
				"nothing was done; put it back into the configuration, or run the item again and give a reason to take it out")
		}
		ev.Text = strings.TrimSpace(a.Text)
		if slices.Contains(s.Environments(), Production) {
			agreed, err := e.approve(ctx, op, Consent{Item: item.ID, Deviation: Narrowed, Target: target, Reason: ev.Text})
			if err != nil {
				return err
			}
			ev.Approvals = requestsOf(agreed)
		}
	}
	return e.record(ctx, op, ev)
}

// urgent reports whether the session waits for nobody: a key is abused, or a
// service is down.
func (s *Session) urgent() bool {
	return s.Checklist.ID == Emergency(false).ID || s.Checklist.ID == Rollback().ID
}

func (e *Engine) checkDrift(ctx context.Context, op Operator, item Item) error {
	s := e.Session()
	if e.cfg.Observer == nil || !s.current {
		return nil
	}
	now, err := e.cfg.Observer.Observe(ctx, s)
	if err != nil {
		return fmt.Errorf("look for drift: %w", err)
	}
	drift := slices.DeleteFunc(compare(s.Seen, now), func(d Drift) bool {
		target, _, _, _ := ParseVariable(d.Subject)
		return slices.Contains(s.unseen, target)
	})
	if len(drift) == 0 {
		return nil
	}
	lines := driftWords(drift)
	changes, wayOut := e.explain(ctx, drift)
	said := slices.DeleteFunc([]string{changes, wayOut, strings.Join(lines, "\n")}, func(s string) bool { return s == "" })
	a, left := op.Ask(ctx, Question{
		Kind: Confirm, Item: item.ID, Default: No,
		Title: "Something changed outside this session. Go on with what is there now?",
		Body:  strings.Join(said, "\n"),
	})
	accepted, text := left == nil && a.Text == Yes, "the operator stopped"
	if accepted {
		text = "the operator went on with what was found"
	}
	// A question left open makes the change no less one.
	if err := e.record(ctx, op, Event{Kind: Drifted, Item: item.ID, Drift: drift, Accepted: accepted, Text: text}); err != nil {
		return errors.Join(left, err)
	}
	switch {
	case left != nil:
		return left
	case !accepted:
		return WithHint(fmt.Errorf("%d things changed outside this session: %s", len(drift), strings.Join(lines, "; ")),
			"%s", cmp.Or(wayOut, "put them back, or run the item again and accept what is there"))
	}
	return e.record(ctx, op, Event{Kind: Observed, Seen: now})
}

func compare(believed, found map[string]string) []Drift {
	var drift []Drift
	subjects := slices.Collect(maps.Keys(believed))
	for subject := range found {
		if _, ok := believed[subject]; !ok {
			subjects = append(subjects, subject)
		}
	}
	slices.Sort(subjects)
	for _, subject := range subjects {
		if believed[subject] != found[subject] {
			drift = append(drift, Drift{Subject: subject, Believed: believed[subject], Found: found[subject]})
		}
	}
	return drift
}
