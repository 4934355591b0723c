package sshsig

import (
	"encoding/base64"
	"strings"
)

// NormalizePasted undoes what mail and chat programs do to a text on its way:
// carriage returns, lost or doubled line feeds, trailing blanks, "> " quotes,
// indents, code fences, no-break spaces, and re-wrapped armor. It serves both
// texts that people paste, an approval request and a signature armor; neither
// has blank lines or blanks at a line's end.
//
// Characters that mean something are never guessed at: a dash that became an
// en dash, a Cyrillic letter or two swapped lines stay as they are, and the
// signature or the parser refuses them.
func NormalizePasted(text string) string {
	text = strings.NewReplacer(
		"\r\n", "\n",
		"\r", "\n",
		"\u00a0", " ", // no-break space
		"\u202f", " ", // narrow no-break space
		"\ufeff", "", // byte order mark
		"\u200b", "", // zero width space
	).Replace(text)

	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		line = strings.TrimLeft(line, "> \t")
		line = strings.TrimRight(line, " \t")
		if line == "" || strings.HasPrefix(line, "```") || strings.HasPrefix(line, "~~~") {
			continue
		}
		lines = append(lines, line)
	}
	if len(lines) == 0 {
		return ""
	}
	return rewrap(strings.Join(lines, "\n") + "\n")
}

// rewrap brings an armor to the one form that Verify accepts, and returns any
// other text as it is.
func rewrap(text string) string {
	body, begins := strings.CutPrefix(text, armorBegin)
	body, ends := strings.CutSuffix(body, armorEnd)
	if !begins || !ends {
		return text
	}
	raw, err := base64.StdEncoding.Strict().DecodeString(strings.ReplaceAll(body, "\n", ""))
	if err != nil {
		return text
	}
	return armorOf(raw)
}
