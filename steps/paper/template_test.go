package paper

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/yuin/goldmark/ast"
)

func renderers(t Templates) map[string]func(Document) (string, error) {
	return map[string]func(Document) (string, error){
		"decision": t.RenderDecision, "incident": t.RenderIncident, "post-mortem": t.RenderPostMortem,
	}
}

// TestDocuments holds each document of each session; read the files as the
// person who files them. Run it with -update to write them anew.
func TestDocuments(t *testing.T) {
	t.Parallel()
	for name, document := range documents() {
		for what, render := range renderers(Templates{}) {
			t.Run(what+" of a "+name, func(t *testing.T) {
				t.Parallel()
				text, err := render(document)
				require.NoError(t, err)
				golden(t, name+"-"+what+".md", text)
				for i, line := range strings.Split(text, "\n") {
					assert.Equal(t, strings.TrimRight(line, " "), line, "line %d ends in blanks", i+1)
				}
				assert.NotContains(t, text, "\n\n\n")
				assert.NotContains(t, text, "0001-01-01", "a time that is not known is not shown")
			})
		}
	}
}

// hostile is a document in which everything that somebody else wrote tries to
// break out.
func hostile(evil string) Document {
	x := Text(evil)
	d := samples()[0]
	d.Session, d.Title, d.Service, d.Person, d.Reason, d.Parent = x, x, x, x, x, x
	d.Targets, d.Environments, d.Old, d.New, d.Noticed = []Text{x, x}, []Text{x}, x, x, x
	d.Keys = []Key{{x, x, x, x}}
	d.Reached = []Reached{{What: x, At: d.Opened}, {What: x}}
	d.Approvals = []Approval{{d.Opened, x, x}}
	d.Compromise = &Compromise{Since: d.Opened, KnownBy: x, AuditCSV: Digest(evil), AuditJSONL: Digest(evil)}
	d.Findings = []Finding{{x, x}}
	d.Impact.Environments[0].Environment = x
	d.Impact.Senders = []Sender{{x, x, 1, 1, d.Opened}}
	d.Deviations = []Deviation{{d.Opened, x, x, x, x}}
	d.Issues = []Text{x}
	d.TimeLine = []Event{{d.Opened, x, x}}
	return d
}

// shape is how many nodes of each kind a document has.
func shape(t *testing.T, markdown string) map[ast.NodeKind]int {
	t.Helper()
	node, _, err := parseMarkdown(markdown)
	require.NoError(t, err)
	return blocks(node)
}

func mustRender(t *testing.T, render func(Document) (string, error), d Document) string {
	t.Helper()
	text, err := render(d)
	require.NoError(t, err)
	return text
}

func TestNobodyCanBreakOutOfADocument(t *testing.T) {
	t.Parallel()
	for _, evil := range []string{
		"</td></table><script>alert(1)</script>", "\n# heading\n- list\n\n---\n", "| a | b |\n| --- | --- |", "[x](javascript:alert(1))",
		"![x](http://evil.example/p.png) https://evil.example", "-->\n<!-- keyturn emergency -->", "{{.Session}}", "\x1b]52;c;aGk=\x07\u202e", "```\n~~~\n", `\`,
	} {
		for name, render := range renderers(Templates{}) {
			harmless := shape(t, mustRender(t, render, hostile("harmless")))
			assert.Equal(t, harmless, shape(t, mustRender(t, render, hostile(evil))), "%s with %q", name, evil)
		}
	}
}

func FuzzTemplates(f *testing.F) {
	for _, seed := range []string{"x", "# a", "<b>", "|", "\n\n", "- a", "1. a", `\`, "`", "[a]: b", "<!--", "-->", "$$"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, evil string) {
		if strings.TrimSpace(evil) == "" || Escape(evil) == "" || len(evil) > 200 {
			return
		}
		for name, render := range renderers(Templates{}) {
			require.Equal(t, shape(t, mustRender(t, render, hostile("harmless"))), shape(t, mustRender(t, render, hostile(evil))), name)
		}
	})
}

// withTemplate loads a template in place of the built-in one.
func withTemplate(t *testing.T, text string) (Templates, error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "decisions.md")
	require.NoError(t, os.WriteFile(file, []byte(text), 0o600))
	return Load(Files{Decisions: file})
}

func TestATemplateCanBeReplaced(t *testing.T) {
	t.Parallel()
	own, err := withTemplate(t, "## {{date .Now}} {{capital .Title}}\r\n\r\n\r\n\r\n{{range .Keys}}- {{.ID}}\r\n{{end}}{{.Reason}}\r\n")
	require.NoError(t, err)
	d := emergencyDocument()
	d.Reason = "<b>"
	assert.Equal(t, "## 2026-08-25 Emergency revocation\n\n- v1\n- v1\n- v2\n- v2\n&lt;b&gt;\n", mustRender(t, own.RenderDecision, d))
	assert.Equal(t, mustRender(t, Templates{}.RenderIncident, d), mustRender(t, own.RenderIncident, d), "the others stay")
}

func TestATemplateCannotForgetToEscape(t *testing.T) {
	t.Parallel()
	d := hostile("<b>")
	for _, action := range []string{
		"{{.Reason}}", "{{print .Reason}}", `{{printf "%s %v %q %#v %x" .Reason .Reason .Reason .Reason .Reason}}`, "{{html .Reason}}",
		"{{with .Reason}}{{slice . 0 3}}{{end}}", "{{.Targets}}", "{{list .Targets}}", "{{range .Targets}}{{.}}{{end}}", "{{.Reason.String}}", "{{capital .Reason}}",
		"{{with .Compromise}}{{.KnownBy}} {{.AuditCSV}}{{end}}", "{{with .Targets}}{{index . 0}}{{end}}", "{{.Subject}}", "{{.}}", "{{$x := .Reason}}{{$x}}",
		`{{define "x"}}{{.}}{{end}}{{template "x" .Reason}}`,
	} {
		own, err := withTemplate(t, "x "+action)
		require.NoError(t, err, action)
		assert.NotContains(t, mustRender(t, own.RenderDecision, d), "<b>", action)
	}
}

func TestMistakesInTemplates(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		text  string
		line  int
		found string
		fix   string
	}{
		"a field that is none":       {"a\n\n{{.Raeson}}\n", 3, "can't evaluate field Raeson", "known here: Approvals, Compromise, Deviations,"},
		"a field of a part":          {"{{range .Keys}}\n{{.Name}}{{end}}", 2, "can't evaluate field Name", "known here: Environment, Fingerprint, ID, Role"},
		"a list as if it were one":   {"{{.Keys.ID}}", 1, "can't evaluate field ID", "{{range …}}"},
		"no end":                     {"{{if .Sandbox}}\nx\n", 3, "unexpected EOF", "correct the line"},
		"a brace too few":            {"x\n{{.Reason}\n", 2, "bad character", "correct the line"},
		"a function that is none":    {"\n\n{{upper .Reason}}", 3, `function "upper" not defined`, "date, list, moment, second and span"},
		"the wrong kind of value":    {"{{date .Reason}}", 1, "wrong type", "correct the line"},
		"only in an emergency":       {"{{if .Compromise}}\n{{.Compromise.Who}}{{end}}", 2, "can't evaluate field Who", "known here: AuditCSV"},
		"only where there is little": {"{{.Impact.From}}", 1, "nil pointer", "correct the line"},
		"nothing at all":             {" \n", 1, "writes nothing", "write what is to be filed"},
		"nothing where all is empty": {"{{with .Parent}}{{.}}{{end}}", 1, "writes nothing", "write what is to be filed"},
		"not UTF-8":                  {"\xff", 1, "not UTF-8", "save it as UTF-8"},
		"too much":                   {strings.Repeat("x", maxTemplate+1), 1, "more than 256 KiB", "right file"},
		"without end":                {"{{range 100000000}}" + strings.Repeat("x", 1000) + "{{end}}", 1, "longer than 4 MiB", "correct the line"},
		"itself again and again":     {`{{define "x"}}{{template "x"}}{{end}}{{template "x"}}`, 1, "exceeded maximum template depth", "correct the line"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := withTemplate(t, c.text)
			var mistakes Mistakes
			require.ErrorAs(t, err, &mistakes)
			require.Len(t, mistakes, 1)
			m := mistakes[0]
			assert.Equal(t, "decisions", m.Field)
			assert.Equal(t, "decisions.md", filepath.Base(m.File))
			assert.Equal(t, c.line, m.Line, m.Found)
			assert.Contains(t, m.Found, c.found)
			assert.Contains(t, m.Fix, c.fix)
			assert.NotContains(t, err.Error(), "\n")
		})
	}
}

func TestEveryMistakenTemplateIsNamed(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	broken := filepath.Join(dir, "broken.md")
	require.NoError(t, os.WriteFile(broken, []byte("{{"), 0o600))
	_, err := Load(Files{Decisions: filepath.Join(dir, "missing.md"), Incident: dir, PostMortem: broken})
	var mistakes Mistakes
	require.ErrorAs(t, err, &mistakes)
	require.Len(t, mistakes, 3)
	assert.Equal(t, []string{"decisions", "incident", "post_mortem"}, []string{mistakes[0].Field, mistakes[1].Field, mistakes[2].Field})
	assert.NotEmpty(t, mistakes[0].Hint())
}

// FuzzLoad checks that no template, however wrong, does worse than be refused.
func FuzzLoad(f *testing.F) {
	for _, seed := range []string{"x", "{{", "{{.}}", "{{range .Keys}}{{.}}{{end}}", "{{.Now.Unix}}", "{{define \"a\"}}{{end}}", "{{len .TimeLine}}", "{{printf \"%*d\" 9 9}}"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if strings.Contains(text, "range") || strings.Contains(text, "template") || strings.Contains(text, "%") {
			return // bounded in what they write, not in how long they take
		}
		_, err := withTemplate(t, text)
		if err != nil {
			var mistakes Mistakes
			require.ErrorAs(t, err, &mistakes)
			require.GreaterOrEqual(t, mistakes[0].Line, 1)
			require.LessOrEqual(t, mistakes[0].Line, strings.Count(text, "\n")+1)
			require.NotEmpty(t, mistakes[0].Fix)
		}
	})
}

func TestSpan(t *testing.T) {
	t.Parallel()
	for d, want := range map[time.Duration]string{
		0: "0s", 9 * time.Second: "9s", 60 * time.Second: "1m", 95 * time.Second: "1m 35s", time.Hour: "1h",
		64*time.Minute + 5*time.Second: "1h 4m", 24 * time.Hour: "1d", 49 * time.Hour: "2d 1h", -90 * time.Second: "1m 30s",
	} {
		assert.Equal(t, want, span(d))
	}
}
