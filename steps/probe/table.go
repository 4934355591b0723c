package probe

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/rivo/uniseg"
)

const (
	minTableWidth = 60
	detailIndent  = "    "

	// What the columns other than the name take, with a blank before each.
	narrowColumns = 7 + 1 + 1 + 12 + 1 + 6 + 1 + 7
	wideColumns   = narrowColumns + 1 + 8
)

// Table renders the report as plain text, no line wider than width cells (60
// at least): a row for each request, what went wrong below it, then the
// diagnosis and the notes.
func (r Report) Table(width int) string {
	width = max(width, minTableWidth)
	var b strings.Builder
	line := func(s string) { b.WriteString(strings.TrimRight(s, " ") + "\n") }

	nameWidth := len("probe")
	for _, row := range r.Rows {
		nameWidth = max(nameWidth, uniseg.StringWidth(row.Name))
	}
	nameWidth = min(nameWidth, width-narrowColumns)
	wide := width >= nameWidth+wideColumns
	line(tableLine(wide, nameWidth, "verdict", "probe", "expect", "got", "status", "time"))
	for _, row := range r.Rows {
		line(tableLine(wide, nameWidth, verdictWord(row.Verdict), row.Name, string(row.Expect), string(row.Got), statusWord(row), latencyWord(row)))
		if row.Verdict != OK && row.Got != GotNotSent { // a note says why nothing was sent
			for _, l := range wrap(row.Detail, width-len(detailIndent)) {
				line(detailIndent + l)
			}
		}
	}
	section := func(label, text string) {
		if text == "" {
			return
		}
		for _, l := range wrap(label+text, width) {
			line(l)
		}
	}
	if d := r.Diagnosis; d != nil {
		section("diagnosis: ", d.Words)
		section("fix: ", d.Fix)
	}
	if seen := r.Deployments(); len(seen) > 0 {
		section("served by: ", strings.Join(seen, ", "))
	}
	for _, note := range r.Notes {
		section("note: ", note)
	}
	return b.String()
}

// tableLine lays out one line. Narrow tables leave the expectation out, which
// the verdict implies.
func tableLine(wide bool, nameWidth int, verdict, name, expect, got, status, latency string) string {
	columns := []string{pad(verdict, 7), pad(name, nameWidth)}
	if wide {
		columns = append(columns, pad(expect, 8))
	}
	return strings.Join(append(columns, pad(got, 12), pad(status, 6), latency), " ")
}

func verdictWord(v Verdict) string {
	switch v {
	case Failed:
		return "FAILED"
	case Inconclusive:
		return "UNCLEAR"
	}
	return string(v)
}

func statusWord(row Row) string {
	if row.Status == 0 {
		return "-"
	}
	return fmt.Sprint(row.Status)
}

func latencyWord(row Row) string {
	if row.Got == GotNotSent {
		return ""
	}
	if row.Latency < time.Millisecond {
		return "<1ms"
	}
	return row.Latency.Round(time.Millisecond).String()
}

// pad makes s exactly width cells wide.
func pad(s string, width int) string {
	if uniseg.StringWidth(s) > width {
		s = cut(s, width-1) + "…"
	}
	return s + strings.Repeat(" ", max(width-uniseg.StringWidth(s), 0))
}

// cut returns the longest beginning of s that is at most width cells wide.
func cut(s string, width int) string {
	end, used := 0, 0
	for g := uniseg.NewGraphemes(s); g.Next(); {
		used += g.Width()
		if used > width {
			break
		}
		_, end = g.Positions()
	}
	return s[:end]
}

// wrap breaks s at blanks into lines of at most width cells; a longer word is
// broken where it must be.
func wrap(s string, width int) []string {
	var lines []string
	current := ""
	for word := range strings.FieldsSeq(s) {
		for uniseg.StringWidth(word) > width {
			head := cut(word, width)
			if head == "" {
				break
			}
			lines = append(lines, current, head)
			current, word = "", word[len(head):]
		}
		switch {
		case current == "":
			current = word
		case uniseg.StringWidth(current)+1+uniseg.StringWidth(word) <= width:
			current += " " + word
		default:
			lines = append(lines, current)
			current = word
		}
	}
	lines = append(lines, current)
	return slices.DeleteFunc(lines, func(l string) bool { return l == "" })
}
