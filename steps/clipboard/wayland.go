package clipboard

import (
	"context"
	"io"
	"strings"
	"time"
)

// helpLimit is how long a program may take to print its help.
const helpLimit = 2 * time.Second

// wayland uses the programs of wl-clipboard.
type wayland struct {
	program   // wl-copy
	paste     program
	sensitive bool // wl-copy has the option
}

var _ reader = wayland{}

func newWayland(o Options) (way, error) {
	clip, err := o.find("wl-copy")
	if err != nil {
		return nil, err
	}
	paste, err := o.find("wl-paste")
	if err != nil {
		return nil, err
	}
	// wl-copy keeps its input in a file, mode 0600, as long as it offers it:
	// 2.1 always in /tmp, later ones where TMPDIR says. The runtime folder is
	// in memory and gone at logout.
	if runtime := o.Environ("XDG_RUNTIME_DIR"); runtime != "" {
		clip = clip.with("TMPDIR=" + runtime)
	}
	return wayland{program: clip, paste: paste, sensitive: lists(clip, "--sensitive")}, nil
}

// lists reports whether a program's help names an option.
func lists(p program, option string) bool {
	ctx, cancel := context.WithTimeout(context.Background(), helpLimit)
	defer cancel()
	var help strings.Builder
	err := p.run(ctx, nil, &help, "--help")
	return err == nil && strings.Contains(help.String(), option)
}

func (w wayland) describe() string {
	if w.sensitive {
		return "the clipboard (wl-copy, marked as a password)"
	}
	return "the clipboard (wl-copy)"
}

// put names the type: wl-copy would have the text looked at by xdg-mime.
func (w wayland) put(ctx context.Context, text string, concealed bool) error {
	args := []string{"--type", "text/plain"}
	if w.sensitive && concealed {
		args = append(args, "--sensitive")
	}
	return w.give(ctx, text, args...)
}

func (w wayland) clear(ctx context.Context) error {
	return w.give(ctx, blank, "--type", "text/plain")
}

func (w wayland) read(ctx context.Context, out io.Writer) error {
	return w.paste.take(ctx, out, "--no-newline", "--type", "text/plain")
}
