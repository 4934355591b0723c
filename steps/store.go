package steps

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

// secretName is where the vault keeps a key of an environment.
func secretName(e checklist.Environment, id keygen.KeyID) vault.Name {
	return vault.Name(string(e) + "/" + string(id))
}

// vaultEffect is what the journal says of a change to the vault's copy of a key.
func vaultEffect(code checklist.EffectCode, e checklist.Environment, id keygen.KeyID) checklist.Effect {
	return checklist.Effect{Code: code, Environment: e, Key: id, Object: string(secretName(e, id))}
}

// secret reads a key of the session from the vault.
func (k Store) secret(ctx context.Context, s *checklist.Session, e checklist.Environment, r checklist.Role) (keygen.Secret, error) {
	secret, _, err := k.Vault.Get(ctx, secretName(e, s.Key(r)))
	if err != nil {
		return keygen.Secret{}, fmt.Errorf("get the %s key of %s from the vault: %w", r, e, err)
	}
	if want := s.Fingerprint(e, r); want != "" && secret.Fingerprint(s.Opening.Trail) != want {
		return keygen.Secret{}, checklist.WithHint(
			fmt.Errorf("the vault's %s is not the key that this session recorded (%s)", secretName(e, s.Key(r)), want.Short()),
			"somebody replaced it; find out who before going on")
	}
	return secret, nil
}

// lost marks an answer that the vault did not give for the engine.
func lost(err error) error {
	if errors.Is(err, vault.ErrTimeout) {
		return fmt.Errorf("%w: %w", checklist.ErrUnknown, err)
	}
	return err
}

// compromised returns the vault's copy of the compromised key; held is false
// when the vault has none that it can give.
func (k Store) compromised(ctx context.Context, sc *checklist.Scope, e checklist.Environment) (secret keygen.Secret, held bool, err error) {
	secret, err = k.secret(ctx, sc.Session, e, checklist.OldKey)
	if errors.Is(err, vault.ErrNotFound) || errors.Is(err, vault.ErrSealed) {
		return keygen.Secret{}, false, nil
	}
	return secret, err == nil, err
}

// otherEnvironment returns the secret that the new key has in the other
// environment, where the session made one: it must not be accepted here. The vault
// says so where no item has recorded it yet.
func (k Store) otherEnvironment(ctx context.Context, sc *checklist.Scope, here checklist.Environment) (keygen.Secret, error) {
	for _, e := range sc.Session.Environments() {
		if e == here {
			continue
		}
		if sc.Session.Fingerprint(e, checklist.NewKey) != "" {
			return k.secret(ctx, sc.Session, e, checklist.NewKey)
		}
		secret, entry, err := k.Vault.Get(ctx, secretName(e, sc.Session.Key(checklist.NewKey)))
		switch {
		case err == nil && generatedIn(sc.Session, entry):
			return secret, nil
		case err != nil && !errors.Is(err, vault.ErrNotFound) && !errors.Is(err, vault.ErrSealed):
			return keygen.Secret{}, fmt.Errorf("look for %s in the vault: %w", secretName(e, sc.Session.Key(checklist.NewKey)), err)
		}
	}
	return keygen.Secret{}, nil
}

// keyIn reads the key id of a vault item of an environment.
func keyIn(name vault.Name, e checklist.Environment) (keygen.KeyID, bool) {
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
