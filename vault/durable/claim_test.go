package durable

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestClaimWhereThereAreNoLinks(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	from, to := filepath.Join(dir, "from"), filepath.Join(dir, "to")
	require.NoError(t, os.WriteFile(from, []byte("text"), 0o600))
	require.NoError(t, claim(from, to))
	text, err := os.ReadFile(to)
	require.NoError(t, err)
	assert.Equal(t, "text", string(text))
	assert.NoFileExists(t, from)

	require.NoError(t, os.WriteFile(from, []byte("another"), 0o600))
	require.ErrorIs(t, claim(from, to), fs.ErrExist)
	assert.FileExists(t, from)
}
