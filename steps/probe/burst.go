package probe

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"keyturn/keygen"
	"keyturn/steps/httpclient"
)

// The bounds of a burst.
const (
	maxBurst       = 1000 // requests
	maxConcurrency = 16   // requests under way at a time
	maxUnclear     = 10   // answers that were neither acceptance nor refusal
)

// ErrBadAccepted is returned by SendBad when the service accepts a request
// that was signed with a random key.
var ErrBadAccepted = errors.New("the service accepted a badly signed request")

// SendBad sends n requests signed with a random key under the suite's new key
// id (or its old one, if there is no new key) and returns how many were
// refused. It exists to set off an alert on signature failures.
//
// It stops early, with an error, when the context ends, when a request is
// accepted (ErrBadAccepted), or after 10 answers that were no refusal; the
// count is right then too. Fewer than n without an error means that up to 9
// answers were unclear. n is at most 1000, concurrency is held to 1…16.
func (s Suite) SendBad(ctx context.Context, n, concurrency int, progress Progress) (refused int, err error) {
	if err := s.Validate(); err != nil {
		return 0, fmt.Errorf("check suite %q: %w", s.Name, err)
	}
	if n < 1 || n > maxBurst {
		return 0, fmt.Errorf("send %d bad requests: want 1 to %d", n, maxBurst)
	}
	end, err := s.target().endpoint()
	if err != nil {
		return 0, err
	}
	wrong, err := keygen.Generate(s.Prober.Random)
	if err != nil {
		return 0, fmt.Errorf("make a wrong key: %w", err)
	}
	b := burst{prober: s.Prober, end: end, secrets: httpclient.NewCensor(s.secrets()...), total: n, progress: progress}
	bad := draft{keyID: string(s.keys()[0].ID), key: []byte(wrong.Reveal())}
	if err := b.run(ctx, bad, min(max(concurrency, 1), maxConcurrency)); err != nil {
		return b.refused, fmt.Errorf("send %d bad requests (%d refused): %w", n, b.refused, err)
	}
	return b.refused, nil
}

// burst is a SendBad under way.
type burst struct {
	prober   *Prober
	end      endpoint
	secrets  httpclient.Censor
	total    int
	progress Progress

	mu      sync.Mutex // guards what follows, and calls of progress
	done    int
	refused int
	unclear int
	err     error // the first reason to stop
}

func (b *burst) run(ctx context.Context, bad draft, concurrency int) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	requests := make(chan request)
	var workers sync.WaitGroup
	for range concurrency {
		workers.Go(func() {
			for r := range requests {
				if err := b.count(b.prober.send(ctx, r, b.secrets)); err != nil {
					stop(err)
				}
			}
		})
	}
	err := b.produce(ctx, bad, requests)
	close(requests)
	workers.Wait()
	switch {
	case b.err != nil:
		return b.err
	case err != nil:
		return err
	}
	return ctx.Err()
}

// produce signs the requests, in one goroutine, since the source of randomness
// need not be safe for more.
func (b *burst) produce(ctx context.Context, bad draft, requests chan<- request) error {
	for range b.total {
		r, err := b.prober.build(b.end, bad)
		if err != nil {
			return err
		}
		select {
		case requests <- r:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	return nil
}

// count adds one answer, and returns the reason to stop if there is one.
func (b *burst) count(res result) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if errors.Is(res.Err, context.Canceled) {
		return b.err // cut off by a stop
	}
	row := judge("bad signature", Refused, res, "")
	b.done++
	switch row.Got {
	case GotRefused:
		b.refused++
	case GotAccepted:
		b.err = ErrBadAccepted
	default:
		b.unclear++
		if b.unclear >= maxUnclear && b.err == nil {
			b.err = fmt.Errorf("%d answers were no refusal, the last: %s", b.unclear, row.Detail)
		}
	}
	b.progress.tell(b.done, b.total, "bad signature")
	return b.err
}
