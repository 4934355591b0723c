package vault

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/zalando/go-keyring"

	"keyturn/keygen"
)

const (
	// DefaultService is the service name of keychain items where the caller names
	// none. Vaults that share it also share the names of their items, so each
	// vault of real keys should have a service of its own.
	DefaultService = "keyturn"

	// readyLimit bounds a call to an unlocked keychain, which answers within
	// 10 ms. promptLimit gives a person time to type an unlock password.
	readyLimit  = 3 * time.Second
	promptLimit = 60 * time.Second
)

// ring is the part of the keychain library that is used. Its calls take no
// context and may wait for a dialog for ever.
type ring interface {
	Set(service, user, secret string) error
	Get(service, user string) (string, error)
	Delete(service, user string) error
}

// osRing is the keychain of the operating system.
type osRing struct{}

var _ ring = osRing{}

func (osRing) Set(service, user, secret string) error   { return keyring.Set(service, user, secret) }
func (osRing) Get(service, user string) (string, error) { return keyring.Get(service, user) }
func (osRing) Delete(service, user string) error        { return keyring.Delete(service, user) }

// keychain is the store in the operating system's keychain. An item's secret
// is the text itself, so that any other tool reads it: on Linux
// secret-tool lookup service SERVICE username staging/v2/1.
type keychain struct {
	service     string
	ring        ring
	preflight   func(context.Context) Readiness
	interactive bool         // a person can answer an unlock dialog
	explain     func(string) // told before a wait for a person
	readyLimit  time.Duration
	promptLimit time.Duration
	where       string // from the preflight at opening
}

var _ store = (*keychain)(nil)

func (*keychain) newRef(name Name, version int) (string, error) { return itemRef(name, version), nil }

func (*keychain) asks() bool { return false }

func (k *keychain) describe() string {
	if k.where == "" {
		return "OS keychain"
	}
	return "OS keychain (" + k.where + ")"
}

// allowance looks at the keychain and returns how long a call may take. It is
// done before every call, since the keychain can be locked at any time and
// the library would then wait for a dialog without limit.
func (k *keychain) allowance(ctx context.Context) (time.Duration, error) {
	ready := k.preflight(ctx)
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	switch {
	case ready.State == KeychainReady:
		return k.readyLimit, nil
	case ready.State == KeychainLocked && k.interactive:
		k.explain(fmt.Sprintf("The keychain is locked. A dialog may be waiting on your desktop; answer it within %s.", k.promptLimit))
		return k.promptLimit, nil
	}
	return 0, ready.Err()
}

// call makes one call with its time limit and names its failure.
func call[T any](ctx context.Context, k *keychain, f func() (T, error)) (T, error) {
	var none T
	limit, err := k.allowance(ctx)
	if err != nil {
		return none, err
	}
	value, err := within(ctx, limit, f)
	switch {
	case err == nil:
		return value, nil
	case errors.Is(err, keyring.ErrNotFound):
		return none, errAbsent
	case ctx.Err() != nil:
		return none, ctx.Err()
	case errors.Is(err, errTooLate):
		return none, &Error{Op: "call", Subject: "OS keychain", Kind: ErrTimeout,
			Cause:  fmt.Errorf("waited %s, the outcome is unknown", limit),
			Advice: "look for a keychain dialog on your desktop, then run the same command again: it finds out what happened"}
	}
	// The library's other errors are text. What they mean shows in the state:
	// a dialog that was dismissed leaves the keychain locked.
	if ready := k.preflight(ctx); ready.State != KeychainReady {
		if ready.Cause == nil {
			ready.Cause = err
		}
		return none, ready.Err()
	}
	return none, &Error{Op: "call", Subject: "OS keychain", Kind: ErrUnavailable, Cause: err,
		Advice: "keyturn doctor looks at the keychain step by step"}
}

func (k *keychain) write(ctx context.Context, r record, secret keygen.Secret) error {
	_, err := call(ctx, k, func() (struct{}, error) {
		return struct{}{}, k.ring.Set(k.service, r.Ref, secret.Reveal())
	})
	if err != nil && !errors.Is(err, ErrTimeout) {
		return err
	}
	// A write that timed out may have happened: only reading tells.
	found, readErr := k.read(ctx, r)
	switch {
	case readErr == nil && found.Equal(secret):
		return nil
	case err != nil:
		return err
	case errors.Is(readErr, errAbsent), readErr == nil:
		return &Error{Op: "read back", Subject: r.Ref, Kind: ErrUnavailable,
			Cause:  errors.New("the keychain did not keep what was stored"),
			Advice: "keyturn doctor looks at the keychain step by step"}
	}
	return readErr
}

func (k *keychain) read(ctx context.Context, r record) (keygen.Secret, error) {
	text, err := k.text(ctx, r)
	if err != nil {
		return keygen.Secret{}, err
	}
	secret, err := keygen.Restore(r.Kind, text)
	if err != nil {
		return keygen.Secret{}, &Error{Op: "read", Subject: r.Ref, Kind: ErrDamaged, Cause: err,
			Advice: "something other than Keyturn changed the keychain item"}
	}
	return secret, nil
}

func (k *keychain) has(ctx context.Context, r record) (bool, error) {
	_, err := k.text(ctx, r)
	if errors.Is(err, errAbsent) {
		return false, nil
	}
	return err == nil, err
}

func (k *keychain) text(ctx context.Context, r record) (string, error) {
	return call(ctx, k, func() (string, error) { return k.ring.Get(k.service, r.Ref) })
}

func (k *keychain) remove(ctx context.Context, r record) error {
	_, err := call(ctx, k, func() (struct{}, error) {
		return struct{}{}, k.ring.Delete(k.service, r.Ref)
	})
	return err
}
