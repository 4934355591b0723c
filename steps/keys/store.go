package keys

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/vault"
)

// Store is the vault with the keys of sessions in it.
type Store struct{ Vault vault.Vault }

// Name is where the vault keeps a key of an environment.
func Name(e checklist.Environment, id keygen.KeyID) vault.Name {
	return vault.Name(string(e) + "/" + string(id))
}

// Effect is what the journal says of a change to the vault's copy of a key.
func Effect(code checklist.EffectCode, e checklist.Environment, id keygen.KeyID) checklist.Effect {
	return checklist.Effect{Code: code, Environment: e, Key: id, Object: string(Name(e, id))}
}

// Secret reads a key of the session from the vault.
func (k Store) Secret(ctx context.Context, s *checklist.Session, e checklist.Environment, r checklist.Role) (keygen.Secret, error) {
	secret, _, err := k.Vault.Get(ctx, Name(e, s.Key(r)))
	if err != nil {
		return keygen.Secret{}, fmt.Errorf("get the %s key of %s from the vault: %w", r, e, err)
	}
	if want := s.Fingerprint(e, r); want != "" && secret.Fingerprint(s.Opening.Trail) != want {
		return keygen.Secret{}, checklist.WithHint(
			fmt.Errorf("the vault's %s is not the key that this session recorded (%s)", Name(e, s.Key(r)), want.Short()),
			"somebody replaced it; find out who before going on")
	}
	return secret, nil
}

// Lost marks an answer that the vault did not give for the engine.
func Lost(err error) error {
	if errors.Is(err, vault.ErrTimeout) {
		return fmt.Errorf("%w: %w", checklist.ErrUnknown, err)
	}
	return err
}

// Compromised returns the vault's copy of the compromised key; held is false
// when the vault has none that it can give.
func (k Store) Compromised(ctx context.Context, sc *checklist.Scope, e checklist.Environment) (secret keygen.Secret, held bool, err error) {
	secret, err = k.Secret(ctx, sc.Session, e, checklist.OldKey)
	if errors.Is(err, vault.ErrNotFound) || errors.Is(err, vault.ErrSealed) {
		return keygen.Secret{}, false, nil
	}
	return secret, err == nil, err
}

// OtherEnvironment returns the secret that the new key has in the other
// environment, where the session made one: it must not be accepted here. The vault
// says so where no item has recorded it yet.
func (k Store) OtherEnvironment(ctx context.Context, sc *checklist.Scope, here checklist.Environment) (keygen.Secret, error) {
	for _, e := range sc.Session.Environments() {
		if e == here {
			continue
		}
		if sc.Session.Fingerprint(e, checklist.NewKey) != "" {
			return k.Secret(ctx, sc.Session, e, checklist.NewKey)
		}
		secret, entry, err := k.Vault.Get(ctx, Name(e, sc.Session.Key(checklist.NewKey)))
		switch {
		case err == nil && generatedIn(sc.Session, entry):
			return secret, nil
		case err != nil && !errors.Is(err, vault.ErrNotFound) && !errors.Is(err, vault.ErrSealed):
			return keygen.Secret{}, fmt.Errorf("look for %s in the vault: %w", Name(e, sc.Session.Key(checklist.NewKey)), err)
		}
	}
	return keygen.Secret{}, nil
}

// KeyIn reads the key id of a vault item of an environment.
func KeyIn(name vault.Name, e checklist.Environment) (keygen.KeyID, bool) {
	text, ok := strings.CutPrefix(string(name), string(e)+"/")
	id, err := keygen.ParseKeyID(text)
	return id, ok && err == nil
}

// NoteAgeUnknown is the vault's note on a key that was made elsewhere, nobody
// said when. It is format.
const NoteAgeUnknown = "age-unknown"

// generatedIn reports whether a session made the secret of a vault's entry.
func generatedIn(s *checklist.Session, entry vault.Entry) bool {
	m, ok := checklist.ParseMark(entry.Note)
	return ok && m.Session == s.ID()
}
