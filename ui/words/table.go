package words

import (
	"strings"

	"github.com/charmbracelet/x/ansi"

	"keyturn/checklist"
)

const (
	columnGap = 2
	// leastColumn is the narrowest that a column is made before the table is
	// allowed to be wider than asked for.
	leastColumn = 6
)

// Table lays out a table in lines of at most width cells, where that is
// possible: cells that do not fit go on in the next line of their column. The
// first head lines are the heading.
func Table(t checklist.Table, width int) (lines []string, head int) {
	columns := len(t.Columns)
	for _, row := range t.Rows {
		columns = max(columns, len(row))
	}
	if columns == 0 {
		return nil, 0
	}
	widths := shrink(natural(t, columns), width-columnGap*(columns-1))
	if len(t.Columns) > 0 {
		lines = appendRow(lines, t.Columns, widths)
		head = len(lines)
	}
	for _, row := range t.Rows {
		lines = appendRow(lines, row, widths)
	}
	return lines, head
}

// natural returns the width that each column would like to have.
func natural(t checklist.Table, columns int) []int {
	widths := make([]int, columns)
	for _, row := range append([][]string{t.Columns}, t.Rows...) {
		for i, cell := range row {
			widths[i] = max(widths[i], ansi.StringWidth(Line(cell)))
		}
	}
	return widths
}

// shrink takes cells from the widest column until all fit.
func shrink(widths []int, room int) []int {
	sum := 0
	for _, w := range widths {
		sum += w
	}
	for ; sum > room; sum-- {
		widest := 0
		for i, w := range widths {
			if w > widths[widest] {
				widest = i
			}
		}
		if widths[widest] <= leastColumn {
			break
		}
		widths[widest]--
	}
	return widths
}

func appendRow(lines []string, row []string, widths []int) []string {
	cells := make([][]string, len(widths))
	height := 1
	for i, w := range widths {
		if i < len(row) && w > 0 {
			cells[i] = Wrap(Line(row[i]), w)
		}
		height = max(height, len(cells[i]))
	}
	for n := range height {
		var b strings.Builder
		pending := 0
		for i, w := range widths {
			text := ""
			if n < len(cells[i]) {
				text = cells[i][n]
			}
			if text != "" {
				b.WriteString(strings.Repeat(" ", pending))
				b.WriteString(text)
				pending = 0
			}
			pending += w - ansi.StringWidth(text) + columnGap
		}
		lines = append(lines, b.String())
	}
	return lines
}

// Wrap breaks text into lines of at most width cells, at spaces where it can.
func Wrap(text string, width int) []string {
	return strings.Split(ansi.Wrap(text, max(1, width), ""), "\n")
}

// Break breaks text into lines of at most width cells, wherever that is.
func Break(text string, width int) []string {
	return strings.Split(ansi.Hardwrap(text, max(1, width), true), "\n")
}
