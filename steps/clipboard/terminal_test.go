//go:build unix

package clipboard_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestTerminalAfterAKill has a shell in a terminal, as over SSH, which lets no
// background job write. The process that put the value is killed; its watcher
// still clears, by the same terminal.
func TestTerminalAfterAKill(t *testing.T) {
	t.Parallel()
	need(t, "sh", "stty", "cat")
	secret := newSecret(t)
	file := filepath.Join(t.TempDir(), "secret")
	require.NoError(t, os.WriteFile(file, []byte(secret.Reveal()), 0o600))
	shell := exec.Command("sh", "-c", `stty tostop; "$0" "$@"; cat`, os.Args[0], putCommand, file, soon.String())
	shell.Env = variables{"PATH": os.Getenv("PATH"), "TERM": "xterm", "SSH_TTY": "/dev/pts/9"}.list()
	window := openOuter(t, shell)

	put := regexp.MustCompile(`put by (\d+)\.`)
	eventually(t, func() bool { return put.MatchString(window.String()) }, "nothing was put")
	sequence := "\x1b]52;c;" + base64Of(secret.Reveal()) + "\a"
	require.True(t, strings.Contains(window.String(), sequence), "the terminal is not told to copy")
	id, err := strconv.Atoi(put.FindStringSubmatch(window.String())[1])
	require.NoError(t, err)
	require.NoError(t, syscall.Kill(id, syscall.SIGKILL))
	eventually(t, func() bool { return strings.Contains(window.String(), "\x1b]52;c;IA==\a") }, "the watcher does not clear")
	assert.Equal(t, 1, strings.Count(window.String(), sequence))
}
