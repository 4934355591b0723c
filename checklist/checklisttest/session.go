package checklisttest

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/journal"
)

// Operator is the principal that drives the sessions of tests.
const Operator = "ada@example.com"

// Morning returns when the sessions of tests begin: on a Monday, at nine.
func Morning() time.Time { return time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC) }

// Target is the one target of the sessions of tests.
const Target = "orders-api"

// Setup returns what the sessions of tests bind of a configuration.
func Setup() checklist.Setup {
	return checklist.Setup{
		Service: "orders", Hosting: checklist.HostingAPI, RotationDays: 90, DualKeyDays: 7,
		Targets:  []checklist.Target{{Name: Target, Platform: checklist.PlatformVercel, Project: Target, Role: "verifier"}},
		Approval: checklist.ApprovalRule{Required: 1},
	}
}

// Opening returns the opening of a session of the checklist.
func Opening(c checklist.Checklist) checklist.Opening {
	o := checklist.Opening{
		Format: checklist.Format, Session: "session-1", Checklist: c, Operator: Operator, Reason: "scheduled",
		Setup: Setup(), Environments: c.Environments, Old: "v1", New: "v2", Tool: "test",
	}
	if !slices.Contains(c.Environments, checklist.Production) {
		o.Old, o.New = "", "test"
	}
	return o
}

// World is what the engine of a test is made of. A test changes Config before
// it asks for an engine.
type World struct {
	Clock  *Clock
	Config checklist.Config
}

// NewWorld returns a world with a new session of c in a journal in memory,
// opened at Morning. Its steps only look, and it has no meter, observer or
// approver.
func NewWorld(t testing.TB, c checklist.Checklist) *World {
	t.Helper()
	j := journal.NewMemory()
	require.NoError(t, checklist.Open(context.Background(), j, Opening(c), "run-1", Morning()))
	clock := NewClock(Morning())
	return &World{Clock: clock, Config: checklist.Config{
		Journal: j, Steps: StepsFor(c), Setup: Setup(), Clock: clock.Now, Operator: Operator, Run: "run-2",
		Skeletons: append(checklist.Released(), checklist.SkeletonOf(c)),
	}}
}

// Reopen gives the world a new session with another opening.
func (w *World) Reopen(t testing.TB, o checklist.Opening) {
	t.Helper()
	w.Config.Journal = journal.NewMemory()
	require.NoError(t, checklist.Open(context.Background(), w.Config.Journal, o, "run-1", Morning()))
}

// Engine returns an engine on the world's session, as a driver gets it that
// comes to it anew.
func (w *World) Engine(t testing.TB) *checklist.Engine {
	t.Helper()
	e, err := checklist.NewEngine(w.Config)
	require.NoError(t, err)
	return e
}

// Open returns an engine for a new session of c, whose steps only look, and
// the world around it.
func Open(t testing.TB, c checklist.Checklist) (*checklist.Engine, *World) {
	t.Helper()
	w := NewWorld(t, c)
	return w.Engine(t), w
}
