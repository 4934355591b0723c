package keygen

import (
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"strings"
)

const (
	secretBytes = 32              // of randomness
	secretText  = 2 * secretBytes // hex characters
	redacted    = "[redacted]"
)

// ErrRedacted is returned by every encoder that would have to write a Secret
// in a form from which it could be read again.
var ErrRedacted = errors.New("a secret is never encoded")

// Secret is a text that must not be seen. Mostly it is an HMAC secret: 64
// lower-case hex characters, which are themselves the HMAC key (they are not
// decoded to bytes). It can also be a credential that another system gave out;
// Kind tells.
//
// It prints as [redacted] under every fmt verb, JSON, text and slog encoding;
// gob refuses it. Reveal is the only way to the text. Secrets are compared with
// Equal; == does not compile.
type Secret struct {
	_ [0]func() // not comparable: == would take time that depends on the text

	// text is a pointer because fmt calls no method on an unexported field of
	// another struct, but walks into it by reflection. It stops at a pointer.
	text *string
	kind Kind
}

// Generate reads 32 bytes from random, which must be a cryptographic source
// such as crypto/rand.Reader.
func Generate(random io.Reader) (Secret, error) {
	raw := make([]byte, secretBytes)
	defer clear(raw)
	if _, err := io.ReadFull(random, raw); err != nil {
		return Secret{}, fmt.Errorf("read %d random bytes: %w", secretBytes, err)
	}
	s, err := ParseSecret(hex.EncodeToString(raw))
	if err != nil {
		return Secret{}, fmt.Errorf("check the generated secret: %w", err)
	}
	return s, nil
}

// ParseSecret accepts a secret that was stored elsewhere. The error says what
// is wrong with the text without quoting any of it.
func ParseSecret(text string) (Secret, error) {
	if err := validate(text); err != nil {
		return Secret{}, err
	}
	return Secret{text: &text}, nil
}

func validate(text string) error {
	if text == "" {
		return errors.New("secret is empty")
	}
	if text != strings.TrimSpace(text) {
		return errors.New("secret has white space around it")
	}
	if len(text) != secretText {
		return fmt.Errorf("secret has %d characters, want %d", len(text), secretText)
	}
	for _, c := range []byte(text) {
		switch {
		case c >= '0' && c <= '9', c >= 'a' && c <= 'f':
		case c >= 'A' && c <= 'F':
			return errors.New("secret has upper-case hex digits, want lower case")
		default:
			return errors.New("secret has characters that are not hex digits")
		}
	}
	if weak(text) {
		return errors.New("secret is a repeated or well-known pattern, not random")
	}
	return nil
}

// weak reports text that no random source would give: one that repeats with a
// short period, counts up or down, uses only a few digits, alternates letters
// and digits as placeholders do, or is the hash of something well known.
func weak(text string) bool {
	for period := 1; period <= len(text)/2; period++ {
		if text[period:] == text[:len(text)-period] {
			return true
		}
	}
	seen := map[byte]bool{}
	for i := range len(text) {
		seen[text[i]] = true
	}
	// A random text has fewer than 8 different digits once in 10^18 tries.
	if len(seen) < 8 {
		return true
	}
	return counts(text) || alternates(text) || hashesSomethingKnown(text)
}

// counts reports whether the bytes of hex text form an arithmetic sequence,
// such as 000102030405….
func counts(text string) bool {
	raw, err := hex.DecodeString(text)
	if err != nil {
		return false
	}
	for i := 2; i < len(raw); i++ {
		if raw[i]-raw[i-1] != raw[1]-raw[0] {
			return false
		}
	}
	return true
}

// alternates reports whether letters and digits take turns to the end, as in
// a1b2c3d4…, which people type. A random text does so once in 10^19 tries.
func alternates(text string) bool {
	isLetter := func(i int) bool { return text[i] >= 'a' }
	for i := 1; i < len(text); i++ {
		if isLetter(i) == isLetter(i-1) {
			return false
		}
	}
	return true
}

// hashesSomethingKnown reports the SHA-256 of words that stand in for a
// secret. The empty one comes from hashing a variable that was not set.
func hashesSomethingKnown(text string) bool {
	for _, word := range []string{"", "\n", "secret", "password", "changeme", "test"} {
		if sum := sha256.Sum256([]byte(word)); text == hex.EncodeToString(sum[:]) {
			return true
		}
	}
	return false
}

// Reveal returns the text. Call it only where the text enters the request, the
// MAC or the store that needs it, never to keep or to show it.
func (s Secret) Reveal() string {
	if s.text == nil {
		return ""
	}
	return *s.text
}

// IsZero reports whether s holds no secret.
func (s Secret) IsZero() bool { return s.Reveal() == "" }

// Equal compares in constant time.
func (s Secret) Equal(other Secret) bool {
	return subtle.ConstantTimeCompare([]byte(s.Reveal()), []byte(other.Reveal())) == 1
}

// Format implements fmt.Formatter, so that no verb and no flag shows the text.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redacted) }

// String implements fmt.Stringer.
func (s Secret) String() string { return redacted }

// GoString implements fmt.GoStringer.
func (s Secret) GoString() string { return redacted }

// LogValue implements slog.LogValuer.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText implements encoding.TextMarshaler, which JSON uses too.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }

// GobEncode implements gob.GobEncoder. It refuses, since a gob is read back.
func (s Secret) GobEncode() ([]byte, error) { return nil, ErrRedacted }
