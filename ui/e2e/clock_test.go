package e2e

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/steps/program"
	"keyturn/ui"
	"keyturn/ui/termguard"
)

// clockEnv makes the test binary the interface of Keyturn instead of a test,
// and names the file of its clock.
const clockEnv = "KEYTURN_E2E_CLOCK"

// clock is a file that says by how much the time of a test is ahead of the real
// one. Outside the sandbox nothing of Keyturn can turn a clock, and no test can
// wait for the nine days of a rotation. The processes of a test share the file,
// so that there is one time in all of them.
type clock string

func newClock(t *testing.T) clock {
	t.Helper()
	c := clock(filepath.Join(t.TempDir(), "clock"))
	require.NoError(t, os.WriteFile(string(c), []byte("0s"), 0o600))
	return c
}

// ahead panics if the file is not there or not as it was written: then nothing
// that a test says would be true.
func (c clock) ahead() time.Duration {
	text, err := os.ReadFile(string(c))
	if err != nil {
		panic(err)
	}
	d, err := time.ParseDuration(string(text))
	if err != nil {
		panic(err)
	}
	return d
}

func (c clock) now() time.Time { return time.Now().Add(c.ahead()) }

// passes lets time pass.
func (c clock) passes(t *testing.T, d time.Duration) {
	t.Helper()
	next := string(c) + ".next"
	require.NoError(t, os.WriteFile(next, []byte((c.ahead()+d).String()), 0o600))
	require.NoError(t, os.Rename(next, string(c)))
}

// interfaceAt is the command keyturn as a person at a terminal calls it, to the
// exit code, but for the clock. It knows no more flags than the return command
// has.
func interfaceAt(c clock, args []string) int {
	termguard.Restore()
	var named program.Flags
	flags := flag.NewFlagSet("keyturn", flag.ContinueOnError)
	flags.StringVar(&named.Config, "config", "", "")
	flags.StringVar(&named.State, "state", "", "")
	flags.StringVar(&named.Vault, "vault", "", "")
	if err := flags.Parse(args); err != nil {
		return 2
	}
	result, err := showAt(context.Background(), c, named, flags.Arg(0))
	if err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\nhint: %s\n", err, checklist.Hint(err))
		return 1
	}
	if result.Return != "" {
		fmt.Fprintf(os.Stderr, "Nothing is lost. Return with: %s\n", result.Return)
		return 3
	}
	return 0
}

func showAt(ctx context.Context, c clock, named program.Flags, start string) (ui.Result, error) {
	o, err := named.Options()
	if err != nil {
		return ui.Result{}, err
	}
	o.RealNow = c.now
	o.Explain = func(text string) { fmt.Fprintln(os.Stderr, text) }
	p, err := program.Open(ctx, o)
	if err != nil {
		return ui.Result{}, err
	}
	result, err := ui.Run(ctx, ui.Options{
		Sandbox: o.Config == nil, Service: p.Service(), Start: start, Now: c.now, CrashDir: filepath.Join(o.State, "crashes"),
		Load: func(context.Context) (ui.Desk, error) { return p, nil },
	})
	return result, errors.Join(err, p.Close())
}
