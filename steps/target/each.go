package target

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"
)

// concurrency bounds how many targets are worked on at a time. Vercel's rate
// limits are by the account, and the client waits for them.
const concurrency = 8

// Each does something for all elements, several at a time. One that fails keeps
// none of the others from being done; all errors are returned.
func Each[T any](ctx context.Context, all []T, do func(context.Context, T) error) error {
	return EachIndex(ctx, all, func(ctx context.Context, _ int, one T) error { return do(ctx, one) })
}

// EachIndex is each for an act that needs the element's place.
func EachIndex[T any](ctx context.Context, all []T, do func(context.Context, int, T) error) error {
	var g errgroup.Group
	g.SetLimit(concurrency)
	errs := make([]error, len(all))
	for i, one := range all {
		g.Go(func() error {
			errs[i] = do(ctx, i, one)
			return nil
		})
	}
	_ = g.Wait() // the errors are in errs, in the order of all
	return errors.Join(errs...)
}

// UntilFalse asks about targets, several at a time, until the answer for one is
// no: most questions of the kind "is all done" need not look everywhere.
func UntilFalse(ctx context.Context, targets []Target, ask func(context.Context, []Target) (bool, error)) (bool, error) {
	for some := range slices.Chunk(targets, concurrency) {
		if yes, err := ask(ctx, some); !yes || err != nil {
			return false, err
		}
	}
	return true, nil
}
