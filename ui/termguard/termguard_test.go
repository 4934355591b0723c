package termguard

import (
	"os"
	"os/exec"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestRestore runs this test binary again, since the guard acts before any
// test can.
func TestRestore(t *testing.T) {
	if os.Getenv("TERMGUARD_CHILD") != "" {
		before := os.Getenv("TERM")
		Restore()
		Restore()
		after, set := os.LookupEnv("TERM")
		_, _ = os.Stdout.WriteString(before + "|" + after)
		if !set {
			_, _ = os.Stdout.WriteString("unset")
		}
		os.Exit(0)
	}
	tests := map[string]struct {
		env  []string
		want string
	}{
		"a terminal": {[]string{"TERM=xterm-256color"}, "dumb|xterm-256color"},
		"none":       {nil, "dumb|unset"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cmd := exec.Command(os.Args[0], "-test.run=^TestRestore$")
			cmd.Env = append([]string{"TERMGUARD_CHILD=1"}, tt.env...)
			out, err := cmd.Output()
			require.NoError(t, err)
			assert.Equal(t, tt.want, string(out))
		})
	}
}
