package checklist_test

import (
	"os"
	"path/filepath"
	"regexp"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// A page that names files rots when they move, unless a test looks.
func TestTheMapNamesOnlyWhatExists(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile(filepath.Join("..", "ARCHITECTURE.md"))
	require.NoError(t, err)
	paths := regexp.MustCompile("`([A-Za-z0-9_.-]*/[A-Za-z0-9_./-]*|[a-z_]+\\.go)`").FindAllStringSubmatch(string(page), -1)
	require.NotEmpty(t, paths)
	for _, p := range paths {
		_, err := os.Stat(filepath.Join("..", filepath.FromSlash(p[1])))
		assert.NoError(t, err, "ARCHITECTURE.md names %s", p[1])
	}
}
