package emergency

import (
	"context"
	"fmt"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/hosting"
	"keyturn/steps/keys"
	"keyturn/vault"
)

// AddBackupKey offers to put the emergency key into service, where the vault
// holds one for every environment of the session.
type AddBackupKey struct {
	keys.Store
	Adder hosting.Adder
}

// absent says why there is no backup key to put into service; "" when there is.
func (b AddBackupKey) absent(ctx context.Context, sc *checklist.Scope) (string, error) {
	if sc.Session.Key(checklist.OldKey) == keygen.Emergency {
		return "the emergency key is the compromised one", nil
	}
	entries, err := b.Vault.List(ctx)
	if err != nil {
		return "", fmt.Errorf("look for an emergency key in the vault: %w", err)
	}
	held := map[vault.Name]bool{}
	for _, e := range entries {
		held[e.Name] = held[e.Name] || e.Status == vault.Active
	}
	for _, e := range sc.Environments() {
		if name := keys.Name(e, keygen.Emergency); !held[name] {
			return fmt.Sprintf("the vault holds no %s", name), nil
		}
	}
	return "", nil
}

// askedBackup is the question whether the key is put into service.
func askedBackup() checklist.Asked { return checklist.Asked{ID: "backup-key"} }

// wanted returns what the operator decided; "" while they have not.
func (b AddBackupKey) wanted(sc *checklist.Scope) string { return sc.Answer(askedBackup()) }

// Plan asks for no consent: whether to add the key at all is the item's own
// question.
func (b AddBackupKey) Plan(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	why, err := b.absent(ctx, sc)
	if err != nil {
		return checklist.Plan{}, err
	}
	if why != "" {
		return checklist.Plan{Summary: "Put no emergency key into service", Risk: checklist.Look, Actions: []checklist.Action{{Words: why}}}, nil
	}
	plan, err := b.Adder.Plan(ctx, sc)
	plan.Summary, plan.Risk = "Offer to put the emergency key into service", checklist.Look
	return plan, err
}

func (b AddBackupKey) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	if why, err := b.absent(ctx, sc); why != "" || err != nil {
		return why != "", err
	}
	missing, err := b.Adder.Missing(ctx, sc)
	return len(missing) == 0 || b.wanted(sc) == checklist.No, err
}

func (b AddBackupKey) Do(ctx context.Context, sc *checklist.Scope) error {
	want := b.wanted(sc)
	if want == "" {
		a, err := sc.Ask(ctx, checklist.Question{
			Kind: checklist.Confirm, Asked: askedBackup(), Default: checklist.Yes,
			Title: "Put the emergency key into service while the new key is prepared?",
			Body: fmt.Sprintf("It is in %s for %s. Clients that have it can sign with key id %s from the next redeploy on; the others wait for the new key.",
				b.Vault.Describe(), sc.EnvironmentWords(), keygen.Emergency),
		})
		if err != nil {
			return err
		}
		want = a.Text
	}
	if want != checklist.Yes {
		return nil
	}
	return b.Adder.Refill(ctx, sc)
}

func (b AddBackupKey) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	why, err := b.absent(ctx, sc)
	if err != nil {
		return checklist.Evidence{}, err
	}
	if why != "" {
		return checklist.Evidence{Summary: "no emergency key is put into service: " + why}, nil
	}
	missing, err := b.Adder.Missing(ctx, sc)
	if err != nil {
		return checklist.Evidence{}, err
	}
	if len(missing) > 0 && b.wanted(sc) == checklist.No {
		return checklist.Evidence{Summary: "the emergency key stays in the vault, by choice"}, nil
	}
	evidence, err := b.Adder.Verify(ctx, sc)
	if err != nil {
		return evidence, err
	}
	evidence.Issues = append(evidence.Issues, fmt.Sprintf("%s is in service in %s: once nobody signs with it, remove it there, redeploy, and make a new one for the vault",
		keygen.Emergency.Variable(), sc.EnvironmentWords()))
	evidence.Facts = map[string]string{}
	for _, e := range sc.Environments() {
		secret, err := b.Secret(ctx, sc.Session, e, checklist.BackupKey)
		if err != nil {
			return evidence, err
		}
		evidence.Facts[checklist.Fact(checklist.FactFingerprint, e, checklist.BackupKey)] = string(secret.Fingerprint(sc.Session.Opening.Trail))
	}
	return evidence, nil
}
