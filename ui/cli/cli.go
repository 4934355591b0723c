// Package cli is the command tree: what each command asks, prints and returns.
// It wires the program to the interfaces; main calls it and nothing else does.
//
// Output: what was asked for goes to stdout. Everything else goes to stderr: an
// "error:" line, and a "hint:" line where a next act is known. Exit codes: 0
// done, 1 failed, 2 wrong usage or configuration, 3 stopped but resumable, 5 an
// emergency's approval is missing, 130 interrupted (128 and its number for another
// signal).
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"

	"github.com/spf13/cobra"

	"keyturn/checklist"
	"keyturn/steps/program"
	"keyturn/ui/plain"
)

const (
	codeFailed      = 1
	codeUsage       = 2
	codeStopped     = 3
	codeUnapproved  = 5
	codeInterrupted = 130
)

// exit is an error that chooses the exit code; it may have nothing to say.
type exit struct {
	code int
	text string
}

func (e *exit) Error() string { return e.text }

// Run is the whole command. It returns the exit code.
func Run(ctx context.Context, args []string, in io.Reader, out, errOut io.Writer) int {
	// Only we write to the terminal. net/http logs what a server sends unasked, and
	// such a server may send back a token.
	log.SetOutput(io.Discard)
	a := &app{in: in, out: out, errOut: errOut}
	root := a.commands()
	root.SetArgs(args)
	root.SetOut(out)
	root.SetErr(errOut)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	var e *exit
	var wrong *program.UsageError
	code := codeFailed
	switch {
	case errors.As(err, &e):
		code = e.code
	case errors.As(err, &wrong):
		code = codeUsage
	// The line mode has said what came of it, and how to return.
	case errors.Is(err, context.Canceled):
		return codeInterrupted
	case errors.Is(err, plain.ErrStopped):
		return codeStopped
	}
	if text := err.Error(); text != "" {
		fmt.Fprintf(errOut, "error: %s\n", text)
	}
	if hint := checklist.Hint(err); hint != "" {
		fmt.Fprintf(errOut, "hint: %s\n", hint)
	}
	return code
}

// app holds the flags and streams of one run.
type app struct {
	in          io.Reader
	out, errOut io.Writer
	flags       program.Flags
	plain       bool
	theme       string
	ascii       bool
	still       bool
}

// commands is the command tree.
func (a *app) commands() *cobra.Command {
	root := &cobra.Command{
		Use: "keyturn", Short: "Take HMAC secrets safely through their rotation", Version: program.Version,
		SilenceErrors: true, SilenceUsage: true, Args: wrongUsage(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return a.drive(cmd.Context(), "") },
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return &program.UsageError{Err: checklist.WithHint(err, "%s --help says what can be asked for", cmd.CommandPath())}
	})
	flags := root.PersistentFlags()
	flags.StringVar(&a.flags.Config, "config", "", "configuration `FILE` (default keyturn.toml here or in your configuration folder)")
	flags.StringVar(&a.flags.State, "state", "", "`DIR` for sessions, records and the vault's index")
	flags.StringVar(&a.flags.Vault, "vault", "", "where secrets are kept: auto, keychain or file")
	flags.BoolVar(&a.flags.Sandbox, "sandbox", false, "work on the embedded sandbox, whatever is configured")
	flags.BoolVar(&a.plain, "plain", false, "work line by line, for screen readers and scripts")
	flags.StringVar(&a.theme, "theme", "", "colours for a dark or a light background (default: the terminal is asked)")
	flags.BoolVar(&a.ascii, "ascii", false, "draw with ASCII characters only")
	flags.BoolVar(&a.still, "no-motion", false, "let nothing move for decoration")
	root.PersistentPreRunE = func(*cobra.Command, []string) error { return a.checkTheme() }
	for _, c := range checklist.All(0) {
		root.AddCommand(&cobra.Command{
			Use: c.ID, Short: c.Title + ": start, or go on where it stopped", Long: c.Purpose, Args: wrongUsage(cobra.NoArgs),
			RunE: func(cmd *cobra.Command, _ []string) error { return a.drive(cmd.Context(), c.ID) },
		})
	}
	root.AddCommand(a.initialize(), a.rehearse(), a.status(), a.verify(), a.doctor(), a.login(), a.logout(), a.trail(), a.clearClipboard())
	return root
}

func (a *app) checkTheme() error {
	switch a.theme {
	case "", "dark", "light":
		return nil
	}
	return &program.UsageError{Err: fmt.Errorf("flag --theme: %q: want dark or light", a.theme)}
}

// wrongUsage marks mistakes in the arguments for the exit code.
func wrongUsage(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, args []string) error {
		if err := check(cmd, args); err != nil {
			return &program.UsageError{Err: checklist.WithHint(err, "%s --help says what can be asked for", cmd.CommandPath())}
		}
		return nil
	}
}

// open opens the realm that the flags name, explaining itself on stderr.
func (a *app) open(ctx context.Context) (*program.Program, error) {
	o, err := a.options()
	if err != nil {
		return nil, err
	}
	return program.Open(ctx, o)
}

// options resolves the flags; what is opened explains itself on stderr.
func (a *app) options() (program.Options, error) {
	o, err := a.flags.Options()
	o.Explain = func(text string) { fmt.Fprintln(a.errOut, text) }
	return o, err
}
