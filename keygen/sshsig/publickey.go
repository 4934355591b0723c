package sshsig

import (
	"crypto/ed25519"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/ssh"
)

// minimumRSABits follows NIST SP 800-57 part 1, table 2: 3072 bits for 128-bit
// strength.
const minimumRSABits = 3072

// ErrWeakKey marks a public key that proves nothing about who signed, or too
// little.
var ErrWeakKey = errors.New("weak key")

// PublicKey is a public key of a kind and strength that we accept.
type PublicKey struct{ ssh ssh.PublicKey }

// ParsePublicKey reads the line of a .pub file: type, base64 and an optional
// comment, each set off by one space.
func ParsePublicKey(line string) (PublicKey, error) {
	kind, rest, _ := strings.Cut(line, " ")
	blob, _, _ := strings.Cut(rest, " ")
	key, err := parsePublicKey(kind, blob)
	if err != nil {
		return PublicKey{}, fmt.Errorf("parse public key: %w", err)
	}
	return key, nil
}

func parsePublicKey(kind, blob string) (PublicKey, error) {
	raw, err := base64.StdEncoding.Strict().DecodeString(blob)
	if err != nil {
		return PublicKey{}, errors.New("the key is not base64")
	}
	key, err := ssh.ParsePublicKey(raw)
	if err != nil {
		return PublicKey{}, err
	}
	if key.Type() != kind {
		return PublicKey{}, fmt.Errorf("the line says %q but the key is %q", kind, key.Type())
	}
	// A second encoding of one key would have a second fingerprint.
	if string(key.Marshal()) != string(raw) {
		return PublicKey{}, errors.New("the key has a non-canonical encoding")
	}
	return newPublicKey(key)
}

func newPublicKey(key ssh.PublicKey) (PublicKey, error) {
	holder, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return PublicKey{}, fmt.Errorf("key type %q is not accepted", key.Type())
	}
	switch key.Type() {
	case ssh.KeyAlgoED25519, ssh.KeyAlgoSKED25519:
		point, ok := holder.CryptoPublicKey().(ed25519.PublicKey)
		if !ok {
			return PublicKey{}, fmt.Errorf("key type %q holds no Ed25519 point", key.Type())
		}
		if lowOrder(point) {
			return PublicKey{}, fmt.Errorf("%w: the Ed25519 point has a low order, so one signature would fit every message", ErrWeakKey)
		}
	case ssh.KeyAlgoRSA:
		modulus, ok := holder.CryptoPublicKey().(*rsa.PublicKey)
		if !ok {
			return PublicKey{}, fmt.Errorf("key type %q holds no RSA modulus", key.Type())
		}
		if bits := modulus.N.BitLen(); bits < minimumRSABits {
			return PublicKey{}, fmt.Errorf("%w: RSA with %d bits, want at least %d", ErrWeakKey, bits, minimumRSABits)
		}
	case ssh.KeyAlgoECDSA256, ssh.KeyAlgoECDSA384, ssh.KeyAlgoECDSA521, ssh.KeyAlgoSKECDSA256:
		// The parser has checked that the point lies on the named curve, and
		// these curves have no points of low order.
	default:
		// Certificates end here: they would bring a second notion of who
		// signs and until when.
		return PublicKey{}, fmt.Errorf("key type %q is not accepted", key.Type())
	}
	return PublicKey{ssh: key}, nil
}

// IsZero reports whether k holds no key.
func (k PublicKey) IsZero() bool { return k.ssh == nil }

// Fingerprint is what ssh-keygen -l prints: "SHA256:" and unpadded base64. It
// is empty for the zero key.
func (k PublicKey) Fingerprint() string {
	if k.IsZero() {
		return ""
	}
	return ssh.FingerprintSHA256(k.ssh)
}

// Line is the key as a .pub file holds it, without a line feed. An empty
// comment is left out.
func (k PublicKey) Line(comment string) string {
	if k.IsZero() {
		return ""
	}
	line := strings.TrimSuffix(string(ssh.MarshalAuthorizedKey(k.ssh)), "\n")
	if comment != "" {
		line += " " + comment
	}
	return line
}

// onSecurityKey reports a key held by a FIDO token, whose signatures say
// whether somebody touched it.
func (k PublicKey) onSecurityKey() bool { return strings.HasPrefix(k.ssh.Type(), "sk-") }

// material identifies the cryptographic key itself: a plain key and a security
// key over one point have different fingerprints but equal material.
func (k PublicKey) material() (string, error) {
	holder, ok := k.ssh.(ssh.CryptoPublicKey)
	if !ok {
		return "", fmt.Errorf("key type %q has no public key material", k.ssh.Type())
	}
	der, err := x509.MarshalPKIXPublicKey(holder.CryptoPublicKey())
	if err != nil {
		return "", fmt.Errorf("encode public key: %w", err)
	}
	return string(der), nil
}

// lowOrderPoints are the y coordinates, little-endian hex with the sign bit
// cleared, of every encoding of an Ed25519 point whose order divides 8. With
// such a public key a signature can be made that fits every message, and no
// verifier in the standard libraries objects. The list is that of libsodium's
// ge25519_has_small_order.
var lowOrderPoints = [...]string{
	"0000000000000000000000000000000000000000000000000000000000000000", // order 4
	"0100000000000000000000000000000000000000000000000000000000000000", // order 1
	"26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05", // order 8
	"c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a", // order 8
	"ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p-1, order 2
	"edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p, as 0
	"eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f", // p+1, as 1
}

func lowOrder(point ed25519.PublicKey) bool {
	y := append([]byte(nil), point...)
	y[len(y)-1] &= 0x7f
	text := hex.EncodeToString(y)
	for _, low := range lowOrderPoints {
		if text == low {
			return true
		}
	}
	return false
}
