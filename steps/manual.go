package steps

import (
	"context"
	"errors"
	"fmt"

	"keyturn/checklist"
)

// manual does an item that a person added to a checklist: the operator says that
// it is done. Keyturn changes nothing for it.
type manual struct{ ask }

// askedManual is the step's one question.
func askedManual() checklist.Asked { return checklist.Asked{ID: "manual"} }

func (manual) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	return checklist.Plan{Summary: sc.Item.Title, Risk: checklist.Look, Actions: []checklist.Action{
		{Words: "you do it, and say when it is done"},
	}}, nil
}

func (manual) Do(ctx context.Context, sc *checklist.Scope) error {
	a, err := sc.Ask(ctx, checklist.Question{
		Kind: checklist.Confirm, Asked: askedManual(), Default: checklist.No,
		Title: fmt.Sprintf("Is ‘%s’ done?", sc.Item.Title), Body: sc.Item.Why,
	})
	if err != nil {
		return err
	}
	if a.Text != checklist.Yes {
		return checklist.WithHint(errors.New("it is not done yet"), "do it, then run the item again")
	}
	return nil
}

func (manual) Verify(_ context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	who, said := "", ""
	for _, a := range sc.Session.State(sc.Item.ID).Answers {
		if *a.Question == askedManual() {
			who, said = a.By, a.Text
		}
	}
	if said != checklist.Yes {
		return checklist.Evidence{}, errors.New("nobody has said that it is done")
	}
	return checklist.Evidence{Summary: "it is done, as " + who + " says"}, nil
}
