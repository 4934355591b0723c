package checklist_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
)

// Every constant has the text of something that was released, and everything
// that was released has its constant.
func TestNamesAreReleased(t *testing.T) {
	t.Parallel()
	released := map[string]map[string]bool{"Item": {}, "Step": {checklist.StepManual: true}, "Kind": {}}
	for _, sk := range checklist.Released() {
		released["Kind"][sk.Kind] = true
		for _, i := range sk.Items {
			released["Item"][i.ID], released["Step"][i.Step] = true, true
		}
	}
	named := map[string]map[string]bool{"Item": {}, "Step": {}, "Kind": {}}
	file, err := parser.ParseFile(token.NewFileSet(), "names.go", nil, 0)
	require.NoError(t, err)
	for _, d := range file.Decls {
		for _, spec := range d.(*ast.GenDecl).Specs {
			v := spec.(*ast.ValueSpec)
			kind := v.Names[0].Name[:len("Item")]
			text, err := strconv.Unquote(v.Values[0].(*ast.BasicLit).Value)
			require.NoError(t, err)
			assert.True(t, released[kind][text], "%s: %q was not released", v.Names[0].Name, text)
			words := strings.Split(text, "-")
			for i, w := range words {
				words[i] = strings.ToUpper(w[:1]) + w[1:]
			}
			assert.Equal(t, kind+strings.Join(words, ""), v.Names[0].Name, "the name says the text")
			named[kind][text] = true
		}
	}
	assert.Equal(t, released, named)
}

// lookups are the functions whose last argument is the id of an item or the name of
// a step.
var lookups = []string{"State", "As", "Item", "StepState", "Step", "PassedAt"}

// holds are the fields that hold one.
var holds = []string{"Step", "Item", "PatienceFrom"}

// bare returns the texts that stand where the name of an item or a step belongs:
// as a bare text a misspelt one would be found by nobody.
func bare(file *ast.File) []string {
	var found []string
	add := func(e ast.Expr) {
		if literal, ok := e.(*ast.BasicLit); ok && literal.Kind == token.STRING && literal.Value != `""` {
			found = append(found, literal.Value)
		}
	}
	isName := func(e ast.Expr) bool {
		selector, ok := e.(*ast.SelectorExpr)
		return ok && slices.Contains(holds, selector.Sel.Name)
	}
	ast.Inspect(file, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.CallExpr:
			name := ""
			switch f := n.Fun.(type) {
			case *ast.SelectorExpr:
				name = f.Sel.Name
			case *ast.Ident:
				name = f.Name
			}
			if slices.Contains(lookups, name) && len(n.Args) > 0 {
				add(n.Args[len(n.Args)-1])
			}
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok && slices.Contains(holds, key.Name) {
				add(n.Value)
			}
		case *ast.BinaryExpr:
			if (n.Op == token.EQL || n.Op == token.NEQ) && (isName(n.X) || isName(n.Y)) {
				add(n.X)
				add(n.Y)
			}
		case *ast.SwitchStmt:
			if !isName(n.Tag) {
				break
			}
			for _, c := range n.Body.List {
				for _, e := range c.(*ast.CaseClause).List {
					add(e)
				}
			}
		}
		return true
	})
	return found
}

func TestItemsAndStepsAreNamedByTheirConstants(t *testing.T) {
	t.Parallel()
	looked := 0
	for _, root := range []string{".", "../steps"} {
		require.NoError(t, filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			switch {
			case err != nil:
				return err
			case d.IsDir() && (d.Name() == "sandbox" || d.Name() == "checklisttest" || d.Name() == "programtest"):
				return fs.SkipDir // they have items of their own
			case filepath.Ext(path) != ".go" || strings.HasSuffix(path, "_test.go"):
				return nil
			}
			file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
			if err == nil {
				looked++
				assert.Empty(t, bare(file), "%s: name it by its constant", path)
			}
			return err
		}))
	}
	assert.Greater(t, looked, 100)
	file, err := parser.ParseFile(token.NewFileSet(), "x.go", `package x
		var i = Item{ID: "a", Step: "b", Item: c}
		func f(s Session) bool {
			switch i.Step { case "d", e: }
			return s.State("f").At == g.Item && "h" != i.Step && s.State(j) == k && PassedAt(s, "i")
		}`, 0)
	require.NoError(t, err)
	assert.ElementsMatch(t, []string{`"b"`, `"d"`, `"f"`, `"h"`, `"i"`}, bare(file), "such texts are found")
}
