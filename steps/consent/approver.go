package consent

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/checklist/record"
	"keyturn/keygen/sshsig"
	"keyturn/steps/approval"
)

// Second is how a second person is reached.
type Second interface {
	// Sign returns what the second person sent back for the text of a request: a
	// signature over it, or a refusal and its signature. See approval.ParseAnswer.
	Sign(ctx context.Context, text string, ask checklist.Asker) (answer string, err error)
}

// Approver implements checklist.Approver: it writes the request, has a second
// person sign it, and checks the answer against the roster.
type Approver struct {
	Second    Second
	Roster    func() (sshsig.Roster, error) // read anew, for it may have changed
	Requester string                        // principal of the operator, who also signs the record
	Key       func(context.Context) (sshsig.Key, error)
	// Exported finds the record of a session that is approved afterwards: see
	// LateTrail. It may be nil where no session ends before its approval.
	Exported func(ctx context.Context, session string) (record.Pinned, bool, error)
	// Others returns the realm's sessions, to say which one an answer belongs to
	// that fits no request of its own session. It may be nil.
	Others func(context.Context) ([]*checklist.Session, error)
	Clock  func() time.Time
	Random io.Reader
}

var _ checklist.Approver = (*Approver)(nil)

// Request implements checklist.Approver. A request that is open is returned as it
// was: so a signature counts that came while the operator was away, and where
// several people must agree, all can be sent the same text.
func (a *Approver) Request(ctx context.Context, s *checklist.Session, c checklist.Consent) (checklist.Request, error) {
	key, err := a.Key(ctx)
	if err != nil {
		return checklist.Request{}, fmt.Errorf("read the operator's signing key: %w", err)
	}
	mandate := s.Mandate(c)
	plan := mandate.Digest()
	if r, ok := a.open(s, c, key.Fingerprint()); ok {
		return r, nil
	}
	r := requestFor(s, c, mandate)
	r.Requester, r.RequesterKey, r.Expires = a.Requester, key.Fingerprint(), a.Clock().Add(validity(s, c))
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

// open returns the newest open request by the same requester for a consent.
func (a *Approver) open(s *checklist.Session, c checklist.Consent, key string) (checklist.Request, bool) {
	for _, r := range slices.Backward(s.Requests) {
		if r.Consent != c || s.Standing(r, a.Clock()) != checklist.RequestOpen {
			continue
		}
		asked, err := approval.Parse(r.Text)
		if err == nil && asked.Requester == a.Requester && asked.RequesterKey == key {
			return r, true
		}
	}
	return checklist.Request{}, false
}

// validity is how long a request may be answered. In an emergency that is no
// longer than its limit, since what is asked for is overtaken by then; an
// approval of its record has no such hurry.
func validity(s *checklist.Session, c checklist.Consent) time.Duration {
	if limit := s.Checklist.Limit; limit > 0 && c.Record == "" {
		return min(limit, approval.DefaultValidity)
	}
	return approval.DefaultValidity
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
func (a *Approver) Answer(ctx context.Context, s *checklist.Session, r checklist.Request, ask checklist.Asker) (checklist.Reply, error) {
	if standing := s.Standing(r, a.Clock()); standing != checklist.RequestOpen {
		return checklist.Reply{}, checklist.WithHint(fmt.Errorf("the request %s", s.StandingWords(r, a.Clock())), "run the item again; a new request is made")
	}
	agreed := s.Agreed(r.Consent, a.Clock())
	sent, err := a.Second.Sign(ctx, r.Text, suggesting(ask.Noting(a.notes(s, r, agreed)), agreed))
	if err != nil {
		return checklist.Reply{}, err
	}
	roster, err := a.Roster()
	if err != nil {
		return checklist.Reply{}, fmt.Errorf("read the roster: %w", err)
	}
	reply, err := a.judge(ctx, s, r, approval.ParseAnswer(sent), roster)
	if err != nil {
		return checklist.Reply{}, fmt.Errorf("check the answer: %w", err)
	}
	return reply, nil
}

// judge finds the request of the session that was answered, which need not be
// the one that was asked about, and says what the answer means.
func (a *Approver) judge(ctx context.Context, s *checklist.Session, asked checklist.Request, answer approval.Answer, roster sshsig.Roster) (checklist.Reply, error) {
	now := a.Clock()
	requests := []checklist.Request{asked}
	for _, r := range slices.Backward(s.Requests) {
		if r.ID != asked.ID {
			requests = append(requests, r)
		}
	}
	found, err := approval.Find(answer, texts(requests), roster)
	if errors.Is(err, approval.ErrBadSignature) {
		err = cmp.Or(a.elsewhere(ctx, s, answer, roster), err)
	}
	if err != nil {
		return checklist.Reply{}, err
	}
	r := requests[found.Index]
	if s.Standing(r, now) != checklist.RequestOpen {
		return checklist.Reply{}, approval.Reject(approval.ErrClosed, "ask again, and send the new request",
			"it answers request %s of %s, which %s", r.ID, checklist.MomentWords(found.Request.Requested), s.StandingWords(r, now))
	}
	if found.Request.ID != r.ID || found.Request.Plan != r.Mandate {
		return checklist.Reply{}, fmt.Errorf("the text of request %s does not say what was asked for", r.ID)
	}
	if err := found.Check(roster, now, a.Requester); err != nil {
		return checklist.Reply{}, err
	}
	by, item, at := found.Signer.Principal, r.Consent.Item, now.UTC()
	if found.Refuses {
		return checklist.Reply{Refusal: &checklist.Refusal{Request: r.ID, Item: item, By: by, Reason: found.Why, Signature: found.Armor, At: at}}, nil
	}
	return checklist.Reply{Approval: &checklist.Approval{Request: r.ID, Item: item, By: by, Mandate: r.Mandate, Signature: found.Armor, At: at}}, nil
}

// elsewhere returns an error that says which other session an answer was given
// to, or nil.
func (a *Approver) elsewhere(ctx context.Context, s *checklist.Session, answer approval.Answer, roster sshsig.Roster) error {
	const hint = "give it where that session is asked about; here, ask again and send the new request"
	var others []*checklist.Session
	if a.Others != nil {
		others, _ = a.Others(ctx) // what cannot be read is told where sessions are listed
	}
	for _, o := range others {
		if o.ID() == s.ID() {
			continue
		}
		if found, err := approval.Find(answer, texts(o.Requests), roster); err == nil {
			return approval.Reject(approval.ErrClosed, hint, "it answers request %s of %s, of the session %s",
				found.Request.ID, checklist.MomentWords(found.Request.Requested), o.ID())
		}
	}
	// The text that came with it may be of a session that is not known here.
	text := answer.Text
	if request, _, err := approval.ParseRefusal(text); err == nil {
		text = request
	}
	if found, err := approval.Find(answer, []string{text}, roster); err == nil {
		return approval.Reject(approval.ErrClosed, hint, "it answers request %s of %s, of the session %s, which did not make it here",
			found.Request.ID, checklist.MomentWords(found.Request.Requested), found.Request.Rotation)
	}
	return nil
}

func texts(requests []checklist.Request) []string {
	all := make([]string, len(requests))
	for i, r := range requests {
		all[i] = r.Text
	}
	return all
}

// notes is what an operator should know before they ask a second person: who has
// agreed, what became of the request before, and what else an answer may be to.
func (a *Approver) notes(s *checklist.Session, r checklist.Request, agreed []checklist.Approval) string {
	now := a.Clock()
	var notes []string
	if note := whoAgreed(agreed, s.Required()); note != "" {
		notes = append(notes, note)
	}
	for _, o := range slices.Backward(s.Requests) {
		if o.ID != r.ID && o.Consent == r.Consent {
			notes = append(notes, fmt.Sprintf("The request before this one, %s, %s: only an answer to the new one counts.", o.ID, s.StandingWords(o, now)))
			break
		}
	}
	for _, o := range s.Waiting(now) {
		if o.ID != r.ID {
			notes = append(notes, fmt.Sprintf("An answer to request %s, which waits too, counts as well: %s.", o.ID, s.ConsentWords(o.Consent)))
		}
	}
	return strings.Join(notes, "\n")
}

// suggesting is an asker that suggests no file whose signature has been counted
// already.
func suggesting(ask checklist.Asker, agreed []checklist.Approval) checklist.Asker {
	return func(ctx context.Context, q checklist.Question) (checklist.Answer, error) {
		if q.Kind == checklist.Write && q.Default != "" && len(agreed) > 0 {
			sent, err := readAnswer(q.Default)
			counted := slices.ContainsFunc(agreed, func(o checklist.Approval) bool { return o.Signature == approval.ParseAnswer(sent).Armor })
			if err == nil && counted {
				q.Default = ""
			}
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
