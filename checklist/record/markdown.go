package record

import (
	"fmt"
	"strings"
	"unicode"
)

// visible spells out what would not be seen, or would rearrange what is:
// controls, bidirectional overrides, zero-width and private characters. Line
// feeds stay when keep says so.
func visible(text string, keep bool) string {
	if strings.IndexFunc(text, unprinted) < 0 { // nearly every text
		return text
	}
	var b strings.Builder
	for _, c := range text {
		switch {
		case c == '\n' && keep:
			b.WriteRune(c)
		case c == '\n' || c == '\t':
			b.WriteByte(' ')
		case unicode.In(c, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp):
			fmt.Fprintf(&b, "(%U)", c)
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// unprinted reports what is no printable ASCII: what may have to be spelled out.
func unprinted(c rune) bool { return c < ' ' || c > '~' }

// escape makes text from outside safe within a line of Markdown, wherever it
// may be shown: no markup, no HTML, no end of a table's cell.
func escape(text string) string {
	text = visible(text, false)
	if !strings.ContainsAny(text, "&<>\\`*_~[]|#$") {
		return text
	}
	var b strings.Builder
	for _, c := range text {
		switch c {
		case '&':
			b.WriteString("&amp;")
		case '<':
			b.WriteString("&lt;")
		case '>':
			b.WriteString("&gt;")
		case '\\', '`', '*', '_', '~', '[', ']', '|', '#', '$':
			b.WriteByte('\\')
			b.WriteRune(c)
		default:
			b.WriteRune(c)
		}
	}
	return b.String()
}

// writeTable writes a table whose cells are escaped, and "none" for one
// without rows.
func writeTable(b *strings.Builder, columns []string, rows [][]string) {
	if len(rows) == 0 {
		b.WriteString("None.\n")
		return
	}
	writeRow(b, columns, len(columns))
	writeRow(b, strings.Fields(strings.Repeat("--- ", len(columns))), len(columns))
	for _, row := range rows {
		writeRow(b, row, len(columns))
	}
}

func writeRow(b *strings.Builder, cells []string, width int) {
	for i := range width {
		cell := ""
		if i < len(cells) {
			cell = escape(cells[i])
		}
		b.WriteString("| " + cell + " ")
	}
	b.WriteString("|\n")
}

// writeCode writes text as a fenced block with a fence that it cannot close.
func writeCode(b *strings.Builder, text string) {
	fence := "```"
	for strings.Contains(text, fence) {
		fence += "`"
	}
	b.WriteString(fence + "text\n" + strings.TrimSuffix(visible(text, true), "\n") + "\n" + fence + "\n")
}
