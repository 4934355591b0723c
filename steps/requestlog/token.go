package requestlog

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
)

const redacted = "[redacted]"

// Token lets the log be read. It prints as [redacted] under every fmt verb and
// every text, JSON and slog encoding.
//
// The text is behind a function because fmt does not call methods on a field it
// reached through an unexported one: it would print a string there.
type Token struct{ reveal func() string }

// A b64token of RFC 6750, section 2.1: what a Bearer header may hold.
var tokenPattern = regexp.MustCompile(`^[A-Za-z0-9._~+/-]{1,990}=*$`)

// ParseToken accepts a token, with white space around it or not. The error
// never quotes the text.
func ParseToken(text string) (Token, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return Token{}, errors.New("request log token is empty")
	}
	if !tokenPattern.MatchString(text) {
		return Token{}, fmt.Errorf("request log token has characters that a bearer token may not have, or too many (%d)", len(text))
	}
	return Token{reveal: func() string { return text }}, nil
}

// IsZero reports whether t holds no token.
func (t Token) IsZero() bool { return t.reveal == nil }

// Format implements fmt.Formatter, so that no verb and no flag shows the text.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// String implements fmt.Stringer.
func (t Token) String() string { return redacted }

// LogValue implements slog.LogValuer.
func (t Token) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler, which JSON uses too.
func (t Token) MarshalText() ([]byte, error) { return []byte(redacted), nil }

var (
	_ fmt.Formatter  = Token{}
	_ slog.LogValuer = Token{}
)
