package program

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/rollback"
)

// alone is the answer that a rollback is about no session.
const alone = "none"

// aboutRollback fills in what a rollback is about: the rotation in progress,
// and without one the keys that the operator names.
func (p *Program) aboutRollback(ctx context.Context, at served, op checklist.Operator, o *checklist.Opening) error {
	parent, err := p.inTrouble(ctx, op)
	if err != nil {
		return err
	}
	about := "No rotation is in progress: the rollback is about the keys alone. "
	usual := "rollback"
	if parent != nil {
		o.Parent, o.Environments = parent.ID(), parent.Opening.Environments
		o.Old, o.New = parent.Key(checklist.OldKey), parent.Key(checklist.NewKey)
		about = fmt.Sprintf("This rollback is about %s: %s is put back, and %s stays for now. ", parent.ID(), o.Old, o.New)
		usual = "rollback of " + parent.ID()
		op.Progress(checklist.Progress{Words: about})
	} else if err := p.chooseKeys(ctx, at, op, o); err != nil {
		return err
	}
	for _, e := range o.Environments {
		by, revoked, err := sessions{p}.Compromised(ctx, o.Old, e)
		if err != nil {
			return err
		}
		if revoked {
			return &rollback.CompromisedError{Key: string(o.Old), Environment: e, Session: by}
		}
	}
	a, err := op.Ask(ctx, checklist.Question{
		Kind: checklist.Write, Title: "Why is this done?", Default: usual, Body: about + "The reason goes into the record.",
	})
	o.Reason = cmp.Or(strings.TrimSpace(a.Text), "none given")
	return err
}

// inTrouble returns the rotation that a rollback is about: the one in progress,
// or the one that the operator names where there are several. It is nil where
// there is none.
func (p *Program) inTrouble(ctx context.Context, op checklist.Operator) (*checklist.Session, error) {
	all, _, err := p.sessions() // a journal that cannot be read is no reason to leave a service broken
	if err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(s *checklist.Session) bool { return s.Checklist.ID != checklist.KindQuarterly || s.Outcome != "" })
	switch len(all) {
	case 0:
		return nil, nil
	case 1:
		return all[0], nil
	}
	q := checklist.Question{Kind: checklist.Choose, Title: "Which rotation is in trouble?", Default: all[0].ID()}
	for _, s := range all {
		q.Choices = append(q.Choices, checklist.Choice{
			ID: s.ID(), Label: s.ID(), Help: fmt.Sprintf("%s to %s, since %s", s.Key(checklist.OldKey), s.Key(checklist.NewKey), s.OpenedAt.UTC().Format("2 Jan 2006")),
		})
	}
	q.Choices = append(q.Choices, checklist.Choice{ID: alone, Label: "None of them", Help: "ask for the keys"})
	a, err := op.Ask(ctx, q)
	if err != nil {
		return nil, err
	}
	for _, s := range all {
		if s.ID() == a.Text {
			return s, nil
		}
	}
	return nil, nil
}

// chooseKeys asks which key is to be put back, of those in the vault, and which
// one stays beside it, of those in service.
func (p *Program) chooseKeys(ctx context.Context, at served, op checklist.Operator, o *checklist.Opening) error {
	entries, err := p.vault.List(ctx)
	if err != nil {
		return fmt.Errorf("list the vault: %w", err)
	}
	var held []keygen.KeyID
	for _, entry := range entries {
		if _, id, ok := keyOf(entry.Name); ok && id != keygen.Test && id != keygen.Emergency && !slices.Contains(held, id) {
			held = append(held, id)
		}
	}
	slices.SortFunc(held, func(a, b keygen.KeyID) int {
		return cmp.Or(cmp.Compare(b.Version(), a.Version()), strings.Compare(string(a), string(b)))
	})
	if len(held) == 0 {
		return checklist.WithHint(fmt.Errorf("the vault holds no key to put back"), "generate a new one with keyturn emergency")
	}
	q := checklist.Question{Kind: checklist.Choose, Title: "Which key is to be put back?", Body: "Its value is taken from the vault."}
	production := at[checklist.Production]
	for _, id := range held {
		help := "not in service in production"
		since, served := production[id]
		by, _, err := sessions{p}.Compromised(ctx, id, checklist.Production)
		doubt := (*suspicion)(nil)
		switch {
		case errors.As(err, &doubt):
			by, help = doubt.session, doubt.Error()
		case err != nil:
			return err
		case by != "":
			help = "revoked as compromised by " + by + ": it is never put back"
		case served:
			help = "in service in production since " + sinceWords(since)
		}
		if by == "" && !served && q.Default == "" {
			q.Default = string(id) // the newest that is out of service
		}
		q.Choices = append(q.Choices, checklist.Choice{ID: string(id), Label: id.Variable(), Help: help})
	}
	q.Default = cmp.Or(q.Default, string(held[len(held)-1]))
	a, err := op.Ask(ctx, q)
	if err != nil {
		return err
	}
	if o.Old, err = keygen.ParseKeyID(a.Text); err != nil {
		return err
	}
	delete(production, o.Old)
	if len(production) == 0 { // nothing to keep, nothing to give up
		return nil
	}
	o.New, err = chooseKey(ctx, "Which key is in trouble? It stays until you decide.", checklist.Production, production, op)
	return err
}
