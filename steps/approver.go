package steps

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
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

// Approver implements checklist.Approver: it makes the request, has a second
// person sign it, and checks the answer against the roster.
type Approver struct {
	Second    Second
	Roster    func() (sshsig.Roster, error) // read anew, for it may have changed
	Requester string                        // principal of the operator, who also signs the record
	Key       func(context.Context) (sshsig.Key, error)
	Clock     func() time.Time
	Random    io.Reader
}

var _ checklist.Approver = (*Approver)(nil)

// Approve implements checklist.Approver.
func (a *Approver) Approve(ctx context.Context, s *checklist.Session, item checklist.Item, action, reason string, ask checklist.Asker) (checklist.Approval, error) {
	// A deviation is bound by its words and its reason, an approving item by
	// the action alone, so that its gates can compute the digest again.
	plan := s.ActionDigest(item)
	if len(s.ApprovedBy(item.ID)) == 0 {
		sum := sha256.Sum256([]byte(s.Action(item) + action + "\n" + reason + "\n"))
		plan = hex.EncodeToString(sum[:])
	}
	return a.obtain(ctx, s, item, approval.Request{
		Records: s.Opening.TrailSeq, Head: s.Opening.TrailHead,
		Events: s.LastEvent.Seq - 1, Journal: s.LastEvent.Prev,
		Action: action, Plan: plan, Reason: reason,
	}, ask)
}

// obtain fills in what every request of the session says, has it signed, and
// checks the answer.
func (a *Approver) obtain(ctx context.Context, s *checklist.Session, item checklist.Item, r approval.Request, ask checklist.Asker) (checklist.Approval, error) {
	key, err := a.Key(ctx)
	if err != nil {
		return checklist.Approval{}, fmt.Errorf("read the operator's signing key: %w", err)
	}
	environment := checklist.Production
	if !item.In(checklist.Production) {
		environment = checklist.Staging
	}
	r.Trail, r.Rotation, r.Environment, r.Targets = s.Opening.Trail, s.ID(), string(environment), s.Opening.Targets
	r.OldKey, r.OldFp = s.Opening.Old, s.Fingerprint(environment, checklist.OldKey)
	r.NewKey, r.NewFp = s.Opening.New, s.Fingerprint(environment, checklist.NewKey)
	r.Requester, r.RequesterKey = a.Requester, key.Fingerprint()
	request, err := approval.Issue(a.Random, a.Clock(), r)
	if err != nil {
		return checklist.Approval{}, err
	}
	text, err := request.Text()
	if err != nil {
		return checklist.Approval{}, err
	}
	armor, err := a.Second.Sign(ctx, text, ask)
	if err != nil {
		return checklist.Approval{}, err
	}
	roster, err := a.Roster()
	if err != nil {
		return checklist.Approval{}, fmt.Errorf("read the roster: %w", err)
	}
	armor = sshsig.NormalizePasted(armor)
	got, err := approval.Verify(text, armor, roster, a.Clock(), approval.Expectation{Request: request, Signer: a.Requester})
	if err != nil {
		return checklist.Approval{}, fmt.Errorf("check the approval: %w", err)
	}
	return checklist.Approval{
		Item: item.ID, By: got.Principal, Action: request.Plan, Request: text, Signature: armor, At: got.At,
	}, nil
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
		Kind: checklist.Confirm, Default: checklist.No,
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
	if err := os.MkdirAll(f.Dir, 0o700); err != nil {
		return "", fmt.Errorf("make the folder for requests: %w", err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return "", fmt.Errorf("write the request: %w", err)
	}
	a, err := ask(ctx, checklist.Question{
		Kind: checklist.Write, Title: "Where is the second person's signature? (path of the .sig file)", Default: path + ".sig", Copy: text,
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

// approve asks the second person for the items that wait for this one. The
// approval is the evidence, so all is in Verify: one that a crash lost is asked
// for again.
type approve struct {
	look
	*Outside
}

func (a approve) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	plan := checklist.Plan{Summary: "Ask a second person", Risk: checklist.Look}
	for _, i := range sc.Session.ApprovedBy(sc.Item.ID) {
		for _, e := range i.Environments {
			plan.Actions = append(plan.Actions, checklist.Action{Environment: e, Words: strings.ToLower(i.Title)})
		}
	}
	return plan, nil
}

func (a approve) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	items := sc.Session.ApprovedBy(sc.Item.ID)
	titles := make([]string, len(items))
	for i, item := range items {
		titles[i] = strings.ToLower(item.Title)
	}
	got, err := a.Approver.Approve(ctx, sc.Session, sc.Item, strings.Join(titles, ", "), sc.Session.Opening.Reason, sc.Asker())
	if err != nil {
		return checklist.Evidence{}, err
	}
	return checklist.Evidence{
		Summary:  fmt.Sprintf("approved by %s at %s", got.By, got.At.UTC().Format("2006-01-02 15:04 MST")),
		Approval: &got,
	}, nil
}
