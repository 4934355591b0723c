package vercel

import (
	"encoding/base64"
	"encoding/hex"
	"regexp"
	"strings"
	"unicode"

	"keyturn/keygen"
)

// maxQuoted is how many bytes of a server's own words an error quotes.
const maxQuoted = 300

// longHex finds what may be a secret, whole or in part: 16 hex digits or more.
var longHex = regexp.MustCompile(`[0-9A-Fa-f]{16,}`)

// cleaner removes secrets from the words of a server, which may echo what it
// was sent.
type cleaner struct{ forms []string }

func newCleaner(token Token, secret keygen.Secret) cleaner {
	var c cleaner
	if !token.IsZero() {
		c.forms = append(c.forms, token.reveal())
	}
	if !secret.IsZero() {
		plain := []byte(secret.Reveal())
		defer clear(plain)
		c.forms = append(c.forms, base64Forms(plain)...)
		if raw, err := hex.DecodeString(string(plain)); err == nil {
			c.forms = append(c.forms, base64Forms(raw)...)
			clear(raw)
		}
	}
	return c
}

func base64Forms(b []byte) []string {
	return []string{
		base64.RawStdEncoding.EncodeToString(b), // also finds the padded form
		base64.RawURLEncoding.EncodeToString(b),
	}
}

// clean returns s on one printable line, without secrets and not longer than
// maxQuoted bytes.
func (c cleaner) clean(s string) string {
	s = printable(s)
	for _, form := range c.forms {
		s = strings.ReplaceAll(s, form, redacted)
	}
	s = longHex.ReplaceAllString(s, redacted)
	if len(s) > maxQuoted {
		s = strings.ToValidUTF8(s[:maxQuoted], "") + "…"
	}
	return s
}

// printable drops control and format characters, with which a server could
// write into the terminal, and makes every white space a blank.
func printable(s string) string {
	return strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.Is(unicode.C, r), r == unicode.ReplacementChar:
			return -1
		}
		return r
	}, s)
}
