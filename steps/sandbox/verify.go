package sandbox

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"
)

// The headers of a signed request.
const (
	headerKeyID     = "X-HMAC-KeyId"
	headerTime      = "X-HMAC-Ts"
	headerNonce     = "X-HMAC-Nonce"
	headerSignature = "X-HMAC-Signature"
)

const (
	timeWindow  = 5 * time.Minute  // how far a timestamp may be off, either way
	nonceMemory = 10 * time.Minute // how long a nonce is remembered
)

// The refusals of the verifier; "" is acceptance. Each says signature, since
// that is what the runbook's log queries look for.
const (
	accepted          = ""
	missingHeader     = "invalid signature: missing header"
	timestampOutside  = "invalid signature: timestamp outside 5 minutes"
	nonceReplayed     = "invalid signature: nonce replayed"
	unknownKeyID      = "invalid signature: unknown key id"
	signatureMismatch = "invalid signature: signature mismatch"
)

// signedRequest is a request as it came, with its signature headers.
type signedRequest struct {
	method, path, body string
	keyID, time, nonce string
	signature          string
	bypass             string // for deployment protection; not signed
}

// nonce is one that a service has seen. The two projects, and the two
// environments of each, have memories of their own.
type nonce struct {
	Project     string    `json:"project"` // id
	Environment string    `json:"environment"`
	Text        string    `json:"text"`
	Seen        time.Time `json:"seen"`
}

// verify refuses, in this order: a missing header, a timestamp that is off, a
// nonce seen before, a key id that is not configured, a signature that differs.
// A nonce counts as seen once it has been looked up, whatever follows: seen must
// remember it.
//
// The key is the text of the variable HMAC_SECRET_ + upper-case key id, not
// decoded. A variable that is set but empty is configured, and its key is empty:
// that is what makes an empty value so dangerous.
func verify(r signedRequest, now time.Time, seen func(nonce string) bool, lookup func(variable string) (string, bool)) string {
	if r.keyID == "" || r.time == "" || r.nonce == "" || r.signature == "" {
		return missingHeader
	}
	signedAt, err := time.Parse(time.RFC3339Nano, r.time)
	if err != nil || now.Sub(signedAt).Abs() > timeWindow {
		return timestampOutside
	}
	if seen(r.nonce) {
		return nonceReplayed
	}
	secret, configured := lookup("HMAC_SECRET_" + strings.ToUpper(r.keyID))
	if !configured {
		return unknownKeyID
	}
	if !hmac.Equal([]byte(sign(secret, r)), []byte(r.signature)) {
		return signatureMismatch
	}
	return accepted
}

// sign returns the signature in lower-case hex over METHOD|path|time|nonce|body.
func sign(secret string, r signedRequest) string {
	mac := hmac.New(sha256.New, []byte(secret))
	text := strings.Join([]string{strings.ToUpper(r.method), r.path, r.time, r.nonce, r.body}, "|")
	_, _ = mac.Write([]byte(text)) // a hash never returns an error
	return hex.EncodeToString(mac.Sum(nil))
}

// sawNonce reports whether a nonce was seen lately, and remembers it.
func (s *state) sawNonce(n nonce) bool {
	s.Nonces = slices.DeleteFunc(s.Nonces, func(old nonce) bool { return n.Seen.Sub(old.Seen) > nonceMemory })
	seen := slices.ContainsFunc(s.Nonces, func(old nonce) bool {
		return old.Text == n.Text && old.Project == n.Project && old.Environment == n.Environment
	})
	if !seen {
		s.Nonces = append(s.Nonces, n)
	}
	return seen
}
