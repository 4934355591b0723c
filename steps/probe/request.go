package probe

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/google/uuid"

	"keyturn/keygen"
	"keyturn/steps/httpclient"
)

// UserAgent names Keyturn's own requests, so that a request log can tell them
// from the clients' traffic.
const UserAgent = "keyturn-probe"

const (
	defaultTimeout  = 10 * time.Second // for one request, to the end of its answer
	maxResponseBody = 16 << 10         // bytes of an answer that are read
)

// DefaultBody is sent by methods that carry a body when none is given.
const DefaultBody = `{"ping":true}`

// Prober signs requests and sends them.
type Prober struct {
	Profile Profile
	HTTP    *http.Client     // its transport is used; http.DefaultTransport if nil
	Now     func() time.Time // the clock that signs
	Random  io.Reader        // a cryptographic source; read by one goroutine at a time
	Timeout time.Duration    // of one request; 0 means 10 seconds
}

// validate reports a prober that can not sign.
func (p *Prober) validate() error {
	switch {
	case p == nil:
		return errors.New("no prober given")
	case p.Now == nil:
		return errors.New("prober has no clock")
	case p.Random == nil:
		return errors.New("prober has no source of randomness")
	}
	return p.Profile.Validate()
}

// Target is where requests go, and what they carry besides the signature.
type Target struct {
	URL    string // http or https, no user name or password in it
	Method string // default POST
	Body   []byte // nil: DefaultBody for POST, PUT and PATCH, otherwise nothing
	// Bypass lets the requests through Vercel's deployment protection, which
	// would answer in the service's place; zero where there is none.
	Bypass keygen.Secret
}

// The header that carries Target.Bypass (Vercel, "Protection Bypass for
// Automation"), and the shell variable that stands for it in curl commands.
const (
	bypassHeader   = "x-vercel-protection-bypass"
	bypassVariable = "BYPASS"
)

// endpoint is a Target that has been checked.
type endpoint struct {
	url    *url.URL
	method string
	body   []byte
	bypass keygen.Secret
}

func (t Target) endpoint() (endpoint, error) {
	u, err := url.Parse(t.URL)
	if err != nil {
		return endpoint{}, fmt.Errorf("parse the service's address: %w", err)
	}
	switch {
	case u.Scheme != "http" && u.Scheme != "https", u.Host == "":
		return endpoint{}, fmt.Errorf("address %q: want http:// or https:// and a host", u.Redacted())
	case u.User != nil:
		return endpoint{}, fmt.Errorf("address %q: a user name or password does not belong in it", u.Redacted())
	}
	u.Fragment, u.RawFragment = "", ""
	end := endpoint{url: u, method: strings.ToUpper(t.Method), body: t.Body, bypass: t.Bypass}
	if end.method == "" {
		end.method = http.MethodPost
	}
	switch end.method {
	case http.MethodPost, http.MethodPut, http.MethodPatch:
		if end.body == nil {
			end.body = []byte(DefaultBody)
		}
	case http.MethodGet, http.MethodDelete:
	default:
		return endpoint{}, fmt.Errorf("method %q: want GET, POST, PUT, PATCH or DELETE", t.Method)
	}
	if bytes.IndexByte(end.body, 0) >= 0 {
		return endpoint{}, errors.New("body holds a NUL byte, which no curl command can carry")
	}
	return end, nil
}

// header is one header line; a slice of them keeps the order and the case in
// which they are configured.
type header struct{ name, value string }

// request is one signed request, ready to be sent any number of times.
type request struct {
	endpoint
	headers []header
	nonce   string
}

// draft says how a request is signed. Its zero fields mean what an honest
// client does; each control fills in the one field that it lies about.
type draft struct {
	keyID string
	key   []byte // the HMAC key

	offset   time.Duration // of the timestamp from now
	at       time.Time     // instead of now, if set
	unsigned bool          // leave the signature header out
	tamper   Field         // sign another value of this field than is sent
	profile  *Profile      // instead of the prober's
}

// tampered is appended to the signed value of a field. What is sent stays the
// harmless original: should a service accept it, nothing strange was executed.
const tampered = "-tampered"

// build makes a request with a fresh nonce.
func (p *Prober) build(end endpoint, d draft) (request, error) {
	profile := p.Profile
	if d.profile != nil {
		profile = *d.profile
	}
	id, err := uuid.NewRandomFromReader(p.Random)
	if err != nil {
		return request{}, fmt.Errorf("make a nonce: %w", err)
	}
	at := d.at
	if at.IsZero() {
		at = p.Now().Add(d.offset)
	}
	nonce, timestamp := id.String(), profile.timestamp(at)

	signedPath, signedNonce, signedBody := profile.signedPath(end.url), nonce, end.body
	switch d.tamper {
	case FieldPath:
		signedPath += tampered
	case FieldNonce:
		signedNonce += tampered
	case FieldBody:
		signedBody = append(bytes.Clone(end.body), tampered...)
	}
	r := request{endpoint: end, nonce: nonce}
	if len(end.body) > 0 {
		r.headers = append(r.headers, header{"Content-Type", "application/json"})
	}
	r.headers = append(r.headers,
		header{"User-Agent", UserAgent},
		header{profile.KeyIDHeader, d.keyID},
		header{profile.TimestampHeader, timestamp},
		header{profile.NonceHeader, nonce},
	)
	if !d.unsigned {
		signature := profile.Sign(d.key, end.method, signedPath, timestamp, signedNonce, signedBody)
		r.headers = append(r.headers, header{profile.SignatureHeader, signature})
	}
	return r, nil
}

// result is what came back for one request.
type result struct {
	Status     int           // 0 if there was no answer
	Latency    time.Duration // from sending to the end of the answer, connecting included
	Deployment string        // from the header X-Deployment-Id, "" if the service does not say
	Error      string        // the service's own words, shortened and cleaned; "" when accepted
	Location   string        // of a redirect, cleaned
	Blocked    string        // what answered in the service's place, if something did
	Date       time.Time     // the service's clock, if its answer says
	Err        error         // why there was no answer
}

// send executes r once. It never fails: what went wrong is in the result.
func (p *Prober) send(ctx context.Context, r request, censor httpclient.Censor) result {
	header := http.Header{}
	for _, h := range r.headers {
		header[h.name] = []string{h.value} // not Set, which would change the case of a configured name
	}
	if !r.bypass.IsZero() {
		header.Set(bypassHeader, r.bypass.Reveal())
	}
	// A stopwatch, not the injected clock, which a sandbox may hold still.
	started := time.Now()
	answer, err := p.client().Send(ctx, httpclient.Request{
		Method: r.method, URL: r.url.String(), Header: header, Secret: r.bypass, Body: r.body,
		// As curl has: the transport silently repeats a request when a kept
		// connection turns out to be closed, and to the service the repetition is a
		// replay.
		Alone: true,
	})
	if err != nil {
		return result{Latency: time.Since(started), Err: err}
	}
	// An answer that breaks off still has a status, and that is what counts.
	return readResult(answer, time.Since(started), censor)
}

func (p *Prober) client() *httpclient.Client {
	o := httpclient.Options{Timeout: p.Timeout, MaxAnswer: maxResponseBody}
	if o.Timeout <= 0 {
		o.Timeout = defaultTimeout
	}
	if p.HTTP != nil {
		o.Transport = p.HTTP.Transport
	}
	return httpclient.New(httpclient.Peer{Name: "the service"}, o)
}
