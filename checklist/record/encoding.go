package record

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/checklist/canonical"
)

// form reads what encode writes.
var form = canonical.FormOf[Record](indent)

const indent = "  "

// encode is the one encoding of a record.
func (r Record) encode() ([]byte, error) {
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", indent)
	if err := enc.Encode(r); err != nil {
		return nil, fmt.Errorf("encode record: %w", err)
	}
	return b.Bytes(), nil
}

// decode reads exactly what encode writes. What another version made is a
// *checklist.NewerError, or wraps checklist.ErrPreRelease.
func decode(text []byte) (Record, error) {
	var r Record
	if form.Read(text, &r) && r.Schema == Schema {
		return r, nil
	}
	return decodeSlowly(text)
}

// decodeSlowly is decode for what is not written as encode writes it, and says why.
func decodeSlowly(text []byte) (Record, error) {
	var r Record
	err := json.Unmarshal(text, &r)
	if r.Schema != Schema {
		var named struct {
			Schema string `json:"schema"`
		}
		// That of another version need not decode otherwise.
		if json.Unmarshal(text, &named) == nil {
			if err := checkSchema(named.Schema); err != nil {
				return Record{}, err
			}
		}
	}
	if err != nil {
		return Record{}, fmt.Errorf("decode record: %w", err)
	}
	again, err := r.encode()
	if err != nil {
		return Record{}, err
	}
	return r, checkEncoding(text, again)
}

func checkSchema(schema string) error {
	name, current, _ := strings.Cut(Schema, "/v")
	ours, _ := strconv.Atoi(current)
	version, ok := strings.CutPrefix(schema, name+"/v")
	n, err := strconv.Atoi(version)
	switch {
	case schema == Schema:
		return nil
	case !ok || err != nil || strconv.Itoa(n) != version:
		return fmt.Errorf("its schema is %q, want %q", schema, Schema)
	case n < ours:
		return preRelease("the record")
	}
	return &checklist.NewerError{What: "the record", Reason: "its schema is " + schema}
}

// preRelease says that something is older than the formats.
func preRelease(what string) error {
	return fmt.Errorf("%s was %w; verify it with that version", what, checklist.ErrPreRelease)
}

// checkEncoding compares a record's text with what its content encodes to. Go's
// decoder takes the last of two equal members and matches names in any case,
// where other readers take the first: what encodes to the same bytes leaves no
// room for two readings. A member that was passed over, since this version does
// not know it, is a *checklist.NewerError.
func checkEncoding(text, again []byte) error {
	if bytes.Equal(text, again) {
		return nil
	}
	var all, known any
	if json.Unmarshal(text, &all) == nil && json.Unmarshal(again, &known) == nil {
		if name := unknownMember(all, known); name != "" {
			return &checklist.NewerError{What: "the record", Reason: fmt.Sprintf("it has a member %q", name)}
		}
	}
	return fmt.Errorf("decode record: it is not written as Keyturn writes it, from byte %d", firstDifference(text, again)+1)
}

// unknownMember names a member that known lacks, in whatever case; "" for none.
func unknownMember(all, known any) string {
	switch all := all.(type) {
	case map[string]any:
		known, _ := known.(map[string]any)
		for _, name := range slices.Sorted(maps.Keys(all)) {
			value, ok := known[name]
			if !ok && !hasFold(known, name) {
				return name
			}
			if name := unknownMember(all[name], value); ok && name != "" {
				return name
			}
		}
	case []any:
		known, _ := known.([]any)
		for i := range min(len(all), len(known)) {
			if name := unknownMember(all[i], known[i]); name != "" {
				return name
			}
		}
	}
	return ""
}

func hasFold(members map[string]any, name string) bool {
	for other := range members {
		if strings.EqualFold(other, name) {
			return true
		}
	}
	return false
}

func firstDifference(a, b []byte) int {
	at := 0
	for at < min(len(a), len(b)) && a[at] == b[at] {
		at++
	}
	return at
}

func digestOf(b []byte) string {
	sum := sha256.Sum256(b)
	return hex.EncodeToString(sum[:])
}

const stampLayout = "2006-01-02T15:04:05Z"

func stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.UTC().Format(stampLayout)
}

func parseStamp(s string) (time.Time, error) {
	t, err := time.Parse(stampLayout, s)
	if err != nil || stamp(t) != s {
		return time.Time{}, fmt.Errorf("%q is no time like 2026-01-05T16:21:00Z", s)
	}
	return t, nil
}

// ofAnotherVersion reports what was made by another version, and so is no damage.
func ofAnotherVersion(err error) bool {
	var newer *checklist.NewerError
	return errors.As(err, &newer) || errors.Is(err, checklist.ErrPreRelease)
}
