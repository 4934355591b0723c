package approval

import (
	"fmt"
	"strings"

	"keyturn/keygen/sshsig"
)

const (
	refusing = "Signing this text refuses the action above"
	whyField = "Why: "
)

// RefusalText returns what a second person signs to refuse a request: its text
// with another last line, so that neither signature passes for the other, and
// before it a line that says why, unless why is empty. Like a request's reason,
// why is made to fit into its line.
func RefusalText(request, why string) (string, error) {
	body, ok := strings.CutSuffix(request, closing+"\n")
	if _, err := Parse(request); err != nil || !ok {
		return "", fmt.Errorf("refuse a request: %w", err)
	}
	if strings.TrimSpace(why) != "" {
		body += whyField + Fit(why, lineWidth-len(whyField)) + "\n"
	}
	return body + refusing + "\n", nil
}

// ParseRefusal reads exactly what RefusalText writes, and returns the request
// and why it is refused. The error wraps ErrMalformed, or is Parse's.
func ParseRefusal(text string) (request, why string, err error) {
	body, ok := strings.CutSuffix(text, refusing+"\n")
	if !ok {
		return "", "", fmt.Errorf("%w: want %q as the last line of a refusal", ErrMalformed, refusing)
	}
	if last := strings.LastIndexByte(strings.TrimSuffix(body, "\n"), '\n') + 1; strings.HasPrefix(body[last:], whyField) {
		body, why = body[:last], strings.TrimSuffix(body[last+len(whyField):], "\n")
	}
	request = body + closing + "\n"
	if _, err := Parse(request); err != nil {
		return "", "", err
	}
	if again, err := RefusalText(request, why); err != nil || again != text {
		return "", "", fmt.Errorf("%w: want one line of printable ASCII after %q, or none", ErrMalformed, strings.TrimSpace(whyField))
	}
	return request, why, nil
}

// Texts is how a verifier of records knows the texts of this package. It
// implements record.Requests.
type Texts struct{}

// Fields is the function Fields.
func (Texts) Fields(text string) (map[string]string, error) { return Fields(text) }

// Refusal is RefusalText, for a reason that is already as it was signed: one that
// RefusalText would make fit could have been another. The error wraps ErrMalformed
// for any other, or is Parse's.
func (Texts) Refusal(request, why string) (string, error) {
	text, err := RefusalText(request, why)
	if err != nil {
		return "", err
	}
	if _, signed, err := ParseRefusal(text); err != nil || signed != why {
		return "", fmt.Errorf("%w: %q is no reason of a refusal", ErrMalformed, why)
	}
	return text, nil
}

// SignRefusal returns the text by which key refuses a request, and its armor.
func SignRefusal(key sshsig.Key, request, why string) (text, armor string, err error) {
	if text, err = RefusalText(request, why); err != nil {
		return "", "", err
	}
	armor, err = sshsig.Sign(key, sshsig.NamespaceApproval, []byte(text))
	return text, armor, err
}

// Answer is what a second person sent back.
type Answer struct {
	Text  string // that was signed, where it came along; a refusal that says why needs it
	Armor string // empty where there is none
}

// ParseAnswer finds the signature in what a second person sent back, as it was
// pasted or as a file has it, and the request or refusal that stands before it.
// What mail and chat programs do to both is undone, and other words around them
// are left out. Nothing is verified.
func ParseAnswer(sent string) Answer {
	sent = sshsig.NormalizePasted(sent)
	before, armor, ok := strings.Cut(sent, sshsig.BeginLine+"\n")
	armor, _, ends := strings.Cut(armor, sshsig.EndLine+"\n")
	if !ok || !ends {
		return Answer{}
	}
	a := Answer{Armor: sshsig.NormalizePasted(sshsig.BeginLine + "\n" + armor + sshsig.EndLine + "\n")}
	if at := strings.Index(before, heading); at >= 0 {
		a.Text = before[at:]
		for _, last := range []string{closing + "\n", refusing + "\n"} {
			if text, _, ok := strings.Cut(a.Text, last); ok {
				a.Text = text + last
			}
		}
	}
	return a
}

// IsPasted reports whether an answer is a signature, and not the name of a file
// that has one.
func IsPasted(answer string) bool { return strings.Contains(answer, sshsig.BeginLine) }

// Lines are how a pasted answer begins, with the signature or with the text that
// was signed, and how it ends.
func Lines() (begins []string, ends string) {
	return []string{sshsig.BeginLine, heading, "```", "~~~"}, sshsig.EndLine
}
