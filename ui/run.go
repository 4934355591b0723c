package ui

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"sync/atomic"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
	"github.com/charmbracelet/x/term"

	"keyturn/ui/termguard"
)

// framesPerSecond is the most that the renderer allows. A key is painted at
// the next tick, so a slower one would be felt.
const framesPerSecond = 120

// farewellWait is how long a cancelled task may take to come home.
const farewellWait = 3 * time.Second

// Run shows the interface until the operator leaves, the context ends, or a
// signal comes. It gives the terminal back as it was, waits a moment for what
// is under way, and closes the session. The caller prints Result.Return, which
// returns to it.
//
// Besides the terminal's own errors it returns a *CrashError after a panic.
// Main must call termguard.Restore before, and before anything else.
func Run(ctx context.Context, o Options) (Result, error) {
	termguard.Restore()
	o = o.withDefaults()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	caught := catch(ctx, cancel)

	out := &screenOut{File: o.Output}
	tty := term.IsTerminal(o.Output.Fd())
	look, ask := chooseLook(o, o.Environ, tty)
	crew := &crew{}
	pump := newPump()
	r := newRoot(ctx, o, look, pump, crew, out)

	if tty {
		if w, h, err := term.GetSize(o.Output.Fd()); err == nil && w > 0 && h > 0 {
			r.w, r.h = w, h
			if err := out.paintFirst(r.View()); err != nil {
				return Result{}, err
			}
		}
	}
	in := &screenIn{File: o.Input}
	p := tea.NewProgram(r, tea.WithContext(ctx), tea.WithAltScreen(), tea.WithFPS(framesPerSecond),
		tea.WithOutput(out), tea.WithInput(in), tea.WithoutSignalHandler())
	crew.report = func(c crash) { p.Send(c) }
	if ask && runtime.GOOS != "windows" && term.IsTerminal(o.Input.Fd()) {
		in.answered = func(dark bool) { crew.start("the theme", func() { p.Send(backgroundRead{dark}) }) }
		r.asks = true
	}
	crew.start("the pump", func() { pump.loop(ctx, p.Send) })
	_, err := p.Run()
	out.leave(err != nil)
	cancel()
	crew.wait(farewellWait)
	return r.farewell(err, int(caught.Load()))
}

func (o Options) withDefaults() Options {
	if o.Input == nil {
		o.Input = os.Stdin
	}
	if o.Output == nil {
		o.Output = os.Stdout
	}
	if o.Environ == nil {
		o.Environ = os.Environ()
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return o
}

// catch ends the context at the first signal and remembers which it was. A
// second signal does what it does by default, so that nothing can hang.
func catch(ctx context.Context, cancel context.CancelFunc) *atomic.Int32 {
	var caught atomic.Int32
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, endings...)
	go func() {
		defer signal.Stop(signals)
		select {
		case s := <-signals:
			caught.Store(int32(signalNumber(s)))
			cancel()
		case <-ctx.Done():
		}
	}()
	return &caught
}

// farewell closes the session and says how the interface was left.
func (r *root) farewell(err error, signal int) (Result, error) {
	r.remember()
	if r.session != nil {
		if closed := r.session.engine.Close(); closed != nil && err == nil {
			err = fmt.Errorf("close the session: %w", closed)
		}
	}
	r.result.Signal = signal
	switch {
	case r.crash != nil:
		return r.result, &CrashError{Part: r.crash.part, File: r.crash.save(r.opts.CrashDir, r.opts.Now())}
	case signal != 0, errors.Is(err, tea.ErrProgramKilled) && r.ctx.Err() != nil:
		return r.result, nil
	}
	return r.result, err
}

// leave clears the title and, where the program ended before it had the
// screen, gives the screen back.
func (o *screenOut) leave(failed bool) {
	text := ansi.SetWindowTitle("")
	if failed && o.entered {
		text += ansi.ResetModeAltScreenSaveCursor + ansi.ShowCursor
	}
	_, _ = o.WriteString(text) // a dead terminal cannot be told
}
