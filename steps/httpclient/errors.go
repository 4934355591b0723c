package httpclient

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"syscall"
)

// Reason is why there was no answer.
type Reason string

// The reasons.
const (
	NotSent     Reason = "not sent"     // the request could not be made
	Interrupted Reason = "interrupted"  // the caller's context ended
	TimedOut    Reason = "timed out"    // the time of one attempt was over
	UnknownName Reason = "unknown name" // DNS knows no such host, or did not answer
	Unconnected Reason = "unconnected"  // refused, no route, no network
	Proxy       Reason = "proxy"        // the proxy in between did not let it through
	Certificate Reason = "certificate"  // the server is not who it should be
	Handshake   Reason = "handshake"    // TLS could not be agreed on
	Closed      Reason = "closed"       // the connection ended before the answer did
	Garbled     Reason = "garbled"      // the answer is not HTTP
)

// NoAnswerError is a request that got no answer, or not all of it. Neither its
// words nor what it wraps has anything in it that the server chose.
type NoAnswerError struct {
	Peer   Peer
	Reason Reason
	Sent   bool // the request may have left
	why    string
	cause  error // the context's error or one of the operating system, or nil
}

func (e *NoAnswerError) Error() string { return "no answer from " + e.Peer.Name + ": " + e.why }

// Why returns the reason in words.
func (e *NoAnswerError) Why() string { return e.why }

func (e *NoAnswerError) Unwrap() error { return e.cause }

// MayPass reports whether a further attempt may do better.
func (e *NoAnswerError) MayPass() bool {
	return e.Reason != Certificate && e.Reason != NotSent && e.Reason != Interrupted
}

// Hint returns the next act, or "".
func (e *NoAnswerError) Hint() string {
	where := "a proxy in between"
	if e.Peer.Setting != "" {
		where = e.Peer.Setting + ", " + where
	}
	switch e.Reason {
	case Interrupted:
		return ""
	case Certificate:
		return "the server's certificate is not trusted: check " + where + ", and the clock of this machine"
	}
	return "check the network, " + where + " (HTTPS_PROXY), then try again"
}

// UnknownOutcomeError is a write whose answer was lost or unreadable: it may or may
// not have taken place. The caller looks before it decides anything.
type UnknownOutcomeError struct{ Err error }

func (e *UnknownOutcomeError) Error() string {
	return "outcome unknown, it may have taken place: " + e.Err.Error()
}

func (e *UnknownOutcomeError) Unwrap() error { return e.Err }

// Hint returns the next act.
func (e *UnknownOutcomeError) Hint() string {
	return "do not repeat it by hand: look at what is there now (the step does so when it is resumed)"
}

// UnreadableError is a success whose body is not what was asked for. It keeps no
// part of the body.
type UnreadableError struct {
	Peer Peer
	why  string
}

func (e *UnreadableError) Error() string {
	return "answer of " + e.Peer.Name + " is unreadable: " + e.why
}

// Hint returns the next act.
func (e *UnreadableError) Hint() string {
	return "check " + e.Peer.Setting + " and that no proxy or login page answers in its place"
}

// noAnswer puts an error of net/http into words of our own. It judges by types and
// by how far the request came, never by the text.
func (c *Client) noAnswer(parent context.Context, err error, came *progress) *NoAnswerError {
	e := &NoAnswerError{Peer: c.peer, Sent: came.connected.Load()}
	var timeout net.Error
	var name *net.DNSError
	var op *net.OpError
	var errno syscall.Errno
	switch {
	case parent.Err() != nil:
		e.Reason, e.cause = Interrupted, parent.Err()
		if cause := context.Cause(parent); !errors.Is(cause, e.cause) {
			e.cause = fmt.Errorf("%w: %w", e.cause, cause)
		}
		e.why = e.cause.Error()
	case errors.Is(err, context.DeadlineExceeded):
		e.Reason, e.why = TimedOut, fmt.Sprintf("timed out after %s", c.options.Timeout)
	case errors.As(err, &timeout) && timeout.Timeout(): // of the transport
		e.Reason, e.why = TimedOut, "timed out"
	case errors.As(err, &name):
		e.Reason, e.why = UnknownName, fmt.Sprintf("the name %q cannot be resolved", name.Name) // it is ours, or the proxy's
	case came.untrusted.Load() && !e.Sent:
		e.Reason, e.why = handshake(err)
	case errors.As(err, &errno) && !e.Sent:
		e.Reason, e.why, e.cause = Unconnected, errno.Error(), errno
		if errors.As(err, &op) && op.Op == "proxyconnect" {
			e.Reason, e.why = Proxy, "the proxy cannot be reached: "+e.why
		}
	case came.dialed.Load() && !e.Sent: // without TLS, only a proxy comes before the request
		e.Reason, e.why = Proxy, "the proxy did not let the connection through"
	case !e.Sent:
		e.Reason, e.why = Unconnected, "no connection could be made"
	case errors.As(err, &errno):
		e.Reason, e.why, e.cause = Closed, errno.Error(), errno
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, net.ErrClosed), errors.As(err, &op) && op.Op == alerted:
		e.Reason, e.why = Closed, "the connection was closed before the end of the answer"
	default:
		e.Reason, e.why = Garbled, "the answer is not valid HTTP"
	}
	return e
}

// alerted is the operation of an error that crypto/tls makes of the peer's alert.
const alerted = "remote error"

// handshake says why TLS failed. The errors of crypto/x509 quote the certificate,
// which is the server's to write.
func handshake(err error) (Reason, string) {
	var authority x509.UnknownAuthorityError
	var host x509.HostnameError
	var invalid x509.CertificateInvalidError
	var verification *tls.CertificateVerificationError
	var alert *net.OpError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &authority):
		return Certificate, "its certificate is signed by an unknown authority"
	case errors.As(err, &host):
		return Certificate, "its certificate is for another name"
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return Certificate, "its certificate has expired or is not yet valid"
	case errors.As(err, &verification), errors.As(err, &invalid):
		return Certificate, "its certificate is not valid"
	case errors.As(err, &alert) && alert.Op == alerted:
		return Handshake, "the server ended the TLS handshake"
	case errors.As(err, &record):
		return Handshake, "the server does not speak TLS"
	}
	return Handshake, "the TLS handshake failed"
}
