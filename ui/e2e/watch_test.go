//go:build unix

package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"keyturn/steps/program/programtest"
)

// watched is what was seen of the arguments and environments of processes.
type watched map[string]bool

// look reads them of all descendants of a process. It sees only what lives
// now, and only on Linux.
func (w *watched) look(t *testing.T, pid int) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return
	}
	if *w == nil {
		*w = watched{}
	}
	for _, child := range children(pid) {
		for _, name := range []string{"cmdline", "environ"} {
			// A process may end meanwhile.
			if text, err := os.ReadFile(fmt.Sprintf("/proc/%d/%s", child, name)); err == nil {
				(*w)[string(text)] = true
			}
		}
		w.look(t, child)
	}
}

func children(pid int) []int {
	var found []int
	stats, err := filepath.Glob("/proc/[0-9]*/stat")
	if err != nil {
		return nil
	}
	for _, path := range stats {
		text, err := os.ReadFile(path)
		if err != nil {
			continue
		}
		// The fields behind the name in parentheses: state, parent.
		fields := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
		if len(fields) < 2 || fields[1] != strconv.Itoa(pid) {
			continue
		}
		if child, err := strconv.Atoi(filepath.Base(filepath.Dir(path))); err == nil {
			found = append(found, child)
		}
	}
	return found
}

func (w watched) requireNone(t *testing.T, secrets *programtest.Secrets) {
	t.Helper()
	if runtime.GOOS != "linux" {
		return
	}
	all := ""
	for text := range w {
		require.Empty(t, secrets.In([]byte(text)), "in the arguments or the environment of a process")
		all += text + "\n"
	}
	require.Contains(t, all, "keyturn\x00--vault", "the program itself was not seen")
	require.Contains(t, all, "XDG_STATE_HOME=")
}
