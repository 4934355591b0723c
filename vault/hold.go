package vault

import "context"

// hold keeps everybody else from changing an index and what lies beside it.
type hold interface {
	Check() error // says why it no longer does
	Release() error
}

// change runs f on the index with everybody else locked out.
func (v *versioned) change(ctx context.Context, f func(*index) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	held, err := v.catalog.lock(ctx)
	if err != nil {
		return err
	}
	defer release(held)
	x, err := v.catalog.load()
	if err != nil {
		return err
	}
	x.held = held
	return f(&x)
}

// save writes the index that change has loaded. Since then a person may have been
// asked to unlock the keychain, for a minute: without the lock another process may
// have saved what this would overwrite.
func (v *versioned) save(x *index) error {
	if err := checkHeld(x.held); err != nil {
		return err
	}
	return v.catalog.save(*x)
}

// checkHeld says why others may write too, and what to do.
func checkHeld(held hold) error {
	if err := held.Check(); err != nil {
		return &Error{Op: "save", Subject: "index", Kind: ErrUnlocked, Cause: err,
			Advice: "check that the vault's folder is where it was and that no other Keyturn is using it, then try again: Keyturn first looks at what was stored"}
	}
	return nil
}

// release gives a lock up. Closing its handle, the system releases it in any case.
func release(held hold) { _ = held.Release() }
