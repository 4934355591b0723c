package vercel

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
)

const redacted = "[redacted]"

// Value is the text of a variable on its way through JSON, where it must be in
// clear. Everywhere else it prints as [redacted].
//
// The text is behind a function because fmt does not call methods on a field it
// reached through an unexported one: it would print a string there.
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
	_ fmt.Formatter  = Value{}
	_ slog.LogValuer = Value{}
)
