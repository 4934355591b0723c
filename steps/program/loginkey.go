package program

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/keys"
	"keyturn/vault"
)

// ForeignKey is what is known of a key that was made elsewhere.
type ForeignKey struct {
	Made    time.Time // zero where nobody knows
	Replace bool      // what was stored under its name before
}

// StoreKey asks for the value of a key that is in service and was made
// elsewhere, and stores it in the vault: Vercel does not give a value back, so
// that without it the first rotation could not be rolled back. The key is named
// as the vault does, such as production/v1. Nothing that the vault has is
// replaced unless k says so.
func StoreKey(ctx context.Context, o Options, name string, k ForeignKey, ask func(context.Context) (keygen.Secret, error)) ([]string, error) {
	e, id, ok := keyOf(vault.Name(name))
	if !ok {
		return nil, &UsageError{checklist.WithHint(fmt.Errorf("key %q: want its environment and id", name),
			"such as staging/v1 or production/default, for HMAC_SECRET_V1 and HMAC_SECRET_DEFAULT")}
	}
	p := newProgram(o)
	if p.Sandbox() {
		return nil, &UsageError{errors.New("the sandbox has its keys already")}
	}
	if err := p.enterLive(ctx); err != nil {
		return nil, err
	}
	text, err := ask(ctx)
	if err != nil {
		return nil, err
	}
	secret, err := keygen.ParseSecret(text.Reveal())
	if err != nil {
		return nil, checklist.WithHint(fmt.Errorf("store %s: %w", name, err), "nothing was changed; it is the value of %s in %s", id.Variable(), e)
	}
	fingerprint := secret.Fingerprint(p.trail.id())
	put := vault.PutOptions{Fingerprint: fingerprint, Note: "stored by login", Made: k.Made, Replace: k.Replace}
	if k.Made.IsZero() {
		put.Note = keys.NoteAgeUnknown
	}
	_, err = p.vault.Put(ctx, vault.Name(name), secret, put)
	// --replace takes the place of what this vault knows, and of nothing else.
	if errors.Is(err, vault.ErrExists) && !errors.Is(err, vault.ErrForeign) {
		return nil, checklist.WithHint(fmt.Errorf("store %s: %w", name, err), "nothing was changed; if the one before was stored by mistake, add --replace")
	}
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", name, err)
	}
	said := []string{
		fmt.Sprintf("It is stored as %s in the %s; its fingerprint is %s.", name, p.vault.Describe(), fingerprint.Short()),
		"Whether it is the one in service is proved when a rotation begins.",
	}
	if k.Made.IsZero() {
		said = append(said, "When it was made is not known, so that nobody can say when it is due: --made DATE says it.")
	}
	twin, err := p.twin(ctx, e, id, secret)
	if twin != "" {
		said = append(said, fmt.Sprintf("Warning: it is the value of %s too. Each environment has a secret of its own: look whether this is the right one.", twin))
	}
	return said, err
}

// twin returns the key of the same id that has the same value in the other
// environment, "" where none has.
func (p *Program) twin(ctx context.Context, e checklist.Environment, id keygen.KeyID, secret keygen.Secret) (vault.Name, error) {
	other := checklist.Production
	if e == checklist.Production {
		other = checklist.Staging
	}
	name := vault.Name(string(other) + "/" + string(id))
	there, _, err := p.vault.Get(ctx, name)
	switch {
	case errors.Is(err, vault.ErrNotFound), errors.Is(err, vault.ErrSealed):
		return "", nil
	case err != nil:
		return "", fmt.Errorf("compare with %s: %w", name, err)
	case !there.Equal(secret):
		return "", nil
	}
	return name, nil
}
