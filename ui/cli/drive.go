package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"

	"golang.org/x/term"

	"keyturn/steps/clipboard"
	"keyturn/steps/program"
	"keyturn/ui"
	"keyturn/ui/plain"
)

// stays is a terminal that is not closed by what writes to it.
type stays struct{ io.Writer }

func (stays) Close() error { return nil }

// drive opens the interface at a checklist; "" is the home screen.
func (a *app) drive(ctx context.Context, start string) error {
	if a.plain || !isTerminal(a.in) || !isTerminal(a.out) || os.Getenv("ACCESSIBLE") == "1" || os.Getenv("TERM") == "dumb" {
		return a.drivePlain(ctx, start)
	}
	o, err := a.flags.Options()
	if err != nil {
		return err
	}
	p, service := (*program.Program)(nil), program.SandboxService
	if o.Config != nil {
		// A vault may ask for its passphrase, which takes the plain terminal.
		if p, err = a.open(ctx); err != nil {
			return err
		}
		service = p.Service()
	}
	result, err := ui.Run(ctx, ui.Options{
		Theme: a.theme, Glyphs: a.glyphs(), NoMotion: a.still,
		Sandbox: o.Config == nil, Service: service, Start: start, CrashDir: filepath.Join(o.State, "crashes"),
		Load: func(ctx context.Context) (ui.Desk, error) {
			if p == nil {
				p, err = program.Open(ctx, o)
			}
			return p, err
		},
		Copy: func(ctx context.Context, terminal io.Writer, text string) (string, error) {
			tty := func() (io.WriteCloser, error) { return stays{terminal}, nil }
			return clipboard.Copy(ctx, clipboard.Options{Terminal: tty}, text)
		},
	})
	if p != nil {
		err = errors.Join(err, p.Close())
	}
	if result.Return != "" {
		fmt.Fprintf(a.errOut, "Nothing is lost. Return with: %s\n", result.Return)
	}
	switch {
	case result.Signal != 0:
		return &exit{code: 128 + result.Signal}
	case err != nil:
		return err
	case result.Interrupted:
		return &exit{code: codeInterrupted}
	case result.Return != "":
		return &exit{code: codeStopped}
	}
	return nil
}

// glyphs names the set of the flag; "" lets the locale decide.
func (a *app) glyphs() string {
	if a.ascii {
		return "ascii"
	}
	return ""
}

func (a *app) drivePlain(ctx context.Context, start string) error {
	ctx, stop := signal.NotifyContext(ctx, os.Interrupt)
	defer stop()
	p, err := a.open(ctx)
	if err != nil {
		return err
	}
	defer p.Close()
	if start == "" {
		return plain.Home(ctx, p, a.in, a.out)
	}
	return plain.Run(ctx, p, start, a.in, a.out)
}

func isTerminal(stream any) bool {
	f, ok := stream.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
