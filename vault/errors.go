package vault

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// The reasons for which a caller may want to decide.
var (
	ErrNotFound = errors.New("no such item")
	ErrExists   = errors.New("another secret is stored under this name")
	// ErrForeign comes with ErrExists where the secret in the way is not in the
	// index of this vault: replacing one of its own cannot help.
	ErrForeign         = errors.New("not an item of this vault")
	ErrLocked          = errors.New("vault is locked")
	ErrTimeout         = errors.New("no answer in time")
	ErrUnavailable     = errors.New("vault is not available")
	ErrWrongPassphrase = errors.New("wrong passphrase")

	// ErrSealed is returned for a secret that was sealed: it is kept as
	// evidence, and nothing puts it back into service.
	ErrSealed = errors.New("secret is sealed")

	// ErrLost is returned when the index knows an item that the store no
	// longer holds: somebody removed it by other means. It is not ErrNotFound,
	// so that nobody makes a new secret in its place without noticing.
	ErrLost = errors.New("secret is gone from the store")

	// ErrDamaged is returned for a file that was changed by something else
	// than Keyturn. The file is left as it is.
	ErrDamaged = errors.New("vault is damaged")

	// ErrBusy is returned when another process keeps the vault locked for
	// longer than a person wants to wait.
	ErrBusy = errors.New("vault is in use by another process")

	// ErrUnlocked is returned when the vault's lock was removed or replaced while
	// it was held, so that another process may write too. Nothing is written then.
	ErrUnlocked = errors.New("vault's lock was lost")
)

// Error is a failure with what to do about it. It never quotes a secret.
type Error struct {
	Op      string // what was tried, such as "get"
	Subject string // on what: a name or a path
	Kind    error  // one of the sentinels of this package
	Cause   error  // may be nil
	Advice  string // what a person can do next; may be empty
}

var _ error = (*Error)(nil)

// Error implements error: "get staging/v2: vault is locked: CAUSE".
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Op)
	if e.Subject != "" {
		b.WriteString(" " + e.Subject)
	}
	b.WriteString(": " + e.Kind.Error())
	if e.Cause != nil {
		b.WriteString(": " + e.Cause.Error())
	}
	return b.String()
}

// Unwrap lets errors.Is find both the kind and the cause.
func (e *Error) Unwrap() []error {
	if e.Cause == nil {
		return []error{e.Kind}
	}
	return []error{e.Kind, e.Cause}
}

// Hint says what a person can do next.
func (e *Error) Hint() string { return e.Advice }

func notFound(op string, name Name) error {
	return &Error{Op: op, Subject: string(name), Kind: ErrNotFound}
}

func sealedError(op string, r record) error {
	cause := fmt.Errorf("on %s", r.Sealed.Format(time.DateOnly))
	if r.SealNote != "" {
		cause = fmt.Errorf("on %s: %s", r.Sealed.Format(time.DateOnly), r.SealNote)
	}
	return &Error{Op: op, Subject: string(r.Name), Kind: ErrSealed, Cause: cause,
		Advice: "it is kept as evidence only; use another key, and delete this one when nobody needs it any more"}
}

func lost(op string, r record) error {
	return &Error{Op: op, Subject: fmt.Sprintf("%s version %d", r.Name, r.Version), Kind: ErrLost,
		Advice: "somebody removed it by other means; restore it there, or delete the name before a new secret is made"}
}

// during says which operation an error belongs to, unless it says so itself.
func during(op string, name Name, err error) error {
	if err == nil {
		return nil
	}
	if rich := (*Error)(nil); errors.As(err, &rich) && rich.Op == op {
		return err
	}
	if name == "" {
		return fmt.Errorf("%s vault: %w", op, err)
	}
	return fmt.Errorf("%s %s: %w", op, name, err)
}
