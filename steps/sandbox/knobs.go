package sandbox

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"keyturn/steps/vercel"
)

// Knobs say how the Vercel API behaves for as long as they are set. Unlike a
// Fault, which is a part of the world's story, they are for tests and
// measurements.
type Knobs struct {
	// Latency of each call, half of it before the call has an effect and half
	// after. It is real time, not the world's.
	Latency time.Duration
	// Limits are the rate limits: a call counts against the first that it is
	// for. They count in real time.
	Limits []RateLimit
	// Every makes each so manyth call meet the next of Mishaps, in turn; 0 is
	// never. All calls with a good token count.
	Every   int
	Mishaps []Mishap
	// RetryAfter is what the mishap RateLimited asks for; 0 is one second.
	// Fractions of a second are cut off.
	RetryAfter time.Duration
}

// RateLimit allows so many calls in a window, which begins with its first call.
type RateLimit struct {
	Name      string   // as Vercel names it in the refusal
	Endpoints []string // such as "DELETE /projects/{project}/env/{id}"; none: all
	Calls     int
	Window    time.Duration
}

// ReportedLimits returns the limits of Vercel's API that its users have met:
// 60 removals of a variable a minute (phasehq/console#679, 2025), and 120 other
// calls about projects a minute (HiDeoo/vercel-env-push#22, 2023). Vercel
// publishes no list of them all.
func ReportedLimits() []RateLimit {
	return []RateLimit{
		{
			Name: "api-projects-environment-variable-delete", Calls: 60, Window: time.Minute,
			Endpoints: []string{"DELETE /projects/{project}/env/{id}"},
		},
		{
			Name: "api-projects", Calls: 120, Window: time.Minute,
			Endpoints: []string{
				"GET /projects", "GET /projects/{project}", "GET /projects/{project}/env", "POST /projects/{project}/env",
				"DELETE /projects/{project}/env", "GET /projects/{project}/env/{id}", "PATCH /projects/{project}/env/{id}",
			},
		},
	}
}

// Mishap is what can befall one call.
type Mishap string

// The mishaps. Of the first three nothing comes but the refusal.
const (
	ServerError      Mishap = "500 before the effect"
	RateLimited      Mishap = "429 with Retry-After"
	ResetBefore      Mishap = "connection reset before the effect"
	ResetAfter       Mishap = "connection reset after the effect"
	ServerErrorAfter Mishap = "500 after the effect"
)

// SetKnobs changes how the Vercel API behaves from the next call on; windows of
// rate limits begin anew. The zero value is an undisturbed API.
func (w *World) SetKnobs(knobs Knobs) {
	w.traffic.mu.Lock()
	defer w.traffic.mu.Unlock()
	w.traffic.knobs = knobs
	w.traffic.windows = map[int]window{}
	w.traffic.counted = 0
}

// window is a stretch of real time in which calls are counted.
type window struct {
	ends  time.Time
	calls int
}

// meets returns what befalls a call, "" if nothing does.
func (c *control) meets() Mishap {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.knobs.Every <= 0 || len(c.knobs.Mishaps) == 0 {
		return ""
	}
	c.counted++
	if c.counted%c.knobs.Every != 0 {
		return ""
	}
	return c.knobs.Mishaps[(c.counted/c.knobs.Every-1)%len(c.knobs.Mishaps)]
}

// admit counts a call of an endpoint against its limit and says in the header
// how much is left of it. The error is a refusal with 429.
func (c *control) admit(endpoint string, header http.Header, now time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.IndexFunc(c.knobs.Limits, func(l RateLimit) bool {
		return len(l.Endpoints) == 0 || slices.Contains(l.Endpoints, endpoint)
	})
	if i < 0 {
		return nil
	}
	limit, counted := c.knobs.Limits[i], c.windows[i]
	if !now.Before(counted.ends) {
		counted = window{ends: now.Add(limit.Window)}
	}
	refused := counted.calls >= limit.Calls
	if !refused {
		counted.calls++
	}
	c.windows[i] = counted
	header.Set("X-RateLimit-Limit", strconv.Itoa(limit.Calls))
	header.Set("X-RateLimit-Remaining", strconv.Itoa(limit.Calls-counted.calls))
	header.Set("X-RateLimit-Reset", strconv.FormatInt(counted.ends.Unix(), 10))
	if refused {
		return tooMany(header, limit.Name, limit.Calls, now, counted.ends)
	}
	return nil
}

// tooMany is the refusal of a call over a limit, in the words of Vercel.
func tooMany(header http.Header, name string, total int, now, ends time.Time) error {
	seconds := int64((ends.Sub(now) + time.Second - 1) / time.Second)
	header.Set("Retry-After", strconv.FormatInt(seconds, 10))
	r := refuse(http.StatusTooManyRequests, "rate_limited", "Too many requests - try again in %d seconds (more than %d, code: %q).", seconds, total, name)
	r.detail.Limit = &vercel.Limit{Reset: (ends.UnixMilli() + 999) / 1000, ResetMs: ends.UnixMilli(), Total: int64(total)}
	return r
}

func internalError() error {
	return refuse(http.StatusInternalServerError, "internal_server_error", "An unexpected internal error occurred")
}

// befall is what a mishap does before the call has an effect.
func (c *control) befall(mishap Mishap, header http.Header, now time.Time) error {
	switch mishap {
	case ServerError:
		return internalError()
	case ResetBefore:
		return errReset
	case RateLimited:
		c.mu.Lock()
		wait := c.knobs.RetryAfter
		c.mu.Unlock()
		if wait == 0 {
			wait = time.Second
		}
		return tooMany(header, "sandbox-mishap", 6, now, now.Add(wait.Truncate(time.Second)))
	}
	return nil
}

// delay waits for half the latency, or until the client gives up.
func (c *control) delay(ctx context.Context) error {
	c.mu.Lock()
	half := c.knobs.Latency / 2
	c.mu.Unlock()
	if half <= 0 {
		return nil
	}
	timer := time.NewTimer(half)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the client went away: %w", ctx.Err())
	}
}
