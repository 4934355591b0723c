package drill

import (
	"context"
	"errors"
	"fmt"

	"keyturn/checklist"
	"keyturn/steps/keys"
	"keyturn/vault"
)

// DiscardNewKey deletes the drill's test key from the vault.
type DiscardNewKey struct{ keys.Store }

func (d DiscardNewKey) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	plan := checklist.Plan{Summary: "Delete the test key from the vault", Risk: checklist.Change}
	for _, e := range sc.Environments() {
		plan.Actions = append(plan.Actions, checklist.Action{
			Environment: e, Words: fmt.Sprintf("delete %s from %s", keys.Name(e, sc.Session.Key(checklist.NewKey)), d.Vault.Describe()),
		})
	}
	return plan, nil
}

func (d DiscardNewKey) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	for _, e := range sc.Environments() {
		_, _, err := d.Vault.Get(ctx, keys.Name(e, sc.Session.Key(checklist.NewKey)))
		if !errors.Is(err, vault.ErrNotFound) {
			return false, err
		}
	}
	return true, nil
}

func (d DiscardNewKey) Do(ctx context.Context, sc *checklist.Scope) error {
	for _, e := range sc.Environments() {
		name := keys.Name(e, sc.Session.Key(checklist.NewKey))
		effect := keys.Effect(checklist.VaultDelete, e, sc.Session.Key(checklist.NewKey))
		err := sc.Effect(ctx, effect, func(ctx context.Context) (checklist.Result, error) {
			err := d.Vault.Delete(ctx, name)
			if errors.Is(err, vault.ErrNotFound) {
				return checklist.Result{How: checklist.Gone}, nil
			}
			return checklist.Result{}, keys.Lost(err)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (d DiscardNewKey) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	gone, err := d.Check(ctx, sc)
	if err != nil {
		return checklist.Evidence{}, err
	}
	if !gone {
		return checklist.Evidence{}, errors.New("the vault still holds the test key")
	}
	return checklist.Evidence{Summary: "the vault holds no test key any more"}, nil
}
