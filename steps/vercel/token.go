package vercel

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"regexp"
	"strings"
)

const redacted = "[redacted]"

// Token is an access token. It prints as [redacted] under every fmt verb and
// every text, JSON and slog encoding; only this package can read it.
//
// The text is behind a function because fmt does not call methods on a field it
// reached through an unexported one: it would print a string there.
type Token struct{ reveal func() string }

// Vercel's own CLI admits word characters only; the dot and the dash are here
// for tokens of other issuers. A line break would split the header.
var tokenPattern = regexp.MustCompile(`^[A-Za-z0-9_.-]{1,512}$`)

// ParseToken accepts a token as it comes from the environment, with white space
// around it or not. The error never quotes the text.
func ParseToken(text string) (Token, error) {
	text = strings.TrimSpace(text)
	if text == "" {
		return Token{}, errors.New("vercel token is empty")
	}
	if !tokenPattern.MatchString(text) {
		return Token{}, fmt.Errorf("vercel token has characters that no token has, or more than 512 of them (%d characters)", len(text))
	}
	return Token{reveal: func() string { return text }}, nil
}

// IsZero reports whether t holds no token.
func (t Token) IsZero() bool { return t.reveal == nil }

// header returns the value of the Authorization header.
func (t Token) header() string { return "Bearer " + t.reveal() }

// Format implements fmt.Formatter, so that no verb and no flag shows the text.
func (t Token) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// String implements fmt.Stringer.
func (t Token) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (t Token) GoString() string { return redacted }

// LogValue implements slog.LogValuer.
func (t Token) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler, which JSON uses too.
func (t Token) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// Value is the text of a variable on its way through JSON, where it must be in
// clear. Everywhere else it prints as [redacted].
type Value struct{ reveal func() string }

// NewValue wraps the text of a variable.
func NewValue(text string) Value { return Value{reveal: func() string { return text }} }

// Reveal returns the text.
func (v Value) Reveal() string {
	if v.reveal == nil {
		return ""
	}
	return v.reveal()
}

// Format implements fmt.Formatter, so that no verb and no flag shows the text.
func (v Value) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// LogValue implements slog.LogValuer.
func (v Value) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalJSON writes the text in clear: it is what goes over the wire.
func (v Value) MarshalJSON() ([]byte, error) { return json.Marshal(v.Reveal()) }

// UnmarshalJSON reads the text. The error never quotes it.
func (v *Value) UnmarshalJSON(data []byte) error {
	var text string
	if err := json.Unmarshal(data, &text); err != nil {
		return errors.New("value is not a JSON string")
	}
	*v = NewValue(text)
	return nil
}

var (
	_ fmt.Formatter  = Token{}
	_ slog.LogValuer = Token{}
	_ fmt.Formatter  = Value{}
	_ slog.LogValuer = Value{}
)
