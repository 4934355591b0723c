package probe

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Field is one of the five parts of the signed text.
type Field string

// The fields of the signed text. Each belongs to it exactly once.
const (
	FieldMethod    Field = "method" // in upper case
	FieldPath      Field = "path"   // as requested, still percent-encoded
	FieldTimestamp Field = "timestamp"
	FieldNonce     Field = "nonce"
	FieldBody      Field = "body"
)

// TimestampFormat says how the time of signing is written.
type TimestampFormat string

// The timestamp formats.
const (
	TimestampISO    TimestampFormat = "iso"    // 2026-11-24T08:02:11.123Z, as JavaScript's toISOString
	TimestampUnix   TimestampFormat = "unix"   // seconds since 1970
	TimestampUnixMS TimestampFormat = "unixms" // milliseconds since 1970
)

// isoLayout always has three digits of milliseconds; toISOString does too.
const isoLayout = "2006-01-02T15:04:05.000Z"

// BodyForm says how the body enters the signed text.
type BodyForm string

// The body forms.
const (
	BodyRaw       BodyForm = "raw"       // the bytes themselves
	BodySHA256Hex BodyForm = "sha256hex" // lower-case hex of their SHA-256
)

// Encoding says how the signature is written.
type Encoding string

// The encodings of a signature.
const (
	EncodingHex    Encoding = "hex"    // lower case
	EncodingBase64 Encoding = "base64" // RFC 4648 section 4, padded
)

// Profile describes how a service wants its requests signed: HMAC-SHA-256
// over five fields joined by a separator, sent in four headers. The HMAC key
// is the text of the secret, never the bytes that its hex digits stand for.
type Profile struct {
	Name string // for messages only

	KeyIDHeader     string
	TimestampHeader string
	NonceHeader     string
	SignatureHeader string

	Separator string
	Fields    []Field // in the order in which they are joined
	Timestamp TimestampFormat
	Body      BodyForm
	Encoding  Encoding
	SignQuery bool // the query string belongs to the signed path

	// Vector is a request signed by the service's own signer under a key made
	// for that purpose. It is optional; Validate compares with it.
	Vector *Vector
}

// Vector is a known answer: what a signer makes of given input.
type Vector struct {
	Key       string // never a key that is in use
	Method    string
	Path      string
	Timestamp string
	Nonce     string
	Body      string
	Signature string
}

// HMACV1 is the default profile, hmac-v1, with its vector.
func HMACV1() Profile {
	return Profile{
		Name:            "hmac-v1",
		KeyIDHeader:     "X-HMAC-KeyId",
		TimestampHeader: "X-HMAC-Ts",
		NonceHeader:     "X-HMAC-Nonce",
		SignatureHeader: "X-HMAC-Signature",
		Separator:       "|",
		Fields:          []Field{FieldMethod, FieldPath, FieldTimestamp, FieldNonce, FieldBody},
		Timestamp:       TimestampISO,
		Body:            BodyRaw,
		Encoding:        EncodingHex,
		Vector: &Vector{
			Key:       "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff",
			Method:    "POST",
			Path:      "/api/test",
			Timestamp: "2026-01-02T03:04:05.678Z",
			Nonce:     "123e4567-e89b-42d3-a456-426614174000",
			Body:      `{"ping":true}`,
			Signature: "95b630917a3ae0b513f46f13475b2a04ce58bc8df5dfb451809af5f7d30e28ec",
		},
	}
}

// Sign returns the signature of one request as the profile encodes it. The
// path must be what the profile signs: with the query string if SignQuery.
func (p Profile) Sign(key []byte, method, path, timestamp, nonce string, body []byte) string {
	parts := make([]string, 0, len(p.Fields))
	for _, field := range p.Fields {
		switch field {
		case FieldMethod:
			parts = append(parts, strings.ToUpper(method))
		case FieldPath:
			parts = append(parts, path)
		case FieldTimestamp:
			parts = append(parts, timestamp)
		case FieldNonce:
			parts = append(parts, nonce)
		case FieldBody:
			parts = append(parts, p.bodyField(body))
		}
	}
	mac := hmac.New(sha256.New, key)
	_, _ = mac.Write([]byte(strings.Join(parts, p.Separator))) // a hash never returns an error
	if p.Encoding == EncodingBase64 {
		return base64.StdEncoding.EncodeToString(mac.Sum(nil))
	}
	return hex.EncodeToString(mac.Sum(nil))
}

func (p Profile) bodyField(body []byte) string {
	if p.Body == BodySHA256Hex {
		sum := sha256.Sum256(body)
		return hex.EncodeToString(sum[:])
	}
	return string(body)
}

// timestamp writes t as the profile wants it.
func (p Profile) timestamp(t time.Time) string {
	switch p.Timestamp {
	case TimestampUnix:
		return strconv.FormatInt(t.Unix(), 10)
	case TimestampUnixMS:
		return strconv.FormatInt(t.UnixMilli(), 10)
	}
	return t.UTC().Format(isoLayout)
}

// signedPath returns the part of the address that the profile signs.
func (p Profile) signedPath(u *url.URL) string {
	if p.SignQuery {
		return u.RequestURI()
	}
	path, _, _ := strings.Cut(u.RequestURI(), "?")
	return path
}

// Validate reports what is wrong with the profile. A profile that can be
// judged signs its vector, or, having none, proves that each of the five
// fields makes a difference to its signatures.
func (p Profile) Validate() error {
	if err := p.validateHeaders(); err != nil {
		return fmt.Errorf("check profile %q: %w", p.Name, err)
	}
	if err := p.validateText(); err != nil {
		return fmt.Errorf("check profile %q: %w", p.Name, err)
	}
	if err := p.checkVector(); err != nil {
		return fmt.Errorf("check profile %q: %w", p.Name, err)
	}
	return nil
}

// reservedHeaders are set by the client itself, or change how a request is
// read; a signature can not travel in them.
var reservedHeaders = []string{
	"connection", "content-encoding", "content-length", "content-type", "expect",
	"host", "te", "trailer", "transfer-encoding", "upgrade", "user-agent",
}

func (p Profile) validateHeaders() error {
	seen := map[string]string{}
	for _, h := range []struct{ what, name string }{
		{"key id", p.KeyIDHeader},
		{"timestamp", p.TimestampHeader},
		{"nonce", p.NonceHeader},
		{"signature", p.SignatureHeader},
	} {
		lower := strings.ToLower(h.name)
		switch {
		case !isToken(h.name):
			return fmt.Errorf("%s header %q is not a header name", h.what, h.name)
		case slices.Contains(reservedHeaders, lower):
			return fmt.Errorf("%s header %q is reserved by HTTP", h.what, h.name)
		case seen[lower] != "":
			return fmt.Errorf("header %q is used for both the %s and the %s", h.name, seen[lower], h.what)
		}
		seen[lower] = h.what
	}
	return nil
}

// isToken reports whether s is a token, as a header name must be (RFC 9110,
// section 5.6.2).
func isToken(s string) bool {
	for _, c := range []byte(s) {
		letterOrDigit := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letterOrDigit && !strings.ContainsRune("!#$%&'*+-.^_`|~", rune(c)) {
			return false
		}
	}
	return s != ""
}

func (p Profile) validateText() error {
	if p.Separator == "" {
		return errors.New("separator is empty: fields could be shifted into each other")
	}
	want := []Field{FieldBody, FieldMethod, FieldNonce, FieldPath, FieldTimestamp}
	if !slices.Equal(slices.Sorted(slices.Values(p.Fields)), want) {
		return fmt.Errorf("signed fields %v: want method, path, timestamp, nonce and body, each once, in any order", p.Fields)
	}
	switch p.Timestamp {
	case TimestampISO, TimestampUnix, TimestampUnixMS:
	default:
		return fmt.Errorf("timestamp format %q: want iso, unix or unixms", p.Timestamp)
	}
	switch p.Body {
	case BodyRaw, BodySHA256Hex:
	default:
		return fmt.Errorf("body form %q: want raw or sha256hex", p.Body)
	}
	switch p.Encoding {
	case EncodingHex, EncodingBase64:
	default:
		return fmt.Errorf("signature encoding %q: want hex or base64", p.Encoding)
	}
	return nil
}

func (p Profile) checkVector() error {
	if v := p.Vector; v != nil {
		got := p.Sign([]byte(v.Key), v.Method, v.Path, v.Timestamp, v.Nonce, []byte(v.Body))
		if got != v.Signature {
			return fmt.Errorf("the known vector signs to %s, want %s", got, v.Signature)
		}
		return nil
	}
	sign := func(in [5]string) string {
		return p.Sign([]byte("key"), in[0], in[1], in[2], in[3], []byte(in[4]))
	}
	base := [5]string{"POST", "/path", "2026-01-02T03:04:05.678Z", "nonce", "body"}
	for i, field := range []Field{FieldMethod, FieldPath, FieldTimestamp, FieldNonce, FieldBody} {
		changed := base
		changed[i] += "X"
		if sign(changed) == sign(base) {
			return fmt.Errorf("a changed %s does not change the signature", field)
		}
	}
	return nil
}
