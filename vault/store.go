package vault

import (
	"context"
	"errors"

	"keyturn/keygen"
)

// store is one place that holds secrets. It knows nothing of names that are
// current or archived; versioned adds that.
type store interface {
	// newRef returns the reference under which a new version will be stored.
	newRef(name Name, version int) (string, error)

	// write stores secret at r.Ref, where nothing is yet, and returns nil only
	// once it has been read back from there. ErrTimeout and context errors
	// mean that the outcome is unknown.
	write(ctx context.Context, r record, secret keygen.Secret) error

	// read returns the secret at r.Ref, or errAbsent.
	read(ctx context.Context, r record) (keygen.Secret, error)

	// has reports whether something is stored at r.Ref, without asking for a
	// passphrase.
	has(ctx context.Context, r record) (bool, error)

	// remove deletes what is at r.Ref, or returns errAbsent.
	remove(ctx context.Context, r record) error

	// asks reports whether read would have to ask somebody for a passphrase.
	asks() bool

	// describe says in plain words where the secrets are.
	describe() string
}

// errAbsent is returned by a store that holds nothing at a reference.
var errAbsent = errors.New("not in the store")
