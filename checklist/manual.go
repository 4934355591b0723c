package checklist

import (
	"context"
	"errors"
	"fmt"
)

// Manual does an item that a person added to a checklist: the operator says that
// it is done. Keyturn changes nothing for it.
type Manual struct{ AskOnly }

// askedManual is the step's one question.
func askedManual() Asked { return Asked{ID: "manual"} }

func (Manual) Plan(_ context.Context, sc *Scope) (Plan, error) {
	return Plan{Summary: sc.Item.Title, Risk: Look, Actions: []Action{
		{Words: "you do it, and say when it is done"},
	}}, nil
}

func (Manual) Do(ctx context.Context, sc *Scope) error {
	a, err := sc.Ask(ctx, Question{
		Kind: Confirm, Asked: askedManual(), Default: No,
		Title: fmt.Sprintf("Is ‘%s’ done?", sc.Item.Title), Body: sc.Item.Why,
	})
	if err != nil {
		return err
	}
	if a.Text != Yes {
		return WithHint(errors.New("it is not done yet"), "do it, then run the item again")
	}
	return nil
}

func (Manual) Verify(_ context.Context, sc *Scope) (Evidence, error) {
	who, said := "", ""
	for _, a := range sc.Session.State(sc.Item.ID).Answers {
		if *a.Question == askedManual() {
			who, said = a.By, a.Text
		}
	}
	if said != Yes {
		return Evidence{}, errors.New("nobody has said that it is done")
	}
	return Evidence{Summary: "it is done, as " + who + " says"}, nil
}
