package paper

import (
	"embed"
	"errors"
	"fmt"
	"io"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
	"time"
	"unicode"
	"unicode/utf8"
)

//go:embed templates/*.md
var builtin embed.FS

// kind is one of the documents, named as in the configuration.
type kind string

const (
	decision   kind = "decisions"
	incident   kind = "incident"
	postMortem kind = "post_mortem"
)

// limits of a template, and of what it may write.
const (
	maxTemplate = 256 << 10
	maxDocument = 4 << 20
)

// Files name templates that replace the embedded ones; "" keeps one.
type Files struct{ Decisions, Incident, PostMortem string }

// Templates render documents. The zero value has the embedded templates.
type Templates struct{ replaced map[kind]source }

type source struct{ file, text string }

// TemplateError is a mistake in a template file.
type TemplateError struct {
	Field string // decisions, incident or post_mortem
	File  string
	Line  int // from 1
	Found string
	Fix   string
}

func (e *TemplateError) Error() string {
	return fmt.Sprintf("read template %s: %s:%d: found %s", e.Field, e.File, e.Line, e.Found)
}

// Hint returns what to do about it.
func (e *TemplateError) Hint() string { return e.Fix }

// Mistakes are what is wrong with templates, at most one for each. It is an
// error; an empty one is never returned as such.
type Mistakes []*TemplateError

func (m Mistakes) Error() string {
	lines := make([]string, len(m))
	for i, e := range m {
		lines[i] = e.Error()
	}
	return strings.Join(lines, "\n")
}

// Load reads the templates that replace the embedded ones and tries each on
// sample documents. The error is Mistakes.
func Load(files Files) (Templates, error) {
	t := Templates{replaced: map[kind]source{}}
	var mistakes Mistakes
	for k, file := range map[kind]string{decision: files.Decisions, incident: files.Incident, postMortem: files.PostMortem} {
		if file == "" {
			continue
		}
		if mistake := t.replace(k, file); mistake != nil {
			mistakes = append(mistakes, mistake)
		}
	}
	if len(mistakes) > 0 {
		slices.SortFunc(mistakes, func(a, b *TemplateError) int { return strings.Compare(a.Field, b.Field) })
		return t, mistakes
	}
	return t, nil
}

func (t Templates) replace(k kind, file string) *TemplateError {
	fault := func(line int, found, fix string) *TemplateError {
		return &TemplateError{Field: string(k), File: file, Line: line, Found: found, Fix: fix}
	}
	f, err := os.Open(file)
	if err != nil {
		return fault(1, "no file that can be read", "name an existing file, or remove "+string(k)+" to have the built-in template")
	}
	data, err := io.ReadAll(io.LimitReader(f, maxTemplate+1))
	if err := errors.Join(err, f.Close()); err != nil {
		return fault(1, "no file that can be read", "name a text file, or remove "+string(k)+" to have the built-in template")
	}
	switch {
	case len(data) > maxTemplate:
		return fault(1, "more than 256 KiB", "is this the right file? a template has a few dozen lines")
	case !utf8.Valid(data):
		return fault(1, "text that is not UTF-8", "save it as UTF-8")
	}
	t.replaced[k] = source{file, string(data)}
	for _, sample := range samples() {
		text, err := t.render(k, sample)
		var mistake *TemplateError
		if errors.As(err, &mistake) {
			return mistake
		}
		if strings.TrimSpace(text) == "" {
			return fault(1, "a template that writes nothing", "write what is to be filed, or remove "+string(k)+" to have the built-in template")
		}
	}
	return nil
}

// RenderDecision returns the entry of docs/decisions.md.
func (t Templates) RenderDecision(d Document) (string, error) { return t.render(decision, d) }

// RenderIncident returns the entry of the incident log.
func (t Templates) RenderIncident(d Document) (string, error) { return t.render(incident, d) }

// RenderPostMortem returns the draft of a post-mortem, a document of its own.
func (t Templates) RenderPostMortem(d Document) (string, error) { return t.render(postMortem, d) }

func (t Templates) render(k kind, d Document) (string, error) {
	s, ok := t.replaced[k]
	if !ok {
		text, err := builtin.ReadFile("templates/" + string(k) + ".md")
		if err != nil {
			return "", fmt.Errorf("read the built-in template: %w", err)
		}
		s = source{string(k) + ".md", string(text)}
	}
	// A checkout on Windows may have given the lines two ends.
	parsed, err := template.New(string(k)).Option("missingkey=error").Funcs(functions()).Parse(strings.ReplaceAll(s.text, "\r\n", "\n"))
	if err != nil {
		return "", s.fault(k, err)
	}
	var b bounded
	if err := parsed.Execute(&b, d); err != nil {
		return "", s.fault(k, err)
	}
	return strings.TrimSpace(blankLines.ReplaceAllString(b.String(), "\n\n")) + "\n", nil
}

// blankLines are more of them than Markdown needs; templates leave them where a
// part is empty.
var blankLines = regexp.MustCompile(`\n([ \t]*\n){2,}`)

// functions are what templates may call beside the standard ones.
func functions() template.FuncMap {
	return template.FuncMap{
		"date":   func(t time.Time) string { return t.UTC().Format("2006-01-02") },
		"moment": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04 UTC") },
		"second": func(t time.Time) string { return t.UTC().Format("2006-01-02 15:04:05") },
		"span":   span,
		"list":   list,
		"capital": func(t Text) Text {
			first, size := utf8.DecodeRuneInString(string(t))
			if first == utf8.RuneError {
				return t
			}
			return Text(string(unicode.ToUpper(first)) + string(t)[size:])
		},
	}
}

// span returns a duration as people say it, such as 1h 4m or 12s.
func span(d time.Duration) string {
	d = d.Abs().Round(time.Second)
	days, d := d/(24*time.Hour), d%(24*time.Hour)
	h, m, s := d/time.Hour, d%time.Hour/time.Minute, d%time.Minute/time.Second
	switch {
	case days > 0:
		return units(int64(days), "d", int64(h), "h")
	case h > 0:
		return units(int64(h), "h", int64(m), "m")
	case m > 0:
		return units(int64(m), "m", int64(s), "s")
	}
	return fmt.Sprintf("%ds", s)
}

// units returns one unit, and the next smaller one unless it is zero.
func units(n int64, unit string, rest int64, smaller string) string {
	if rest == 0 {
		return fmt.Sprintf("%d%s", n, unit)
	}
	return fmt.Sprintf("%d%s %d%s", n, unit, rest, smaller)
}

// list joins texts by commas; what it returns is escaped.
func list(texts []Text) string {
	var all []string
	for _, t := range texts {
		all = append(all, t.String())
	}
	return strings.Join(all, ", ")
}

// bounded keeps a template from writing without end.
type bounded struct{ strings.Builder }

var errTooLong = errors.New("the document is longer than 4 MiB")

func (b *bounded) Write(p []byte) (int, error) {
	if b.Len()+len(p) > maxDocument {
		return 0, errTooLong
	}
	return b.Builder.Write(p)
}

var (
	position     = regexp.MustCompile(`^template: [a-z_]+:(\d+)(?::\d+)?: `)
	executing    = regexp.MustCompile(`^executing "[^"]*" at `)
	noSuchField  = regexp.MustCompile(`can't evaluate field \w+ in type \*?(paper\.\w+|\[\]paper\.\w+)`)
	noSuchHelper = regexp.MustCompile(`function "[^"]*" not defined`)
)

// fault turns an error of text/template into one of the file.
func (s source) fault(k kind, err error) *TemplateError {
	e := &TemplateError{Field: string(k), File: s.file, Line: 1,
		Fix: "correct the line, or remove " + string(k) + " to have the built-in template"}
	message := err.Error()
	if at := position.FindStringSubmatch(message); at != nil {
		if line, err := strconv.Atoi(at[1]); err == nil {
			e.Line = line
		}
		message = strings.TrimPrefix(message, at[0])
	}
	message = executing.ReplaceAllString(message, "")
	switch known := fieldsOf(noSuchField.FindString(message)); {
	case known != "":
		e.Fix = "known here: " + known
	case noSuchHelper.MatchString(message):
		e.Fix = "beside the functions of Go templates there are capital, date, list, moment, second and span"
	}
	e.Found = "what cannot be filled in: " + visible(strings.Join(strings.Fields(message), " "))
	return e
}

// fieldsOf returns the fields of the type in which one was looked for.
func fieldsOf(message string) string {
	_, name, found := strings.Cut(message, "paper.")
	if !found {
		return ""
	}
	if strings.Contains(message, "[]") {
		return "a list: write {{range …}} … {{end}} around it"
	}
	for _, of := range []reflect.Type{
		reflect.TypeFor[Document](), reflect.TypeFor[Key](), reflect.TypeFor[Reached](), reflect.TypeFor[Approval](),
		reflect.TypeFor[Compromise](), reflect.TypeFor[Finding](), reflect.TypeFor[Impact](), reflect.TypeFor[Traffic](),
		reflect.TypeFor[Sender](), reflect.TypeFor[Deviation](), reflect.TypeFor[Event](),
	} {
		if of.Name() != name {
			continue
		}
		var names []string
		for i := range of.NumField() {
			names = append(names, of.Field(i).Name)
		}
		for i := range of.NumMethod() {
			names = append(names, of.Method(i).Name)
		}
		slices.Sort(names)
		return strings.Join(names, ", ")
	}
	return ""
}
