package sandbox

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/steps/vercel"
)

func splitLines(text string) []string { return strings.Split(strings.TrimSuffix(text, "\n"), "\n") }

func TestRateLimits(t *testing.T) {
	t.Parallel()
	real := newRealClock()
	w := MustOpen(t, Options{RealNow: real.Now, Knobs: Knobs{Limits: []RateLimit{
		{Name: "api-delete", Endpoints: []string{"DELETE /projects/{project}/env/{id}"}, Calls: 1, Window: time.Minute},
		{Name: "api-all", Calls: 3, Window: 10 * time.Second},
	}}})
	for i := range 3 {
		r := api(t, w, http.MethodGet, "/v2/user", "")
		assert.Equal(t, http.StatusOK, r.status)
		assert.Equal(t, "3", r.header.Get("X-RateLimit-Limit"))
		assert.Equal(t, fmt.Sprint(2-i), r.header.Get("X-RateLimit-Remaining"))
	}
	real.Add(3500 * time.Millisecond)
	r := api(t, w, http.MethodGet, "/v9/projects/orders-api", "")
	require.Equal(t, http.StatusTooManyRequests, r.status)
	assert.Equal(t, "7", r.header.Get("Retry-After"))
	assert.Equal(t, "0", r.header.Get("X-RateLimit-Remaining"))
	var body vercel.ErrorBody
	r.decode(t, &body)
	assert.Equal(t, "rate_limited", body.Error.Code)
	assert.Equal(t, `Too many requests - try again in 7 seconds (more than 3, code: "api-all").`, body.Error.Message)
	require.NotNil(t, body.Error.Limit)
	assert.Equal(t, vercel.Limit{Total: 3, Reset: body.Error.Limit.Reset, ResetMs: real.Now().Add(6500 * time.Millisecond).UnixMilli()}, *body.Error.Limit)

	assert.Equal(t, http.StatusNotFound, api(t, w, http.MethodDelete, "/v9/projects/orders-api/env/nope", "").status, "another limit")
	assert.Equal(t, http.StatusTooManyRequests, api(t, w, http.MethodDelete, "/v9/projects/orders-api/env/nope", "").status)
	real.Add(6500 * time.Millisecond)
	assert.Equal(t, http.StatusOK, api(t, w, http.MethodGet, "/v2/user", "").status, "a new window")
	w.SetKnobs(Knobs{})
	assert.Empty(t, api(t, w, http.MethodGet, "/v2/user", "").header.Get("X-RateLimit-Limit"))
	assert.NotEmpty(t, ReportedLimits())
}

func TestMishapsComeInTurn(t *testing.T) {
	t.Parallel()
	w := MustOpen(t, Options{Knobs: Knobs{
		Every: 2, Mishaps: []Mishap{ServerError, RateLimited, ResetBefore, ResetAfter, ServerErrorAfter}, RetryAfter: 2 * time.Second,
	}})
	add := func(key string) (reply, error) {
		api(t, w, http.MethodGet, "/v2/user", "") // every other call is spared
		return tryAPI(t, w, http.MethodPost, "/v10/projects/orders-api/env", fmt.Sprintf(`{"key":%q,"value":"x","type":"plain","target":["preview"]}`, key))
	}
	r, err := add("A")
	require.NoError(t, err)
	assert.Equal(t, http.StatusInternalServerError, r.status)
	r, err = add("B")
	require.NoError(t, err)
	assert.Equal(t, http.StatusTooManyRequests, r.status)
	assert.Equal(t, "2", r.header.Get("Retry-After"))
	_, err = add("C")
	assertReset(t, err)
	_, err = add("D")
	assertReset(t, err)
	r, err = add("E")
	require.NoError(t, err)
	assert.Equal(t, http.StatusInternalServerError, r.status)

	met := []Mishap{}
	for _, call := range w.Calls() {
		if call.Mishap != "" {
			met = append(met, call.Mishap)
		}
	}
	assert.Equal(t, []Mishap{ServerError, RateLimited, ResetBefore, ResetAfter, ServerErrorAfter}, met)
	w.SetKnobs(Knobs{})
	keys := []string{}
	for _, row := range MustList(t, w, "orders-api") {
		if row.Key != seedKey {
			keys = append(keys, row.Key)
		}
	}
	assert.Equal(t, []string{"D", "E"}, keys, "those after the effect had one")
}

func assertReset(t *testing.T, err error) {
	t.Helper()
	require.Error(t, err)
	assert.True(t, errors.Is(err, syscall.ECONNRESET) || strings.Contains(err.Error(), "EOF") || strings.Contains(err.Error(), "forcibly closed"), "%v", err)
}

func TestLatencyIsThatOfEachCall(t *testing.T) {
	t.Parallel()
	const latency, calls = 150 * time.Millisecond, 16
	w := MustOpen(t, Options{Knobs: Knobs{Latency: latency}})
	before := time.Now()
	done := make(chan int)
	for range calls {
		go func() {
			r, _ := tryAPI(t, w, http.MethodGet, "/v2/user", "")
			done <- r.status
		}()
	}
	for range calls {
		assert.Equal(t, http.StatusOK, <-done)
	}
	took := time.Since(before)
	assert.GreaterOrEqual(t, took, latency)
	assert.Less(t, took, calls*latency, "calls do not wait for each other")
}

// BenchmarkWriteAmongManyProjects measures what the stand-in itself costs, so
// that it is known not to be what a measurement of a client measures.
func BenchmarkWriteAmongManyProjects(b *testing.B) {
	w := MustOpen(b, Options{Account: Account{Projects: ManyProjects(100)}})
	n := 0
	for b.Loop() {
		n++
		r := api(b, w, http.MethodPost, "/v10/projects/service-050/env", fmt.Sprintf(`{"key":"K%d","value":"x","type":"plain","target":["preview"]}`, n))
		require.Equal(b, http.StatusCreated, r.status)
	}
}
