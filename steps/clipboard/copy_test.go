//go:build unix

package clipboard_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/steps/clipboard"
)

func TestCopy(t *testing.T) {
	t.Parallel()
	const text = "a message of several\nlines"
	osc52 := "\x1b]52;c;" + base64.StdEncoding.EncodeToString([]byte(text)) + "\a"
	for name, tt := range map[string]struct {
		env       variables
		programs  map[string]string
		said      string
		arguments string // of the program that got the text
		terminal  string
	}{
		"by a program":              {variables{"DISPLAY": ":9"}, map[string]string{"xclip": keeps}, "copied (xclip)", "xclip\n-selection\nclipboard\n-in\n", ""},
		"not marked as a password":  {variables{"WAYLAND_DISPLAY": "w"}, map[string]string{"wl-copy": wlCopy, "wl-paste": shows}, "copied (wl-copy)", "wl-copy\n--help\nwl-copy\n--type\ntext/plain\n", ""},
		"by tmux, and kept there":   {variables{"TMUX": "x"}, map[string]string{"tmux": keeps}, "handed to the terminal's clipboard by tmux", "tmux\nload-buffer\n-w\n-\n", ""},
		"by the next, if one fails": {variables{"DISPLAY": ":9"}, map[string]string{"xclip": tellsAll, "xsel": keeps}, "copied (xsel)", "xclip\n-selection\nclipboard\n-in\nxsel\n--clipboard\n--input\n", ""},
		"by the terminal":           {variables{"DISPLAY": ":9"}, map[string]string{"xclip": tellsAll}, "handed to the terminal's clipboard (OSC 52)", "xclip\n-selection\nclipboard\n-in\n", osc52},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, terminal := newDesk(t, tt.env), &page{}
			for program, body := range tt.programs {
				d.program(program, body)
			}
			o := d.options("linux")
			o.Terminal = terminal.open
			said, err := clipboard.Copy(t.Context(), o, text)
			require.NoError(t, err)
			assert.Equal(t, tt.said, said)
			assert.Equal(t, tt.arguments, d.read("arguments"))
			assert.Equal(t, tt.terminal, terminal.String())
			if tt.terminal == "" {
				assert.Equal(t, text, d.read("board"))
			}
		})
	}

	t.Run("not, and it says why", func(t *testing.T) {
		t.Parallel()
		d := newDesk(t, variables{})
		_, err := clipboard.Copy(t.Context(), d.options("linux"), text)
		require.ErrorContains(t, err, "open the terminal")
		assert.Contains(t, hintOf(t, err), "start Keyturn in a terminal that can copy")
		require.NoFileExists(t, d.path("board"))
	})
	t.Run("not more than a terminal takes", func(t *testing.T) {
		t.Parallel()
		terminal := &page{}
		o := newDesk(t, variables{}).options("linux")
		o.Terminal = terminal.open
		_, err := clipboard.Copy(t.Context(), o, strings.Repeat("x", 60_000))
		require.ErrorContains(t, err, "too long for a terminal")
		assert.Empty(t, terminal.String())
	})
}
