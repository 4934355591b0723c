package probe

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"keyturn/keygen"
	"keyturn/steps/httpclient"
)

// Expectation is what a service should do with a request.
type Expectation string

// The expectations.
const (
	Accepted Expectation = "accepted" // 2xx
	Refused  Expectation = "refused"  // 401 or 403, by the service itself
)

// Outcome is what a service did with a request.
type Outcome string

// The outcomes. Only the first two answer the question whether a signature is
// good; the others say that it was never judged.
const (
	GotAccepted    Outcome = "accepted"
	GotRefused     Outcome = "refused"
	GotBlocked     Outcome = "blocked" // 401 or 403 by something in front of the service
	GotRedirect    Outcome = "redirect"
	GotNotFound    Outcome = "not found"
	GotLimited     Outcome = "rate limited"
	GotServerError Outcome = "server error"
	GotOther       Outcome = "other status"
	GotNoAnswer    Outcome = "no answer"
	GotNotSent     Outcome = "not sent"
)

// Verdict is what a row comes to.
type Verdict string

// The verdicts. Anything but OK fails a suite.
const (
	OK           Verdict = "ok"
	Failed       Verdict = "failed"       // the service did the opposite of what it must
	Inconclusive Verdict = "inconclusive" // nothing was proved either way
)

// Row is one request of a report: what was expected and what came.
type Row struct {
	Name       string
	Expect     Expectation
	Got        Outcome
	Status     int // 0 if there was no answer
	Latency    time.Duration
	Deployment string // "" if the service does not name it
	Verdict    Verdict
	Detail     string // the service's words, or what the verdict means
	Bypass     bool   // the acceptance lets in anyone, without any key

	// Curl sends the like of this request from a POSIX shell and gets the same
	// status: freshly signed, with a nonce of its own (for a replay, the used
	// one). It holds no key. Where a request should be accepted it works once,
	// and only while the service takes its timestamp for current.
	Curl string
}

// Key is a key with what the service should make of it.
type Key struct {
	ID     keygen.KeyID
	Secret keygen.Secret
	Expect Expectation
}

func (k Key) validate() error {
	if _, err := keygen.ParseKeyID(string(k.ID)); err != nil {
		return err
	}
	switch {
	case k.Secret.IsZero():
		return fmt.Errorf("key %s: no secret given", k.ID)
	case k.Expect != Accepted && k.Expect != Refused:
		return fmt.Errorf("key %s: expectation %q: want accepted or refused", k.ID, k.Expect)
	}
	return nil
}

// Probe sends one request signed with the key. By itself it can not tell a
// service that judges signatures from one that treats all alike: use it to
// wait for a deployment or to sweep many, and a Suite to prove.
//
// The error is of the input, the randomness or the context; a service that
// can not be reached makes an inconclusive row.
func (p *Prober) Probe(ctx context.Context, target Target, key Key) (Row, error) {
	if err := p.validate(); err != nil {
		return Row{}, err
	}
	end, err := target.endpoint()
	if err != nil {
		return Row{}, err
	}
	if err := key.validate(); err != nil {
		return Row{}, err
	}
	row, _, err := p.try(ctx, end, "key "+string(key.ID), key.Expect, honest(key), httpclient.NewCensor(key.Secret, target.Bypass))
	return row, err
}

// honest is the draft of a client that holds the key.
func honest(key Key) draft {
	return draft{keyID: string(key.ID), key: []byte(key.Secret.Reveal())}
}

// exchange is a request with its answer.
type exchange struct {
	request request
	result  result
}

// try signs and sends one request and judges the answer.
func (p *Prober) try(ctx context.Context, end endpoint, name string, expect Expectation, d draft, secrets httpclient.Censor) (Row, exchange, error) {
	sent, err := p.build(end, d)
	if err != nil {
		return Row{}, exchange{}, err
	}
	shown, err := p.build(end, d)
	if err != nil {
		return Row{}, exchange{}, err
	}
	result := p.send(ctx, sent, secrets)
	if err := ctx.Err(); err != nil {
		return Row{}, exchange{}, err
	}
	return judge(name, expect, result, shown.curl()), exchange{sent, result}, nil
}

// judge makes a row of an answer.
func judge(name string, expect Expectation, res result, curl string) Row {
	row := Row{
		Name: name, Expect: expect, Got: outcome(res), Status: res.Status, Latency: res.Latency,
		Deployment: res.Deployment, Detail: res.Error, Curl: curl,
	}
	switch row.Got {
	case GotAccepted, GotRefused:
		row.Verdict = Failed
		if string(row.Got) == string(expect) {
			row.Verdict = OK
		}
		return row
	}
	row.Verdict = Inconclusive
	row.Detail = unclear(row.Got, res)
	return row
}

func outcome(res result) Outcome {
	switch s := res.Status; {
	case res.Err != nil:
		return GotNoAnswer
	case s >= 200 && s <= 299:
		return GotAccepted
	case res.Blocked != "":
		return GotBlocked
	case s == http.StatusUnauthorized, s == http.StatusForbidden:
		return GotRefused
	case s >= 300 && s <= 399:
		return GotRedirect
	case s == http.StatusNotFound:
		return GotNotFound
	case s == http.StatusTooManyRequests:
		return GotLimited
	case s >= 500:
		return GotServerError
	}
	return GotOther
}

// unclear says why an answer proves nothing.
func unclear(got Outcome, res result) string {
	words := ""
	switch got {
	case GotNoAnswer:
		return res.Err.Error()
	case GotBlocked:
		words = res.Blocked + " answered in the service's place"
	case GotRedirect:
		words = "redirected to " + res.Location + ": probe that address, a signature does not survive a redirect"
	case GotNotFound:
		words = "nothing is served at this path"
	case GotLimited:
		words = "the service limits the rate of requests: try again later"
	case GotServerError:
		words = "the service broke before it judged the signature"
	default:
		words = fmt.Sprintf("status %d is neither acceptance (2xx) nor refusal (401, 403)", res.Status)
	}
	if res.Error != "" {
		words += fmt.Sprintf(" (it said: %s)", res.Error)
	}
	return words
}
