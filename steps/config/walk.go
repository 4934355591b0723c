package config

import (
	"fmt"
	"regexp"
	"sort"
	"strconv"
	"strings"

	"github.com/pelletier/go-toml/v2/unstable"
)

// entry is one key of the document, with its place. The decoder of go-toml
// stops at the first value of a wrong type, so the mistakes are found here, on
// its parser, and the decoder sees a file without any. (That package calls
// itself unstable because its API may change; the version is pinned.)
type entry struct {
	table string // schema path of the table, such as "targets[].probe"; "" at the top
	name  string // the last part of the key, see keyName
	in    string // the table as shown, such as "targets[0].probe"
	path  string // as shown, such as "targets[0].probe.staging"
	line  int
	kind  unstable.Kind
	text  string   // of a string, or as written
	items []string // of an array of strings
	plain bool     // an array of nothing but strings
}

// schema returns the path of the entry in the schema.
func (e entry) schema() string { return join(e.table, e.name) }

func join(table, name string) string {
	if table == "" {
		return name
	}
	return table + "." + name
}

// walker collects the entries of a document.
type walker struct {
	parser  unstable.Parser
	breaks  []int // offsets of the line breaks
	entries []entry
	lengths map[string]int // of the arrays of tables, by shown path
}

// place is where the keys that follow belong.
type place struct{ schema, shown string }

// entry makes the entry of a key in this place.
func (p place) entry(name string, line int, kind unstable.Kind) entry {
	name = keyName(name)
	return entry{table: p.schema, name: name, in: p.shown, path: join(p.shown, name), line: line, kind: kind}
}

var bareKey = regexp.MustCompile(`^[A-Za-z0-9_-]{1,80}$`)

// keyName returns a part of a key as it is shown: in quotes where TOML needs
// them, so that a name with a dot is not taken for a path.
func keyName(name string) string {
	if bareKey.MatchString(name) {
		return shown(name)
	}
	return quoted(name)
}

// walk returns the entries up to the first error of syntax.
func walk(data []byte) []entry {
	w := &walker{lengths: map[string]int{}}
	for i, b := range data {
		if b == '\n' {
			w.breaks = append(w.breaks, i)
		}
	}
	w.parser.Reset(data)
	var here place
	for w.parser.NextExpression() {
		node := w.parser.Expression()
		switch node.Kind {
		case unstable.Table, unstable.ArrayTable:
			here = w.header(node)
		case unstable.KeyValue:
			w.keyValue(here, node)
		}
	}
	return w.entries
}

// header enters [a.b] or [[a.b]].
func (w *walker) header(node *unstable.Node) place {
	names, line := w.key(node)
	var here place
	for i, name := range names {
		last := i == len(names)-1
		e := here.entry(name, line, node.Kind)
		here = place{e.schema(), e.path}
		if last {
			w.add(e)
		}
		if last && node.Kind == unstable.ArrayTable {
			w.lengths[here.shown]++
		}
		if n := w.lengths[here.shown]; n > 0 { // inside an array of tables: its last one
			here = place{here.schema + "[]", here.shown + "[" + strconv.Itoa(n-1) + "]"}
		}
	}
	return here
}

// keyValue adds a = v, a.b = v and, for tables in one line, what is in them.
func (w *walker) keyValue(here place, node *unstable.Node) {
	names, line := w.key(node)
	for _, name := range names[:len(names)-1] {
		e := here.entry(name, line, unstable.Table)
		w.add(e)
		here = place{e.schema(), e.path}
	}
	value := node.Value()
	e := here.entry(names[len(names)-1], line, value.Kind)
	e.text = string(value.Data)
	inside := place{e.schema(), e.path}
	switch value.Kind {
	case unstable.InlineTable:
		e.kind = unstable.Table
		w.add(e)
		w.inline(inside, value)
	case unstable.Array:
		w.array(e, inside, value)
	default:
		w.add(e)
	}
}

func (w *walker) inline(here place, table *unstable.Node) {
	for children := table.Children(); children.Next(); {
		if child := children.Node(); child.Kind == unstable.KeyValue {
			w.keyValue(here, child)
		}
	}
}

// array adds an array of strings as one entry, and an array of tables in one
// line like [[…]].
func (w *walker) array(e entry, inside place, array *unstable.Node) {
	e.plain = true
	var tables []*unstable.Node
	for children := array.Children(); children.Next(); {
		switch child := children.Node(); child.Kind {
		case unstable.String:
			e.items = append(e.items, string(child.Data))
		case unstable.InlineTable:
			tables = append(tables, child)
			e.plain = false
		case unstable.Comment:
		default:
			e.plain = false
		}
	}
	if len(tables) == 0 {
		w.add(e)
		return
	}
	e.kind = unstable.ArrayTable
	for i, table := range tables {
		w.add(e)
		w.inline(place{inside.schema + "[]", fmt.Sprintf("%s[%d]", inside.shown, i)}, table)
	}
}

func (w *walker) add(e entry) { w.entries = append(w.entries, e) }

// key returns the parts of a key and its line.
func (w *walker) key(node *unstable.Node) ([]string, int) {
	var names []string
	line := 1
	for parts := node.Key(); parts.Next(); {
		part := parts.Node()
		if names == nil {
			line = w.lineAt(int(part.Raw.Offset))
		}
		names = append(names, string(part.Data))
	}
	return names, line
}

func (w *walker) lineAt(offset int) int {
	return sort.SearchInts(w.breaks, offset) + 1
}

// isTable reports whether the entry is a table or a list of tables.
func (e entry) isTable() bool { return e.kind == unstable.Table || e.kind == unstable.ArrayTable }

// kindName says in a message what an entry is.
func (e entry) kindName() string {
	switch e.kind {
	case unstable.String:
		return "the text " + quoted(e.text)
	case unstable.Integer, unstable.Float, unstable.Bool:
		return shown(e.text)
	case unstable.Table:
		return "a table"
	case unstable.ArrayTable:
		return "a list of tables"
	case unstable.Array:
		return e.listName()
	}
	return "a " + strings.ToLower(e.kind.String())
}

// number returns the value of a whole number.
func (e entry) number() (int64, bool) {
	if e.kind != unstable.Integer {
		return 0, false
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(e.text, "_", ""), 0, 64)
	return n, err == nil
}

// listName says in a message what is in a list of texts.
func (e entry) listName() string {
	if !e.plain || len(e.items) == 0 || len(e.items) > 8 {
		return "a list"
	}
	var names []string
	for _, item := range e.items {
		names = append(names, quoted(item))
	}
	return "the list [" + strings.Join(names, ", ") + "]"
}
