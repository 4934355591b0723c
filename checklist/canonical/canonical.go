// Package canonical reads JSON that has to stand exactly as this program writes it.
//
// What is signed and hashed may be read in one way only, and Go's decoder is
// lenient: it takes the last of two equal members, names in any case, and spaces
// anywhere. The way to be sure is to encode what was decoded and to compare. A Form
// comes to the same answer in one pass, since it knows which byte must come next:
// what it reads is what encoding/json would have read, and would write again to the
// same bytes. It says no more than that a text is not so written. Why it is not, is
// for a slow reading to say.
package canonical

import (
	"bytes"
	"encoding"
	"encoding/json"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"
)

// Form is the one way in which values of a type are written: by a json.Encoder that
// does not escape HTML, with its line feed.
type Form[T any] struct {
	read   reader
	indent string
}

// FormOf returns the form of a type that is indented so; "" for all on one line. It
// panics for a type that has members of a kind that no format of ours uses.
func FormOf[T any](indent string) Form[T] {
	return Form[T]{read: readerOf(reflect.TypeFor[T]()), indent: indent}
}

// Read reads the value whose encoding is the text into one that is zero. It reports
// whether there is such a value; the other is worth nothing where there is not.
func (f Form[T]) Read(text []byte, value *T) bool {
	s := scanner{rest: text, indent: f.indent}
	return f.read(&s, reflect.ValueOf(value).Elem()) && string(s.rest) == "\n"
}

// reader reads a value into one that is zero; false where the text is not what
// encoding/json writes for some value of the type.
type reader func(*scanner, reflect.Value) bool

func readerOf(t reflect.Type) reader {
	if t == reflect.TypeFor[time.Time]() {
		return readTime
	}
	if encodesItself(t) {
		panic("canonical: " + t.String() + " has an encoding of its own")
	}
	switch t.Kind() {
	case reflect.Struct:
		return structOf(t)
	case reflect.Pointer:
		return pointerTo(t)
	case reflect.Slice:
		if t.Elem().Kind() != reflect.Uint8 { // bytes are written in base64
			return sliceOf(t)
		}
	case reflect.Map:
		if t.Key().Kind() == reflect.String {
			return mapOf(t)
		}
	case reflect.String:
		return readString
	case reflect.Bool:
		return readBool
	case reflect.Int, reflect.Int64:
		return readInt
	case reflect.Float64:
		return readFloat
	}
	panic("canonical: no form for " + t.String())
}

func encodesItself(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		return false // what it points to is looked at
	}
	return slices.ContainsFunc([]reflect.Type{
		reflect.TypeFor[json.Marshaler](), reflect.TypeFor[json.Unmarshaler](),
		reflect.TypeFor[encoding.TextMarshaler](), reflect.TypeFor[encoding.TextUnmarshaler](),
	}, reflect.PointerTo(t).Implements)
}

// member is a field of a struct.
type member struct {
	at        int
	name      string // as it is written, with its colon
	omitEmpty bool
	read      reader
}

func structOf(t reflect.Type) reader {
	var members []member
	for i := range t.NumField() {
		f := t.Field(i)
		tag := f.Tag.Get("json")
		name, option, _ := strings.Cut(tag, ",")
		switch {
		case tag == "-":
			continue
		case f.Anonymous || !f.IsExported() || name == "" || option != "" && option != "omitempty":
			panic("canonical: no form for " + t.String() + "." + f.Name)
		}
		members = append(members, member{i, `"` + name + `":`, option != "", readerOf(f.Type)})
	}
	return func(s *scanner, v reflect.Value) bool {
		if !s.begin("{") {
			return false
		}
		written, next := false, s.another(false)
		for i := range members {
			m := &members[i]
			if !next || !s.take(m.name) {
				if m.omitEmpty {
					continue
				}
				return false
			}
			field := v.Field(m.at)
			if !s.space() || !m.read(s, field) || m.omitEmpty && empty(field) {
				return false
			}
			written, next = true, s.another(true)
		}
		return !next && s.end(written, "}")
	}
}

// empty reports what omitempty leaves out.
func empty(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Struct:
		return false
	case reflect.Slice, reflect.Map:
		return v.Len() == 0
	}
	return v.IsZero()
}

func pointerTo(t reflect.Type) reader {
	read := readerOf(t.Elem())
	return func(s *scanner, v reflect.Value) bool {
		if s.take("null") {
			return true
		}
		v.Set(reflect.New(t.Elem()))
		return read(s, v.Elem())
	}
}

func sliceOf(t reflect.Type) reader {
	read := readerOf(t.Elem())
	return func(s *scanner, v reflect.Value) bool {
		if s.take("null") {
			return true
		}
		if !s.begin("[") {
			return false
		}
		v.Set(reflect.MakeSlice(t, 0, 0))
		n := 0
		for ; s.another(n > 0); n++ {
			v.Grow(1)
			v.SetLen(n + 1)
			if !read(s, v.Index(n)) {
				return false
			}
		}
		return s.end(n > 0, "]")
	}
}

func mapOf(t reflect.Type) reader {
	readKey, read := readerOf(t.Key()), readerOf(t.Elem())
	return func(s *scanner, v reflect.Value) bool {
		if s.take("null") {
			return true
		}
		if !s.begin("{") {
			return false
		}
		v.Set(reflect.MakeMap(t))
		last, written := "", false
		for s.another(written) {
			key, value := reflect.New(t.Key()).Elem(), reflect.New(t.Elem()).Elem()
			if !readKey(s, key) || !s.take(":") || !s.space() || !read(s, value) {
				return false
			}
			if written && key.String() <= last { // they are written in order
				return false
			}
			v.SetMapIndex(key, value)
			last, written = key.String(), true
		}
		return s.end(written, "}")
	}
}

func readString(s *scanner, v reflect.Value) bool {
	raw, plain, ok := s.quoted()
	switch {
	case !ok:
		return false
	case plain:
		v.SetString(string(raw[1 : len(raw)-1]))
		return true
	}
	// Nearly always it has lines: a text that was signed, and its signature.
	if lines := bytes.ReplaceAll(raw[1:len(raw)-1], []byte(`\n`), []byte("\n")); !bytes.ContainsFunc(lines, unusual) {
		v.SetString(string(lines))
		return true
	}
	return asLibrary(raw, v)
}

// unusual reports a character that does not stand for itself in a string whose line
// feeds were put in already.
func unusual(c rune) bool { return (c < ' ' || c > '~') && c != '\n' || c == '\\' }

func readTime(s *scanner, v reflect.Value) bool {
	raw, plain, ok := s.quoted()
	if !ok || !plain {
		return false
	}
	t := v.Addr().Interface().(*time.Time)
	if t.UnmarshalText(raw[1:len(raw)-1]) != nil {
		return false
	}
	again, err := t.AppendText(make([]byte, 0, len(time.RFC3339Nano)))
	return err == nil && bytes.Equal(again, raw[1:len(raw)-1])
}

func readBool(s *scanner, v reflect.Value) bool {
	v.SetBool(s.take("true"))
	return v.Bool() || s.take("false")
}

func readInt(s *scanner, v reflect.Value) bool {
	raw := s.number()
	n, err := strconv.ParseInt(string(raw), 10, v.Type().Bits())
	v.SetInt(n)
	return err == nil && string(strconv.AppendInt(make([]byte, 0, 20), n, 10)) == string(raw)
}

func readFloat(s *scanner, v reflect.Value) bool { return asLibrary(s.number(), v) }

// asLibrary reads what takes more than a look, and is rare, by encoding and
// comparing.
func asLibrary(raw []byte, v reflect.Value) bool {
	if json.Unmarshal(raw, v.Addr().Interface()) != nil {
		return false
	}
	var again bytes.Buffer
	enc := json.NewEncoder(&again)
	enc.SetEscapeHTML(false)
	return enc.Encode(v.Interface()) == nil && bytes.Equal(bytes.TrimSuffix(again.Bytes(), []byte("\n")), raw)
}
