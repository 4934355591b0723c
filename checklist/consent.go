package checklist

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Request is what a second person is asked to sign. It is journalled before
// anybody is asked.
type Request struct {
	ID      string    `json:"id"` // random, for this consent alone
	Consent Consent   `json:"consent"`
	Mandate string    `json:"mandate"` // digest of what is approved: see Session.Mandate
	Text    string    `json:"text"`    // the exact bytes to be read and signed
	Expires time.Time `json:"expires"`
}

// Approval is a second person's signed consent.
type Approval struct {
	Request   string    `json:"request"`   // the id of the request that was signed
	Item      string    `json:"item"`      // what it was asked for
	By        string    `json:"by"`        // the approver's principal in the roster
	Mandate   string    `json:"mandate"`   // the request's
	Signature string    `json:"signature"` // armored SSHSIG over the request's text
	At        time.Time `json:"at"`        // when it was accepted
}

// Refusal is a second person's signed no. It closes the request, and takes back
// what others had agreed to on it.
type Refusal struct {
	Request   string    `json:"request"`          // the id of the request that was refused
	Item      string    `json:"item"`             // what it was asked for
	By        string    `json:"by"`               // the principal in the roster
	Reason    string    `json:"reason,omitempty"` // as it was signed; empty where none was given
	Signature string    `json:"signature"`        // armored SSHSIG over the text of the refusal
	At        time.Time `json:"at"`               // when it was accepted
}

// Reply is what a second person answered: one of the two.
type Reply struct {
	Approval *Approval
	Refusal  *Refusal
}

// Request returns the id of the request that was answered.
func (r Reply) Request() string {
	if r.Refusal != nil {
		return r.Refusal.Request
	}
	return r.Approval.Request
}

// Consent says what a second person is asked for: the items that wait for an
// approving item, a deviation of one item, or a record that is there already.
type Consent struct {
	Item string `json:"item"`
	// Deviation is Overridden, PassedOver or Narrowed; empty for the consent to
	// what an approving item stands for.
	Deviation Kind   `json:"deviation,omitempty"`
	Gate      string `json:"gate,omitempty"`   // overridden
	Target    string `json:"target,omitempty"` // narrowed
	Reason    string `json:"reason,omitempty"` // of the deviation
	// Record is the SHA-256 of the record that is approved afterwards, in hex.
	Record string `json:"record,omitempty"`
}

// Approver gets a second person's consent.
type Approver interface {
	// Request returns the request for a consent: one that is open already, or a
	// new one. Nobody is asked yet.
	Request(ctx context.Context, s *Session, c Consent) (Request, error)
	// Answer asks for the answer to a request, and returns a reply whose signature
	// and signer have been checked. It may be the reply to another request of the
	// session that is open.
	Answer(ctx context.Context, s *Session, r Request, ask Asker) (Reply, error)
}

// Mandate is what a second person approves. Its digest is signed, so that a
// change of any part voids the approval.
type Mandate struct {
	Session      string            `json:"session"`
	Service      string            `json:"service"`
	Team         string            `json:"team"`
	Setup        string            `json:"setup"` // see Setup.Digest
	Targets      []string          `json:"targets"`
	Environments []Environment     `json:"environments"`
	Items        []ApprovedItem    `json:"items"`
	Keys         map[string]string `json:"keys"` // fingerprints, by environment and role
	Consent      Consent           `json:"consent"`
}

// ApprovedItem is an item as an approval binds it.
type ApprovedItem struct {
	ID           string        `json:"id"`
	Step         string        `json:"step"`
	Environments []Environment `json:"environments"`
}

// String names the item and its step, as a request for approval writes them.
func (i ApprovedItem) String() string { return i.ID + "=" + i.Step }

// Digest returns the SHA-256 of the mandate in hex.
func (m Mandate) Digest() string { return digest(m) }

// Mandate returns what a consent stands for, as the session stands now.
func (s *Session) Mandate(c Consent) Mandate {
	setup := s.Setup()
	m := Mandate{
		Session: s.ID(), Service: setup.Service, Team: setup.Team, Setup: setup.Digest(),
		Targets: slices.Sorted(slices.Values(setup.TargetNames())), Environments: s.Environments(),
		Keys: map[string]string{}, Consent: c,
	}
	items := s.ApprovedBy(c.Item)
	if c.Deviation != "" || c.Record != "" {
		item, _, _ := s.Checklist.Item(c.Item)
		items = []Item{item}
	}
	for _, i := range items {
		m.Items = append(m.Items, ApprovedItem{ID: i.ID, Step: i.Step, Environments: i.Environments})
	}
	for _, e := range s.Environments() {
		for _, r := range []Role{OldKey, NewKey} {
			if id := s.Key(r); id != "" {
				m.Keys[string(e)+"/"+string(r)] = string(id) + " " + string(s.Fingerprint(e, r))
			}
		}
	}
	return m
}

// ApprovedBy returns the items that wait for an approving item.
func (s *Session) ApprovedBy(approving string) []Item {
	var items []Item
	for i := range s.Checklist.All() {
		if slices.ContainsFunc(i.Gates, func(g Gate) bool { return g.Kind == GateApproval && g.Item == approving }) {
			items = append(items, i)
		}
	}
	return items
}

// Agreed returns the approvals of a consent that count at a time: of exactly
// this mandate, not older than an approval may be, one of each person.
func (s *Session) Agreed(c Consent, now time.Time) []Approval {
	if len(s.Approvals) == 0 {
		return nil
	}
	mandate := s.Mandate(c).Digest()
	var agreed []Approval
	for _, a := range s.Approvals {
		again := slices.ContainsFunc(agreed, func(o Approval) bool { return o.By == a.By })
		if a.Mandate == mandate && !again && now.Sub(a.At) <= approvalValid {
			agreed = append(agreed, a)
		}
	}
	return agreed
}

// approve asks second persons for a consent until as many agree as the session
// demands, and returns their approvals. Each request is journalled before
// anybody is asked, and each reply as soon as it is there. A reply to another
// request counts for that one, and this one goes on waiting.
func (e *Engine) approve(ctx context.Context, op Operator, c Consent) ([]Approval, error) {
	if e.cfg.Approver == nil {
		return nil, errors.New("a second person must agree, and no approver is configured")
	}
	ask := Asker(op.Ask)
	for {
		s := e.Session()
		agreed := s.Agreed(c, e.clock())
		if len(agreed) >= s.Required() {
			return agreed, nil
		}
		r, err := e.request(ctx, op, s, c)
		if err != nil {
			return nil, fmt.Errorf("ask a second person: %w", err)
		}
		reply, err := e.cfg.Approver.Answer(ctx, e.Session(), r, ask)
		if err == nil {
			err = e.keep(ctx, op, reply)
		}
		switch refusal := reply.Refusal; {
		case err != nil:
			return nil, fmt.Errorf("ask a second person: %w", err)
		case reply.Request() != r.ID:
			ask = Asker(op.Ask).Noting(e.Session().replyWords(reply))
		case refusal != nil:
			return nil, WithHint(fmt.Errorf("ask a second person: %s refused it%s", refusal.By, Suffix(": ", refusal.Reason)),
				"deal with the reason, then ask again: a new request is made")
		default:
			ask = op.Ask
		}
	}
}

// request journals the request for a consent, also when it is open already: the
// journal says each time that somebody is asked.
func (e *Engine) request(ctx context.Context, op Operator, s *Session, c Consent) (Request, error) {
	r, err := e.cfg.Approver.Request(ctx, s, c)
	if err != nil {
		return r, err
	}
	return r, e.record(ctx, op, Event{Kind: Requested, Item: c.Item, Request: &r})
}

// keep journals what a second person replied, for the item that it was asked for.
func (e *Engine) keep(ctx context.Context, op Operator, reply Reply) error {
	if refusal := reply.Refusal; refusal != nil {
		return e.record(ctx, op, Event{Kind: Refused, Item: refusal.Item, Refusal: refusal})
	}
	s, a := e.Session(), reply.Approval
	r, ok := s.request(a.Request)
	if !ok {
		return fmt.Errorf("the session has no request %q", a.Request)
	}
	if slices.ContainsFunc(s.Agreed(r.Consent, e.clock()), func(o Approval) bool { return o.By == a.By }) {
		return WithHint(fmt.Errorf("%s has approved this already: %s", a.By, s.ConsentWords(r.Consent)), "%d people must agree; ask somebody else", s.Required())
	}
	return e.record(ctx, op, Event{Kind: Approved, Item: a.Item, Approval: a})
}

// requestsOf returns the ids of the requests that approvals answer.
func requestsOf(approvals []Approval) []string {
	var ids []string
	for _, a := range approvals {
		ids = append(ids, a.Request)
	}
	return ids
}

// Approvers names the people who agreed to the requests.
func (s *Session) Approvers(requests []string) []string {
	var people []string
	for _, a := range s.Approvals {
		if slices.Contains(requests, a.Request) && !slices.Contains(people, a.By) {
			people = append(people, a.By)
		}
	}
	return people
}

// names joins names for a sentence.
func names(all []string) string { return strings.Join(all, " and ") }
