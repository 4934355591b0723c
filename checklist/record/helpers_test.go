package record_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/record"
	"keyturn/keygen"
	"keyturn/keygen/sshsig"
	"keyturn/steps/approval"
)

const (
	alice = "alice@example.com" // operates and signs
	bob   = "bob@example.com"   // approves
)

var day0 = time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

func mustKey(t testing.TB, name string) sshsig.Key {
	t.Helper()
	seed, err := keygen.ParseSecret(digest("test seed " + name))
	require.NoError(t, err)
	key, err := sshsig.NewKey(seed)
	require.NoError(t, err)
	return key
}

// rosterText has alice and bob, who may both sign and approve, and carol,
// whose keys are valid for the first hour only.
func rosterText(t testing.TB) string {
	t.Helper()
	var b strings.Builder
	for _, who := range []string{alice, bob, "carol@example.com"} {
		m := sshsig.Member{Principal: who, Namespaces: []string{sshsig.NamespaceRecord, sshsig.NamespaceApproval}, Key: mustKey(t, who).Public()}
		if who == "carol@example.com" {
			m.ValidBefore = day0.Add(time.Hour)
		}
		line, err := m.RosterLine()
		require.NoError(t, err)
		b.WriteString(line + "\n")
	}
	return b.String()
}

func options(t testing.TB) record.Options {
	t.Helper()
	roster, err := sshsig.ParseRoster("allowed_signers", []byte(rosterText(t)))
	require.NoError(t, err)
	return record.Options{Roster: roster, Requests: approval.Fields}
}

// script writes a session's journal as an engine would.
type script struct {
	t       testing.TB
	trail   *record.Trail
	list    checklist.Checklist
	events  []checklist.Event
	journal bytes.Buffer
	now     time.Time

	// What a test may do otherwise, before run.
	approver   string
	signer     sshsig.Key // of approvals; zero for the approver's
	acceptedAt func(requested time.Time) time.Time
	request    func(*approval.Request)
	requestRaw func(text string) string
	skip       map[string]bool // items to pass over without asking anybody
	takes      map[string]time.Duration
	twice      bool // write each approval twice
	reason     string
}

func newScript(t testing.TB, trail *record.Trail, kind, id string) *script {
	t.Helper()
	list := checklist.Drill()
	switch kind {
	case "quarterly":
		list = checklist.Quarterly(7)
	case "emergency":
		list = checklist.Emergency(false)
	}
	s := &script{
		t: t, trail: trail, list: list, approver: bob, skip: map[string]bool{}, reason: "scheduled rotation",
		now: day0.AddDate(0, 0, 30*trail.Head().Seq),
	}
	o := checklist.Opening{
		Session: id, Checklist: list.ID, Digest: list.Digest(), Sandbox: kind == "drill", Operator: alice,
		Reason: s.reason, Service: "orders", Targets: []string{"payments-api", "orders-api"}, Environments: list.Environments,
		New: "v2", DualKeyDays: 7, RotationDays: 90,
		Trail: trail.ID(), TrailHead: trail.Head().Digest, TrailSeq: trail.Head().Seq, Tool: "keyturn test",
	}
	if kind != "drill" {
		o.Old = "v1"
	}
	s.add(checklist.Event{Kind: checklist.Opened, Opening: &o})
	return s
}

func (s *script) add(e checklist.Event) {
	s.t.Helper()
	s.now = s.now.Add(time.Second)
	e.Seq, e.At, e.By = len(s.events)+1, s.now, alice
	e.Prev = strings.Repeat("0", 64)
	if len(s.events) > 0 {
		lines := bytes.SplitAfter(s.journal.Bytes(), []byte("\n"))
		e.Prev = digest(string(lines[len(lines)-2]))
	}
	enc := json.NewEncoder(&s.journal)
	enc.SetEscapeHTML(false)
	require.NoError(s.t, enc.Encode(e))
	s.events = append(s.events, e)
}

// fold returns the session so far.
func (s *script) fold() *checklist.Session {
	s.t.Helper()
	session, err := checklist.Fold(s.events, checklist.Find)
	require.NoError(s.t, err)
	return session
}

// run does every item, and leaves the last one, the export, under way.
func (s *script) run() *script {
	s.t.Helper()
	for _, item := range s.list.Items() {
		if s.skip[item.ID] {
			s.add(checklist.Event{Kind: checklist.PassedOver, Item: item.ID, Text: "no time"})
			continue
		}
		s.add(checklist.Event{Kind: checklist.Planned, Item: item.ID, Plan: &checklist.Plan{Summary: item.Title, Risk: checklist.Change}})
		s.add(checklist.Event{Kind: checklist.Agreed, Item: item.ID, Text: checklist.Yes})
		s.add(checklist.Event{Kind: checklist.Started, Item: item.ID})
		if item.Step == "export-record" {
			s.add(checklist.Event{Kind: checklist.Intended, Item: item.ID, Effect: &checklist.Effect{Name: "record.export", Words: "append the record"}})
			break
		}
		s.now = s.now.Add(s.takes[item.ID])
		s.effects(item)
		evidence := s.evidence(item)
		s.add(checklist.Event{Kind: checklist.Passed, Item: item.ID, Evidence: &evidence})
		if s.twice && evidence.Approval != nil {
			s.add(checklist.Event{Kind: checklist.Started, Item: item.ID})
			s.add(checklist.Event{Kind: checklist.Passed, Item: item.ID, Evidence: &evidence})
		}
	}
	return s
}

func (s *script) effects(item checklist.Item) {
	name, ok := map[string]string{
		"add-new-key": "vercel.env.create", "remove-old-key": "vercel.env.delete", "remove-new-key": "vercel.env.delete",
		"remove-compromised-key": "vercel.env.delete", "redeploy": "vercel.redeploy", "generate-key": "vault.put",
	}[item.Step]
	if !ok {
		return
	}
	for _, e := range item.Environments {
		effect := checklist.Effect{Name: name, Target: "orders-api", Environment: e, Words: item.Title + " in orders-api"}
		s.add(checklist.Event{Kind: checklist.Intended, Item: item.ID, Effect: &effect})
		effect.Outcome = "dpl_" + string(e)
		s.add(checklist.Event{Kind: checklist.Done, Item: item.ID, Effect: &effect})
	}
}

func (s *script) evidence(item checklist.Item) checklist.Evidence {
	evidence := checklist.Evidence{Summary: "proved: " + item.Title, Facts: map[string]string{}}
	fingerprint := func(r checklist.Role) {
		for _, e := range item.Environments {
			evidence.Facts[checklist.Fact(checklist.FactFingerprint, e, r)] = digest(string(e) + string(r))
		}
	}
	switch item.Step {
	case "generate-key":
		fingerprint(checklist.NewKey)
	case "prove-vault", "see-who-breaks":
		fingerprint(checklist.OldKey)
	case "approve":
		evidence.Approval = s.approve(item)
	case "prove-both-keys", "prove-new-key":
		evidence.Tables = []checklist.Table{{
			Title: "Probes of orders-api", Columns: []string{"Probe", "Status", "Verdict"},
			Rows: [][]string{{"new key", "200", "accepted"}, {"tampered body | <script>", "401", "refused"}},
		}}
		evidence.Commands = []string{`curl -i -X POST -H 'X-HMAC-KeyId: v2' http://127.0.0.1/api/test`}
	case "document", "document-drill":
		evidence.Issues = []string{"one client was late"}
	}
	return evidence
}

func (s *script) approve(item checklist.Item) *checklist.Approval {
	s.t.Helper()
	session := s.fold()
	r := approval.Request{
		Trail: session.Opening.Trail, Records: session.Opening.TrailSeq, Head: session.Opening.TrailHead,
		Rotation: session.ID(), Events: session.LastEvent.Seq - 1, Journal: session.LastEvent.Prev,
		Environment: "production", Action: item.Title, OldKey: session.Opening.Old, NewKey: session.Opening.New,
		OldFp:   session.Fingerprint(checklist.Production, checklist.OldKey),
		NewFp:   session.Fingerprint(checklist.Production, checklist.NewKey),
		Targets: session.Opening.Targets, Plan: session.ActionDigest(item),
		Requester: alice, RequesterKey: mustKey(s.t, alice).Fingerprint(), Reason: s.reason,
	}
	if s.request != nil {
		s.request(&r)
	}
	seed := sha256.Sum256([]byte(session.ID() + item.ID + fmt.Sprint(session.LastEvent.Seq)))
	r, err := approval.Issue(bytes.NewReader(seed[:]), s.now, r)
	require.NoError(s.t, err)
	text, err := r.Text()
	require.NoError(s.t, err)
	if s.requestRaw != nil {
		text = s.requestRaw(text)
	}
	signer := s.signer
	if signer.IsZero() {
		signer = mustKey(s.t, s.approver)
	}
	armor, err := sshsig.Sign(signer, sshsig.NamespaceApproval, []byte(text))
	require.NoError(s.t, err)
	at := s.now.Add(time.Second)
	if s.acceptedAt != nil {
		at = s.acceptedAt(r.Requested)
	}
	return &checklist.Approval{Item: item.ID, By: s.approver, Action: r.Plan, Request: text, Signature: armor, At: at}
}

func (s *script) draft() record.Draft {
	return record.Draft{
		Journal: bytes.Clone(s.journal.Bytes()), Signer: alice, Policy: record.PolicyOf([]byte(rosterText(s.t)), 1),
		CreatedAt: s.now.Add(time.Minute), Tool: "keyturn test",
	}
}

func (s *script) export() record.Exported {
	s.t.Helper()
	exported, err := s.trail.Append(s.t.Context(), s.draft(), mustKey(s.t, alice))
	require.NoError(s.t, err)
	return exported
}

func mustTrail(t testing.TB, dir string) *record.Trail {
	t.Helper()
	trail, err := record.OpenTrail(dir)
	require.NoError(t, err)
	return trail
}

// mustRecords makes a trail with a drill and n-1 quarterly rotations.
func mustRecords(t testing.TB, n int) *record.Trail {
	t.Helper()
	trail := mustTrail(t, filepath.Join(t.TempDir(), "trail"))
	for i := range n {
		kind := "quarterly"
		if i == 0 {
			kind = "drill"
		}
		newScript(t, trail, kind, fmt.Sprintf("rot-%d", i+1)).run().export()
	}
	return trail
}

func verify(t testing.TB, path string) (record.Report, error) {
	t.Helper()
	return record.VerifyTrail(t.Context(), []string{path}, options(t))
}

func mustFail(t testing.TB, path string) *record.Failure {
	t.Helper()
	_, err := verify(t, path)
	var failure *record.Failure
	require.ErrorAs(t, err, &failure)
	return failure
}

func read(t testing.TB, elements ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(elements...))
	require.NoError(t, err)
	return string(text)
}

func write(t testing.TB, text string, elements ...string) {
	t.Helper()
	require.NoError(t, os.WriteFile(filepath.Join(elements...), []byte(text), 0o600))
}

// resign lets key sign record.json after a change, and makes HEAD fit when the
// record is the last.
func resign(t testing.TB, trail *record.Trail, name string, key sshsig.Key, change func(string) string) {
	t.Helper()
	text := change(read(t, trail.Dir(), name, "record.json"))
	armor, err := sshsig.Sign(key, sshsig.NamespaceRecord, []byte(text))
	require.NoError(t, err)
	write(t, text, trail.Dir(), name, "record.json")
	write(t, armor, trail.Dir(), name, "record.json.sig")
	if folders := recordsIn(t, trail.Dir()); folders[len(folders)-1] == name {
		writeHead(t, trail, len(folders), digest(text))
	}
}

func writeHead(t testing.TB, trail *record.Trail, seq int, sum string) {
	t.Helper()
	write(t, record.Head{Trail: trail.ID(), Seq: seq, Digest: sum}.Line()+"\n", trail.Dir(), "HEAD")
}

func recordsIn(t testing.TB, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	require.NoError(t, err)
	var names []string
	for _, e := range entries {
		if e.IsDir() {
			names = append(names, e.Name())
		}
	}
	return names
}

func replacing(t testing.TB, old, new string) func(string) string {
	return func(text string) string {
		t.Helper()
		require.Contains(t, text, old)
		return strings.Replace(text, old, new, 1)
	}
}

func contextThatEnded(t testing.TB) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	return ctx, cancel
}
