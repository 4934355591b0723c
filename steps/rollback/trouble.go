package rollback

import (
	"context"
	"fmt"
	"strings"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/keys"
)

// The facts that hold what the operator said of the trouble.
const (
	FactTroubleWhat  = "trouble/what"
	FactTroubleSince = "trouble/since"
	FactTroubleWhom  = "trouble/whom"
)

// NameTrouble asks what fails, since when and for whom. It also takes over the
// fingerprints of the two keys, so that every later item is about the same keys
// as the session in trouble.
type NameTrouble struct {
	keys.Store
	InTrouble
}

// troubleQuestion is one question about the trouble and the fact that keeps its
// answer.
type troubleQuestion struct {
	asked              checklist.Asked
	fact, title, usual string
}

func (n NameTrouble) Plan(context.Context, *checklist.Scope) (checklist.Plan, error) {
	return checklist.Plan{Summary: "Name the trouble", Risk: checklist.Look, Actions: []checklist.Action{
		{Words: "ask you what fails, since when, and for whom"},
	}}, nil
}

// Check reports whether everything was answered already, so that nobody in
// trouble is asked twice.
func (n NameTrouble) Check(_ context.Context, sc *checklist.Scope) (bool, error) {
	return len(troubleAnswers(sc)) == len(troubleQuestions("", "")), nil
}

func troubleQuestions(what, since string) []troubleQuestion {
	return []troubleQuestion{
		{checklist.Asked{ID: "what"}, FactTroubleWhat, "What fails?", what},
		{checklist.Asked{ID: "since"}, FactTroubleSince, "Since when?", since},
		{checklist.Asked{ID: "whom"}, FactTroubleWhom, "For whom?", "not known yet"},
	}
}

func (n NameTrouble) Do(ctx context.Context, sc *checklist.Scope) error {
	parent, ok, err := n.parent(ctx, sc)
	if err != nil {
		return err
	}
	what, since := "signed requests are refused", "not known yet"
	if item, st, failed := lastFailure(parent); ok && failed {
		what, since = item.Title+" failed: "+firstLine(st.Text), st.At.UTC().Format("2006-01-02 15:04 MST")
	}
	for _, q := range troubleQuestions(what, since) {
		_, err := sc.Ask(ctx, checklist.Question{
			Kind: checklist.Write, Asked: q.asked, Title: q.title, Default: q.usual, Body: "In your words; it goes into the record.",
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// lastFailure returns the item of a session that failed last, if one has.
func lastFailure(s *checklist.Session) (item checklist.Item, st checklist.ItemState, found bool) {
	if s == nil {
		return item, st, false
	}
	for _, i := range s.Checklist.Items() {
		if of := s.State(i.ID); of.Status == checklist.StatusFailed && (!found || of.At.After(st.At)) {
			item, st, found = i, of, true
		}
	}
	return item, st, found
}

// firstLine is as much of a text as fits a question.
func firstLine(text string) string {
	const limit = 160 // characters
	text, _, _ = strings.Cut(text, "\n")
	if runes := []rune(text); len(runes) > limit {
		return string(runes[:limit]) + "…"
	}
	return text
}

func troubleAnswers(sc *checklist.Scope) map[string]string {
	answers := map[string]string{}
	for _, q := range troubleQuestions("", "") {
		if text := strings.TrimSpace(sc.Answer(q.asked)); text != "" {
			answers[q.fact] = text
		}
	}
	return answers
}

func (n NameTrouble) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	answers := troubleAnswers(sc)
	evidence := checklist.Evidence{Facts: answers, Tables: []checklist.Table{{
		Title: "Keys", Columns: []string{"Environment", "Key", "Role", "Fingerprint"},
	}}}
	for _, q := range troubleQuestions("", "") {
		if answers[q.fact] == "" {
			return checklist.Evidence{}, checklist.WithHint(fmt.Errorf("%q was not answered", q.title), "run the item again; a few words are enough")
		}
	}
	evidence.Summary = fmt.Sprintf("%s (since: %s; for: %s)", answers[FactTroubleWhat], answers[FactTroubleSince], answers[FactTroubleWhom])
	parent, _, err := n.parent(ctx, sc)
	if err != nil {
		return evidence, err
	}
	for _, e := range sc.Session.Environments() {
		for _, r := range []checklist.Role{checklist.OldKey, checklist.NewKey} {
			f, err := n.fingerprint(ctx, sc, parent, e, r)
			if err != nil {
				return evidence, err
			}
			if f == "" {
				continue
			}
			evidence.Facts[checklist.Fact(checklist.FactFingerprint, e, r)] = string(f)
			evidence.Tables[0].Rows = append(evidence.Tables[0].Rows, []string{string(e), string(sc.Session.Key(r)), roleInRollback(r), f.Short()})
		}
	}
	return evidence, nil
}

func roleInRollback(r checklist.Role) string {
	if r == checklist.OldKey {
		return "to be put back"
	}
	return "stays"
}

// InTrouble knows the session that a rollback is about.
type InTrouble struct{ Sessions Sessions }

// parent returns the session that a rollback is about; ok is false when the
// rollback is alone.
func (t InTrouble) parent(ctx context.Context, sc *checklist.Scope) (s *checklist.Session, ok bool, err error) {
	id := sc.Session.Opening.Parent
	if id == "" {
		return nil, false, nil
	}
	s, err = t.Sessions.Session(ctx, id)
	if err != nil {
		return nil, false, fmt.Errorf("read session %s: %w", id, err)
	}
	return s, true, nil
}

// fingerprint returns what is known of a key before anything is done: what the
// session in trouble recorded, or what the vault's index says. It is empty where
// neither knows the key.
func (n NameTrouble) fingerprint(ctx context.Context, sc *checklist.Scope, parent *checklist.Session, e checklist.Environment, r checklist.Role) (keygen.Fingerprint, error) {
	if parent != nil && parent.Fingerprint(e, r) != "" {
		return parent.Fingerprint(e, r), nil
	}
	entries, err := n.Vault.List(ctx)
	if err != nil {
		return "", fmt.Errorf("list the vault: %w", err)
	}
	var f keygen.Fingerprint
	for _, entry := range entries { // the last version stands for the name
		if entry.Name == keys.Name(e, sc.Session.Key(r)) {
			f = entry.Fingerprint
		}
	}
	return f, nil
}

// Sessions is what a step may know and change of the realm's other sessions.
type Sessions interface {
	// Session returns a snapshot of a session.
	Session(ctx context.Context, id string) (*checklist.Session, error)
	// Events returns a session's events, for a time line.
	Events(ctx context.Context, id string) ([]checklist.Event, error)
	// Compromised returns the session that revoked a key of an environment as
	// compromised; ok is false when none has.
	Compromised(ctx context.Context, id keygen.KeyID, e checklist.Environment) (session string, ok bool, err error)
	// RolledBack writes into a session that another put its old key back: items
	// from itemID on are open again ("" for none), and the outside looks as seen
	// says.
	RolledBack(ctx context.Context, id, itemID, by string, seen map[string]string) error
	// Abandon ends a session with a reason.
	Abandon(ctx context.Context, id, reason string) error
}
