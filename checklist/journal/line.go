package journal

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"keyturn/checklist"
)

// firstPrev is the Prev of an event that no other comes before.
var firstPrev = strings.Repeat("0", hex.EncodedLen(sha256.Size))

// chain is what the next line continues.
type chain struct {
	seq  int    // of the last event; 0 before the first
	head string // SHA-256 of the last line, in hex
}

func newChain() chain { return chain{head: firstPrev} }

// seal places the event behind the chain and returns it as a later reader will
// see it, with its line, and the chain that ends in it.
func (c chain) seal(e checklist.Event) (checklist.Event, []byte, chain, error) {
	e.Seq, e.Prev, e.At = c.seq+1, c.head, e.At.UTC()
	if e.Until != nil {
		until := e.Until.UTC()
		e.Until = &until
	}
	// Encoding replaces invalid UTF-8, so that only what was read back once is
	// sure to encode to the same bytes again.
	line, err := encode(e)
	if err != nil {
		return checklist.Event{}, nil, c, err
	}
	if e, err = decode(line); err != nil {
		return checklist.Event{}, nil, c, err
	}
	if line, err = encode(e); err != nil {
		return checklist.Event{}, nil, c, err
	}
	return e, line, chain{seq: e.Seq, head: digest(line)}, nil
}

// follow reads a line, with its line feed, that must continue the chain.
func (c chain) follow(line []byte) (checklist.Event, chain, error) {
	e, err := decode(line)
	if err != nil {
		return checklist.Event{}, c, err
	}
	switch {
	case e.Seq != c.seq+1:
		return checklist.Event{}, c, fmt.Errorf("seq is %d, want %d", e.Seq, c.seq+1)
	case e.Prev != c.head:
		return checklist.Event{}, c, fmt.Errorf("prev is %.16q…, want %.16q…: the line before it was changed, or this one", e.Prev, c.head)
	case e.At.Location() != time.UTC:
		return checklist.Event{}, c, fmt.Errorf("time %s is not in UTC", e.At.Format(time.RFC3339Nano))
	}
	// A member that comes twice, or a name in another case, decodes well and
	// would hide what the digest covers.
	again, err := encode(e)
	if err != nil {
		return checklist.Event{}, c, err
	}
	if !bytes.Equal(again, line) {
		return checklist.Event{}, c, fmt.Errorf("not written as Keyturn writes it, from character %d", firstDifference(again, line)+1)
	}
	return e, chain{seq: e.Seq, head: digest(line)}, nil
}

// encode is the one encoding of an event: JSON on one line, with its line
// feed, and <, > and & as they are.
func encode(e checklist.Event) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	return b.Bytes(), nil
}

func decode(line []byte) (checklist.Event, error) {
	var e checklist.Event
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		return checklist.Event{}, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return checklist.Event{}, fmt.Errorf("something follows the event, from character %d", dec.InputOffset()+1)
	}
	return e, nil
}

func digest(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

func firstDifference(a, b []byte) int {
	n := min(len(a), len(b))
	for i := range n {
		if a[i] != b[i] {
			return i
		}
	}
	return n
}
