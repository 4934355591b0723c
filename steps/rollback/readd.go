package rollback

import (
	"context"
	"errors"
	"fmt"

	"keyturn/checklist"
	"keyturn/steps/hosting"
	"keyturn/steps/keys"
	"keyturn/vault"
)

// ReAddKey puts the old key's variables back, from the vault. Rows that are
// still there are left alone and count; a key that was revoked as compromised
// never comes back.
type ReAddKey struct {
	keys.Store
	Sessions Sessions
	Adder    hosting.Adder
}

// admit refuses a key that must not be in service again. It is asked for before
// each look and each act: an emergency may have come in between.
func (a ReAddKey) admit(ctx context.Context, sc *checklist.Scope) error {
	id := sc.Session.Key(checklist.OldKey)
	for _, e := range sc.Environments() {
		by, revoked, err := a.Sessions.Compromised(ctx, id, e)
		if err != nil {
			return fmt.Errorf("look whether %s was revoked: %w", id, err)
		}
		if revoked {
			return &CompromisedError{Key: string(id), Environment: e, Session: by}
		}
		_, err = a.Secret(ctx, sc.Session, e, checklist.OldKey)
		switch {
		case errors.Is(err, vault.ErrNotFound):
			return checklist.WithHint(err, "nothing can be put back that nobody has; generate a new key with keyturn emergency")
		case err != nil:
			return err
		}
	}
	return nil
}

// CompromisedError refuses to put a key back that was revoked as compromised.
type CompromisedError struct {
	Key         string
	Environment checklist.Environment
	Session     string // that revoked it
}

func (e *CompromisedError) Error() string {
	return fmt.Sprintf("%s of %s was revoked as compromised by %s and is never put back", e.Key, e.Environment, e.Session)
}

// Hint says what to do instead.
func (e *CompromisedError) Hint() string {
	return "whoever has it could sign again; go forward to a new key with keyturn quarterly, or keyturn emergency where it is urgent"
}

func (a ReAddKey) Plan(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	id := sc.Session.Key(checklist.OldKey)
	plan := checklist.Plan{Summary: fmt.Sprintf("Put %s back into %s", id.Variable(), sc.EnvironmentWords()), Risk: checklist.Change}
	if err := a.admit(ctx, sc); err != nil {
		return plan, err
	}
	refill, err := a.Adder.PlanRefill(ctx, sc)
	if err != nil {
		return plan, err
	}
	plan.Actions, plan.Warnings, plan.Inventory = refill.Actions, refill.Warnings, refill.Inventory
	for _, e := range sc.Environments() {
		if _, entry, err := a.Vault.Get(ctx, keys.Name(e, id)); err != nil {
			return plan, err
		} else if entry.Status == vault.Archived {
			plan.Actions = append(plan.Actions, checklist.Action{
				Environment: e, Words: fmt.Sprintf("mark %s in the vault as in use again", entry.Name),
			})
		}
	}
	return plan, nil
}

func (a ReAddKey) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	if err := a.admit(ctx, sc); err != nil {
		return false, err
	}
	for _, e := range sc.Environments() {
		_, entry, err := a.Vault.Get(ctx, keys.Name(e, sc.Session.Key(checklist.OldKey)))
		if err != nil || entry.Status == vault.Archived {
			return false, err
		}
	}
	missing, err := a.Adder.Missing(ctx, sc)
	return len(missing) == 0, err
}

func (a ReAddKey) Do(ctx context.Context, sc *checklist.Scope) error {
	if err := a.admit(ctx, sc); err != nil {
		return err
	}
	// The service first: it is what people wait for.
	if err := a.Adder.Refill(ctx, sc); err != nil {
		return err
	}
	for _, e := range sc.Environments() {
		if err := a.reinstate(ctx, sc, e); err != nil {
			return err
		}
	}
	return nil
}

// reinstate marks an archived key as in use: it is in service again.
func (a ReAddKey) reinstate(ctx context.Context, sc *checklist.Scope, e checklist.Environment) error {
	name := keys.Name(e, sc.Session.Key(checklist.OldKey))
	secret, entry, err := a.Vault.Get(ctx, name)
	if err != nil || entry.Status != vault.Archived {
		return err
	}
	effect := keys.Effect(checklist.VaultReinstate, e, sc.Session.Key(checklist.OldKey))
	return sc.Effect(ctx, effect, func(ctx context.Context) (checklist.Result, error) {
		_, err := a.Vault.Put(ctx, name, secret, vault.PutOptions{Fingerprint: secret.Fingerprint(sc.Session.Opening.Trail), Note: entry.Note})
		return checklist.Result{}, keys.Lost(err)
	})
}

func (a ReAddKey) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	evidence, err := a.Adder.VerifyRefill(ctx, sc)
	if err != nil {
		return evidence, err
	}
	evidence.Facts = map[string]string{}
	for _, e := range sc.Environments() {
		secret, err := a.Secret(ctx, sc.Session, e, checklist.OldKey)
		if err != nil {
			return evidence, err
		}
		evidence.Facts[checklist.Fact(checklist.FactFingerprint, e, checklist.OldKey)] = string(secret.Fingerprint(sc.Session.Opening.Trail))
	}
	return evidence, nil
}
