package keygen

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"strings"
)

// fingerprintLabel separates a fingerprint from every other use of HMAC.
const fingerprintLabel = "keyturn.key-fingerprint/v1|"

// Fingerprint is what may be shown, compared and published of a secret: 64
// hex digits, the HMAC-SHA256 of the secret's text under a label that names
// the trail. The label is the key, so the value is never a MAC that the secret
// itself could have made; a plain hash of the secret would be unsafe, for HMAC
// replaces a long key by its hash (RFC 2104, section 2).
//
// The same from stock tools:
//
//	openssl dgst -sha256 -hmac 'keyturn.key-fingerprint/v1|TRAIL-ID' secret.txt
type Fingerprint string

// Fingerprint computes the fingerprint of s under a trail's id. It is safe to
// publish only because s has 256 random bits. A credential may be guessable,
// so that a fingerprint would let everybody try guesses: it has none, and the
// result is "".
func (s Secret) Fingerprint(trailID string) Fingerprint {
	if s.kind != KindHMAC {
		return ""
	}
	mac := hmac.New(sha256.New, []byte(fingerprintLabel+trailID))
	_, _ = mac.Write([]byte(s.Reveal())) // a hash never returns an error
	return Fingerprint(hex.EncodeToString(mac.Sum(nil)))
}

// Short returns 16 digits in groups of four, for eyes only: "3f9a 0c41 77de
// b210". Compare and record the full value.
func (f Fingerprint) Short() string {
	if len(f) < 16 {
		return string(f)
	}
	return strings.Join([]string{string(f[:4]), string(f[4:8]), string(f[8:12]), string(f[12:16])}, " ")
}
