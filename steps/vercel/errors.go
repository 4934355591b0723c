package vercel

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"time"

	"keyturn/steps/httpclient"
)

// What a caller may decide by, with errors.Is.
var (
	// ErrExists: the key already has a row for the target.
	ErrExists = errors.New("variable exists already")
	// ErrGone: there was no such row, or deployment, to remove. Vercel answers
	// the same when the project is not found, so list to be sure.
	ErrGone = errors.New("already gone")
	// ErrNotFound: no such project, deployment or team, or the token cannot see it.
	ErrNotFound = errors.New("not found")
	// ErrForbidden: the token is invalid or may not do this.
	ErrForbidden = errors.New("forbidden")
	// ErrRateLimited: told to wait longer than the client waits; see APIError.Until.
	ErrRateLimited = errors.New("rate limited")
	// ErrStuck: a deployment came to no end before the deadline; see StuckError.
	ErrStuck = errors.New("deployment is stuck")
)

// APIError is a refusal by Vercel: it was read, and nothing was changed.
// Decide by Code; the same refusal comes with different statuses.
type APIError struct {
	Status  int
	Code    string    // such as ENV_CONFLICT; "" if the body was none of Vercel's
	Message string    // cleaned of secrets and control characters
	Until   time.Time // when to try again; zero if Vercel did not say
}

func (e *APIError) Error() string {
	words := fmt.Sprintf("vercel answered %d", e.Status)
	if e.Code != "" {
		words += " " + e.Code
	}
	if e.Message != "" {
		words += ": " + e.Message
	}
	if !e.Until.IsZero() {
		words += " (until " + e.Until.UTC().Format(time.RFC3339) + ")"
	}
	return words
}

// Is matches the sentinels of this package.
func (e *APIError) Is(target error) bool {
	switch target {
	case ErrExists:
		return e.exists()
	case ErrNotFound:
		return e.Status == http.StatusNotFound
	case ErrForbidden:
		// Also a name that is taken is answered 403.
		return (e.Status == http.StatusUnauthorized || e.Status == http.StatusForbidden) && !e.exists()
	case ErrRateLimited:
		return e.Status == http.StatusTooManyRequests
	}
	return false
}

// exists matches the codes with which Vercel refuses a second row. The status
// is 400, 403 or 409, depending on the code.
func (e *APIError) exists() bool {
	switch strings.ToUpper(e.Code) {
	case "ENV_ALREADY_EXISTS", "ENV_CONFLICT", "EXISTING_KEY_AND_TARGET":
		return true
	}
	return false
}

// RetryAt returns Until.
func (e *APIError) RetryAt() time.Time { return e.Until }

// Hint returns the next act, or "".
func (e *APIError) Hint() string {
	switch {
	case e.exists():
		return "look at the rows that the variable has now: another person or an earlier run may have added it"
	case e.Is(ErrRateLimited) && !e.Until.IsZero():
		return "try again after " + e.Until.UTC().Format(time.RFC3339)
	case e.Is(ErrRateLimited):
		return "wait a few minutes and try again"
	case e.Status == http.StatusUnauthorized, e.Is(ErrForbidden):
		return "check that the token (of VERCEL_TOKEN, else of keyturn login vercel) is valid, has not expired and may change this project, and that [vercel] team names its team"
	case e.Is(ErrNotFound):
		return "check the project's id or name and [vercel] team in keyturn.toml; a token of another team sees the project as not found"
	case e.Status >= 300 && e.Status < 400:
		return "check [vercel] api: the API itself never redirects"
	case e.Status >= 500:
		return "see https://www.vercel-status.com and try again; nothing is lost"
	}
	return ""
}

// The errors of the ground that a caller decides by.
type (
	// UnknownOutcomeError is a write that may or may not have taken place. The caller
	// lists before it decides anything.
	UnknownOutcomeError = httpclient.UnknownOutcomeError
	// UnreachableError is a request that got no answer, after all attempts.
	UnreachableError = httpclient.NoAnswerError
)

// RequestError says which operation met an error, and on what.
type RequestError struct {
	Operation  string // such as "create variable"
	Project    string // id or name; "" if the operation has none
	Variable   string // key or row id
	Target     string
	Deployment string // id or host
	Err        error
}

func (e *RequestError) Error() string { return e.subject() + ": " + e.Err.Error() }

func (e *RequestError) Unwrap() error { return e.Err }

// Hint returns the hint of the cause.
func (e *RequestError) Hint() string { return hintOf(e.Err) }

// subject returns the operation and what it was about.
func (e *RequestError) subject() string {
	words := e.Operation
	for _, s := range []string{e.Variable, e.Deployment} {
		if s != "" {
			words += " " + s
		}
	}
	if e.Target != "" {
		words += " for " + e.Target
	}
	if e.Project != "" {
		words += " in project " + e.Project
	}
	return words
}

// DeploymentFailedError is a deployment that ended without serving. The one
// before it still serves, with the variables of its own moment.
type DeploymentFailedError struct {
	ID, State  string
	AliasError string // set if it was built and its aliases could not be assigned
	// Log has the last lines of the build, oldest first; none where it could not
	// be read.
	Log []string
}

func (e *DeploymentFailedError) Error() string {
	if e.AliasError != "" {
		return fmt.Sprintf("deployment %s is %s but not serving: alias error: %s", e.ID, e.State, e.AliasError)
	}
	words := fmt.Sprintf("deployment %s ended as %s", e.ID, e.State)
	if len(e.Log) > 0 {
		words += "; its build ended with:\n\t" + strings.Join(e.Log, "\n\t")
	}
	return words
}

// Hint returns the next act.
func (e *DeploymentFailedError) Hint() string {
	still := "the deployment before it still serves, with its old variables"
	switch {
	case e.AliasError != "":
		return "assign the domain in the Vercel dashboard; " + still
	case e.State == StateCanceled:
		return "an Ignored Build Step cancels a build of the same commit: switch it off for this redeploy; " + still
	case e.State == StateBlocked:
		return "unblock the deployment in the Vercel dashboard, then redeploy; " + still
	}
	return "read the build log in the Vercel dashboard, then redeploy; " + still
}

// StuckError is a deployment that came to no end before the deadline.
type StuckError struct {
	ID, State     string
	AliasAssigned bool
	After         time.Duration
	Err           error // the last error of reading it, or nil
}

func (e *StuckError) Error() string {
	words := fmt.Sprintf("deployment %s is still %s", e.ID, first(e.State, "unread"))
	if after := e.After.Round(time.Second); after > 0 { // it was looked at once only
		words += " after " + after.String()
	}
	if e.State == StateReady && !e.AliasAssigned {
		words += ", without its aliases"
	}
	if e.Err != nil {
		words += ": " + e.Err.Error()
	}
	return words
}

// Is matches ErrStuck.
func (e *StuckError) Is(target error) bool { return target == ErrStuck }

func (e *StuckError) Unwrap() error { return e.Err }

// Hint returns the next act.
func (e *StuckError) Hint() string {
	if e.State == StateReady {
		return "the build is ready but no domain leads to it: promote it in the Vercel dashboard if production is assigned by hand, then check again"
	}
	return "look at the deployment in the Vercel dashboard; checking again goes on waiting, and nothing was undone"
}

// hintOf returns the hint of the first error in the chain that has one.
func hintOf(err error) string {
	var hinter interface{ Hint() string }
	if errors.As(err, &hinter) {
		return hinter.Hint()
	}
	return ""
}
