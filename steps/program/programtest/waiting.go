package programtest

import (
	"context"
	"crypto/rand"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/journal"
	"keyturn/keygen"
	"keyturn/keygen/sshsig"
	"keyturn/steps"
	"keyturn/steps/approval"
	"keyturn/steps/consent"
	"keyturn/steps/target"
)

// WaitingList is the checklist of a WaitingDesk.
const WaitingList = "waiting"

// The people of a WaitingDesk.
const (
	WaitingOperator = "alice@example.com"
	WaitingSecond   = "bob@example.com"
)

// The items of WaitingList.
const (
	waitingApproval = "approve"
	waitingChange   = "change"
)

// WaitingDesk is a desk for the interfaces with one checklist: an approval, and
// an item that waits for it. The approval, its files and the journal, which lie
// in Dir, are real.
type WaitingDesk struct {
	t     testing.TB
	dir   string
	files bool // the second person is reached by files, and not in the sandbox

	alice, bob sshsig.Key

	mu  *sync.Mutex
	now *time.Time
}

// NewWaitingDesk returns a desk whose second person is reached by files, or is in
// the sandbox.
func NewWaitingDesk(t testing.TB, files bool) *WaitingDesk {
	t.Helper()
	key := func() sshsig.Key {
		seed, err := keygen.Generate(rand.Reader)
		require.NoError(t, err)
		k, err := sshsig.NewKey(seed)
		require.NoError(t, err)
		return k
	}
	now := time.Date(2026, 3, 2, 9, 0, 0, 0, time.UTC)
	return &WaitingDesk{t: t, dir: t.TempDir(), files: files, alice: key(), bob: key(), mu: &sync.Mutex{}, now: &now}
}

// Killed returns the desk as it would be found if the program were killed now:
// nothing more is written to it.
func (d *WaitingDesk) Killed() *WaitingDesk {
	d.t.Helper()
	copied := *d
	copied.dir = d.t.TempDir()
	require.NoError(d.t, os.CopyFS(copied.dir, os.DirFS(d.dir)))
	return &copied
}

// Pass lets time pass.
func (d *WaitingDesk) Pass(by time.Duration) {
	d.mu.Lock()
	defer d.mu.Unlock()
	*d.now = d.now.Add(by)
}

// Now returns the desk's time.
func (d *WaitingDesk) Now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return *d.now
}

func (d *WaitingDesk) sessions() string { return filepath.Join(d.dir, "sessions") }

// Session returns the session as its journal has it.
func (d *WaitingDesk) Session() *checklist.Session {
	d.t.Helper()
	events, err := journal.Read(d.sessions(), WaitingList)
	require.NoError(d.t, err)
	s, err := checklist.Fold(events)
	require.NoError(d.t, err)
	return s
}

// Last returns the request that was made last.
func (d *WaitingDesk) Last() checklist.Request {
	d.t.Helper()
	all := d.Session().Requests
	require.NotEmpty(d.t, all)
	return all[len(all)-1]
}

// Approves returns the second person's signature over a request.
func (d *WaitingDesk) Approves(r checklist.Request) string {
	d.t.Helper()
	armor, err := approval.Sign(d.bob, r.Text)
	require.NoError(d.t, err)
	return armor
}

// Refuses returns the second person's signed refusal of a request.
func (d *WaitingDesk) Refuses(r checklist.Request, why string) string {
	d.t.Helper()
	text, armor, err := approval.SignRefusal(d.bob, r.Text, why)
	require.NoError(d.t, err)
	return text + armor
}

// File returns where a request lies to be sent.
func (d *WaitingDesk) File(r checklist.Request) string { return d.fileSecond().File(r.Text) }

func (d *WaitingDesk) fileSecond() consent.FileSecond {
	return consent.FileSecond{Dir: filepath.Join(d.dir, "requests")}
}

func (d *WaitingDesk) roster() (sshsig.Roster, error) {
	var text strings.Builder
	for principal, key := range map[string]sshsig.Key{WaitingOperator: d.alice, WaitingSecond: d.bob} {
		line, err := sshsig.Member{Principal: principal, Key: key.Public(), Namespaces: []string{sshsig.NamespaceApproval}}.RosterLine()
		if err != nil {
			return sshsig.Roster{}, err
		}
		text.WriteString(line + "\n")
	}
	return sshsig.ParseRoster("allowed_signers", []byte(text.String()))
}

func waitingList() checklist.Checklist {
	production := []checklist.Environment{checklist.Production}
	item := func(id, title string, gates ...checklist.Gate) checklist.Item {
		return checklist.Item{ID: id, Step: id, Title: title, Why: "A second person sees it first.", Environments: production, Gates: gates}
	}
	approve := item(waitingApproval, "Approval of the change")
	approve.Repeat = true
	return checklist.Checklist{
		ID: WaitingList, Title: "A change that is approved", Purpose: "Waiting for a second person", Environments: production,
		Phases: []checklist.Phase{{ID: "only", Title: "Change", Items: []checklist.Item{
			approve, item(waitingChange, "The change", checklist.Gate{Kind: checklist.GateApproval, Item: waitingApproval}),
		}}},
	}
}

func waitingSetup() checklist.Setup {
	return checklist.Setup{
		Service: "orders", Hosting: checklist.HostingAPI, RotationDays: 90, DualKeyDays: 7, Approval: checklist.ApprovalRule{Required: 1},
		Targets: []checklist.Target{{Name: "orders-api", Platform: checklist.PlatformVercel, Project: "orders-api", Role: target.RoleVerifier}},
	}
}

// Begin opens the session.
func (d *WaitingDesk) Begin(ctx context.Context, _ string, _ checklist.Operator) (*checklist.Engine, error) {
	j, err := journal.Create(d.sessions(), WaitingList, journal.Options{Clock: d.Now, By: WaitingOperator})
	if err != nil {
		return nil, err
	}
	c := waitingList()
	if err := checklist.Open(ctx, j, checklist.Opening{
		Session: WaitingList, Checklist: c, Operator: WaitingOperator, Reason: "scheduled", Setup: waitingSetup(), Environments: c.Environments,
		Old: "v1", New: "v2", Trail: "8b1f6a52-0d5e-4c1e-9a58-2f4f7f7a9d11", TrailHead: strings.Repeat("0", 64), Tool: "test", Sandbox: !d.files,
	}, "run-1", d.Now()); err != nil {
		return nil, err
	}
	return d.engine(j)
}

// Open comes back to the session.
func (d *WaitingDesk) Open(context.Context, string) (*checklist.Engine, error) {
	j, err := journal.Open(d.sessions(), WaitingList, journal.Options{Clock: d.Now, By: WaitingOperator})
	if err != nil {
		return nil, err
	}
	return d.engine(j)
}

func (d *WaitingDesk) engine(j *journal.File) (*checklist.Engine, error) {
	var second consent.Second = d.fileSecond()
	if !d.files {
		second = consent.SandboxSecond{Principal: WaitingSecond, Key: func(context.Context) (sshsig.Key, error) { return d.bob, nil }}
	}
	return checklist.NewEngine(checklist.Config{
		Journal: j, Steps: waitingSteps{}, Setup: waitingSetup(), Clock: d.Now, Operator: WaitingOperator, Run: "run-2",
		Skeletons: []checklist.Skeleton{checklist.SkeletonOf(waitingList())},
		Approver: &consent.Approver{
			Second: second, Roster: d.roster, Requester: WaitingOperator, Clock: d.Now, Random: rand.Reader,
			Key: func(context.Context) (sshsig.Key, error) { return d.alice, nil },
		},
	})
}

// waitingSteps has the real approval; the change changes nothing.
type waitingSteps struct{}

func (waitingSteps) Step(name string) (checklist.Step, bool) {
	if name == waitingApproval {
		return steps.NewCatalog(&steps.Outside{}).Step(checklist.StepApprove)
	}
	return noChange{}, name == waitingChange
}

type noChange struct{}

func (noChange) Plan(context.Context, *checklist.Scope) (checklist.Plan, error) {
	return checklist.Plan{Summary: "Change nothing", Risk: checklist.Look}, nil
}
func (noChange) Check(context.Context, *checklist.Scope) (bool, error) { return false, nil }
func (noChange) Do(context.Context, *checklist.Scope) error            { return nil }
func (noChange) Verify(context.Context, *checklist.Scope) (checklist.Evidence, error) {
	return checklist.Evidence{Summary: "changed"}, nil
}

// InProgress returns the session's id once it was begun.
func (d *WaitingDesk) InProgress(string) (string, error) {
	ids, err := journal.List(d.sessions())
	return strings.Join(ids, ""), err
}

// Overview lists the checklist, and the session once it was begun.
func (d *WaitingDesk) Overview(context.Context) (checklist.Overview, error) {
	c := waitingList()
	o := checklist.Overview{Service: "orders", Now: d.Now(), Sandbox: d.Sandbox(), Offers: []checklist.Offer{{Checklist: c.ID, Title: c.Title, Purpose: c.Purpose}}}
	if id, err := d.InProgress(""); err != nil || id == "" {
		return o, err
	}
	o.Sessions = append(o.Sessions, checklist.Summarize(d.Session(), d.Now(), ""))
	return o, nil
}

// TurnClock is no part of what waits.
func (d *WaitingDesk) TurnClock(context.Context, *checklist.Engine, time.Time, checklist.Operator) error {
	return nil
}

// ReturnCommand names the session.
func (d *WaitingDesk) ReturnCommand(id string) string { return "keyturn resume " + id }

// Sandbox reports whether the second person is in the sandbox.
func (d *WaitingDesk) Sandbox() bool { return !d.files }

// Service is the desk's.
func (d *WaitingDesk) Service() string { return "orders" }
