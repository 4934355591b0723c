package checklist

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"keyturn/checklist/canonical"
)

// A journal is written as lines, each a JSON object that names the SHA-256 of
// the line before it, with its line feed. Stock tools can follow the chain:
//
//	sed -n 4p journal.jsonl | sha256sum   # is "prev" in line 5

// Chain is what the next line of a journal continues.
type Chain struct {
	Seq  int    // of the last event; 0 before the first
	Head string // SHA-256 of the last line, in hex; 64 zeros before the first
}

// NewChain returns the chain that the first line continues.
func NewChain() Chain { return Chain{Head: strings.Repeat("0", hex.EncodedLen(sha256.Size))} }

// ErrPreRelease says that something was made before the formats were settled.
var ErrPreRelease = errors.New("made by a pre-release version of Keyturn")

// Seal places the event behind the chain. It returns the event as a later
// reader will see it, its line, and the chain that ends in it.
func (c Chain) Seal(e Event) (Event, []byte, Chain, error) {
	e.Seq, e.Prev, e.At = c.Seq+1, c.Head, e.At.UTC()
	if e.Until != nil {
		until := e.Until.UTC()
		e.Until = &until
	}
	// Encoding replaces invalid UTF-8, so that only what was read back once is
	// sure to encode to the same bytes again.
	line, err := encodeLine(e)
	if err != nil {
		return Event{}, nil, c, err
	}
	if e, err = decodeLine(line); err != nil {
		return Event{}, nil, c, err
	}
	if line, err = encodeLine(e); err != nil {
		return Event{}, nil, c, err
	}
	return e, line, Chain{Seq: e.Seq, Head: LineDigest(line)}, nil
}

// Follow reads a line, with its line feed, that must continue the chain, into an
// event that is zero. The error is a *NewerError for what this version does not know,
// and wraps ErrPreRelease for a journal that is older than Format.
func (c Chain) Follow(line []byte, e *Event) (Chain, error) {
	// Only a line that is not written as Keyturn writes it, or does not continue the
	// chain, needs the reading that says why.
	if lineForm.Read(line, e) && c.precedes(e) && (c.Seq > 0 || e.Opening == nil || e.Opening.Format == Format) {
		return Chain{Seq: e.Seq, Head: LineDigest(line)}, nil
	}
	var next Chain
	var err error
	*e, next, err = c.followSlowly(line)
	return next, err
}

func (c Chain) precedes(e *Event) bool {
	return e.Seq == c.Seq+1 && e.Prev == c.Head && e.At.Location() == time.UTC
}

func (c Chain) followSlowly(line []byte) (Event, Chain, error) {
	if c.Seq == 0 {
		if err := checkFormat(line); err != nil {
			return Event{}, c, err
		}
	}
	e, err := decodeLine(line)
	var newer *NewerError
	if err != nil && !errors.As(err, &newer) {
		return Event{}, c, err
	}
	switch {
	case e.Seq != c.Seq+1:
		return Event{}, c, fmt.Errorf("seq is %d, want %d", e.Seq, c.Seq+1)
	case e.Prev != c.Head:
		return Event{}, c, fmt.Errorf("prev is %.16q…, want %.16q…: the line before it was changed, or this one", e.Prev, c.Head)
	case e.At.Location() != time.UTC:
		return Event{}, c, fmt.Errorf("time %s is not in UTC", e.At.Format(time.RFC3339Nano))
	case newer != nil:
		return Event{}, c, newer
	}
	// A member that comes twice, or a name in another case, decodes well and
	// would hide what the digest covers.
	again, err := encodeLine(e)
	if err != nil {
		return Event{}, c, err
	}
	if !bytes.Equal(again, line) {
		return Event{}, c, fmt.Errorf("not written as Keyturn writes it, from character %d", firstDifference(again, line)+1)
	}
	return e, Chain{Seq: e.Seq, Head: LineDigest(line)}, nil
}

// checkFormat looks which version of the format a first line begins.
func checkFormat(line []byte) error {
	var first struct {
		Opening *struct {
			Format string `json:"format"`
		} `json:"opening"`
	}
	// What is no JSON, or opens nothing, is told by the strict reading.
	if err := json.Unmarshal(line, &first); err != nil || first.Opening == nil {
		return nil
	}
	switch format := first.Opening.Format; {
	case format == "":
		return ErrPreRelease
	case format != Format:
		return &NewerError{What: "it", Reason: fmt.Sprintf("its format is %.40q", format)}
	}
	return nil
}

// lineForm reads what encodeLine writes.
var lineForm = canonical.FormOf[Event]("")

// encodeLine is the one encoding of an event: JSON on one line, with its line
// feed, and <, > and & as they are.
func encodeLine(e Event) ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(e); err != nil {
		return nil, fmt.Errorf("encode event: %w", err)
	}
	return b.Bytes(), nil
}

func decodeLine(line []byte) (Event, error) {
	var e Event
	dec := json.NewDecoder(bytes.NewReader(line))
	dec.DisallowUnknownFields()
	if err := dec.Decode(&e); err != nil {
		// The decoder has no error of its own for a field that it does not know.
		if e, ok := decodeLoosely(line); ok {
			return e, &NewerError{What: "it", Reason: strings.TrimPrefix(err.Error(), "json: ")}
		}
		return Event{}, err
	}
	if _, err := dec.Token(); err != io.EOF {
		return Event{}, fmt.Errorf("something follows the event, from character %d", dec.InputOffset()+1)
	}
	return e, nil
}

// decodeLoosely reads a line of which a later version may know more.
func decodeLoosely(line []byte) (Event, bool) {
	var e Event
	err := json.Unmarshal(line, &e)
	return e, err == nil
}

// Continues reports whether a line names the one before it, so that neither was
// changed since it was written.
func Continues(line, before []byte) bool {
	e, ok := decodeLoosely(line)
	return ok && e.Prev == LineDigest(before)
}

// LineDigest returns the SHA-256 of a line, or of what is left of one, in hex.
func LineDigest(line []byte) string {
	sum := sha256.Sum256(line)
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
