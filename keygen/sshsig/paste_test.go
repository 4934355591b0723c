package sshsig_test

import (
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"

	"keyturn/keygen/sshsig"
)

func TestNormalizePasted(t *testing.T) {
	t.Parallel()
	request := "keyturn approval request v1\nRequest: k7qm-3fzd\nReason: scheduled rotation\n"
	armor := mustSign(t, mustKey(t, "alice"), sshsig.NamespaceApproval, request)
	prefix := func(text, with string) string {
		return with + strings.ReplaceAll(strings.TrimSuffix(text, "\n"), "\n", "\n"+with) + "\n"
	}
	for what, text := range map[string]string{"request": request, "armor": armor} {
		for name, pasted := range map[string]string{
			"unchanged":           text,
			"CRLF":                strings.ReplaceAll(text, "\n", "\r\n"),
			"CR":                  strings.ReplaceAll(text, "\n", "\r"),
			"no final line feed":  strings.TrimSuffix(text, "\n"),
			"trailing blanks":     strings.ReplaceAll(text, "\n", " \t\n"),
			"quoted":              prefix(text, "> "),
			"quoted twice":        prefix(text, ">> > "),
			"indented":            prefix(text, "    "),
			"fenced":              "```\n" + text + "```\n",
			"fenced with a name":  "```text\n" + text + "```",
			"no-break spaces":     strings.ReplaceAll(text, " ", "\u00a0"),
			"blank lines":         "\n\n" + strings.ReplaceAll(text, "\n", "\n\n"),
			"byte order mark":     "\ufeff" + text,
			"all of it at a time": "```\r\n> " + strings.ReplaceAll(text, "\n", " \r\n\r\n> ") + "```",
		} {
			t.Run(what+" "+name, func(t *testing.T) {
				assert.Equal(t, text, sshsig.NormalizePasted(pasted))
			})
		}
	}

	t.Run("armor wrapped at another width", func(t *testing.T) {
		body := strings.ReplaceAll(armor, "-----\n", "-----")
		begin, end := "-----BEGIN SSH SIGNATURE-----", "-----END SSH SIGNATURE-----"
		body = strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(body, begin), end), "\n", "")
		assert.Equal(t, armor, sshsig.NormalizePasted(begin+"\n"+body+"\n"+end+"\n"))
	})

	for name, damaged := range map[string]string{
		"en dash":         strings.Replace(request, "-", "–", 1),
		"Cyrillic letter": strings.Replace(request, "e", "е", 1),
		"swapped lines":   "keyturn approval request v1\nReason: scheduled rotation\nRequest: k7qm-3fzd\n",
		"two spaces":      strings.Replace(request, ": ", ":  ", 1),
		"curly quotes":    strings.Replace(request, "s", "’s", 1),
	} {
		t.Run("never repairs "+name, func(t *testing.T) {
			assert.Equal(t, damaged, sshsig.NormalizePasted(damaged))
		})
	}

	assert.Empty(t, sshsig.NormalizePasted(" \r\n> \n```\n"))
}

func FuzzNormalizePasted(f *testing.F) {
	f.Add("> keyturn approval request v1\r\n> Request: k7qm\r\n")
	f.Add(mustSign(f, mustKey(f, "alice"), sshsig.NamespaceApproval, message))
	f.Add("```\n\u00a0x\ufeff\n```")
	f.Fuzz(func(t *testing.T, text string) {
		if !utf8.ValidString(text) {
			return // removing a character may join the halves of another
		}
		once := sshsig.NormalizePasted(text)
		if twice := sshsig.NormalizePasted(once); twice != once {
			t.Fatalf("not settled: %q became %q", once, twice)
		}
		if letters(once) != letters(text) && !strings.Contains(text, "```") && !strings.Contains(text, "~~~") {
			t.Fatalf("letters changed: %q became %q", text, once)
		}
	})
}

// letters are the characters that carry meaning.
func letters(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune("\r\n\t >\u00a0\u202f\ufeff\u200b", r) {
			return -1
		}
		return r
	}, s)
}
