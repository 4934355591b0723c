package e2e

import (
	"encoding/json"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNothingHangsOnWords builds the program with every sentence of its
// checklists, questions, effects, deviations and reports changed, and lets the
// two judge each other's records and go on with each other's sessions.
func TestNothingHangsOnWords(t *testing.T) {
	t.Parallel()
	if os.Getenv("KEYTURN_TEST_REQUIRE") != "all" {
		t.Skip("builds the program once more; runs where everything is required")
	}
	overlay := rewordedSources(t)
	reworded := filepath.Join(t.TempDir(), "keyturn")
	if runtime.GOOS == "windows" {
		reworded += ".exe"
	}
	out, err := exec.CommandContext(t.Context(), "go", "build", "-overlay", overlay, "-o", reworded, "keyturn").CombinedOutput()
	require.NoError(t, err, "%s", out)

	for _, kind := range []string{"quarterly", "emergency", "drill", "rollback"} {
		for name, binaries := range map[string][2]string{"written in our words": {binary, reworded}, "written in other words": {reworded, binary}} {
			t.Run(kind+", "+name, func(t *testing.T) {
				t.Parallel()
				p := newPerson(t)
				run := func(program string, args ...string) result {
					cmd := exec.CommandContext(t.Context(), program, args...)
					cmd.Dir, cmd.Env = p.work(), p.environ()
					return finish(t, cmd)
				}
				r := run(binaries[0], "rehearse", kind)
				require.Zero(t, r.code, "%s%s", r.stdout, r.stderr)
				dir := rehearsed(t, p)
				roster, trail := filepath.Join(dir, "allowed_signers"), filepath.Join(dir, "trail")
				ours := run(binaries[0], "verify", "--roster", roster, trail)
				theirs := run(binaries[1], "verify", "--roster", roster, trail)
				require.Zero(t, ours.code, "%s%s", ours.stdout, ours.stderr)
				require.Zero(t, theirs.code, "%s%s", theirs.stdout, theirs.stderr)
				assert.NotEqual(t, ours.stdout, theirs.stdout, "the words were not changed at all")
				shape := regexp.MustCompile(`(?m)^ *([-+]|[a-z ]+:)`)
				assert.Len(t, shape.FindAllString(theirs.stdout, -1), len(shape.FindAllString(ours.stdout, -1)), "the one says as many things as the other:\n%s\n%s", ours.stdout, theirs.stdout)
			})
		}
	}

	t.Run("kept sessions", func(t *testing.T) {
		t.Parallel()
		root, err := filepath.Abs(filepath.Join("..", ".."))
		require.NoError(t, err)
		cmd := exec.CommandContext(t.Context(), "go", "test", "-count=1", "-overlay", overlay, "-run", "^TestKept", "./steps/program")
		cmd.Dir = root
		out, err := cmd.CombinedOutput()
		require.NoError(t, err, "%s", out)
		assert.Contains(t, string(out), "ok", "%s", out)
	})
}

// rewordedFiles are those whose sentences are for people, as patterns below the
// root. What follows is format, and is left alone.
var (
	rewordedFiles = []string{
		"checklist/*.go", "checklist/record/*.go", "steps/*.go", "steps/target/*.go", "steps/keys/*.go", "steps/traffic/*.go",
		"steps/proof/*.go", "steps/hosting/*.go", "steps/consent/*.go", "steps/paperwork/*.go", "steps/emergency/*.go",
		"steps/rollback/*.go", "steps/drill/*.go",
	}
	leftAsTheyAre = []string{"checklist/line.go", "checklist/record/files.go", "checklist/record/head.go"}
)

// rewordedSources writes the sources of the program with other words, and
// returns the overlay that puts them in the place of ours.
func rewordedSources(t *testing.T) (overlay string) {
	t.Helper()
	root, err := filepath.Abs(filepath.Join("..", ".."))
	require.NoError(t, err)
	dir := t.TempDir()
	replaced, changed := map[string]string{}, 0
	for _, pattern := range rewordedFiles {
		files, err := filepath.Glob(filepath.Join(root, filepath.FromSlash(pattern)))
		require.NoError(t, err)
		for i, file := range files {
			name, err := filepath.Rel(root, file)
			require.NoError(t, err)
			if strings.HasSuffix(file, "_test.go") || slices.Contains(leftAsTheyAre, filepath.ToSlash(name)) {
				continue
			}
			text, n := reworded(t, file)
			changed += n
			to := filepath.Join(dir, strconv.Itoa(i)+"-"+strings.ReplaceAll(filepath.ToSlash(name), "/", "-"))
			require.NoError(t, os.WriteFile(to, text, 0o600))
			replaced[file] = to
		}
	}
	require.Greater(t, changed, 1000, "sentences were found")
	text, err := json.Marshal(map[string]any{"Replace": replaced})
	require.NoError(t, err)
	overlay = filepath.Join(dir, "overlay.json")
	require.NoError(t, os.WriteFile(overlay, text, 0o600))
	return overlay
}

// reworded returns a source file whose sentences are changed, and their number.
func reworded(t *testing.T, path string) ([]byte, int) {
	t.Helper()
	source, err := os.ReadFile(path)
	require.NoError(t, err)
	set := token.NewFileSet()
	file, err := parser.ParseFile(set, path, source, 0)
	require.NoError(t, err)
	var sentences []*ast.BasicLit
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.ImportSpec, *ast.StructType:
			return false // paths and tags
		case *ast.CallExpr:
			if f, ok := n.Fun.(*ast.SelectorExpr); ok && f.Sel.Name == "MustCompile" {
				return false
			}
		case *ast.BasicLit:
			if n.Kind == token.STRING && sentence(n.Value) {
				sentences = append(sentences, n)
			}
		}
		return true
	})
	var out []byte
	last := 0
	for _, s := range sentences {
		from, to := set.Position(s.Pos()).Offset, set.Position(s.End()).Offset
		text, err := strconv.Unquote(s.Value)
		require.NoError(t, err)
		out = append(append(out, source[last:from]...), strconv.Quote(otherWords(text))...)
		last = to
	}
	return append(out, source[last:]...), len(sentences)
}

// sentence reports whether a literal is words for people: more than one, and
// neither a layout for times nor a request.
func sentence(literal string) bool {
	words := regexp.MustCompile(`[A-Za-z]{2,}`).FindAllString(literal, -1)
	return strings.Contains(literal, " ") && len(words) > 1 &&
		!strings.Contains(literal, "2006") && !regexp.MustCompile(`(GET|POST|PATCH|DELETE) /`).MatchString(literal)
}

// otherWords writes every word backwards and leaves the verbs of a format.
func otherWords(text string) string {
	verb := regexp.MustCompile(`%[-+# 0-9.\[\]*]*[a-zA-Z%]|[A-Za-z]{3,}`)
	return verb.ReplaceAllStringFunc(text, func(word string) string {
		if word[0] == '%' {
			return word
		}
		letters := []byte(word)
		slices.Reverse(letters)
		return string(letters)
	})
}
