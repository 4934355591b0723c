package paper

import (
	"fmt"
	"strings"

	"github.com/aymanbagabas/go-udiff"
)

// Diff returns the unified diff from old to new, with three lines around each
// change, and "" where there is none. Characters that a terminal would obey are
// spelt out, since the file is not ours alone.
func Diff(path, old, new string) (string, error) {
	from := "a/" + strings.TrimPrefix(path, "/")
	if old == "" {
		from = "/dev/null"
	}
	diff, err := udiff.ToUnified(from, "b/"+strings.TrimPrefix(path, "/"), old, udiff.Lines(old, new), udiff.DefaultContextLines)
	if err != nil {
		return "", fmt.Errorf("compare %s: %w", path, err)
	}
	lines := strings.Split(strings.ReplaceAll(diff, "\r\n", "\n"), "\n")
	for i, line := range lines {
		lines[i] = visible(strings.ReplaceAll(line, "\t", "    "))
	}
	return strings.Join(lines, "\n"), nil
}
