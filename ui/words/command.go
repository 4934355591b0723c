package words

import (
	"strings"

	"github.com/charmbracelet/x/ansi"
)

// Command breaks a shell command into lines of at most width cells, between
// its words and each but the last ending in a backslash, so that what is
// selected on the screen can still be run. A word that is wider than a line
// stays whole where breaking it would change it.
func Command(text string, width int) []string {
	var lines []string
	for _, command := range strings.Split(Clean(text), "\n") {
		line := ""
		for _, word := range shellWords(command) {
			switch {
			case line == "":
				line = word
			case ansi.StringWidth(line)+1+ansi.StringWidth(word)+2 <= width:
				line += " " + word
			default:
				lines = append(lines, line+` \`)
				line = "  " + word
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// shellWords splits a command at its spaces outside quotes.
func shellWords(command string) []string {
	var list []string
	var quote rune
	start, escaped := -1, false
	for i, c := range command {
		if start < 0 && c != ' ' {
			start = i
		}
		switch {
		case escaped:
			escaped = false
		case c == '\\' && quote != '\'':
			escaped = true
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '\'' || c == '"':
			quote = c
		case c == ' ' && start >= 0:
			list = append(list, command[start:i])
			start = -1
		}
	}
	if start >= 0 {
		list = append(list, command[start:])
	}
	return list
}
