package approval

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"keyturn/keygen/sshsig"
)

// Why an answer does not count. Each comes wrapped in a *Rejection.
var (
	ErrNoSignature   = errors.New("the answer is no signature")
	ErrSelfApproval  = errors.New("nobody approves their own request")
	ErrUnknownSigner = errors.New("the signer may not approve")
	ErrPurpose       = errors.New("the signature was made for another purpose")
	ErrClosed        = errors.New("the request cannot be answered any more")
	ErrTooEarly      = errors.New("the request is from the future")
	ErrBadSignature  = errors.New("the signature does not fit the request")
)

// Rejection is an answer that does not count, and what to do about it.
type Rejection struct {
	Err    error // one of the errors above
	Detail string
	hint   string
}

// Reject returns a *Rejection.
func Reject(err error, hint, detail string, args ...any) error {
	return &Rejection{Err: err, Detail: fmt.Sprintf(detail, args...), hint: hint}
}

func (r *Rejection) Error() string { return r.Err.Error() + ": " + r.Detail }

func (r *Rejection) Unwrap() error { return r.Err }

// Hint says what to do next.
func (r *Rejection) Hint() string { return r.hint }

// Sign returns the armor by which key approves the request in text. It signs
// nothing that is not a request.
func Sign(key sshsig.Key, text string) (string, error) {
	if _, err := Parse(text); err != nil {
		return "", fmt.Errorf("sign approval: %w", err)
	}
	return sshsig.Sign(key, sshsig.NamespaceApproval, []byte(text))
}

// Found says which request an answer was signed for, and how.
type Found struct {
	Index   int // of the request
	Request Request
	Signer  sshsig.Member
	Refuses bool
	Why     string // of a refusal; empty where none was given
	Armor   string
}

// Find finds the request that an answer was signed for among the texts of
// several. The roster knows the signer, and the signature fits; whether the
// signer may answer, and in time, is for Check. The error is a *Rejection, or
// says that a text is no request.
func Find(a Answer, texts []string, roster sshsig.Roster) (Found, error) {
	const whole = "paste the whole signature, from the BEGIN line to the END line, or give the path of the file that ssh-keygen wrote (it ends in .sig)"
	if a.Armor == "" {
		return Found{}, Reject(ErrNoSignature, whole, "it has no %q line, or no END line", sshsig.BeginLine)
	}
	fingerprint, err := sshsig.SignerFingerprint(a.Armor)
	if err != nil {
		return Found{}, Reject(ErrNoSignature, whole, "%v", err)
	}
	f := Found{Armor: a.Armor}
	var known bool
	if f.Signer, known = roster.Lookup(fingerprint); !known {
		return Found{}, Reject(ErrUnknownSigner, "ask somebody who is in the roster (allowed_signers), or let its owner add this key",
			"the key %s is not in the roster", fingerprint)
	}
	for i, text := range texts {
		all, err := signable(a, text)
		if err != nil {
			return Found{}, err
		}
		for _, as := range all {
			fits, err := f.signed(as.text)
			switch {
			case err != nil:
				return Found{}, err
			case fits:
				f.Index, f.Refuses, f.Why = i, as.refuses, as.why
				f.Request, err = Parse(text)
				return f, err
			}
			if fits, err = f.signed(strings.ReplaceAll(as.text, "\n", "\r\n")); fits && err == nil {
				return Found{}, Reject(ErrBadSignature, "send the request as a file, so that no program changes its line ends, and have that signed",
					"%s signed the text with the line ends of Windows", f.Signer.Principal)
			}
		}
	}
	return Found{}, Reject(ErrBadSignature, "have the text of the request signed as it was sent; a refusal that says why has to come with its text", "%s signed another text", f.Signer.Principal)
}

// meaning is a text that answers a request when it is signed.
type meaning struct {
	text, why string
	refuses   bool
}

// signable returns the texts by which a request can be answered.
func signable(a Answer, request string) ([]meaning, error) {
	refusal, err := RefusalText(request, "")
	if err != nil {
		return nil, err
	}
	all := []meaning{{text: request}, {text: refusal, refuses: true}}
	if refused, why, err := ParseRefusal(a.Text); err == nil && refused == request && why != "" {
		all = append(all, meaning{a.Text, why, true})
	}
	return all, nil
}

// signed reports whether the signature is over a text. The error says what is
// wrong with the signature, whatever it is over.
func (f *Found) signed(text string) (bool, error) {
	switch err := sshsig.Verify(f.Armor, sshsig.NamespaceApproval, []byte(text), f.Signer.Key); {
	case err == nil:
		return true, nil
	case errors.Is(err, sshsig.ErrSignature):
		return false, nil
	case errors.Is(err, sshsig.ErrNamespace):
		return false, Reject(ErrPurpose, "sign with ssh-keygen -Y sign -n "+sshsig.NamespaceApproval, "%s", strings.TrimPrefix(err.Error(), sshsig.ErrNamespace.Error()+": "))
	default:
		return false, Reject(ErrNoSignature, "sign again", "%v", err)
	}
}

// Check checks that whoever signed an answer may do so now: that the roster lets
// them, that the request is not over, and that they are neither the requester
// nor the record's signer, by name and by key. The error is a *Rejection.
func (f Found) Check(roster sshsig.Roster, now time.Time, signer string) error {
	if err := f.Signer.May(sshsig.NamespaceApproval, now); err != nil {
		return Reject(ErrUnknownSigner, "the roster (allowed_signers) decides who may approve, and until when; ask somebody else who is in it", "%v", err)
	}
	switch r := f.Request; {
	case now.After(r.Expires):
		return Reject(ErrClosed, "ask again with a new request", "request %s ran out at %s", r.ID, stamp(r.Expires))
	case now.Before(r.Requested):
		return Reject(ErrTooEarly, "check this machine's clock", "request %s was made at %s", r.ID, stamp(r.Requested))
	}
	return f.secondPerson(roster, signer)
}

func (f Found) secondPerson(roster sshsig.Roster, signer string) error {
	r, approver := f.Request, f.Signer
	self := approver.Principal == r.Requester || approver.Principal == signer ||
		approver.Key.Fingerprint() == r.RequesterKey
	// The requester may go by another name in the request than in the roster.
	if owner, ok := roster.Lookup(r.RequesterKey); ok && owner.Principal == approver.Principal {
		self = true
	}
	if self {
		return Reject(ErrSelfApproval, "ask a second person", "%s asked or signs the record", approver.Principal)
	}
	return nil
}
