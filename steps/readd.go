package steps

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"keyturn/checklist"
	"keyturn/steps/vercel"
	"keyturn/vault"
)

// ReAddOldKey is the step that a failed probe of a rollback points back to.
const ReAddOldKey = "re-add-old-key"

// reAddKey puts the old key's variables back, from the vault. Rows that are
// still there are left alone and count; a key that was revoked as compromised
// never comes back.
type reAddKey struct{ addKey }

// admit refuses a key that must not be in service again. It is asked for before
// each look and each act: an emergency may have come in between.
func (a reAddKey) admit(ctx context.Context, sc *checklist.Scope) error {
	id := sc.Session.Key(checklist.OldKey)
	for _, e := range sc.Environments() {
		by, revoked, err := a.Sessions.Compromised(ctx, id, e)
		if err != nil {
			return fmt.Errorf("look whether %s was revoked: %w", id, err)
		}
		if revoked {
			return &CompromisedError{Key: string(id), Environment: e, Session: by}
		}
		_, err = a.secret(ctx, sc.Session, e, checklist.OldKey)
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

func (a reAddKey) Plan(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	id := sc.Session.Key(checklist.OldKey)
	plan := checklist.Plan{Summary: fmt.Sprintf("Put %s back into %s", id.Variable(), environmentWords(sc)), Risk: checklist.Change}
	if err := a.admit(ctx, sc); err != nil {
		return plan, err
	}
	existing, err := a.existing(ctx, sc)
	if err != nil {
		return plan, err
	}
	for _, r := range a.rows(sc.Environments()) {
		action := checklist.Action{Target: r.target.Name, Environment: r.environment}
		if v, ok := existing[r.String()]; ok && !oursBefore(sc, v) {
			action.Words = fmt.Sprintf("leave row %s for %s as it is", v.ID, r.vercel)
		} else {
			action.Words = fmt.Sprintf("create %s, %s, for %s, with the value from %s", id.Variable(), r.slot.variableType(), r.vercel, a.Vault.Describe())
			action.Command = r.command(id.Variable())
		}
		plan.Actions = append(plan.Actions, action)
	}
	for _, e := range sc.Environments() {
		if _, entry, err := a.Vault.Get(ctx, secretName(e, id)); err != nil {
			return plan, err
		} else if entry.Status == vault.Archived {
			plan.Actions = append(plan.Actions, checklist.Action{
				Environment: e, Words: fmt.Sprintf("mark %s in the vault as in use again", entry.Name),
			})
		}
	}
	plan.Inventory, err = a.inventory(ctx, id)
	return plan, err
}

func (a reAddKey) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	if err := a.admit(ctx, sc); err != nil {
		return false, err
	}
	for _, e := range sc.Environments() {
		_, entry, err := a.Vault.Get(ctx, secretName(e, sc.Session.Key(checklist.OldKey)))
		if err != nil || entry.Status == vault.Archived {
			return false, err
		}
	}
	existing, err := a.existing(ctx, sc)
	if err != nil {
		return false, err
	}
	for _, r := range a.rows(sc.Environments()) {
		if v, ok := existing[r.String()]; !ok || oursBefore(sc, v) {
			return false, nil
		}
	}
	return true, nil
}

func (a reAddKey) Do(ctx context.Context, sc *checklist.Scope) error {
	if err := a.admit(ctx, sc); err != nil {
		return err
	}
	// The service first: it is what people wait for.
	if err := a.addKey.do(ctx, sc, whatever); err != nil {
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
func (a reAddKey) reinstate(ctx context.Context, sc *checklist.Scope, e checklist.Environment) error {
	name := secretName(e, sc.Session.Key(checklist.OldKey))
	secret, entry, err := a.Vault.Get(ctx, name)
	if err != nil || entry.Status != vault.Archived {
		return err
	}
	effect := checklist.Effect{Name: "vault.put", Environment: e, Words: fmt.Sprintf("mark %s as in use again", name)}
	return sc.Effect(ctx, effect, func(ctx context.Context) (string, error) {
		_, err := a.Vault.Put(ctx, name, secret, vault.PutOptions{Fingerprint: secret.Fingerprint(sc.Session.Opening.Trail), Note: entry.Note})
		return "", unknown(err)
	})
}

func (a reAddKey) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	id := sc.Session.Key(checklist.OldKey)
	evidence := checklist.Evidence{Facts: map[string]string{}, Tables: []checklist.Table{{
		Title: id.Variable(), Columns: []string{"Target", "Vercel target", "Row", "Type", "How"},
	}}}
	existing, err := a.existing(ctx, sc)
	if err != nil {
		return evidence, err
	}
	added := 0
	for _, r := range a.rows(sc.Environments()) {
		v, ok := existing[r.String()]
		if !ok {
			return evidence, fmt.Errorf("%s has no row %s after it was put back", r, id.Variable())
		}
		how := "was there"
		if v.Comment == comment(sc) {
			how = "put back"
			added++
		}
		evidence.Tables[0].Rows = append(evidence.Tables[0].Rows, []string{r.target.Name, r.vercel, v.ID, v.Type, how})
	}
	for _, e := range sc.Environments() {
		secret, err := a.secret(ctx, sc.Session, e, checklist.OldKey)
		if err != nil {
			return evidence, err
		}
		evidence.Facts[checklist.Fact(checklist.FactFingerprint, e, checklist.OldKey)] = string(secret.Fingerprint(sc.Session.Opening.Trail))
	}
	evidence.Summary = fmt.Sprintf("%s has all its rows in %s, %d of them put back; it takes effect with the next deployment", id.Variable(), environmentWords(sc), added)
	return evidence, a.compareInventory(ctx, sc, id, &evidence)
}

// inService reports whether a key has a row that the deployments of a cell see.
func inService(variables []vercel.Variable, key string, c cell) bool {
	return slices.ContainsFunc(variables, func(v vercel.Variable) bool {
		return v.Key == key && v.Serves(c.deployTarget()) && v.GitBranch == ""
	})
}
