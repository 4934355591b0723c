package program

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"keyturn/checklist"
	"keyturn/steps/hosting"
)

// explainer knows of the realm's other sessions what they did to this one.
type explainer struct{ program *Program }

var _ checklist.Explainer = explainer{}

// Explain implements checklist.Explainer. Journals that cannot be read explain
// nothing, and keep nobody from seeing the changes themselves.
func (x explainer) Explain(ctx context.Context, s *checklist.Session, drift []checklist.Drift) (changes, wayOut string) {
	all, _, err := x.program.sessions()
	if err != nil {
		return "", ""
	}
	var made []string
	for _, other := range all {
		if other.ID() == s.ID() {
			continue
		}
		if n := x.madeBy(ctx, other, s, drift); n > 0 {
			made = append(made, fmt.Sprintf("%s, %s, made %d of these %d changes.", other.ID(), about(other), n, len(drift)))
		}
		if wayOut == "" && revokedNewKey(other, s) {
			wayOut = fmt.Sprintf("%s, the new key here, was revoked by %s: abandon this session, and begin a new one.", s.Key(checklist.NewKey), other.ID())
		}
	}
	return strings.Join(made, "\n"), wayOut
}

// about says in a few words what another session is about.
func about(s *checklist.Session) string {
	words := strings.ToLower(s.Checklist.Title)
	switch s.Checklist.ID {
	case checklist.KindEmergency:
		return fmt.Sprintf("%s of %s", words, s.Key(checklist.OldKey))
	case checklist.KindRollback:
		return fmt.Sprintf("%s to %s", words, s.Key(checklist.OldKey))
	}
	return fmt.Sprintf("%s to %s", words, s.Key(checklist.NewKey))
}

// madeBy counts the changes that another session made since this one looked.
func (x explainer) madeBy(ctx context.Context, other, s *checklist.Session, drift []checklist.Drift) int {
	if len(drift) == 0 || !other.LastEvent.At.After(s.SeenAt) {
		return 0
	}
	events, err := sessions(x).Events(ctx, other.ID())
	if err != nil {
		return 0
	}
	n := 0
	for _, d := range drift {
		if slices.ContainsFunc(events, func(e checklist.Event) bool {
			return e.Kind == checklist.Done && e.At.After(s.SeenAt) && hosting.Concerns(*e.Effect, d.Subject)
		}) {
			n++
		}
	}
	return n
}

// revokedNewKey reports whether another session revoked the key that this one
// is about to leave in service.
func revokedNewKey(other, s *checklist.Session) bool {
	id := s.Key(checklist.NewKey)
	if s.Checklist.ID == checklist.KindRollback { // it can still take that key out
		return false
	}
	return id != "" && other.OpenedAt.After(s.OpenedAt) && slices.ContainsFunc(s.Environments(), func(e checklist.Environment) bool {
		return revoked(other, id, e)
	})
}
