package clipboard

import "context"

// buffer is the name of the tmux buffer that a text passes through.
const buffer = "keyturn"

// tmux hands texts to the terminal that tmux is shown in. An OSC 52 from inside
// would be ignored under tmux's default settings, or would stay in one of its
// buffers under others; this works under all of them.
type tmux struct{ program }

var _ way = tmux{}

func newTmux(o Options) (way, error) {
	p, err := o.find("tmux")
	return tmux{p}, err
}

// name has the version in which load-buffer got its option -w.
func (t tmux) name() string { return "tmux (3.2 or newer)" }

func (t tmux) describe() string { return "the terminal's clipboard by tmux" }

func (t tmux) put(ctx context.Context, text string, concealed bool) error {
	if !concealed { // it may be pasted by tmux as well
		return t.give(ctx, text, "load-buffer", "-w", "-")
	}
	return t.load(ctx, text)
}

func (t tmux) clear(ctx context.Context) error { return t.load(ctx, blank) }

// load lets one tmux do both, so that no kill in between leaves the buffer.
func (t tmux) load(ctx context.Context, text string) error {
	return t.give(ctx, text, "load-buffer", "-b", buffer, "-w", "-", ";", "delete-buffer", "-b", buffer)
}
