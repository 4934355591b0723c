package vercel

import (
	"context"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestGateHoldsBackTheSameOperation(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Tries: 1}, refuses(500, "internal", ""))
	ctx := context.Background()

	// Another request of the operation has met the limit meanwhile.
	w.client.gate.close("list variables", w.clock().Add(7*time.Second))

	_, err := w.client.User(ctx)
	require.Error(t, err)
	assert.Empty(t, w.slept, "another operation goes on")

	_, err = w.client.Variables(ctx, "prj_1")
	require.Error(t, err)
	assert.Equal(t, []time.Duration{7 * time.Second}, w.slept)
	assert.Equal(t, []string{"7s list variables: vercel limits the rate"}, w.waits)

	_, err = w.client.Variables(ctx, "prj_1")
	require.Error(t, err)
	assert.Len(t, w.slept, 1, "the gate is open again")
}

func TestRateLimitClosesTheGate(t *testing.T) {
	t.Parallel()
	w := newWorld(t, Options{Tries: 2}, refuses(429, "rate_limited", "", "Retry-After", "3"), refuses(429, "rate_limited", "", "Retry-After", "3"))
	_, err := w.client.Variables(context.Background(), "prj_1")
	require.ErrorIs(t, err, ErrRateLimited)
	assert.Equal(t, []time.Duration{3 * time.Second}, w.slept, "one wait, not one for the gate and one for the answer")
}
