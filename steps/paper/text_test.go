package paper

import (
	"bytes"
	"fmt"
	"html"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/yuin/goldmark"
	"github.com/yuin/goldmark/ast"
	"github.com/yuin/goldmark/extension"
	east "github.com/yuin/goldmark/extension/ast"
	"github.com/yuin/goldmark/text"
)

func TestEscape(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ text, want string }{
		"plain words":          {"scheduled: quarterly rotation", "scheduled: quarterly rotation"},
		"a name":               {"alice@example.com", "alice@example.com"},
		"a variable":           {"HMAC_SECRET_V1 was removed", "HMAC_SECRET_V1 was removed"},
		"emphasis":             {"*very* _very_ ~~not~~ `code`", "\\*very\\* \\_very\\_ \\~\\~not\\~\\~ \\`code\\`"},
		"a heading":            {"# big", `\# big`},
		"a list":               {"- one\n- two", `\- one - two`},
		"a numbered list":      {"1. one", `1\. one`},
		"another one":          {"12) one", `12\) one`},
		"a decimal":            {"1.5 hours", `1\.5 hours`},
		"a quotation":          {"> said", "&gt; said"},
		"an underline":         {"===", `\===`},
		"a rule":               {"---", `\---`},
		"a link":               {"[here](javascript:alert(1))", `\[here\](javascript:alert(1))`},
		"a picture":            {"![x](http://evil.example/p.png)", `!\[x\](http\://evil.example/p.png)`},
		"a bare link":          {"see https://evil.example/ and www.evil.example", `see https\://evil.example/ and www\.evil.example`},
		"an automatic link":    {"<https://evil.example>", `&lt;https\://evil.example&gt;`},
		"HTML":                 {`<img src=x onerror="alert(1)">`, `&lt;img src=x onerror="alert(1)"&gt;`},
		"an entity":            {"&lt;b&gt; &#42;", `&amp;lt;b&amp;gt; &amp;\#42;`},
		"a comment's end":      {"--> <!-- keyturn x -->", `\--&gt; &lt;!-- keyturn x --&gt;`},
		"a table":              {"a | b", `a \| b`},
		"a backslash":          {`a\|b\`, `a\\\|b\\`},
		"a formula":            {"$x$", `\$x\$`},
		"white space":          {"  a\t\tb\r\n\r\nc ", "a b c"},
		"terminal escapes":     {"\x1b[31mred", `(U+001B)\[31mred`},
		"bidirectional":        {"safe\u202etxt.exe", "safe(U+202E)txt.exe"},
		"zero width":           {"v1\u200b", "v1(U+200B)"},
		"a blank that is none": {"v1\u3164", "v1(U+3164)"},
		"a NUL":                {"a\x00b", "a(U+0000)b"},
		"not UTF-8":            {"a\xffb", "a\ufffdb"},
		"a key":                {"found " + strings.Repeat("0a", 32) + " on a page", "found (redacted) on a page"},
		"nothing":              {" \n ", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			assert.Equal(t, c.want, Escape(c.text))
			mustBeText(t, c.text)
		})
	}
}

func TestTextCannotBePrintedAsItIs(t *testing.T) {
	t.Parallel()
	raw := Text("<b>*x*</b>")
	for _, verb := range []string{"%s", "%v", "%+v", "%#v", "%q", "%x", "%X", "%10s", "%d", "%T%s"} {
		args := []any{raw}
		if strings.HasPrefix(verb, "%T") {
			args = append(args, raw)
		}
		assert.NotContains(t, fmt.Sprintf(verb, args...), "<b>", verb)
	}
	assert.NotContains(t, fmt.Sprint([]Text{raw}, map[Text]Text{raw: raw}, struct{ T Text }{raw}), "<b>")
}

// Two independent opinions of Markdown: ours, and a parser's.
var mailLink = regexp.MustCompile(`<a href="mailto:[^"]*">([^<]*)</a>`)

func parseMarkdown(source string) (ast.Node, string, error) {
	parser := goldmark.New(goldmark.WithExtensions(extension.GFM, extension.Footnote, extension.DefinitionList))
	node := parser.Parser().Parse(text.NewReader([]byte(source)))
	var rendered bytes.Buffer
	err := parser.Renderer().Render(&rendered, []byte(source), node)
	return node, rendered.String(), err
}

// mustBeText checks that escaped text is text and nothing else, wherever a
// template may put it, and that it reads as it was written.
func mustBeText(t *testing.T, original string) {
	t.Helper()
	escaped := Escape(original)
	require.True(t, utf8.ValidString(escaped))
	require.NotContains(t, escaped, "\n")
	for _, c := range escaped {
		require.False(t, hidden(c), "%U in %q", c, escaped)
	}
	want := strings.TrimSpace(visible(space.ReplaceAllString(strings.ToValidUTF8(original, "\ufffd"), " ")))
	want = secretLike.ReplaceAllString(want, "(redacted)")

	_, rendered, err := parseMarkdown(escaped)
	require.NoError(t, err)
	if want != "" {
		require.Equal(t, want, paragraph(t, rendered), "alone: %q", escaped)
	}
	node, _, err := parseMarkdown("| a | b |\n| --- | --- |\n| " + escaped + " | x |\n")
	require.NoError(t, err)
	require.Equal(t, map[ast.NodeKind]int{
		ast.KindDocument: 1, east.KindTable: 1, east.KindTableHeader: 1, east.KindTableRow: 1, east.KindTableCell: 4,
	}, blocks(node), "in a table: %q", escaped)
	for prefix, kinds := range map[string]map[ast.NodeKind]int{
		"## a ":       {ast.KindDocument: 1, ast.KindHeading: 1},
		"- **x:** ":   {ast.KindDocument: 1, ast.KindList: 1, ast.KindListItem: 1, ast.KindTextBlock: 1, ast.KindEmphasis: 1},
		"paragraph\n": {ast.KindDocument: 1, ast.KindParagraph: 1},
	} {
		node, _, err := parseMarkdown(prefix + escaped + "\n")
		require.NoError(t, err)
		require.Equal(t, kinds, blocks(node), "behind %q: %q", prefix, escaped)
	}
}

// paragraph returns the words of a rendered paragraph, which must be all.
func paragraph(t *testing.T, rendered string) string {
	t.Helper()
	rendered = strings.TrimSpace(rendered)
	// An address of mail is a link to itself at most.
	rendered = mailLink.ReplaceAllString(rendered, "$1")
	inner, begins := strings.CutPrefix(rendered, "<p>")
	inner, ends := strings.CutSuffix(inner, "</p>")
	require.True(t, begins && ends, "more than a paragraph: %q", rendered)
	require.NotContains(t, inner, "<")
	return html.UnescapeString(inner)
}

// blocks counts the nodes that are no text.
func blocks(node ast.Node) map[ast.NodeKind]int {
	kinds := map[ast.NodeKind]int{}
	_ = ast.Walk(node, func(n ast.Node, entering bool) (ast.WalkStatus, error) {
		if link, ok := n.(*ast.AutoLink); ok && link.AutoLinkType == ast.AutoLinkEmail {
			return ast.WalkSkipChildren, nil
		}
		if entering && n.Kind() != ast.KindText && n.Kind() != ast.KindString {
			kinds[n.Kind()]++
		}
		return ast.WalkContinue, nil
	})
	return kinds
}

func FuzzEscape(f *testing.F) {
	for _, seed := range []string{
		"", "a", "- a", "1. a", "+ a", "=", "[a](b)", "<b>", "a_b_c", "_a_", "__a__", "`a`", "a|b", `\`, `\\|`, "://", "www.a.b", "a@b.c",
		"\u202e", "\x00", "\xff", "&amp;", "~~a~~", "[^1]: a", "[x]: http://a", ": a", "    code", "![a]", "1) b", "***", "ftp://a.b", "xmpp:a@b.c",
		"ａ_ｂ", "_é_", strings.Repeat("a1", 40), "Http://A.b/c_d_e", "mailto:a@b.c", "--> x", "#5", "$a$", "9999999999. x", "-", "a\u00a0b",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, original string) {
		if len(original) > 1<<12 {
			return
		}
		mustBeText(t, original)
	})
}
