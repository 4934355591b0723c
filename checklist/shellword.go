package checklist

import (
	"runtime"
	"strings"
)

// ShellWord makes a value, such as a path, one word of the platform's shell: a
// command that is shown must do the same when it is run.
func ShellWord(value string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:,@+", r)
	}
	switch {
	case value != "" && strings.IndexFunc(value, func(r rune) bool { return !plain(r) }) < 0:
		return value
	case runtime.GOOS == "windows":
		return `"` + value + `"` // no file's name has a quote there
	}
	return "'" + strings.ReplaceAll(value, "'", `'\''`) + "'"
}
