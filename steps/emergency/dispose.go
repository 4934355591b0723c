package emergency

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"keyturn/checklist"
	"keyturn/steps/keys"
	"keyturn/vault"
)

// DisposeCompromised destroys the compromised key in the vault, or seals it as
// evidence, as the operator chooses. It is never archived: what is archived can
// be put back into service.
type DisposeCompromised struct{ keys.Store }

const (
	disposeSeal    = "seal"
	disposeDestroy = "destroy"
)

// standing says where the vault's copy of an environment stands.
func (d DisposeCompromised) standing(ctx context.Context, sc *checklist.Scope, e checklist.Environment) (gone, sealed bool, err error) {
	_, _, err = d.Vault.Get(ctx, keys.Name(e, sc.Session.Key(checklist.OldKey)))
	switch {
	case errors.Is(err, vault.ErrNotFound):
		return true, false, nil
	case errors.Is(err, vault.ErrSealed):
		return false, true, nil
	}
	return false, false, err
}

// left returns the environments in which the vault can still give the key.
func (d DisposeCompromised) left(ctx context.Context, sc *checklist.Scope) ([]checklist.Environment, error) {
	var left []checklist.Environment
	for _, e := range sc.Environments() {
		gone, sealed, err := d.standing(ctx, sc, e)
		if err != nil {
			return nil, fmt.Errorf("look for %s in the vault: %w", keys.Name(e, sc.Session.Key(checklist.OldKey)), err)
		}
		if !gone && !sealed {
			left = append(left, e)
		}
	}
	return left, nil
}

// askedDisposal is the question what becomes of a key.
func askedDisposal(name vault.Name) checklist.Asked {
	return checklist.Asked{ID: "dispose", About: string(name)}
}

// Plan asks for the choice first: it is what is to be agreed to.
func (d DisposeCompromised) Plan(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	id := sc.Session.Key(checklist.OldKey)
	plan := checklist.Plan{
		Summary: fmt.Sprintf("Dispose of %s", id), Risk: checklist.Irreversible, Confirm: string(id),
		Warnings: []string{"A sealed key stays in the vault as evidence, and nothing gives it out again. A destroyed one is gone."},
	}
	left, err := d.left(ctx, sc)
	if err != nil {
		return plan, err
	}
	for _, e := range left {
		name := keys.Name(e, id)
		a, err := sc.Ask(ctx, checklist.Question{
			Kind: checklist.Choose, Asked: askedDisposal(name), Default: disposeSeal,
			Title: fmt.Sprintf("What becomes of %s?", name), Body: "It is in " + d.Vault.Describe() + ".",
			Choices: []checklist.Choice{
				{ID: disposeSeal, Label: "Seal it", Help: "evidence for whoever investigates; nothing can put it back into service"},
				{ID: disposeDestroy, Label: "Destroy it", Help: "every version of it"},
			},
		})
		if err != nil {
			return plan, err
		}
		if a.Text != disposeSeal && a.Text != disposeDestroy {
			return plan, fmt.Errorf("%q is no choice: want %s or %s", a.Text, disposeSeal, disposeDestroy)
		}
		plan.Actions = append(plan.Actions, checklist.Action{Environment: e, Words: fmt.Sprintf("%s %s", a.Text, name)})
	}
	return plan, nil
}

func (d DisposeCompromised) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	left, err := d.left(ctx, sc)
	return len(left) == 0, err
}

func (d DisposeCompromised) Do(ctx context.Context, sc *checklist.Scope) error {
	left, err := d.left(ctx, sc)
	if err != nil {
		return err
	}
	for _, e := range left {
		name := keys.Name(e, sc.Session.Key(checklist.OldKey))
		if err := d.dispose(ctx, sc, e, name, sc.Answer(askedDisposal(name))); err != nil {
			return err
		}
	}
	return nil
}

func (d DisposeCompromised) dispose(ctx context.Context, sc *checklist.Scope, e checklist.Environment, name vault.Name, choice string) error {
	code := checklist.VaultSeal
	if choice == disposeDestroy {
		code = checklist.VaultDestroy
	}
	return sc.Effect(ctx, keys.Effect(code, e, sc.Session.Key(checklist.OldKey)), func(ctx context.Context) (checklist.Result, error) {
		if code == checklist.VaultSeal {
			_, err := d.Vault.Seal(ctx, name, "compromised: "+sc.Session.ID())
			return checklist.Result{}, keys.Lost(err)
		}
		err := d.Vault.Delete(ctx, name)
		if errors.Is(err, vault.ErrNotFound) {
			return checklist.Result{How: checklist.Gone}, nil
		}
		return checklist.Result{}, keys.Lost(err)
	})
}

func (d DisposeCompromised) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	id := sc.Session.Key(checklist.OldKey)
	table := checklist.Table{Title: "The compromised key", Columns: []string{"Vault item", "Fingerprint", "Now"}}
	var became []string
	for _, e := range sc.Environments() {
		gone, sealed, err := d.standing(ctx, sc, e)
		if err != nil {
			return checklist.Evidence{}, err
		}
		words := ""
		switch fingerprint := sc.Session.Fingerprint(e, checklist.OldKey); {
		case sealed:
			words = "sealed as evidence"
		case gone && fingerprint == "":
			words = "not in the vault"
		case gone:
			words = "destroyed"
		default:
			return checklist.Evidence{}, fmt.Errorf("the vault still gives %s", keys.Name(e, id))
		}
		became = append(became, fmt.Sprintf("%s is %s", keys.Name(e, id), words))
		table.Rows = append(table.Rows, []string{string(keys.Name(e, id)), sc.Session.Fingerprint(e, checklist.OldKey).Short(), words})
	}
	return checklist.Evidence{
		Summary: strings.Join(became, "; "),
		Tables:  []checklist.Table{table},
	}, nil
}
