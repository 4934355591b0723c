package httpclient

import (
	"bytes"
	"context"
	"crypto/tls"
	"io"
	"maps"
	"net/http"
	"net/http/httptrace"
	"sync/atomic"

	"keyturn/keygen"
)

// progress is how far an attempt came. The transport may still be dialing when the
// attempt is over, hence the atomics.
type progress struct {
	dialed    atomic.Bool // the server was reached, or the proxy before it
	connected atomic.Bool // a byte of the request may have left; before, none has
	untrusted atomic.Bool // the TLS handshake ended in an error
}

func (p *progress) trace(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{
		ConnectDone: func(_, _ string, err error) {
			if err == nil {
				p.dialed.Store(true)
			}
		},
		GotConn: func(httptrace.GotConnInfo) { p.connected.Store(true) },
		TLSHandshakeDone: func(_ tls.ConnectionState, err error) {
			if err != nil {
				p.untrusted.Store(true)
			}
		},
	})
}

// Send makes a request once. Whatever its status, an answer is no error; the error
// is a *NoAnswerError.
func (c *Client) Send(parent context.Context, r Request) (Answer, error) {
	ctx, cancel := context.WithTimeout(parent, c.options.Timeout)
	defer cancel()
	var came progress
	req, err := http.NewRequestWithContext(came.trace(ctx), r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil { // it quotes the address
		return Answer{}, &NoAnswerError{Peer: c.peer, Reason: NotSent, why: "the address or the method is not usable"}
	}
	req.Close = r.Alone
	req.Header.Set("User-Agent", "keyturn")
	if !r.Token.IsZero() {
		req.Header.Set("Authorization", "Bearer "+r.Token.Reveal())
	}
	maps.Copy(req.Header, r.Header)
	resp, err := c.http.Do(req)
	if err != nil {
		return Answer{}, c.noAnswer(parent, err, &came)
	}
	defer func() { _ = resp.Body.Close() }() // read already, or given up
	answer := newAnswer(c, resp)
	// One byte more shows that there is more.
	if answer.Body, err = io.ReadAll(io.LimitReader(resp.Body, int64(c.options.MaxAnswer)+1)); err != nil {
		answer.Broken = c.noAnswer(parent, err, &came)
	}
	answer.Body = forget(forget(answer.Body, r.Token), r.Secret)
	return answer, nil
}

// forget removes a secret that came back as it was sent. What is read of an answer,
// such as a name, may be kept and shown.
func forget(body []byte, secret keygen.Secret) []byte {
	text := []byte(secret.Reveal())
	if len(text) < letterPiece || !bytes.Contains(body, text) {
		return body
	}
	return bytes.ReplaceAll(body, text, []byte(censored))
}
