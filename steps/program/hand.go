package program

import (
	"context"
	"fmt"
	"os"
	"time"

	"keyturn/keygen"
	"keyturn/steps"
	"keyturn/steps/clipboard"
	"keyturn/steps/config"
	"keyturn/steps/hosting"
)

// byHand reports whether the operator makes the changes at Vercel.
func (p *Program) byHand() bool {
	return p.options.Config != nil && p.options.Config.Vercel.Mode == config.ModeDashboard
}

// hand is what guides the operator. Where there is no way to a clipboard, every
// attempt to use one says so.
func (p *Program) hand() *steps.Hand {
	clip, err := p.clipboard()
	if err != nil {
		clip = noClipboard{err}
	}
	return &steps.Hand{Dashboard: p.options.Config.Vercel.Dashboard(), Clipboard: clip}
}

func (p *Program) clipboard() (hosting.Clipboard, error) {
	if p.options.Clipboard != nil {
		return p.options.Clipboard, nil
	}
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find what clears the clipboard: %w", err)
	}
	return clipboard.Find(clipboard.Options{Watcher: []string{self, clipboard.WatchCommand}})
}

// noClipboard stands in where there is no way to a clipboard.
type noClipboard struct{ why error }

func (noClipboard) Describe() string { return "no clipboard" }

func (n noClipboard) Notice(time.Duration) string {
	return fmt.Sprintf("There is no clipboard that the value could go over: %v.", n.why)
}

func (n noClipboard) Put(context.Context, keygen.Secret, time.Duration) (func(context.Context) error, error) {
	return nil, n.why
}
