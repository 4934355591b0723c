package httpclient

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"
)

// Do makes a request, again where that is safe and may help, and gives each answer
// to read, which returns nil if the answer is what was asked for.
//
// A write is made again only if the one before was certainly without effect: there
// was no connection, or the server asked to wait. If it may have had one, the error
// is an *UnknownOutcomeError. Otherwise the error is a *NoAnswerError, that of read,
// or the context's while it waited.
//
// An error of read may have a method RetryAt() time.Time, which overrides what the
// answer's header says.
func (c *Client) Do(ctx context.Context, r Request, read func(Answer) error) error {
	waits := c.options.Backoff()
	waits.Reset()
	for try := 1; ; try++ {
		if err := c.pass(ctx, r.Operation); err != nil {
			return err
		}
		if r.Write {
			if err := c.options.BeforeWrite(ctx); err != nil {
				return err
			}
		}
		answer, err := c.once(ctx, r, read)
		switch {
		case err == nil:
			return nil
		case r.Write && mayHaveHappened(answer, err):
			return &UnknownOutcomeError{Err: err}
		case try >= c.options.Tries || !mayHelp(answer, err) || ctx.Err() != nil:
			return err
		}
		wait := max(waits.NextBackOff(), 0)
		if asked := askedWait(answer, err); asked > 0 {
			wait = asked
			if wait <= c.options.MaxWait && answer.Status == http.StatusTooManyRequests {
				c.gate.close(r.Operation, c.options.Now().Add(wait))
			}
		}
		if wait > c.options.MaxWait {
			return err
		}
		subject := r.Subject
		if subject == "" {
			subject = r.Operation
		}
		c.options.OnWait(ctx, subject+": "+err.Error(), c.options.Now().Add(wait))
		if stop := c.options.Sleep(ctx, wait); stop != nil {
			return fmt.Errorf("%w while waiting to try again after: %w", stop, err)
		}
	}
}

func (c *Client) once(ctx context.Context, r Request, read func(Answer) error) (Answer, error) {
	answer, err := c.Send(ctx, r)
	switch {
	case err != nil:
		return answer, err
	case answer.Success() && answer.Broken != nil:
		return answer, answer.Broken
	}
	return answer, read(answer)
}

// askedWait returns how long the server asked to wait, 0 if it did not.
func askedWait(answer Answer, err error) time.Duration {
	at := answer.RetryAt
	var says interface{ RetryAt() time.Time }
	if errors.As(err, &says) {
		at = says.RetryAt()
	}
	if at.IsZero() {
		return 0
	}
	return at.Sub(answer.at)
}

// mayHaveHappened reports whether a write that met err may have taken place.
func mayHaveHappened(answer Answer, err error) bool {
	if none := (*NoAnswerError)(nil); errors.As(err, &none) {
		return none.Sent
	}
	return answer.Success() || answer.Status >= 500 || answer.Status == http.StatusRequestTimeout
}

// mayHelp reports whether a further attempt may do better.
func mayHelp(answer Answer, err error) bool {
	if none := (*NoAnswerError)(nil); errors.As(err, &none) {
		return none.MayPass()
	}
	return MayPass(answer.Status)
}

// MayPass reports whether the refusal that a status stands for may pass by itself.
func MayPass(status int) bool {
	return status >= 500 || status == http.StatusTooManyRequests || status == http.StatusRequestTimeout
}
