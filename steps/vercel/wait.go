package vercel

import (
	"context"
	"errors"
	"time"

	"keyturn/steps/httpclient"
)

// Poll says how to wait for a deployment. The zero value is Vercel's own pace
// and 20 minutes.
type Poll struct {
	Deadline time.Duration // of the whole wait; 20 min if 0
	// Interval returns the pause before the next look; Pace if nil.
	Interval func(elapsed time.Duration) time.Duration
}

// Vercel ends a build after 45 minutes at most, but most take 1 to 5: a wait
// that ends earlier can be taken up again.
const defaultDeadline = 20 * time.Minute

// Pace is the pace of Vercel's own CLI: 1 s for 15 s, 5 s to one minute, 15 s
// to five, then 30 s.
func Pace(elapsed time.Duration) time.Duration {
	switch {
	case elapsed < 15*time.Second:
		return time.Second
	case elapsed < time.Minute:
		return 5 * time.Second
	case elapsed < 5*time.Minute:
		return 15 * time.Second
	}
	return 30 * time.Second
}

// Every returns an interval that is always d.
func Every(d time.Duration) func(time.Duration) time.Duration {
	return func(time.Duration) time.Duration { return d }
}

// WaitReady waits until the deployment is READY and its aliases lead to it:
// until then its address still serves the build before. progress, if not nil,
// is called with each state that was read.
//
// The error is a *DeploymentFailedError if it cannot become READY, a
// *StuckError (ErrStuck) at the deadline, the context's error if that ended, or
// the refusal of Vercel. A server that is away for a while is waited for.
func (c *Client) WaitReady(ctx context.Context, id string, poll Poll, progress func(Deployment)) (Deployment, error) {
	subject := RequestError{Operation: "wait for deployment", Deployment: id}
	deadline := first(poll.Deadline, defaultDeadline)
	interval := poll.Interval
	if interval == nil {
		interval = Pace
	}
	started := c.http.Now()
	var last Deployment
	for {
		d, err := c.Deployment(ctx, id)
		if err == nil {
			last = d
			if progress != nil {
				progress(d)
			}
			if done, failure := judge(d); done || failure != nil {
				return d, subject.because(c.explain(ctx, d, failure))
			}
		} else if ctx.Err() != nil || !mayPass(err) {
			return last, err
		}
		elapsed := c.http.Now().Sub(started)
		if elapsed >= deadline {
			return last, subject.because(&StuckError{
				ID: id, State: last.ReadyState, AliasAssigned: last.AliasAssigned, After: elapsed, Err: causeOf(err),
			})
		}
		pause := min(max(interval(elapsed), time.Millisecond), deadline-elapsed)
		if err := c.http.Sleep(ctx, pause); err != nil {
			return last, subject.because(err)
		}
	}
}

// logLines is how many lines of a failed build an error shows.
const logLines = 10

// explain quotes in a failure what Vercel says of it, or the last lines of the
// build. Without them the failure is still one.
func (c *Client) explain(ctx context.Context, d Deployment, failure error) error {
	var failed *DeploymentFailedError
	if !errors.As(failure, &failed) {
		return failure
	}
	failed.AliasError = httpclient.NewCensor(c.options.Token).Words(failed.AliasError, maxQuoted)
	if failed.AliasError == "" && d.ReadyState != StateCanceled && d.ReadyState != StateDeleted {
		failed.Log, _ = c.BuildLog(ctx, d.ID, logLines)
	}
	return failure
}

// judge reports whether d serves, or why it never will.
func judge(d Deployment) (bool, error) {
	if d.Failed() || d.AliasError != "" {
		return false, &DeploymentFailedError{ID: d.ID, State: d.ReadyState, AliasError: d.AliasError}
	}
	return d.Serving(), nil
}

// mayPass reports whether a further look may succeed where this one met err.
func mayPass(err error) bool {
	var refused *APIError
	var unreachable *UnreachableError
	switch {
	case errors.As(err, &refused):
		return httpclient.MayPass(refused.Status)
	case errors.As(err, &unreachable):
		return unreachable.MayPass()
	}
	return false
}

// causeOf returns the cause of a RequestError: the subject is already said.
func causeOf(err error) error {
	var request *RequestError
	if errors.As(err, &request) {
		return request.Err
	}
	return err
}
