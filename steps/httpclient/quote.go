package httpclient

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode"

	"keyturn/keygen"
)

// Censor makes a server's words fit to be shown. A server may send back what it was
// sent, and a service knows the keys: a careless message may hold one of them, whole
// or in part, in any form. This is the only way in which words of a server get into
// an error, a report or a journal.
type Censor struct {
	raw    [][]byte // secrets as bytes, of which no piece may be shown
	pieces map[string]bool
}

const (
	rawPiece    = 8  // bytes of a decoded secret that give it away
	letterPiece = 12 // letters and digits of any written form that give it away
	censored    = "[redacted]"
)

// longHex finds what may be a secret that the censor does not know.
var longHex = regexp.MustCompile(`[0-9A-Fa-f]{16,}`)

// NewCensor prepares the ways in which a program might write each secret.
func NewCensor(secrets ...keygen.Secret) Censor {
	c := Censor{pieces: map[string]bool{}}
	for _, secret := range secrets {
		if secret.IsZero() {
			continue
		}
		text := []byte(secret.Reveal())
		if letters, _ := lettersOf(string(text)); len(letters) < letterPiece {
			c.raw = append(c.raw, text)
		}
		c.addWritten(text)
		c.add(hex.EncodeToString(text)) // as Node prints a Buffer, and as URLs escape
		raw, err := hex.DecodeString(secret.Reveal())
		if err != nil {
			continue
		}
		c.addWritten(raw)
		c.raw = append(c.raw, raw, []byte(latin1(raw)), bytes.ToValidUTF8(raw, []byte("\ufffd")))
	}
	return c
}

// addWritten remembers what programs make of bytes: base64, at each of the
// three ways it can be aligned inside a longer text, and quoted strings, with
// every character escaped or only those that must be.
func (c Censor) addWritten(b []byte) {
	for shift := range 3 {
		encoded := base64.StdEncoding.EncodeToString(append(make([]byte, shift), b...))
		// The first digits depend on what stands before, the last on what
		// follows.
		c.add(strings.TrimRight(encoded, "=")[min(len(encoded), 2*shift):])
	}
	var escapes strings.Builder
	for _, one := range b {
		fmt.Fprintf(&escapes, `\u%04x`, one)
	}
	c.add(escapes.String())
	c.add(strconv.Quote(string(b)))
	for _, s := range []string{string(b), latin1(b)} {
		if quoted, err := json.Marshal(s); err == nil {
			c.add(string(quoted))
		}
	}
}

// latin1 is what a program gets that takes each byte for a character.
func latin1(b []byte) string {
	runes := make([]rune, len(b))
	for i, one := range b {
		runes[i] = rune(one)
	}
	return string(runes)
}

// add remembers every piece of one written form.
func (c Censor) add(form string) {
	letters, _ := lettersOf(form)
	for i := 0; i+letterPiece <= len(letters); i++ {
		c.pieces[letters[i:i+letterPiece]] = true
	}
}

// lettersOf returns the letters and digits of s in lower case, and the offset
// in s of each: secrets are found whatever case, blanks or colons they are
// written with.
func lettersOf(s string) (letters string, offsets []int) {
	var b strings.Builder
	for i, c := range []byte(s) {
		switch {
		case c >= 'A' && c <= 'Z':
			c += 'a' - 'A'
		case c >= 'a' && c <= 'z', c >= '0' && c <= '9':
		default:
			continue
		}
		b.WriteByte(c)
		offsets = append(offsets, i)
	}
	return b.String(), offsets
}

// Words makes words of a server fit to be shown: without the secrets and anything
// else that looks like one, on one printable line of at most limit characters.
func (c Censor) Words(foreign string, limit int) string {
	return shorten(longHex.ReplaceAllString(c.clean(foreign), censored), limit)
}

// Name does so for an identifier or an address, which may look like a secret.
func (c Censor) Name(foreign string, limit int) string { return shorten(c.clean(foreign), limit) }

// clean removes the secrets twice: before it is made printable, which breaks up raw
// bytes, and after, since that may join what was kept apart. It is shortened last: a
// cut hides a secret from the search but not from the reader.
func (c Censor) clean(foreign string) string {
	return c.dropLetters(Printable(string(c.dropRaw([]byte(foreign)))))
}

// Printable keeps what a terminal shows as text: no control or format characters, so
// no escape sequences and no reversed text, no broken UTF-8, and single spaces only.
func Printable(s string) string {
	var b strings.Builder
	for _, r := range s {
		switch {
		case unicode.IsSpace(r):
			b.WriteByte(' ')
		case r == unicode.ReplacementChar, !unicode.IsPrint(r):
		default:
			b.WriteRune(r)
		}
	}
	return strings.Join(strings.Fields(b.String()), " ")
}

// shorten cuts s to n characters, the last of them an ellipsis.
func shorten(s string, n int) string {
	runes := []rune(s)
	if len(runes) <= n {
		return s
	}
	return strings.TrimRight(string(runes[:n-1]), " ") + "…"
}

func (c Censor) dropRaw(b []byte) []byte {
	hidden := make([]bool, len(b))
	for _, raw := range c.raw {
		size := min(rawPiece, len(raw))
		for i := 0; i+size <= len(raw); i++ {
			piece := raw[i : i+size]
			for from := 0; ; {
				at := bytes.Index(b[from:], piece)
				if at < 0 {
					break
				}
				for j := range piece {
					hidden[from+at+j] = true
				}
				from += at + 1
			}
		}
	}
	return replaceHidden(b, hidden)
}

func (c Censor) dropLetters(s string) string {
	letters, offsets := lettersOf(s)
	hidden := make([]bool, len(s))
	for i := 0; i+letterPiece <= len(letters); i++ {
		if !c.pieces[letters[i:i+letterPiece]] {
			continue
		}
		for at := offsets[i]; at <= offsets[i+letterPiece-1]; at++ {
			hidden[at] = true
		}
	}
	return string(replaceHidden([]byte(s), hidden))
}

// replaceHidden puts one mark in the place of each hidden run.
func replaceHidden(b []byte, hidden []bool) []byte {
	var out []byte
	for i := range b {
		switch {
		case !hidden[i]:
			out = append(out, b[i])
		case i == 0 || !hidden[i-1]:
			out = append(out, censored...)
		}
	}
	return out
}
