package keygen

import (
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"
)

// MaxCredential is in bytes. Every keychain takes that much: the narrowest,
// the Windows Credential Manager, ends at 2560.
const MaxCredential = 2048

// Kind tells what a Secret is, for a store that has to read it back.
type Kind string

// The kinds. The zero value is what Generate makes.
const (
	KindHMAC       Kind = ""           // 64 hex characters, random
	KindCredential Kind = "credential" // any text, made elsewhere
)

// NewCredential accepts a secret that another system gave out, such as an API
// token or a webhook address: 1 to MaxCredential bytes of valid UTF-8 without
// NUL. Nothing is known of how it was made, so it has no Fingerprint. The
// error says what is wrong without quoting any of the text.
func NewCredential(text string) (Secret, error) {
	switch {
	case text == "":
		return Secret{}, errors.New("credential is empty")
	case len(text) > MaxCredential:
		return Secret{}, fmt.Errorf("credential has %d bytes, at most %d are allowed", len(text), MaxCredential)
	case strings.ContainsRune(text, 0):
		return Secret{}, errors.New("credential has a NUL")
	case !utf8.ValidString(text):
		return Secret{}, errors.New("credential is not valid UTF-8")
	}
	return Secret{text: &text, kind: KindCredential}, nil
}

// Restore makes the Secret again of which a store kept the text and the kind.
func Restore(kind Kind, text string) (Secret, error) {
	switch kind {
	case KindHMAC:
		return ParseSecret(text)
	case KindCredential:
		return NewCredential(text)
	}
	return Secret{}, fmt.Errorf("secret has the unknown kind %q", kind)
}

// Kind returns what s is.
func (s Secret) Kind() Kind { return s.kind }
