package clipboard

import (
	"context"
	"io"
)

// x11 is the clipboard of an X display, by a program that stays behind as the
// owner of the text until another takes over. Neither program can offer a mark
// for clipboard managers beside the text.
type x11 struct {
	program
	in, out []string // arguments
}

var _ reader = x11{}

func newXclip(o Options) (way, error) {
	p, err := o.find("xclip")
	return x11{p, []string{"-selection", "clipboard", "-in"}, []string{"-selection", "clipboard", "-out"}}, err
}

func newXsel(o Options) (way, error) {
	p, err := o.find("xsel")
	return x11{p, []string{"--clipboard", "--input"}, []string{"--clipboard", "--output"}}, err
}

func (x x11) describe() string { return "the clipboard (" + x.name() + ")" }

func (x x11) put(ctx context.Context, text string, _ bool) error {
	return x.give(ctx, text, x.in...)
}

func (x x11) clear(ctx context.Context) error { return x.give(ctx, blank, x.in...) }

func (x x11) read(ctx context.Context, w io.Writer) error { return x.take(ctx, w, x.out...) }
