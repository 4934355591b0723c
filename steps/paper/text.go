package paper

import (
	"fmt"
	"io"
	"regexp"
	"strings"
	"unicode"
)

// Text is text that somebody else wrote: a reason, a name, an error. It prints
// escaped for Markdown under every fmt verb, so that no template has to think of
// it and none can get at the text behind.
type Text string

// String implements fmt.Stringer.
func (t Text) String() string { return Escape(string(t)) }

// Format implements fmt.Formatter: %q, %x and %#v escape like all others.
func (t Text) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, t.String()) }

// Texts makes a Text of each.
func Texts[S ~string](all []S) []Text {
	texts := make([]Text, len(all))
	for i, s := range all {
		texts[i] = Text(s)
	}
	return texts
}

var (
	space = regexp.MustCompile(`\s+`)
	// secretLike finds what a key of ours looks like: people paste into a reason
	// what they found on a web page.
	secretLike = regexp.MustCompile(`[0-9A-Fa-f]{64,}`)
	// atStart finds what would begin a list, a heading's underline or a table's
	// second row, were the text put at the start of a line.
	atStart = regexp.MustCompile(`^([0-9]{1,9})([.)])|^[-+=:]`)
	// bareLink finds what GitHub makes a link of without being asked.
	bareLink = regexp.MustCompile(`(?i)://|\bwww\.|\bmailto:|\bxmpp:`)
)

// markdown are the characters that mean something wherever they stand in a line
// (CommonMark 0.31 and GitHub's tables, strikethrough and formulas).
var markdown = strings.NewReplacer(
	`\`, `\\`, "`", "\\`", "*", `\*`, "[", `\[`, "]", `\]`, "#", `\#`, "|", `\|`, "~", `\~`, "$", `\$`,
	"&", "&amp;", "<", "&lt;", ">", "&gt;",
)

// Escape makes text harmless in one line of Markdown, also at its start or in a
// table's cell: it shows as it was written and is no heading, list, link,
// table or HTML. White space becomes single blanks. What cannot be seen, or
// would rearrange what can, is spelt out, such as (U+202E). Whatever looks like
// a key is replaced by (redacted).
func Escape(text string) string {
	text = visible(space.ReplaceAllString(strings.ToValidUTF8(text, "\ufffd"), " "))
	text = secretLike.ReplaceAllString(strings.TrimSpace(text), "(redacted)")
	text = bareLink.ReplaceAllStringFunc(text, func(link string) string {
		// The marks stand for a backslash that the next line leaves alone.
		i := strings.IndexAny(link, ":.")
		return link[:i] + hold + link[i:]
	})
	text = underscores(markdown.Replace(text))
	text = atStart.ReplaceAllString(text, hold+"$0")
	if number := leadingNumber.FindString(text); number != "" {
		text = strings.TrimPrefix(number, hold) + hold + strings.TrimPrefix(text, number)
	}
	return strings.ReplaceAll(text, hold, `\`)
}

// hold stands for a backslash of ours while those of the text are escaped; the
// text cannot have it, since visible spells out controls.
const hold = "\x00"

// leadingNumber is the number of what would begin a numbered list; a backslash
// belongs behind it, since one before a digit shows.
var leadingNumber = regexp.MustCompile("^" + hold + "[0-9]+")

// underscores escapes those that could begin or end emphasis: all but the ones
// within a word, such as in HMAC_SECRET_V1.
func underscores(text string) string {
	runes := []rune(text)
	inWord := func(i int) bool {
		return i >= 0 && i < len(runes) && (unicode.IsLetter(runes[i]) || unicode.IsDigit(runes[i]))
	}
	var b strings.Builder
	for i, c := range runes {
		if c == '_' && (!inWord(i-1) || !inWord(i+1)) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}

// visible spells out controls, bidirectional overrides, private and zero-width
// characters, and blanks that are no white space.
func visible(text string) string {
	var b strings.Builder
	for _, c := range text {
		if hidden(c) {
			fmt.Fprintf(&b, "(%U)", c)
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}

func hidden(c rune) bool {
	return unicode.In(c, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point)
}
