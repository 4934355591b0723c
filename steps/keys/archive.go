package keys

import (
	"context"
	"fmt"

	"keyturn/checklist"
	"keyturn/vault"
)

// Archive marks the old key in the vault as out of use. It stays
// readable for a rollback.
type Archive struct{ Store }

func (a Archive) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	plan := checklist.Plan{Summary: fmt.Sprintf("Archive %s", sc.Session.Key(checklist.OldKey)), Risk: checklist.Change}
	for _, e := range sc.Environments() {
		plan.Actions = append(plan.Actions, checklist.Action{
			Environment: e, Words: fmt.Sprintf("mark %s in %s as archived", Name(e, sc.Session.Key(checklist.OldKey)), a.Vault.Describe()),
		})
	}
	return plan, nil
}

func (a Archive) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	for _, e := range sc.Environments() {
		_, entry, err := a.Vault.Get(ctx, Name(e, sc.Session.Key(checklist.OldKey)))
		if err != nil || entry.Status != vault.Archived {
			return false, err
		}
	}
	return true, nil
}

func (a Archive) Do(ctx context.Context, sc *checklist.Scope) error {
	for _, e := range sc.Environments() {
		name := Name(e, sc.Session.Key(checklist.OldKey))
		if _, entry, err := a.Vault.Get(ctx, name); err != nil {
			return err
		} else if entry.Status == vault.Archived {
			continue
		}
		effect := Effect(checklist.VaultArchive, e, sc.Session.Key(checklist.OldKey))
		err := sc.Effect(ctx, effect, func(ctx context.Context) (checklist.Result, error) {
			_, err := a.Vault.Archive(ctx, name, "replaced in "+sc.Session.ID())
			return checklist.Result{}, Lost(err)
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (a Archive) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	evidence := checklist.Evidence{Tables: []checklist.Table{{
		Title: "Archived keys", Columns: []string{"Vault item", "Fingerprint", "Archived"},
	}}}
	for _, e := range sc.Environments() {
		name := Name(e, sc.Session.Key(checklist.OldKey))
		secret, err := a.Secret(ctx, sc.Session, e, checklist.OldKey)
		if err != nil {
			return evidence, fmt.Errorf("read the archived key back: %w", err)
		}
		_, entry, err := a.Vault.Get(ctx, name)
		if err != nil {
			return evidence, err
		}
		if entry.Status != vault.Archived {
			return evidence, fmt.Errorf("%s is %s, want archived", name, entry.Status)
		}
		evidence.Tables[0].Rows = append(evidence.Tables[0].Rows, []string{
			string(name), secret.Fingerprint(sc.Session.Opening.Trail).Short(), entry.Archived.UTC().Format("2006-01-02 15:04"),
		})
	}
	evidence.Summary = fmt.Sprintf("%s is archived in %s and still readable", sc.Session.Key(checklist.OldKey), a.Vault.Describe())
	return evidence, nil
}
