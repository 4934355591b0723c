package clipboard_test

import (
	"os/exec"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/steps/clipboard"
)

func TestFind(t *testing.T) {
	t.Parallel()
	x11 := variables{"DISPLAY": ":0", "TERM": "xterm"}
	ssh := variables{"SSH_TTY": "/dev/pts/1", "DISPLAY": "localhost:10", "TERM": "xterm"}
	tests := map[string]struct {
		goos       string
		env        variables
		programs   []string
		noTerminal bool
		want       string // what is found
		err, hint  string // or why not
	}{
		"tmux":               {env: variables{"TMUX": "s,1,0", "DISPLAY": ":0"}, programs: []string{"tmux", "xclip"}, want: "the terminal's clipboard by tmux"},
		"tmux over ssh":      {env: variables{"TMUX": "s,1,0", "SSH_CONNECTION": "a b"}, programs: []string{"tmux"}, want: "the terminal's clipboard by tmux"},
		"tmux not installed": {env: variables{"TMUX": "s,1,0", "TERM": "screen"}, want: "the terminal's clipboard (OSC 52 through tmux)"},
		"x11":                {env: x11, programs: []string{"xsel", "xclip"}, want: "the clipboard (xclip)"},
		"x11 with xsel only": {env: x11, programs: []string{"xsel"}, want: "the clipboard (xsel)"},
		"x11 with nothing":   {env: x11, want: "the terminal's clipboard (OSC 52)"},
		"x11, no terminal":   {env: x11, noTerminal: true, err: "find a clipboard: find xclip: executable file not found in $PATH; find xsel: ", hint: "install xclip or xsel"},
		"wayland, no paste":  {env: variables{"WAYLAND_DISPLAY": "w", "DISPLAY": ":0"}, programs: []string{"wl-copy", "xclip"}, want: "the clipboard (xclip)"},
		"wayland, nothing":   {env: variables{"WAYLAND_DISPLAY": "w"}, noTerminal: true, err: "find wl-copy", hint: "install wl-clipboard;"},
		"ssh":                {env: ssh, programs: []string{"xclip"}, want: "the terminal's clipboard (OSC 52)"},
		"ssh from a tmux":    {env: variables{"SSH_TTY": "x", "TERM": "tmux-256color"}, want: "the terminal's clipboard (OSC 52 through tmux)"},
		"ssh and screen":     {env: variables{"SSH_TTY": "x", "STY": "1.s", "TERM": "xterm"}, want: "the terminal's clipboard (OSC 52 through screen)"},
		"ssh, no terminal":   {env: ssh, programs: []string{"xclip"}, noTerminal: true, err: "open the terminal", hint: "ssh -t"},
		"ssh to a mac":       {goos: "darwin", env: ssh, programs: []string{"pbcopy", "pbpaste"}, want: "the terminal's clipboard (OSC 52)"},
		"a dumb terminal":    {env: variables{"TERM": "dumb"}, err: "has no clipboard", hint: "start Keyturn in a terminal that can copy"},
		"a text console":     {env: variables{"TERM": "linux"}, err: "TERM=linux", hint: "in a desktop session"},
		"nothing at all":     {noTerminal: true, err: "no such device", hint: "start Keyturn in a terminal"},
		"macos":              {goos: "darwin", programs: []string{"pbcopy", "pbpaste", "osascript"}, want: "the clipboard (marked as concealed)"},
		"macos unscripted":   {goos: "darwin", programs: []string{"pbcopy", "pbpaste"}, want: "the clipboard (pbcopy)"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.goos == "" {
				tt.goos = "linux"
			}
			terminal := &page{missing: tt.noTerminal}
			c, err := clipboard.Find(clipboard.Options{
				GOOS: tt.goos, Environ: tt.env.get, Terminal: terminal.open,
				LookPath: func(name string) (string, error) {
					if slices.Contains(tt.programs, name) {
						return "/nowhere/" + name, nil
					}
					return "", exec.ErrNotFound
				},
			})
			assert.Empty(t, terminal.String(), "looking must not write")
			if tt.err != "" {
				require.ErrorContains(t, err, tt.err)
				assert.Contains(t, hintOf(t, err), tt.hint)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tt.want, c.Describe())
		})
	}
}

func TestNotice(t *testing.T) {
	t.Parallel()
	found := func(env variables) *clipboard.Clipboard {
		c, err := clipboard.Find(clipboard.Options{
			GOOS: "linux", Environ: env.get, Terminal: (&page{}).open,
			LookPath: func(name string) (string, error) { return "/nowhere/" + name, nil },
		})
		require.NoError(t, err)
		return c
	}
	seen, blind := found(variables{"DISPLAY": ":0"}), found(variables{"SSH_TTY": "x"})
	assert.False(t, seen.Blind())
	assert.Equal(t, "The value is put on the clipboard (xclip). After 45s it is cleared, "+
		"unless you have copied something else since.", seen.Notice(45*time.Second))
	assert.True(t, blind.Blind())
	assert.Equal(t, "The value is sent to the terminal's clipboard (OSC 52), which does not say whether it has arrived. "+
		"After 45s it is overwritten with a space, even if you have copied something else since.", blind.Notice(45*time.Second))
}
