package approval

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"keyturn/keygen/sshsig"
)

// Why an approval does not count. Each comes wrapped in a *Refusal.
var (
	ErrSelfApproval  = errors.New("nobody approves their own request")
	ErrUnknownSigner = errors.New("the signer may not approve")
	ErrExpired       = errors.New("the request has expired")
	ErrTooEarly      = errors.New("the request is from the future")
	ErrTextDiffers   = errors.New("the signed text is not the request")
	ErrBadSignature  = errors.New("the signature does not fit the request")
)

// Refusal is an approval that does not count, and what to do about it.
type Refusal struct {
	Err    error // one of the errors above
	Detail string
	hint   string
}

func (r *Refusal) Error() string {
	if r.Detail == "" {
		return r.Err.Error()
	}
	return r.Err.Error() + ": " + r.Detail
}

func (r *Refusal) Unwrap() error { return r.Err }

// Hint says what to do next.
func (r *Refusal) Hint() string { return r.hint }

// Expectation is what the asking side knows before an answer comes.
type Expectation struct {
	Request Request // as issued
	Signer  string  // the principal who will sign the record
}

// Approval says who approved, and with which key.
type Approval struct {
	Principal string
	Key       string // fingerprint "SHA256:…"
	At        time.Time
}

// Sign returns the armor by which key approves the request in text. It signs
// nothing that is not a request.
func Sign(key sshsig.Key, text string) (string, error) {
	if _, err := Parse(text); err != nil {
		return "", fmt.Errorf("sign approval: %w", err)
	}
	return sshsig.Sign(key, sshsig.NamespaceApproval, []byte(text))
}

// Verify checks an answer: that text is the expected request to the byte, that
// now lies in its window, that armor is a signature over it by a key which the
// roster lets approve now, and that the approver is neither the requester nor
// the record's signer, by name and by key. The error is a *Refusal, or wraps
// ErrMalformed.
func Verify(text, armor string, roster sshsig.Roster, now time.Time, want Expectation) (Approval, error) {
	request, err := Parse(text)
	if err != nil {
		return Approval{}, err
	}
	if err := compare(text, want.Request); err != nil {
		return Approval{}, err
	}
	if err := request.inWindow(now); err != nil {
		return Approval{}, err
	}
	member, err := roster.Verify(armor, sshsig.NamespaceApproval, []byte(text), now)
	if err != nil {
		return Approval{}, refuseSigner(err)
	}
	if err := request.secondPerson(member, roster, want.Signer); err != nil {
		return Approval{}, err
	}
	return Approval{Principal: member.Principal, Key: member.Key.Fingerprint(), At: now.UTC()}, nil
}

// compare names the first line that differs from the expected text.
func compare(text string, want Request) error {
	expected := want.render()
	if text == expected {
		return nil
	}
	got, wanted := strings.Split(text, "\n"), strings.Split(expected, "\n")
	detail := "another number of lines"
	for i := range min(len(got), len(wanted)) {
		if got[i] != wanted[i] {
			detail = fmt.Sprintf("%q, want %q", got[i], wanted[i])
			break
		}
	}
	return &Refusal{Err: ErrTextDiffers, Detail: detail, hint: "send the request again; the approver signs exactly the text that was sent"}
}

func (r Request) inWindow(now time.Time) error {
	switch {
	case now.After(r.Expires):
		return &Refusal{Err: ErrExpired, Detail: "it ended at " + stamp(r.Expires), hint: "ask again; a new request is made"}
	case now.Before(r.Requested):
		return &Refusal{Err: ErrTooEarly, Detail: "it was made at " + stamp(r.Requested), hint: "check this machine's clock"}
	}
	return nil
}

func refuseSigner(err error) error {
	r := &Refusal{Err: ErrBadSignature, Detail: err.Error(), hint: "ask for the whole signature, from the BEGIN line to the END line, over the exact text"}
	for _, cause := range []error{sshsig.ErrNotInRoster, sshsig.ErrNotPermitted, sshsig.ErrNotValid} {
		if errors.Is(err, cause) {
			r.Err, r.hint = ErrUnknownSigner, "the roster (allowed_signers) decides who may approve; ask somebody who is in it"
		}
	}
	return r
}

func (r Request) secondPerson(approver sshsig.Member, roster sshsig.Roster, signer string) error {
	self := approver.Principal == r.Requester || approver.Principal == signer ||
		approver.Key.Fingerprint() == r.RequesterKey
	// The requester may go by another name in the request than in the roster.
	if owner, ok := roster.Lookup(r.RequesterKey); ok && owner.Principal == approver.Principal {
		self = true
	}
	if self {
		return &Refusal{Err: ErrSelfApproval, Detail: approver.Principal + " asked or signs the record", hint: "ask a second person"}
	}
	return nil
}
