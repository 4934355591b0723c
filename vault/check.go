package vault

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"keyturn/keygen"
)

const (
	canaryPrefix = "canary/"
	canaryNote   = "test item, safe to delete"

	// canaryLife is how long another process may take over its test.
	canaryLife = time.Hour
)

// Check proves that v works: it writes a random secret, reads it back and
// deletes it. Test items which a crash left behind are removed as well. The
// file vault may ask for its passphrase.
func Check(ctx context.Context, v Vault) error {
	name, secret, err := newCanary(rand.Reader)
	if err != nil {
		return fmt.Errorf("check vault: %w", err)
	}
	entry, err := v.Put(ctx, name, secret, PutOptions{Note: canaryNote})
	if err != nil {
		return fmt.Errorf("check vault: %w", err)
	}
	found, _, err := v.Get(ctx, name)
	if err == nil && !found.Equal(secret) {
		err = errors.New("it returned another secret than was stored")
	}
	// An interrupted check still tidies up after itself.
	if err := errors.Join(err, v.Delete(context.WithoutCancel(ctx), name)); err != nil {
		return fmt.Errorf("check vault: %w", err)
	}
	return sweep(ctx, v, entry.Created.Add(-canaryLife))
}

// sweep deletes test items made before a time.
func sweep(ctx context.Context, v Vault, before time.Time) error {
	entries, err := v.List(ctx)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if !strings.HasPrefix(string(e.Name), canaryPrefix) || !e.Created.Before(before) {
			continue
		}
		if err := v.Delete(ctx, e.Name); err != nil && !errors.Is(err, ErrNotFound) {
			return err
		}
	}
	return nil
}

// canary tests a store before it is chosen, without leaving a trace in the
// index.
func canary(ctx context.Context, s store, random io.Reader) (err error) {
	name, secret, err := newCanary(random)
	if err != nil {
		return fmt.Errorf("test %s: %w", s.describe(), err)
	}
	ref, err := s.newRef(name, 1)
	if err != nil {
		return fmt.Errorf("test %s: %w", s.describe(), err)
	}
	r := record{Name: name, Version: 1, Ref: ref, Note: canaryNote}
	defer func() {
		if err != nil {
			// The test failed already; what could not be removed is named by
			// its prefix and holds nothing of value.
			_ = s.remove(context.WithoutCancel(ctx), r)
			err = fmt.Errorf("test %s: %w", s.describe(), err)
		}
	}()
	if err := s.write(ctx, r, secret); err != nil {
		return err
	}
	found, err := s.read(ctx, r)
	if err != nil {
		return err
	}
	if !found.Equal(secret) {
		return errors.New("it returned another secret than was stored")
	}
	if err := s.remove(ctx, r); err != nil {
		return err
	}
	held, err := s.has(ctx, r)
	if err == nil && held {
		err = errors.New("it still has what was deleted")
	}
	return err
}

// newCanary makes a random secret under a random name, so that two tests at
// once do not meet.
func newCanary(random io.Reader) (Name, keygen.Secret, error) {
	id := make([]byte, 8)
	if _, err := io.ReadFull(random, id); err != nil {
		return "", keygen.Secret{}, fmt.Errorf("read random name: %w", err)
	}
	secret, err := keygen.Generate(random)
	return Name(canaryPrefix + hex.EncodeToString(id)), secret, err
}
