package canonical

import "bytes"

// scanner takes a text apart from its beginning.
type scanner struct {
	rest   []byte
	indent string
	depth  int
}

// take takes a word off the text, if it stands there.
func (s *scanner) take(word string) bool {
	if len(s.rest) < len(word) || string(s.rest[:len(word)]) != word {
		return false
	}
	s.rest = s.rest[len(word):]
	return true
}

// begin takes the bracket that opens an object or an array.
func (s *scanner) begin(bracket string) bool {
	s.depth++
	return s.take(bracket)
}

// end takes the bracket that closes one, which stands alone on its line where
// anything was written between the two.
func (s *scanner) end(written bool, bracket string) bool {
	s.depth--
	return (!written || s.line()) && s.take(bracket)
}

// another reports whether another element follows, or a first one, and takes what
// stands before it; nothing otherwise.
func (s *scanner) another(written bool) bool {
	before := s.rest
	closed := !written && len(s.rest) > 0 && (s.rest[0] == '}' || s.rest[0] == ']')
	if !closed && (!written || s.take(",")) && s.line() {
		return true
	}
	s.rest = before
	return false
}

// line begins a line, where lines are indented.
func (s *scanner) line() bool {
	if s.indent == "" {
		return true
	}
	if !s.take("\n") {
		return false
	}
	for range s.depth {
		if !s.take(s.indent) {
			return false
		}
	}
	return true
}

// space takes what stands between a name and its value.
func (s *scanner) space() bool { return s.indent == "" || s.take(" ") }

// quoted takes a string with its quotes. It is plain where every character stands
// for itself.
func (s *scanner) quoted() (raw []byte, plain, ok bool) {
	if len(s.rest) == 0 || s.rest[0] != '"' {
		return nil, false, false
	}
	plain = true
	for i := 1; i < len(s.rest); i++ {
		switch c := s.rest[i]; {
		case c == '"':
			raw, s.rest = s.rest[:i+1], s.rest[i+1:]
			return raw, plain, true
		case c == '\\':
			plain = false
			i++ // a quote after it is no end
		case c < ' ':
			return nil, false, false
		case c > '~':
			plain = false
		}
	}
	return nil, false, false
}

// number takes what may be a number.
func (s *scanner) number() []byte {
	n := len(s.rest) - len(bytes.TrimLeft(s.rest, "+-.0123456789Ee"))
	raw := s.rest[:n]
	s.rest = s.rest[n:]
	return raw
}
