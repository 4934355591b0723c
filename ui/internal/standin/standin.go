// Package standin is a desk for trying and testing the interface: the real
// checklists and the real engine, with a journal in memory and steps that do
// nothing but look busy.
package standin

import (
	"context"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"keyturn/checklist"
	"keyturn/keygen"
)

// Desk keeps its sessions in memory.
type Desk struct {
	// Pace is how long an act takes that takes long. Zero means no time.
	Pace time.Duration
	// Steps replace the steps of the names.
	Steps map[string]checklist.Step
	// HeldBy makes every session that is opened read-only.
	HeldBy string

	mu       sync.Mutex
	now      time.Time
	journals []*Journal
}

// The people of the desk.
const (
	operator = "alice@example.com"
	second   = "bob@example.com"
)

// Start is the time at which the desk's clock begins.
var Start = time.Date(2025, 11, 24, 9, 30, 0, 0, time.UTC)

// New returns a desk without sessions.
func New() *Desk { return &Desk{now: Start, Steps: map[string]checklist.Step{}} }

// Now returns the desk's time.
func (d *Desk) Now() time.Time {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.now
}

// Set turns the clock.
func (d *Desk) Set(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.now = t
}

// Overview lists two keys, the sessions, and all checklists but the rollback.
func (d *Desk) Overview(context.Context) (checklist.Overview, error) {
	now := d.Now()
	created := Start.AddDate(0, 0, -78)
	key := func(e checklist.Environment, print string) checklist.KeyStatus {
		return checklist.KeyStatus{ID: "v1", Environment: e, Fingerprint: keygen.Fingerprint(strings.Repeat(print, 4)),
			State: checklist.KeyInService, Created: created, RotateBy: created.AddDate(0, 0, 90)}
	}
	o := checklist.Overview{
		Sandbox: true, Service: "orders", Now: now, Vault: "age file vault in ~/.local/state/keyturn",
		Keys: []checklist.KeyStatus{
			key(checklist.Staging, "3f9a0c4177deb210"), key(checklist.Production, "c07d11e2904fa6b3"),
			{ID: "default", Environment: checklist.Production, State: checklist.KeyArchived, Created: created.AddDate(0, 0, -90)},
		},
		NextRotation: created.AddDate(0, 0, 90),
	}
	d.mu.Lock()
	journals := slices.Clone(d.journals)
	d.mu.Unlock()
	for _, j := range slices.Backward(journals) {
		s, err := checklist.Fold(j.Events())
		if err != nil {
			return o, err
		}
		o.Sessions = append(o.Sessions, checklist.Summarize(s, now, ""))
	}
	for _, c := range checklist.All(7) {
		offer := checklist.Offer{Checklist: c.ID, Title: c.Title, Purpose: c.Purpose}
		if c.ID == "rollback" {
			offer.WhyNot = "no session is in trouble"
		}
		o.Offers = append(o.Offers, offer)
	}
	return o, nil
}

// Begin asks for a reason and opens a session.
func (d *Desk) Begin(ctx context.Context, id string, op checklist.Operator) (*checklist.Engine, error) {
	a, err := op.Ask(ctx, checklist.Question{Kind: checklist.Write, Title: "Why is the key rotated?",
		Body: "The reason goes into the signed record.", Default: "scheduled"})
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	j := &Journal{}
	d.journals = append(d.journals, j)
	n := len(d.journals)
	d.mu.Unlock()
	setup := Setup()
	c, err := checklist.Find(id, setup.DualKeyDays, false)
	if err != nil {
		return nil, err
	}
	err = checklist.Open(ctx, j, checklist.Opening{
		Session: SessionID(id, n), Checklist: c, Sandbox: true, Operator: operator,
		Reason: a.Text, Setup: setup, Environments: c.Environments, Old: "v1", New: "v2",
	}, "run-1", d.Now())
	if err != nil {
		return nil, err
	}
	return d.engine(j)
}

// SessionID returns the id of the desk's nth session, which is as long as a
// real one.
func SessionID(checklistID string, n int) string {
	sum := sha256.Sum256([]byte{byte(n)})
	random := base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(sum[:16])
	return fmt.Sprintf("%s-%s-%s", checklistID, Start.Format("20060102"), strings.ToLower(random))
}

// Setup is what the sessions of the desk bind of a configuration.
func Setup() checklist.Setup {
	s := checklist.Setup{
		Service: "orders", Hosting: checklist.HostingAPI, RotationDays: 90, DualKeyDays: 7,
		Approval: checklist.ApprovalRule{Required: 1, Approvers: []string{second}},
	}
	for _, name := range []string{"orders-api", "orders-worker"} {
		s.Targets = append(s.Targets, checklist.Target{Name: name, Platform: checklist.PlatformVercel, Project: name, Role: "verifier"})
	}
	return s
}

// Open finds a session by its id.
func (d *Desk) Open(_ context.Context, id string) (*checklist.Engine, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, j := range d.journals {
		if j.Events()[0].Opening.Session == id {
			return d.engine(j)
		}
	}
	return nil, fmt.Errorf("session %s is not there", id)
}

func (d *Desk) engine(j *Journal) (*checklist.Engine, error) {
	j.holder = d.HeldBy
	return checklist.NewEngine(checklist.Config{
		Journal: j, Steps: catalog{d}, Setup: Setup(), Meter: meter{d}, Approver: approver{d}, Recorder: recorder{},
		Clock: d.Now, Operator: operator, Run: "run-2",
	})
}

// recorder signs nothing, and says where it would have.
type recorder struct{}

func (recorder) Record(_ context.Context, s *checklist.Session) (checklist.Evidence, error) {
	dir := "trail/000004-" + s.ID()
	return checklist.Evidence{Summary: "The record is signed: " + dir, Commands: []string{"keyturn verify " + dir}}, nil
}

// TurnClock sets the clock.
func (d *Desk) TurnClock(ctx context.Context, e *checklist.Engine, to time.Time, op checklist.Operator) error {
	d.Set(to)
	return e.Turn(ctx, to, op)
}

// ReturnCommand names the checklist.
func (d *Desk) ReturnCommand(id string) string { return "keyturn --sandbox resume " + id }

// Journal keeps events in memory.
type Journal struct {
	mu     sync.Mutex
	events []checklist.Event
	head   string
	holder string
	closed bool
}

// Append numbers and chains the event.
func (j *Journal) Append(_ context.Context, e checklist.Event) (checklist.Event, error) {
	j.mu.Lock()
	defer j.mu.Unlock()
	e.Seq, e.Prev = len(j.events)+1, j.head
	text, err := json.Marshal(e)
	if err != nil {
		return checklist.Event{}, err
	}
	sum := sha256.Sum256(text)
	j.head = hex.EncodeToString(sum[:])
	j.events = append(j.events, e)
	return e, nil
}

// Events returns a copy.
func (j *Journal) Events() []checklist.Event {
	j.mu.Lock()
	defer j.mu.Unlock()
	return slices.Clone(j.events)
}

// Check finds nothing wrong.
func (j *Journal) Check() error { return nil }

// Holder is whoever the desk says.
func (j *Journal) Holder() string { return j.holder }

// Close remembers that it was called.
func (j *Journal) Close() error {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.closed = true
	return nil
}

type meter struct{ desk *Desk }

func (m meter) Measure(_ context.Context, _ *checklist.Session, metric checklist.Metric) (checklist.Reading, error) {
	return checklist.Reading{Metric: metric, At: m.desk.Now()}, nil
}

// approver asks the operator in the second person's place, and signs nothing.
type approver struct{ desk *Desk }

func (a approver) Request(_ context.Context, s *checklist.Session, c checklist.Consent) (checklist.Request, error) {
	for _, r := range s.Requests {
		if r.Consent == c && s.Standing(r, a.desk.Now()) == checklist.RequestOpen {
			return r, nil
		}
	}
	return checklist.Request{
		ID: fmt.Sprintf("request-%d", len(s.Requests)+1), Consent: c, Mandate: s.Mandate(c).Digest(),
		Text: "please approve", Expires: a.desk.Now().Add(24 * time.Hour),
	}, nil
}

func (a approver) Answer(ctx context.Context, _ *checklist.Session, r checklist.Request, ask checklist.Asker) (checklist.Reply, error) {
	answer, err := ask(ctx, checklist.Question{Kind: checklist.Confirm, Item: r.Consent.Item, Title: "Ask " + second + " to approve?", Body: r.Consent.Reason, Default: checklist.No})
	if err != nil {
		return checklist.Reply{}, err
	}
	if answer.Text != checklist.Yes {
		return checklist.Reply{Refusal: &checklist.Refusal{Request: r.ID, Item: r.Consent.Item, By: second, Reason: "the window is closed", At: a.desk.Now()}}, nil
	}
	return checklist.Reply{Approval: &checklist.Approval{Request: r.ID, Item: r.Consent.Item, By: second, Mandate: r.Mandate, At: a.desk.Now()}}, nil
}
