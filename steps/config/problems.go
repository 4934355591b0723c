package config

import (
	"cmp"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"github.com/pelletier/go-toml/v2"
)

// Problem is one mistake in the file.
type Problem struct {
	File  string
	Line  int    // from 1
	Field string // such as targets[0].probe.staging; the first target is 0
	Found string // what is there; never a secret
	Fix   string // what should be there, or what to do
}

func (p Problem) String() string {
	return fmt.Sprintf("%s:%d: %s: found %s; %s", p.File, p.Line, p.Field, p.Found, p.Fix)
}

// Problems are all mistakes of a file, in the order of its lines. It is an
// error; an empty one is never returned as such.
type Problems []Problem

func (p Problems) Error() string {
	lines := make([]string, 0, len(p)+1)
	switch len(p) {
	case 0:
		return "check configuration: no mistake"
	case 1:
		lines = append(lines, "check configuration: one mistake")
	default:
		lines = append(lines, fmt.Sprintf("check configuration: %d mistakes", len(p)))
	}
	for _, problem := range p {
		lines = append(lines, "  "+problem.String())
	}
	return strings.Join(lines, "\n")
}

// Hint returns the next act.
func (p Problems) Hint() string { return "correct the lines above; nothing was changed" }

// sorted returns the problems by line, and at one line in the order found.
func (p Problems) sorted() Problems {
	slices.SortStableFunc(p, func(a, b Problem) int { return cmp.Compare(a.Line, b.Line) })
	return p
}

// decodeProblems rewords the errors of go-toml. Its own longer text quotes the
// lines around the mistake, and with them whatever stands there.
func decodeProblems(file string, err error) Problems {
	var strict *toml.StrictMissingError
	if errors.As(err, &strict) {
		var problems Problems
		for i := range strict.Errors {
			line, _ := strict.Errors[i].Position()
			problems = append(problems, Problem{
				File: file, Line: line, Field: shown(strings.Join(strict.Errors[i].Key(), ".")),
				Found: "an unknown field", Fix: "remove it",
			})
		}
		return problems.sorted()
	}
	line, field := 1, "(file)"
	var decode *toml.DecodeError
	if errors.As(err, &decode) {
		line, _ = decode.Position()
		if key := decode.Key(); len(key) > 0 {
			field = shown(strings.Join(key, "."))
		}
	}
	message := strings.TrimPrefix(err.Error(), "toml: ")
	return Problems{{File: file, Line: line, Field: field, Found: "what is not TOML", Fix: shown(message)}}
}

var longHex = regexp.MustCompile(`[0-9A-Fa-f]{24,}`)

// shown returns text of the file for a message: on one printable line, short,
// and without what may be part of a secret.
func shown(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.Is(unicode.C, r) || r == unicode.ReplacementChar {
			return ' '
		}
		return r
	}, s)
	s = longHex.ReplaceAllString(s, "[redacted]")
	if runes := []rune(s); len(runes) > 80 {
		s = string(runes[:79]) + "…"
	}
	return s
}

func quoted(s string) string { return strconv.Quote(shown(s)) }
