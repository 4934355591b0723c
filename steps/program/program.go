// Package program wires Keyturn together: state folder, vault, trail, outside
// systems and sessions, the same for the command, for rehearsals and for tests.
//
// Start with Open, then Begin or OpenSession for an engine that a driver runs.
package program

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"time"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps"
	"keyturn/steps/config"
	"keyturn/steps/consent"
	"keyturn/steps/hosting"
	"keyturn/steps/sandbox"
	"keyturn/vault"
)

// Version is Keyturn's own, written into every session and record.
const Version = "0.1.0"

// Options say where a program lives and what it works on.
type Options struct {
	// State is the state folder. The sandbox and each service have a folder of
	// their own in it, so that nothing of two can mix.
	State string
	// Config is what keyturn.toml says; nil means the sandbox.
	Config *config.Config
	// Vault is auto, keychain, file, or empty for what the configuration says.
	Vault string
	// WorkFactor is that of a new file vault, as in vault.Options.
	WorkFactor int
	// Passphrase asks for a file vault's passphrase; nil where nobody can.
	Passphrase vault.PassphraseFunc
	// Interactive says that a person is at the terminal.
	Interactive bool
	// Explain is told in whole sentences what was chosen and why; may be nil.
	Explain func(string)
	// Environ reads the process's environment, for tokens; os.Getenv if nil.
	Environ func(string) string
	// Return is the beginning of the command that returns, such as
	// "keyturn --state DIR"; "keyturn" if empty.
	Return string

	// Clipboard takes values to where they are pasted, for changes by hand; nil for
	// the machine's own.
	Clipboard hosting.Clipboard
	// Pause waits between two looks at something that takes a moment; nil to wait
	// as long as it says.
	Pause func(context.Context, time.Duration) error

	BuildTime time.Duration    // of the sandbox's deployments; its default if 0
	Fault     sandbox.Fault    // of the sandbox
	RealNow   func() time.Time // time.Now if nil
	Random    io.Reader        // crypto/rand.Reader if nil
	// WrapJournal decorates each session's journal; for tests that cut it.
	WrapJournal func(checklist.Journal) checklist.Journal
}

// Program is an opened realm. Close it when done.
type Program struct {
	options Options
	dir     string // the realm's folder
	clock   func() time.Time
	vault   vault.Vault
	trail   *trail
	outside *steps.Outside
	// approver reaches the second persons.
	approver *consent.Approver
	world    *sandbox.World // nil outside the sandbox
	watched  error          // why sessions can only be watched; nil when they can be driven

	// lacking are the secrets that the probes of some targets need and the vault
	// does not have. Who revokes a key or puts one back goes on without.
	lacking []error
	// unrecorded are the abandoned sessions whose record could not be signed.
	unrecorded []error

	run      string   // a random id of this run
	explains bool     // somebody takes explanations
	notices  []string // what was to be explained and nobody took

	service      string
	operator     string // principal
	rotationDays int
	dualKeyDays  int
}

// Defaults of the runbook, for the sandbox.
const (
	rotationDays = 90
	dualKeyDays  = 7
)

// Open opens the realm that the options name.
func Open(ctx context.Context, o Options) (*Program, error) {
	p := newProgram(o)
	run, err := p.randomID()
	if err != nil {
		return nil, fmt.Errorf("make an id for this run: %w", err)
	}
	p.run = run
	open := p.openSandbox
	if o.Config != nil {
		open = p.openLive
	}
	err = open(ctx)
	if err == nil && p.watched == nil {
		err = p.recordAbandoned(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, p.Close())
	}
	return p, nil
}

// newProgram fills in the defaults of the options. Nothing is opened yet.
func newProgram(o Options) *Program {
	if o.RealNow == nil {
		o.RealNow = time.Now
	}
	if o.Random == nil {
		o.Random = rand.Reader
	}
	explains := o.Explain != nil
	if !explains {
		o.Explain = func(string) {}
	}
	if o.Environ == nil {
		o.Environ = os.Getenv
	}
	if o.Pause == nil {
		o.Pause = pause
	}
	if o.Return == "" {
		o.Return = "keyturn"
	}
	return &Program{options: o, explains: explains, clock: o.RealNow, rotationDays: rotationDays, dualKeyDays: dualKeyDays}
}

// Close lets go of everything that Open took.
func (p *Program) Close() error {
	if p.world == nil {
		return nil
	}
	return p.world.Close()
}

// Sandbox reports whether nothing real can be changed.
func (p *Program) Sandbox() bool { return p.options.Config == nil }

// Service returns the name of what is rotated.
func (p *Program) Service() string { return p.service }

// Dir returns the realm's folder, sandbox or live/SERVICE in the state folder.
func (p *Program) Dir() string { return p.dir }

// World returns the sandbox's world, nil outside the sandbox.
func (p *Program) World() *sandbox.World { return p.world }

// Vault returns the realm's vault.
func (p *Program) Vault() vault.Vault { return p.vault }

func (p *Program) openVault(ctx context.Context, backend, service string) error {
	v, err := vault.Open(ctx, vault.Options{
		Backend: backend, Dir: filepath.Join(p.dir, vaultFolder), Service: service, WorkFactor: p.options.WorkFactor,
		Passphrase: p.options.Passphrase, SelfIdentity: p.Sandbox(), Interactive: p.options.Interactive,
		Explain: p.options.Explain, Clock: func() time.Time { return p.clock() }, Random: p.options.Random,
	})
	if err != nil {
		return err
	}
	p.vault = v
	return nil
}

// keep returns the secret under a name, making it on first use.
func (p *Program) keep(ctx context.Context, name vault.Name, note string) (keygen.Secret, error) {
	secret, _, err := p.vault.Get(ctx, name)
	if !errors.Is(err, vault.ErrNotFound) {
		return secret, err
	}
	if secret, err = keygen.Generate(p.options.Random); err != nil {
		return keygen.Secret{}, err
	}
	_, err = p.vault.Put(ctx, name, secret, vault.PutOptions{Note: note})
	return secret, err
}

func (p *Program) sessionsDir() string { return filepath.Join(p.dir, sessionsFolder) }

// tellWait shows the operator why a client waits, and until when.
func tellWait(ctx context.Context, reason string, until time.Time) {
	checklist.ReportProgress(ctx, checklist.Progress{Words: "waiting: " + reason, Until: until})
}

// pause waits, or returns the context's error.
func pause(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
