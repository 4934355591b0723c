package program_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
	"keyturn/steps/sandbox"
)

// life is one process that walks a checklist: to its end, or until it is
// killed. The test binary starts itself again to live one.
type life struct {
	State     string
	Checklist string
	Decision  string // of a rollback
	Fault     sandbox.Fault
	// Event kills the process at an event, counted from 1 in this life: before
	// it is in the journal, or once it is when Durable. 0 is never.
	Event   int
	Durable bool
	// Outcome counts only the effects that were made with it, for Event,
	// and Kind only the events of a kind.
	Outcome checklist.How
	Kind    checklist.Kind
	// Abandon ends the session once this item is settled.
	Abandon string
	// Draw kills the process when it draws random bytes for this time.
	Draw int
	// DrawsTo is where a process that is not killed leaves the number of its
	// draws.
	DrawsTo string
}

// lifeVariable holds a life as JSON in the environment of a process.
const lifeVariable = "KEYTURN_PROGRAM_TEST_LIFE"

// The exit codes of a process that was not killed.
const (
	lived  = 0
	failed = 3
)

func lifeFromEnvironment() (l life, ok bool) {
	text := os.Getenv(lifeVariable)
	return l, text != "" && json.Unmarshal([]byte(text), &l) == nil
}

// live walks the checklist in this process and returns its exit code.
func (l life) live() int {
	var draws atomic.Int64
	if err := l.walk(context.Background(), &draws); err != nil {
		fmt.Fprintf(os.Stderr, "error: %v\nhint: %s\n", err, checklist.Hint(err))
		return failed
	}
	if l.DrawsTo != "" {
		if err := os.WriteFile(l.DrawsTo, fmt.Append(nil, draws.Load()), 0o600); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return failed
		}
	}
	return lived
}

func (l life) walk(ctx context.Context, draws *atomic.Int64) (err error) {
	o := options(l.State)
	o.Fault = l.Fault
	o.Random = &mortalRandom{draws: draws, last: int64(l.Draw)}
	event := l.Event
	o.WrapJournal = func(j checklist.Journal) checklist.Journal {
		return mortalJournal{Journal: j, left: &event, durable: l.Durable, outcome: l.Outcome, kind: l.Kind}
	}
	p, err := program.Open(ctx, o)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	overview, err := p.Overview(ctx)
	if err != nil {
		return err
	}
	for _, s := range overview.Sessions {
		if s.Checklist == l.Checklist && s.Outcome != "" {
			return nil // killed right behind the end
		}
	}
	op := &programtest.Operator{Answer: decides(l.Decision)}
	if l.Abandon != "" {
		return abandon(ctx, p, l.Checklist, l.Abandon, op)
	}
	_, err = (&program.Rehearsal{Program: p, Checklist: l.Checklist, Operator: op, Say: op.Say}).Run(ctx)
	return err
}

// noDrift stops where a change is taken for somebody else's: nobody else
// changes anything here.
func noDrift(q checklist.Question) (string, bool) {
	return checklist.No, q.Kind == checklist.Confirm && q.Title == driftTitle
}

const driftTitle = "Something changed outside this session. Go on with what is there now?"

// mortalJournal kills its own process at an event. Both journals of a life, that
// of the opening and that of the engine, count together.
type mortalJournal struct {
	checklist.Journal
	left    *int
	durable bool
	outcome checklist.How  // only effects that were made with it count; "" for all events
	kind    checklist.Kind // only events of it count; "" for all
}

// counts reports whether an event is one of those that are counted.
func (j mortalJournal) counts(e checklist.Event) bool {
	if j.kind != "" && e.Kind != j.kind {
		return false
	}
	return j.outcome == "" || e.Kind == checklist.Done && e.Effect.How == j.outcome
}

func (j mortalJournal) Append(ctx context.Context, e checklist.Event) (checklist.Event, error) {
	if j.counts(e) {
		*j.left--
	}
	if *j.left != 0 {
		return j.Journal.Append(ctx, e)
	}
	if j.durable {
		if _, err := j.Journal.Append(ctx, e); err != nil {
			return checklist.Event{}, err
		}
	}
	kill()
	return checklist.Event{}, nil
}

// mortalRandom kills its own process at a draw: in the middle of an opening, of
// a write to the vault, or of the sandbox's own work.
type mortalRandom struct {
	draws *atomic.Int64
	last  int64
}

func (r *mortalRandom) Read(b []byte) (int, error) {
	if r.draws.Add(1) == r.last {
		kill()
	}
	return io.ReadFull(rand.Reader, b)
}

// kill ends this process at once, as kill -9 does, and does not return.
func kill() {
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Kill() // the next line would be the sign of a failure
	}
	select {}
}

// run lives the life in a process of its own, and returns whether it was killed.
// Any other end but the checklist's fails the test.
func (l life) run(t testing.TB) (killed bool) {
	t.Helper()
	self, err := os.Executable()
	require.NoError(t, err)
	text, err := json.Marshal(l)
	require.NoError(t, err)
	cmd := exec.CommandContext(t.Context(), self)
	cmd.Env = append(os.Environ(), lifeVariable+"="+string(text))
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		require.NoError(t, err)
	}
	require.NotEqual(t, failed, cmd.ProcessState.ExitCode(), "%s", &out)
	require.Empty(t, out.String())
	return cmd.ProcessState.ExitCode() != lived
}
