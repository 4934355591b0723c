package probe

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"keyturn/keygen"
)

// A service knows the secrets too, and a careless error message may hold one
// of them, whole or in part. A censor removes them from what is reported.
type censor struct {
	raw    [][]byte // decoded secrets
	pieces map[string]bool
}

const (
	rawPiece    = 8  // bytes of a decoded secret that give it away
	letterPiece = 12 // letters and digits of any written form that give it away
	censored    = "[redacted]"
)

// newCensor prepares the ways in which a program might write each secret.
func newCensor(secrets ...keygen.Secret) censor {
	c := censor{pieces: map[string]bool{}}
	for _, secret := range secrets {
		if secret.IsZero() {
			continue
		}
		text := []byte(secret.Reveal())
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
func (c censor) addWritten(b []byte) {
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
func (c censor) add(form string) {
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

// clean makes foreign bytes fit to be shown: without secrets, printable, and
// no longer than limit characters.
func (c censor) clean(foreign []byte, limit int) string {
	// Before, since cleaning would break up raw bytes; after, since it may
	// join what was kept apart; and shortened last, since a cut hides a secret
	// from the search but not from the reader.
	text := printable(string(c.dropRaw(foreign)))
	return shorten(c.dropLetters(text), limit)
}

func (c censor) dropRaw(b []byte) []byte {
	hidden := make([]bool, len(b))
	for _, raw := range c.raw {
		for i := 0; i+rawPiece <= len(raw); i++ {
			piece := raw[i : i+rawPiece]
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

func (c censor) dropLetters(s string) string {
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
