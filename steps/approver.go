package steps

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/keygen/sshsig"
	"keyturn/steps/approval"
)

// Second is how a second person is reached.
type Second interface {
	// Sign returns the second person's signature over the text of a request,
	// as an armored SSHSIG, or what was pasted for one.
	Sign(ctx context.Context, text string, ask checklist.Asker) (armor string, err error)
}

// Approver implements checklist.Approver: it writes the request, has a second
// person sign it, and checks the answer against the roster.
type Approver struct {
	Second    Second
	Roster    func() (sshsig.Roster, error) // read anew, for it may have changed
	Requester string                        // principal of the operator, who also signs the record
	Key       func(context.Context) (sshsig.Key, error)
	// Exported finds the record of a session that is approved afterwards: see
	// Trail. It may be nil where no session ends before its approval.
	Exported func(ctx context.Context, session string) (Exported, bool, error)
	Clock    func() time.Time
	Random   io.Reader
}

var _ checklist.Approver = (*Approver)(nil)

// Request implements checklist.Approver. A request that has not run out is made
// again as it was: so a signature counts that came while the operator was away,
// and where several people must agree, all can be sent the same text.
func (a *Approver) Request(ctx context.Context, s *checklist.Session, c checklist.Consent) (checklist.Request, error) {
	key, err := a.Key(ctx)
	if err != nil {
		return checklist.Request{}, fmt.Errorf("read the operator's signing key: %w", err)
	}
	mandate := s.Mandate(c)
	plan := mandate.Digest()
	if r, ok := a.running(s, c, plan, key.Fingerprint()); ok {
		return r, nil
	}
	r := requestFor(s, c, mandate)
	r.Requester, r.RequesterKey = a.Requester, key.Fingerprint()
	if c.Record != "" {
		if err := a.aboutRecord(ctx, s, c, &r); err != nil {
			return checklist.Request{}, err
		}
	}
	issued, err := approval.Issue(a.Random, a.Clock(), r)
	if err != nil {
		return checklist.Request{}, err
	}
	text, err := issued.Text()
	if err != nil {
		return checklist.Request{}, err
	}
	return checklist.Request{ID: issued.ID, Consent: c, Mandate: plan, Text: text, Expires: issued.Expires}, nil
}

// running returns the newest request for a consent, if it may still be answered.
func (a *Approver) running(s *checklist.Session, c checklist.Consent, plan, key string) (checklist.Request, bool) {
	for _, r := range slices.Backward(s.Requests) {
		if r.Consent != c || r.Mandate != plan || !a.Clock().Before(r.Expires) {
			continue
		}
		asked, err := approval.Parse(r.Text)
		if err == nil && asked.Requester == a.Requester && asked.RequesterKey == key && !undoneSince(s, asked.Requested) {
			return r, true
		}
	}
	return checklist.Request{}, false
}

// undoneSince reports whether items were opened again after a time: what was
// asked for before that is asked for anew.
func undoneSince(s *checklist.Session, at time.Time) bool {
	return slices.ContainsFunc(s.Deviations, func(d checklist.Deviation) bool {
		return (d.Kind == checklist.Reopened || d.Kind == checklist.RolledBack) && at.Before(d.At)
	})
}

// requestFor writes a consent as a request says it. The journal's head is that
// of the last event but one, since an event names the digest of the one before.
func requestFor(s *checklist.Session, c checklist.Consent, m checklist.Mandate) approval.Request {
	r := approval.Request{
		Trail: s.Opening.Trail, Records: s.Opening.TrailSeq, Head: s.Opening.TrailHead,
		Rotation: s.ID(), Events: s.LastEvent.Seq - 1, Journal: s.LastEvent.Prev,
		Service: m.Service, Team: m.Team, Action: approvalAction(c), Gate: c.Gate, Target: c.Target,
		OldKey: s.Key(checklist.OldKey), OldFp: fingerprintsOf(s, checklist.OldKey),
		NewKey: s.Key(checklist.NewKey), NewFp: fingerprintsOf(s, checklist.NewKey),
		Targets: m.Targets, Plan: m.Digest(), Reason: cmp.Or(c.Reason, s.Opening.Reason),
	}
	for _, e := range m.Environments {
		r.Environments = append(r.Environments, string(e))
	}
	for _, i := range m.Items {
		r.Items = append(r.Items, i.String())
	}
	return r
}

// aboutRecord has a request name the record as the head of the trail, and the
// journal as far as the record pins it.
func (a *Approver) aboutRecord(ctx context.Context, s *checklist.Session, c checklist.Consent, r *approval.Request) error {
	if a.Exported == nil {
		return errors.New("ask for an approval afterwards: there is no trail")
	}
	exported, ok, err := a.Exported(ctx, s.ID())
	switch {
	case err != nil:
		return err
	case !ok || exported.Digest != c.Record:
		return fmt.Errorf("the trail does not have the record of %s that is to be approved", s.ID())
	}
	r.Records, r.Head, r.Events, r.Journal = exported.Seq, exported.Digest, exported.Events, exported.Journal
	return nil
}

// approvalAction is the code of what a consent is for.
func approvalAction(c checklist.Consent) string {
	switch {
	case c.Record != "":
		return approval.Afterwards
	case c.Deviation == checklist.PassedOver:
		return approval.PassedOver
	case c.Deviation == checklist.Overridden:
		return approval.Overridden
	case c.Deviation == checklist.Narrowed:
		return approval.Narrowed
	}
	return approval.Items
}

func fingerprintsOf(s *checklist.Session, r checklist.Role) approval.Fingerprints {
	return approval.Fingerprints{Staging: s.Fingerprint(checklist.Staging, r), Production: s.Fingerprint(checklist.Production, r)}
}

// Answer implements checklist.Approver.
func (a *Approver) Answer(ctx context.Context, s *checklist.Session, r checklist.Request, ask checklist.Asker) (checklist.Approval, error) {
	request, err := approval.Parse(r.Text)
	switch {
	case err != nil:
		return checklist.Approval{}, err
	case request.ID != r.ID || request.Plan != r.Mandate || s.Mandate(r.Consent).Digest() != r.Mandate:
		return checklist.Approval{}, checklist.WithHint(errors.New("what is to be approved has changed since the request was made"), "run the item again; a new request is made")
	}
	agreed := s.Agreed(r.Consent, a.Clock())
	armor, err := a.Second.Sign(ctx, r.Text, telling(ask, whoAgreed(agreed, s.Required())))
	if err != nil {
		return checklist.Approval{}, err
	}
	roster, err := a.Roster()
	if err != nil {
		return checklist.Approval{}, fmt.Errorf("read the roster: %w", err)
	}
	armor = sshsig.NormalizePasted(armor)
	got, err := approval.Verify(r.Text, armor, roster, a.Clock(), approval.Expectation{Request: request, Signer: a.Requester})
	if err != nil {
		return checklist.Approval{}, fmt.Errorf("check the approval: %w", err)
	}
	return checklist.Approval{
		Request: r.ID, Item: r.Consent.Item, By: got.Principal, Mandate: r.Mandate, Signature: armor, At: got.At,
	}, nil
}

// telling is an asker that begins what it explains with a note, if there is one.
// What would be suggested is what was answered before.
func telling(ask checklist.Asker, note string) checklist.Asker {
	if note == "" {
		return ask
	}
	return func(ctx context.Context, q checklist.Question) (checklist.Answer, error) {
		q.Body = note + "\n\n" + q.Body
		if q.Kind == checklist.Write {
			q.Default = ""
		}
		return ask(ctx, q)
	}
}

// whoAgreed says who has agreed so far where several people must; "" for nobody.
func whoAgreed(agreed []checklist.Approval, required int) string {
	if len(agreed) == 0 {
		return ""
	}
	return fmt.Sprintf("%d of the %d people who must agree have: %s. The next signature must be somebody else's, over the same text.",
		len(agreed), required, strings.Join(signers(agreed), ", "))
}

func signers(approvals []checklist.Approval) []string {
	var people []string
	for _, a := range approvals {
		people = append(people, a.By)
	}
	return people
}

// SandboxSecond signs with a key of its own, once the operator says so: in the
// sandbox one person plays both parts, with two real keys.
type SandboxSecond struct {
	Principal string
	Key       func(context.Context) (sshsig.Key, error)
}

// Sign implements Second.
func (s SandboxSecond) Sign(ctx context.Context, text string, ask checklist.Asker) (string, error) {
	a, err := ask(ctx, checklist.Question{
		Kind: checklist.Confirm, Asked: checklist.Asked{ID: "second-signs"}, Default: checklist.No,
		Title: "Sandbox: sign this as " + s.Principal + ", the second person?", Body: text,
	})
	if err != nil {
		return "", err
	}
	if a.Text != checklist.Yes {
		return "", checklist.WithHint(errors.New("the second person did not approve"), "nothing was changed; run the item again to ask once more")
	}
	key, err := s.Key(ctx)
	if err != nil {
		return "", fmt.Errorf("read the second person's key: %w", err)
	}
	return approval.Sign(key, text)
}

// FileSecond reaches the second person by files: the request is written to
// Dir, and the signature is read from a file whose path the operator gives.
type FileSecond struct{ Dir string }

// maxSignature is far above the largest armored signature, in bytes.
const maxSignature = 64 << 10

// Sign implements Second.
func (f FileSecond) Sign(ctx context.Context, text string, ask checklist.Asker) (string, error) {
	sum := sha256.Sum256([]byte(text))
	path := filepath.Join(f.Dir, "request-"+hex.EncodeToString(sum[:4])+".txt")
	if err := replaceFile(path, []byte(text)); err != nil {
		return "", fmt.Errorf("write the request: %w", err)
	}
	a, err := ask(ctx, checklist.Question{
		Kind: checklist.Write, Asked: checklist.Asked{ID: "second-signature"},
		Title: "Where is the second person's signature? (path of the .sig file)", Default: path + ".sig", Copy: text,
		Body: "Send them " + path + ". They sign exactly that text with\n\n  ssh-keygen -Y sign -f KEY -n " +
			sshsig.NamespaceApproval + " " + filepath.Base(path) + "\n\n" + text,
	})
	if err != nil {
		return "", err
	}
	file, err := os.Open(strings.TrimSpace(a.Text))
	if err != nil {
		return "", checklist.WithHint(fmt.Errorf("read the signature: %w", err), "nothing was changed; run the item again once the file is there")
	}
	defer file.Close()
	armor, err := io.ReadAll(io.LimitReader(file, maxSignature))
	if err != nil {
		return "", fmt.Errorf("read the signature: %w", err)
	}
	return string(armor), nil
}

// approve gets the consent of second persons to the items that wait for this one.
// Both the requests and the approvals are in the journal, and nothing else is
// changed.
type approve struct{}

func (approve) agreed(sc *checklist.Scope) (agreed []checklist.Approval, required int) {
	return sc.Session.Agreed(checklist.Consent{Item: sc.Item.ID}, sc.Now()), sc.Session.Required()
}

func (a approve) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	agreed, required := a.agreed(sc)
	plan := checklist.Plan{Summary: "Ask a second person", Risk: checklist.Look}
	switch {
	case len(agreed) >= required:
		plan.Summary = "Ask nobody: " + approvedWords(agreed, required)
	case required > 1:
		plan.Summary = fmt.Sprintf("Ask %d people other than you", required)
	}
	if note := whoAgreed(agreed, required); note != "" && len(agreed) < required {
		plan.Warnings = []string{note}
	}
	for _, i := range sc.Session.ApprovedBy(sc.Item.ID) {
		for _, e := range i.Environments {
			plan.Actions = append(plan.Actions, checklist.Action{Environment: e, Words: strings.ToLower(i.Title)})
		}
	}
	return plan, nil
}

func (a approve) Check(_ context.Context, sc *checklist.Scope) (bool, error) {
	agreed, required := a.agreed(sc)
	return len(agreed) >= required, nil
}

func (approve) Do(ctx context.Context, sc *checklist.Scope) error {
	_, err := sc.Approve(ctx, checklist.Consent{})
	return err
}

func (a approve) Verify(_ context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	agreed, required := a.agreed(sc)
	if len(agreed) < required {
		return checklist.Evidence{}, fmt.Errorf("%d of %d people have approved it", len(agreed), required)
	}
	return checklist.Evidence{Summary: approvedWords(agreed, required)}, nil
}

// approvedWords says who approved and when, and how many people had to.
func approvedWords(agreed []checklist.Approval, required int) string {
	var people []string
	for _, a := range agreed {
		people = append(people, fmt.Sprintf("%s at %s", a.By, a.At.UTC().Format("2006-01-02 15:04 MST")))
	}
	return fmt.Sprintf("approved by %s (required: %d)", strings.Join(people, " and "), required)
}
