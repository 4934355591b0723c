package notify

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"keyturn/keygen"
	"keyturn/steps/httpclient"
)

// ErrUnknown says that nobody knows whether a message was delivered: it was
// sent, and its answer was lost or said nothing. Only a look at the channel
// tells; posting again might post twice.
var ErrUnknown = errors.New("it is not known whether the message was delivered")

// RefusedError says that the webhook refused a message, which is not in the
// channel.
type RefusedError struct {
	Status int
	Reason string // one of the words that Slack documents, such as no_service; may be empty
}

func (e *RefusedError) Error() string {
	if e.Reason == "" {
		return fmt.Sprintf("the webhook answered %d %s", e.Status, strings.ToLower(http.StatusText(e.Status)))
	}
	return fmt.Sprintf("the webhook answered %d: %s", e.Status, e.Reason)
}

// Hint says what to do about the answers that Slack documents.
func (e *RefusedError) Hint() string {
	switch {
	case e.Status == http.StatusNotFound, e.Status == http.StatusForbidden, e.Status == http.StatusGone:
		return "the webhook was removed or its channel archived: make a new one in Slack and store it again"
	case e.Status == http.StatusTooManyRequests:
		return "wait a minute, then run the item again"
	}
	return "post the message by hand"
}

// The limits of one Post.
const (
	defaultTimeout = 15 * time.Second
	firstPause     = time.Second
	longestPause   = 30 * time.Second // Slack asks for one second, or a few
	maxAnswer      = 4 << 10          // bytes; Slack answers in a word
)

// Options are the details of a webhook. Their zero values are the defaults.
type Options struct {
	HTTP httpclient.Options // 15 s, and 30 s between two tries, if 0
	// LoopbackOnly refuses a webhook on any other machine: a rehearsal must not
	// post to people.
	LoopbackOnly bool
}

// Slack is an incoming webhook. The address is a secret: whoever has it can
// post as us. It is in no error.
type Slack struct {
	address keygen.Secret
	http    *httpclient.Client
}

// NewSlack accepts the address of an incoming webhook: https, or http on
// loopback. The error does not quote it.
func NewSlack(address keygen.Secret, o Options) (*Slack, error) {
	u, err := url.Parse(strings.TrimSpace(address.Reveal()))
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return nil, errors.New("the webhook is not an https address")
	case !httpclient.Secure(u):
		return nil, errors.New("the webhook is not an https address: anybody on the way could read it")
	}
	if o.LoopbackOnly && !httpclient.Loopback(u.Hostname()) {
		return nil, errors.New("the webhook is not on this machine, and a rehearsal must not post to people")
	}
	o.HTTP.Timeout = cmp.Or(o.HTTP.Timeout, defaultTimeout)
	o.HTTP.MaxWait = cmp.Or(o.HTTP.MaxWait, longestPause)
	o.HTTP.MaxAnswer = maxAnswer
	if o.HTTP.Backoff == nil {
		o.HTTP.Backoff = func() backoff.BackOff {
			return &backoff.ExponentialBackOff{InitialInterval: firstPause, Multiplier: 2, MaxInterval: longestPause}
		}
	}
	return &Slack{address: address, http: httpclient.New(httpclient.Peer{Name: "the webhook"}, o.HTTP)}, nil
}

// webhookMessage is what a webhook takes. No address in a message is unfurled: Slack
// would fetch it.
type webhookMessage struct {
	Text        string `json:"text"`
	UnfurlLinks bool   `json:"unfurl_links"`
	UnfurlMedia bool   `json:"unfurl_media"`
}

// Post delivers a message. It tries again only where the one before was
// certainly not delivered: no connection, or an answer that asks to wait. The
// error wraps ErrUnknown where that is not certain, and is a *RefusedError where
// the webhook said no.
func (s *Slack) Post(ctx context.Context, m Message) error {
	body, err := json.Marshal(webhookMessage{Text: m.Mrkdwn()})
	if err != nil {
		return fmt.Errorf("encode the message: %w", err)
	}
	err = s.http.Do(ctx, httpclient.Request{
		Operation: "post to the webhook", Method: http.MethodPost, URL: strings.TrimSpace(s.address.Reveal()),
		Header: http.Header{"Content-Type": {"application/json"}}, Body: body, Write: true, Alone: true,
	}, judge)
	if lost := (*httpclient.UnknownOutcomeError)(nil); errors.As(err, &lost) {
		return fmt.Errorf("%w: %w", lost.Err, ErrUnknown)
	}
	return err
}

// judge says what an answer means for the message. Slack answers a message that
// it has taken with 200 and "ok".
func judge(a httpclient.Answer) error {
	text := strings.TrimSpace(string(a.Body))
	switch {
	case a.Status == http.StatusOK && text == "ok":
		return nil
	case a.Success(), a.Status >= 500, a.Status == http.StatusRequestTimeout:
		return fmt.Errorf("the webhook answered %d, which does not say", a.Status)
	}
	refused := &RefusedError{Status: a.Status}
	if slices.Contains(refusals(), text) {
		refused.Reason = text
	}
	return refused
}

// refusals are the words with which Slack refuses a message. Nothing else is
// quoted: an answer may repeat the address.
func refusals() []string {
	return []string{
		"action_prohibited", "channel_is_archived", "channel_not_found", "invalid_blocks", "invalid_payload", "invalid_token",
		"no_active_hooks", "no_service", "no_service_id", "no_team", "no_text", "posting_to_general_channel_denied",
		"rate_limited", "ratelimited", "team_disabled", "too_many_attachments", "user_not_found",
	}
}
