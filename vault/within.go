package vault

import (
	"context"
	"errors"
	"time"
)

// errTooLate is returned by within when the time was up.
var errTooLate = errors.New("too late")

// within runs f, which cannot be cancelled, and stops waiting for it after
// limit or when ctx ends. f may then still finish, and its effect may still
// happen: for a write the outcome is unknown.
func within[T any](ctx context.Context, limit time.Duration, f func() (T, error)) (T, error) {
	type result struct {
		value T
		err   error
	}
	done := make(chan result, 1) // so that a late f does not wait for a reader
	go func() {
		var r result
		defer func() {
			// godbus closes its channels when the bus goes away, which
			// go-keyring does not expect; a panic in this goroutine would take
			// the program, and the terminal with it. The value is not
			// printed: it could quote what was being sent.
			if recover() != nil {
				r.err = errors.New("the connection to the keychain broke")
			}
			done <- r
		}()
		r.value, r.err = f()
	}()
	timer := time.NewTimer(limit)
	defer timer.Stop()
	var none T
	select {
	case r := <-done:
		return r.value, r.err
	case <-timer.C:
		return none, errTooLate
	case <-ctx.Done():
		return none, ctx.Err()
	}
}
