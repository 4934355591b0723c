package probe_test

import (
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/steps/probe"
)

func TestSendBadIsRefusedEveryTime(t *testing.T) {
	t.Parallel()
	s, suite := world(t)
	var last int
	refused, err := suite.SendBad(t.Context(), 120, 8, func(done, total int, _ string) {
		assert.Equal(t, 120, total)
		last = done
	})
	require.NoError(t, err)
	assert.Equal(t, 120, refused)
	assert.Equal(t, 120, last)
	nonces := map[string]bool{}
	for _, r := range s.requests {
		assert.Equal(t, "v2", r.Header.Get("X-HMAC-KeyId"))
		nonces[r.Header.Get("X-HMAC-Nonce")] = true
	}
	assert.Len(t, nonces, 120)
}

func TestSendBadStopsWhenOneIsAccepted(t *testing.T) {
	t.Parallel()
	s, suite := world(t)
	s.skip = func(check string, _ *http.Request) bool { return check == "signature" && len(s.requests) == 5 }
	refused, err := suite.SendBad(t.Context(), 1000, 1, nil)
	require.ErrorIs(t, err, probe.ErrBadAccepted)
	assert.GreaterOrEqual(t, refused, 4)
	assert.Less(t, len(s.requests), 10)
}

func TestSendBadStopsWhenTheServiceLimitsIt(t *testing.T) {
	t.Parallel()
	s, suite := world(t)
	s.instead = func(w http.ResponseWriter, _ *http.Request) {
		status := http.StatusForbidden
		if len(s.requests) > 30 {
			status = http.StatusTooManyRequests
		}
		w.WriteHeader(status)
	}
	refused, err := suite.SendBad(t.Context(), 120, 4, nil)
	require.ErrorContains(t, err, "limits the rate")
	assert.InDelta(t, 30, refused, 3, "the stop cuts off what is under way: up to three others")
}

func TestSendBadCanBeCancelled(t *testing.T) {
	t.Parallel()
	_, suite := world(t)
	ctx, cancel := context.WithCancel(t.Context())
	refused, err := suite.SendBad(ctx, 1000, 2, func(done, _ int, _ string) {
		if done == 10 {
			cancel()
		}
	})
	require.ErrorIs(t, err, context.Canceled)
	assert.GreaterOrEqual(t, refused, 10)
	assert.Less(t, refused, 20)
}

func TestSendBadIsBounded(t *testing.T) {
	t.Parallel()
	_, suite := world(t)
	for _, n := range []int{-1, 0, 1001} {
		_, err := suite.SendBad(t.Context(), n, 1, nil)
		assert.ErrorContains(t, err, "want 1 to 1000")
	}
}
