package steps

import (
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
)

// Every step that was ever released is answered to, by the API and by hand, so
// that an old session goes on.
func TestTheCatalogAnswersToEveryReleasedStep(t *testing.T) {
	t.Parallel()
	released := checklist.Released()
	require.NotEmpty(t, released)
	for name, o := range map[string]*Outside{"by the API": {}, "by hand": {Hand: &Hand{}}} {
		c := NewCatalog(o)
		for _, sk := range released {
			for _, i := range sk.Items {
				step, ok := c.Step(i.Step)
				assert.True(t, ok && step != nil, "%s: %s of %s", name, i.Step, sk.Kind)
				assert.NotNil(t, stepsOf(o, nil)[i.Step], "%s: %s of %s", name, i.Step, sk.Kind)
			}
		}
		_, ok := c.Step(checklist.StepManual)
		assert.True(t, ok, name)
	}
}

// source returns the files of the steps by name, without tests.
func source(t *testing.T) map[string]*ast.File {
	t.Helper()
	var names []string
	for _, room := range []string{"keys", "traffic", "proof", "hosting", "consent", "paperwork", "emergency", "rollback", "drill"} {
		found, err := filepath.Glob(room + "/*.go")
		require.NoError(t, err)
		require.NotEmpty(t, found, room)
		names = append(names, found...)
	}
	files := map[string]*ast.File{}
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		var err error
		files[name], err = parser.ParseFile(token.NewFileSet(), name, nil, 0)
		require.NoError(t, err)
	}
	return files
}

// A question of a step that has no id, or none of the form that ids have, could
// not be journalled.
func TestQuestionsOfStepsHaveIDs(t *testing.T) {
	t.Parallel()
	id := regexp.MustCompile(`^[a-z]+(-[a-z]+)*$`)
	questions, ids := 0, 0
	files := source(t)
	constants := stringConstants(files)
	for name, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			literal, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			switch typeOf(literal) {
			case "checklist.Question":
				questions++
				assert.NotNil(t, field(literal, "Asked"), "%s: a question without Asked", name)
			case "checklist.Asked":
				ids++
				switch value := field(literal, "ID").(type) {
				case *ast.BasicLit:
					assert.Regexp(t, id, unquoted(t, value), name)
				case *ast.Ident:
					if text, ok := constants[value.Name]; ok {
						assert.Regexp(t, id, text, name)
					}
				case nil:
					t.Errorf("%s: a question without an id", name)
				}
			}
			return true
		})
	}
	assert.NotZero(t, questions)
	assert.NotZero(t, ids)
}

func unquoted(t *testing.T, literal *ast.BasicLit) string {
	t.Helper()
	text, err := strconv.Unquote(literal.Value)
	require.NoError(t, err)
	return text
}

// stringConstants are the values of the constants that are written out.
func stringConstants(files map[string]*ast.File) map[string]string {
	all := map[string]string{}
	for _, file := range files {
		ast.Inspect(file, func(n ast.Node) bool {
			if v, ok := n.(*ast.ValueSpec); ok {
				for i, value := range v.Values {
					if literal, ok := value.(*ast.BasicLit); ok && literal.Kind == token.STRING {
						all[v.Names[i].Name], _ = strconv.Unquote(literal.Value) // the parser has read it
					}
				}
			}
			return true
		})
	}
	return all
}

func typeOf(literal *ast.CompositeLit) string {
	selector, ok := literal.Type.(*ast.SelectorExpr)
	if !ok {
		return ""
	}
	pkg, ok := selector.X.(*ast.Ident)
	if !ok {
		return ""
	}
	return pkg.Name + "." + selector.Sel.Name
}

func field(literal *ast.CompositeLit, name string) ast.Expr {
	for _, e := range literal.Elts {
		if kv, ok := e.(*ast.KeyValueExpr); ok {
			if key, ok := kv.Key.(*ast.Ident); ok && key.Name == name {
				return kv.Value
			}
		}
	}
	return nil
}
