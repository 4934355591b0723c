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

func (e *Engine) checkDrift(ctx context.Context, op Operator, item Item) error {
	s := e.Session()
	if e.cfg.Observer == nil || !s.current {
		return nil
	}
	now, err := e.cfg.Observer.Observe(ctx, s)
	if err != nil {
		return fmt.Errorf("look for drift: %w", err)
	}
	drift := compare(s.Seen, now)
	if len(drift) == 0 {
		return nil
	}
	lines := make([]string, len(drift))
	for i, d := range drift {
		lines[i] = d.String()
	}
	changes, wayOut := e.explain(ctx, drift)
	said := slices.DeleteFunc([]string{changes, wayOut, strings.Join(lines, "\n")}, func(s string) bool { return s == "" })
	a, left := op.Ask(ctx, Question{
		Kind: Confirm, Item: item.ID, Default: No,
		Title: "Something changed outside this session. Go on with what is there now?",
		Body:  strings.Join(said, "\n"),
	})
	text := "the operator went on with what was found"
	if left != nil || a.Text != Yes {
		text = "the operator stopped"
	}
	// A question left open makes the change no less one.
	if err := e.record(ctx, op, Event{Kind: Drifted, Item: item.ID, Drift: drift, Text: text}); err != nil {
		return errors.Join(left, err)
	}
	switch {
	case left != nil:
		return left
	case a.Text != Yes:
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
