package checklist_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The most that is read at once without losing the thread, in lines.
const (
	longestFunction = 60
	longestFile     = 450
)

// data are functions that return a table and decide nothing: a checklist's items, or
// the options of a command. They are as long as what they list.
var data = map[string]bool{
	"checklist/drill.go Drill": true,
	"steps/catalog.go stepsOf": true,
}

// TestFilesAndFunctionsAreShort holds the length of production code.
func TestFilesAndFunctionsAreShort(t *testing.T) {
	t.Parallel()
	seen := map[string]bool{}
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == ".git"):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, path, nil, parser.SkipObjectResolution)
		if err != nil {
			return err
		}
		assert.LessOrEqual(t, set.File(file.Pos()).LineCount(), longestFile, "lines of %s", path)
		for _, decl := range file.Decls {
			f, ok := decl.(*ast.FuncDecl)
			if !ok || f.Body == nil {
				continue
			}
			lines := set.Position(f.End()).Line - set.Position(f.Pos()).Line + 1
			if lines <= longestFunction {
				continue
			}
			name := filepath.ToSlash(strings.TrimPrefix(path, "../")) + " " + f.Name.Name
			seen[name] = true
			assert.True(t, data[name], "%s has %d lines", name, lines)
		}
		return nil
	})
	require.NoError(t, err)
	for name := range data {
		assert.True(t, seen[name], "%s is excused and need not be", name)
	}
}
