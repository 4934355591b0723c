package ui

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// longestFunction is the most lines that a function here may have, so that no
// Update grows into the whole program.
const longestFunction = 60

func TestNoFunctionIsLong(t *testing.T) {
	t.Parallel()
	files := token.NewFileSet()
	names, err := filepath.Glob("*.go")
	require.NoError(t, err)
	for _, name := range names {
		if strings.HasSuffix(name, "_test.go") {
			continue
		}
		file, err := parser.ParseFile(files, name, nil, 0)
		require.NoError(t, err)
		for _, d := range file.Decls {
			if f, ok := d.(*ast.FuncDecl); ok {
				lines := files.Position(f.End()).Line - files.Position(f.Pos()).Line + 1
				assert.LessOrEqual(t, lines, longestFunction, "%s: %s", name, f.Name.Name)
			}
		}
	}
}

// TestPinnedModules holds two versions: later ones start 16 ms later and paint
// half as fast.
func TestPinnedModules(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile("../go.mod")
	require.NoError(t, err)
	for _, pin := range []string{"github.com/charmbracelet/x/ansi v0.11.6", "github.com/mattn/go-runewidth v0.0.19"} {
		assert.Contains(t, string(text), pin)
	}
}

// TestOnlyThisPackageKnowsBubbleTea keeps a change of library in one place.
func TestOnlyThisPackageKnowsBubbleTea(t *testing.T) {
	t.Parallel()
	err := filepath.WalkDir("..", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && (d.Name() == "testdata" || d.Name() == ".git"):
			return fs.SkipDir
		case !strings.HasSuffix(path, ".go") || filepath.Dir(path) == filepath.Join("..", "ui"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), path, nil, parser.ImportsOnly)
		if err != nil {
			return nil // the compiler says it better
		}
		for _, i := range file.Imports {
			for _, library := range []string{"charmbracelet/bubble", "charmbracelet/lipgloss"} {
				assert.NotContains(t, i.Path.Value, library, path)
			}
		}
		return nil
	})
	require.NoError(t, err)
}

// TestGuardImportsNothingButOS holds what the guard's place in the order of
// initialisation rests on.
func TestGuardImportsNothingButOS(t *testing.T) {
	t.Parallel()
	file, err := parser.ParseFile(token.NewFileSet(), "termguard/termguard.go", nil, parser.ImportsOnly)
	require.NoError(t, err)
	require.Len(t, file.Imports, 1)
	assert.Equal(t, `"os"`, file.Imports[0].Path.Value)
}
