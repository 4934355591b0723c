package sshsig

import (
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"

	"golang.org/x/crypto/ssh"

	"keyturn/keygen"
)

const redactedKey = "[redacted signing key]"

// Key is a private Ed25519 signing key. It prints as redacted under every fmt
// verb, JSON, text and slog encoding; gob refuses it.
type Key struct {
	// signer is a function, not a value: fmt and reflection walk into the
	// unexported fields of a struct that holds a Key, and find no bytes here.
	signer func() ssh.Signer
	public PublicKey
}

// NewKey makes the signing key whose 32-byte seed (RFC 8032, section 5.1.5) is
// the hex text of seed. The same seed always gives the same key.
func NewKey(seed keygen.Secret) (Key, error) {
	if seed.IsZero() {
		return Key{}, errors.New("make signing key: the seed is empty")
	}
	raw, err := hex.DecodeString(seed.Reveal())
	if err != nil || len(raw) != ed25519.SeedSize {
		// The decoder's error would quote a character of the seed.
		return Key{}, errors.New("make signing key: the seed is not 64 hex characters")
	}
	defer clear(raw)
	signer, err := ssh.NewSignerFromSigner(ed25519.NewKeyFromSeed(raw))
	if err != nil {
		return Key{}, fmt.Errorf("make signing key: %w", err)
	}
	public, err := newPublicKey(signer.PublicKey())
	if err != nil {
		return Key{}, fmt.Errorf("make signing key: %w", err)
	}
	return Key{signer: func() ssh.Signer { return signer }, public: public}, nil
}

// IsZero reports whether k holds no key.
func (k Key) IsZero() bool { return k.signer == nil }

// Public returns the public half.
func (k Key) Public() PublicKey { return k.public }

// Fingerprint is the public key's, as ssh-keygen -l prints it: "SHA256:…".
func (k Key) Fingerprint() string { return k.public.Fingerprint() }

// PublicLine is the public key as a .pub file holds it, without a line feed:
// "ssh-ed25519 AAAA… comment".
func (k Key) PublicLine(comment string) string { return k.public.Line(comment) }

// Format implements fmt.Formatter, so that no verb and no flag shows the key.
func (k Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, redactedKey) }

// String implements fmt.Stringer.
func (k Key) String() string { return redactedKey }

// GoString implements fmt.GoStringer.
func (k Key) GoString() string { return redactedKey }

// LogValue implements slog.LogValuer.
func (k Key) LogValue() slog.Value { return slog.StringValue(redactedKey) }

// MarshalText implements encoding.TextMarshaler, which JSON uses too.
func (k Key) MarshalText() ([]byte, error) { return []byte(redactedKey), nil }

// GobEncode implements gob.GobEncoder. It refuses, since a gob is read back.
func (k Key) GobEncode() ([]byte, error) { return nil, keygen.ErrRedacted }
