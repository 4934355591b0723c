package keys

import (
	"context"
	"errors"
	"fmt"
	"io"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/vault"
)

// Generate makes the new key of each environment, straight into the vault.
//
// A key is in the vault before its fingerprint is in the journal. A crash in
// between leaves a vault item whose note names the session; Check finds it and
// nothing is generated twice.
type Generate struct {
	Store
	Random io.Reader
}

func (g Generate) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	plan := checklist.Plan{
		Summary: fmt.Sprintf("Generate key %s", sc.Session.Key(checklist.NewKey)),
		Risk:    checklist.Change,
	}
	for _, e := range sc.Environments() {
		name := Name(e, sc.Session.Key(checklist.NewKey))
		plan.Actions = append(plan.Actions, checklist.Action{
			Environment: e,
			Words:       fmt.Sprintf("32 random bytes into %s as %s", g.Vault.Describe(), name),
		})
	}
	return plan, nil
}

func (g Generate) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	for _, e := range sc.Environments() {
		mine, err := g.generated(ctx, sc, e)
		if err != nil || !mine {
			return false, err
		}
	}
	return true, nil
}

// generated reports whether the vault holds the key that this session made.
func (g Generate) generated(ctx context.Context, sc *checklist.Scope, e checklist.Environment) (bool, error) {
	name := Name(e, sc.Session.Key(checklist.NewKey))
	_, entry, err := g.Vault.Get(ctx, name)
	switch {
	case errors.Is(err, vault.ErrNotFound):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("look for %s in the vault: %w", name, err)
	case entry.Note == sc.Mark().String():
		return true, nil
	case sc.Mark().Replaces(entry.Note):
		return false, nil
	case entry.Status == vault.Active && name != Name(e, keygen.Test):
		return false, checklist.WithHint(
			fmt.Errorf("the vault holds an active %s that this session did not make (%s)", name, entry.Note),
			"abandon this session and start one with the next free key id")
	}
	return false, nil
}

func (g Generate) Do(ctx context.Context, sc *checklist.Scope) error {
	for _, e := range sc.Environments() {
		if mine, err := g.generated(ctx, sc, e); err != nil {
			return err
		} else if mine {
			continue
		}
		id := sc.Session.Key(checklist.NewKey)
		err := sc.Effect(ctx, Effect(checklist.VaultGenerate, e, id), func(ctx context.Context) (checklist.Result, error) {
			secret, err := keygen.Generate(g.Random)
			if err != nil {
				return checklist.Result{}, err
			}
			fingerprint := secret.Fingerprint(sc.Session.Opening.Trail)
			// Replace: what is there is an archived key or a drill's leftover.
			_, err = g.Vault.Put(ctx, Name(e, id), secret, vault.PutOptions{Fingerprint: fingerprint, Note: sc.Mark().String(), Replace: true})
			return checklist.Result{Note: "fingerprint " + fingerprint.Short()}, Lost(err)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (g Generate) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	id := sc.Session.Key(checklist.NewKey)
	evidence := checklist.Evidence{
		Facts: map[string]string{},
		Tables: []checklist.Table{{
			Title: "Generated keys", Columns: []string{"Key", "Environment", "Vault item", "Fingerprint"},
		}},
	}
	var secrets []keygen.Secret
	for _, e := range sc.Environments() {
		secret, entry, err := g.Vault.Get(ctx, Name(e, id))
		if err != nil {
			return evidence, fmt.Errorf("read %s back: %w", Name(e, id), err)
		}
		for _, other := range secrets {
			if other.Equal(secret) {
				return evidence, fmt.Errorf("two environments hold the same secret under %s", id)
			}
		}
		secrets = append(secrets, secret)
		fingerprint := secret.Fingerprint(sc.Session.Opening.Trail)
		evidence.Facts[checklist.Fact(checklist.FactFingerprint, e, checklist.NewKey)] = string(fingerprint)
		evidence.Tables[0].Rows = append(evidence.Tables[0].Rows,
			[]string{string(id), string(e), string(entry.Name), fingerprint.Short()})
	}
	evidence.Summary = fmt.Sprintf("key %s is in the vault, a secret of its own for %s", id, sc.EnvironmentWords())
	return evidence, nil
}
