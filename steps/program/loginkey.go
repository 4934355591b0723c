package program

import (
	"context"
	"errors"
	"fmt"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/vault"
)

// StoreKey asks for the value of a key that is in service and was made
// elsewhere, and stores it in the vault: Vercel does not give a value back, so
// that without it the first rotation could not be rolled back. The key is named
// as the vault does, such as production/v1. Nothing that the vault has is
// replaced.
func StoreKey(ctx context.Context, o Options, name string, ask func(context.Context) (keygen.Secret, error)) ([]string, error) {
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
	_, err = p.vault.Put(ctx, vault.Name(name), secret, vault.PutOptions{Fingerprint: fingerprint, Note: "stored by login"})
	if err != nil {
		return nil, fmt.Errorf("store %s: %w", name, err)
	}
	return []string{
		fmt.Sprintf("It is stored as %s in the %s; its fingerprint is %s.", name, p.vault.Describe(), fingerprint.Short()),
		"Whether it is the one in service is proved when a rotation begins.",
	}, nil
}
