package record_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/checklist/journal"
	"keyturn/checklist/record"
	"keyturn/keygen"
	"keyturn/keygen/sshsig"
	"keyturn/steps/approval"
	"keyturn/steps/consent"
)

// stage is a session that the real engine walks, with steps that make what the
// real ones make, without an outside.
type stage struct {
	t       testing.TB
	trail   *record.Trail
	opening checklist.Opening
	setup   checklist.Setup // what the configuration says now
	journal *journal.Memory
	engine  *checklist.Engine
	now     time.Time

	people   []string // second persons, who answer in turn
	answered int
	random   io.Reader // of request ids
	signer   string    // of the record
	decision string    // of a rollback: "resume" or "abandon"
	reading  float64
	// before is done before an item is run, and takes is how long it then takes.
	before   map[string]func()
	takes    map[string]time.Duration
	slow     map[string]time.Duration // how long the operator thinks about an item's plan
	notes    bool                     // a note is written while the record is
	stops    bool                     // right before the record is appended
	cut      []byte                   // the journal then
	fails    map[string]error         // of an item's first run, once it has made its changes
	loses    map[string]bool          // the answer to an item's first change is lost, and a look finds it made
	found    map[string]bool
	away     int      // how often the second person does not answer
	noes     []string // why they refuse, each time, before they agree
	exported record.Exported
}

func testSetup() checklist.Setup {
	target := func(name string) checklist.Target {
		return checklist.Target{
			Name: name, Platform: checklist.PlatformVercel, Project: "prj_" + name, Role: "verifier",
			Slots: map[checklist.Environment][]string{
				checklist.Staging: {"preview=sensitive", "development=encrypted"}, checklist.Production: {"custom:live=sensitive", "production=sensitive"},
			},
			Probes: map[checklist.Environment]string{
				checklist.Staging: "https://" + name + ".preview.example.com/api/test", checklist.Production: "https://" + name + ".example.com/api/test",
			},
		}
	}
	return checklist.Setup{
		Service: "orders", Team: "acme", API: "https://api.example.com", Hosting: checklist.HostingAPI,
		Targets:      []checklist.Target{target("payments-api"), target("orders-api")},
		RotationDays: 90, DualKeyDays: 7, Approval: checklist.ApprovalRule{Required: 1, Approvers: []string{bob}},
	}
}

// newStage opens a session of a kind: quarterly, drill, emergency, grace for an
// emergency that puts the new key first, or rollback.
func newStage(t testing.TB, trail *record.Trail, kind, id string) *stage {
	t.Helper()
	s := &stage{
		t: t, trail: trail, setup: testSetup(), now: day0.AddDate(0, 0, 30*trail.Head().Seq), people: []string{bob}, signer: alice,
		decision: "resume", before: map[string]func(){}, takes: map[string]time.Duration{}, fails: map[string]error{},
		loses: map[string]bool{}, found: map[string]bool{},
	}
	grace := kind == "grace"
	if grace {
		kind = "emergency"
	}
	list, err := checklist.Find(kind, s.setup.DualKeyDays, grace)
	require.NoError(t, err)
	s.opening = checklist.Opening{
		Session: id, Checklist: list, Sandbox: kind == "drill", Operator: alice, Reason: "scheduled rotation",
		Setup: s.setup, Environments: list.Environments, Grace: grace, Old: "v1", New: "v2",
		Trail: trail.ID(), TrailHead: trail.Head().Digest, TrailSeq: trail.Head().Seq, Tool: "keyturn test",
	}
	if kind == "drill" {
		s.opening.New = keygen.Test
	}
	s.random = random(trail.ID() + id)
	return s
}

// open writes the opening, unless that is done.
func (s *stage) open() *stage {
	s.t.Helper()
	if s.engine != nil {
		return s
	}
	s.journal = journal.NewMemory()
	require.NoError(s.t, checklist.Open(s.t.Context(), s.journal, s.opening, "run-1", s.now))
	return s.resume()
}

// resume comes back to the session, as another process.
func (s *stage) resume() *stage {
	s.t.Helper()
	e, err := checklist.NewEngine(checklist.Config{
		Journal: s.journal, Steps: s.steps(), Setup: s.setup, Meter: s, Approver: s.approver(), Clock: s.clock, Operator: alice, Run: "run-2",
	})
	require.NoError(s.t, err)
	first := s.engine == nil
	s.engine = e
	if !first {
		require.NoError(s.t, e.Resume(s.t.Context(), s))
	}
	return s
}

// clock goes on by a second with each look.
func (s *stage) clock() time.Time {
	s.now = s.now.Add(time.Second)
	return s.now
}

// run walks the session until its record is in the trail.
func (s *stage) run() *stage {
	s.t.Helper()
	s.open()
	for s.exported.Dir == "" {
		item, ok := s.engine.Session().Next()
		require.True(s.t, ok, "the session ended without a record")
		require.NoError(s.t, s.item(item.ID), item.ID)
	}
	return s
}

// until walks the session until an item is the next one.
func (s *stage) until(id string) *stage {
	s.t.Helper()
	s.open()
	for {
		item, ok := s.engine.Session().Next()
		require.True(s.t, ok)
		if item.ID == id {
			return s
		}
		require.NoError(s.t, s.item(item.ID), item.ID)
	}
}

// item runs one item, when time lets it.
func (s *stage) item(id string) error {
	if do := s.before[id]; do != nil {
		delete(s.before, id)
		do()
		if next, ok := s.engine.Session().Next(); !ok || next.ID != id {
			return nil // it was passed over
		}
	}
	if opens := s.engine.Session().NextOpens(s.now); opens.After(s.now) {
		s.now = opens
	}
	return s.engine.Run(s.t.Context(), id, s)
}

// Ask implements checklist.Operator: everything is agreed to.
func (s *stage) Ask(_ context.Context, q checklist.Question) (checklist.Answer, error) {
	s.now = s.now.Add(s.slow[q.Item])
	switch q.Kind {
	case checklist.Type:
		return checklist.Answer{Text: q.Expect}, nil
	case checklist.Confirm:
		return checklist.Answer{Text: checklist.Yes}, nil
	}
	return checklist.Answer{Text: "it is so | <b>really</b>"}, nil
}

func (*stage) Show(checklist.Event)        {}
func (*stage) Progress(checklist.Progress) {}

// Measure implements checklist.Meter.
func (s *stage) Measure(_ context.Context, _ *checklist.Session, m checklist.Metric) (checklist.Reading, error) {
	return checklist.Reading{Metric: m, Value: s.reading, At: s.now}, nil
}

// Sign implements consent.Second: the second persons sign whatever they are shown.
func (s *stage) Sign(_ context.Context, text string, _ checklist.Asker) (string, error) {
	if s.away > 0 {
		s.away--
		return "", errors.New("the second person did not answer")
	}
	who := s.people[s.answered%len(s.people)]
	if len(s.noes) > 0 {
		why := s.noes[0]
		s.noes = s.noes[1:]
		refusal, armor, err := approval.SignRefusal(mustKey(s.t, who), text, why)
		return refusal + armor, err
	}
	s.answered++
	return approval.Sign(mustKey(s.t, who), text)
}

func (s *stage) approver() *consent.Approver {
	return &consent.Approver{
		Second: s, Requester: alice, Clock: s.clock, Random: s.random,
		Roster: func() (sshsig.Roster, error) { return roster(s.t), nil },
		Key:    func(context.Context) (sshsig.Key, error) { return mustKey(s.t, alice), nil },
		Exported: func(context.Context, string) (record.Pinned, bool, error) {
			return record.Pinned{Exported: s.exported, Events: mustRecord(s.t, s.exported).Journal.Events, Journal: mustRecord(s.t, s.exported).Journal.HeadSHA256}, true, nil
		},
	}
}

// random is the same bytes for the same seed.
func random(seed string) *bytes.Reader {
	var all []byte
	for i := range 1000 {
		sum := sha256.Sum256(fmt.Append(nil, seed, i))
		all = append(all, sum[:16]...)
	}
	return bytes.NewReader(all)
}

func (s *stage) draft() record.Draft {
	text, err := s.journal.Bytes()
	require.NoError(s.t, err)
	if s.cut != nil {
		text = bytes.Clone(s.cut)
	}
	return record.Draft{
		Journal: text, Signer: s.signer, Policy: record.PolicyOf([]byte(rosterText(s.t)), 1),
		CreatedAt: s.now.Add(time.Minute), Tool: "keyturn test", Roster: roster(s.t), Requests: approval.Texts{},
	}
}

// Record implements checklist.Recorder.
func (s *stage) export(ctx context.Context) error {
	if s.stops {
		s.cut, s.exported.Dir = s.draft().Journal, "nowhere"
		return nil
	}
	d := s.draft()
	exported, err := s.trail.Append(ctx, d, mustKey(s.t, s.signer))
	s.now = d.CreatedAt
	if err == nil {
		s.exported = exported
	}
	return err
}

func (s *stage) steps() checklisttest.Steps {
	all := checklisttest.Steps{}
	for i := range s.opening.Checklist.All() {
		step := &checklisttest.Step{OnPlan: s.plan, OnDo: s.do, OnVerify: s.prove}
		step.OnCheck = func(_ context.Context, sc *checklist.Scope) (bool, error) { return s.found[sc.Item.ID], nil }
		switch i.Step {
		case "approve":
			step = checklisttest.ApproveStep()
		case "approve-afterwards":
			step = &checklisttest.Step{OnDo: s.approveAfterwards}
		}
		all[i.Step] = step
	}
	return all
}

func (s *stage) plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	plan := checklist.Plan{Summary: sc.Item.Title, Risk: checklist.Look}
	for _, e := range s.effects(sc) {
		plan.Risk = checklist.Change
		plan.Actions = append(plan.Actions, checklist.Action{Target: e.Target, Environment: e.Environment, Words: e.Words()})
	}
	if sc.Item.Step == "remove-old-key" || sc.Item.Step == "remove-compromised-key" {
		plan.Risk, plan.Confirm = checklist.Irreversible, string(sc.Session.Key(checklist.OldKey))
	}
	return plan, nil
}

func (s *stage) do(ctx context.Context, sc *checklist.Scope) error {
	if sc.Item.Step == "name-trouble" {
		if _, err := sc.Ask(ctx, checklist.Question{Kind: checklist.Write, Asked: checklist.Asked{ID: "what"}, Title: "What fails?"}); err != nil {
			return err
		}
	}
	for _, e := range s.effects(sc) {
		err := sc.Effect(ctx, e, func(ctx context.Context) (checklist.Result, error) {
			if e.Code == checklist.RecordExport {
				if s.notes {
					require.NoError(s.t, s.engine.Note(ctx, "", "in between", s))
				}
				return checklist.Result{ID: "trail"}, s.export(ctx)
			}
			if s.loses[sc.Item.ID] {
				delete(s.loses, sc.Item.ID)
				s.found[sc.Item.ID] = true
				return checklist.Result{}, fmt.Errorf("%w: no answer", checklist.ErrUnknown)
			}
			return checklist.Result{ID: "made_" + e.Target}, nil
		})
		if err != nil {
			return err
		}
	}
	s.now = s.now.Add(s.takes[sc.Item.ID])
	err := s.fails[sc.Item.ID]
	delete(s.fails, sc.Item.ID)
	return err
}

func (s *stage) prove(_ context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	evidence := checklist.Evidence{Summary: "seen: " + sc.Item.Title, Facts: map[string]string{}}
	fact := func(what string, r checklist.Role, value string) {
		for _, e := range sc.Environments() {
			evidence.Facts[checklist.Fact(what, e, r)] = value
		}
	}
	fingerprint := func(r checklist.Role) {
		for _, e := range sc.Environments() {
			evidence.Facts[checklist.Fact(checklist.FactFingerprint, e, r)] = digest(string(e) + string(r))
		}
	}
	switch sc.Item.Step {
	case "generate-key":
		fingerprint(checklist.NewKey)
	case "prove-vault", "see-who-breaks", "re-add-old-key":
		fingerprint(checklist.OldKey)
		fact(checklist.FactRecoverable, checklist.OldKey, "read back and accepted")
	case "prove-both-keys", "prove-new-key":
		fact(checklist.FactAccepted, checklist.NewKey, "by dpl_1")
		evidence.Tables = []checklist.Table{{
			Title: "Probes of orders-api", Columns: []string{"Probe", "Status", "Verdict"},
			Rows: [][]string{{"new key", "200", "accepted"}, {"tampered body | <script>", "401", "refused"}},
		}}
		evidence.Commands = []string{`curl -i -X POST -H 'X-HMAC-KeyId: v2' http://127.0.0.1/api/test`}
	case "audit":
		evidence.Facts[checklist.FactAuditCSV], evidence.Facts[checklist.FactAuditJSONL] = digest(auditCSV), digest(auditJSONL)
	case "document", "document-drill":
		evidence.Issues = []string{"one client was late"}
	}
	return evidence, nil
}

// approveAfterwards gets the consent to the record and puts it beside it.
func (s *stage) approveAfterwards(ctx context.Context, sc *checklist.Scope) error {
	approvals, err := sc.Approve(ctx, checklist.Consent{Record: s.exported.Digest})
	if err != nil {
		return err
	}
	var late []record.Late
	for _, a := range approvals {
		at := slices.IndexFunc(s.journal.Events(), func(e checklist.Event) bool { return e.Request != nil && e.Request.ID == a.Request })
		late = append(late, record.Late{Request: s.journal.Events()[at].Request.Text, Signature: a.Signature})
	}
	return sc.Effect(ctx, checklist.Effect{Code: checklist.RecordApprove}, func(ctx context.Context) (checklist.Result, error) {
		return checklist.Result{}, s.trail.ApproveLate(ctx, s.opening.Session, late)
	})
}

var errBroken = errors.New("the platform is down")
