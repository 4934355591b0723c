package checklist_test

import (
	"os/exec"
	"runtime"
	"testing"

	"keyturn/checklist"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestShellWord(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "/home/alice/.local/state/keyturn", checklist.ShellWord("/home/alice/.local/state/keyturn"))
	if runtime.GOOS == "windows" {
		assert.Equal(t, `"C:\Program Files"`, checklist.ShellWord(`C:\Program Files`))
		return
	}
	assert.Equal(t, "'/Users/alice/Library/Application Support/keyturn'", checklist.ShellWord("/Users/alice/Library/Application Support/keyturn"))
	for _, value := range []string{"", "a b", "it's", "$HOME", "`id`", "~", "a\nb", `back\slash`, "*", "-n", "ü"} {
		out, err := exec.CommandContext(t.Context(), "/bin/sh", "-c", "printf %s. "+checklist.ShellWord(value)).Output()
		require.NoError(t, err)
		assert.Equal(t, value+".", string(out))
	}
}
