package consent

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/keygen/sshsig"
	"keyturn/steps/approval"
	"keyturn/vault/durable"
)

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
		Title: "Sandbox: sign this as " + s.Principal + ", the second person?",
		Body:  "Yes approves it, and no refuses it: each is signed. If you leave the question, the request stays open.\n\n" + text,
	})
	if err != nil {
		return "", err
	}
	why := checklist.Answer{}
	if a.Text != checklist.Yes {
		if why, err = ask(ctx, checklist.Question{
			Kind: checklist.Write, Asked: checklist.Asked{ID: "second-why"}, Optional: true,
			Title: "Sandbox: why does " + s.Principal + " refuse it? (empty for no reason)",
			Body:  "The refusal is signed with this answer. If you leave the question, the request stays open.",
		}); err != nil {
			return "", err
		}
	}
	key, err := s.Key(ctx)
	if err != nil {
		return "", fmt.Errorf("read the second person's key: %w", err)
	}
	if a.Text == checklist.Yes {
		return approval.Sign(key, text)
	}
	refusal, armor, err := approval.SignRefusal(key, text, why.Text)
	return refusal + armor, err
}

// FileSecond reaches the second person by files: the request is written to Dir,
// and the answer is a file whose path the operator gives, or is pasted.
type FileSecond struct{ Dir string }

const (
	requestEnding = ".txt"
	refuseEnding  = ".refuse.txt"
	answerEnding  = ".sig" // as ssh-keygen writes it

	maxAnswer = 64 << 10 // bytes; far above the largest signature with its text

	// keptFor is how long the files of a request are kept after it ran out.
	// The journal has it, and its answers, for ever.
	keptFor = 30 * 24 * time.Hour
)

// File returns where the request with a text lies to be sent. The name depends on
// the text alone.
func (f FileSecond) File(text string) string { return f.stem(text) + requestEnding }

func (f FileSecond) stem(text string) string {
	sum := sha256.Sum256([]byte(text))
	return filepath.Join(f.Dir, "request-"+hex.EncodeToString(sum[:4]))
}

// Sign implements Second.
func (f FileSecond) Sign(ctx context.Context, text string, ask checklist.Asker) (string, error) {
	request, err := approval.Parse(text)
	if err == nil {
		err = checklist.MayChange(ctx)
	}
	if err == nil {
		err = f.write(text)
	}
	if err != nil {
		return "", fmt.Errorf("write the request: %w", err)
	}
	path, refuse := f.File(text), f.stem(text)+refuseEnding
	begins, ends := approval.Lines()
	a, err := ask(ctx, checklist.Question{
		Kind: checklist.Write, Asked: checklist.Asked{ID: "second-signature"}, Default: path + answerEnding, Copy: text,
		Block: &checklist.Block{Begins: begins, Ends: ends},
		Title: "Where is the second person's signature? (path of the .sig file, or paste it)",
		Body: "Send them " + path + ". They sign exactly that text with\n\n  ssh-keygen -Y sign -f KEY -n " +
			sshsig.NamespaceApproval + " " + filepath.Base(path) + "\n\nTo refuse, they sign " + filepath.Base(refuse) +
			" instead, and may add a line \"Why: …\" before its last one.\nThe request can be answered until " +
			checklist.MomentWords(request.Expires) + ", also when you leave and come back.\n\n" + text,
	})
	if err != nil {
		return "", err
	}
	if approval.IsPasted(a.Text) {
		return a.Text, nil
	}
	answer := fileName(a.Text)
	if answer == path+answerEnding {
		if _, err := os.Stat(refuse + answerEnding); err == nil { // a no counts before a yes
			answer = refuse + answerEnding
		}
	}
	return readAnswer(answer)
}

// write puts the request into Dir, and beside it the text that refuses it. A
// second person may have written why into that one: it is left as it is.
func (f FileSecond) write(text string) error {
	refusal, err := approval.RefusalText(text, "")
	if err != nil {
		return err
	}
	if has, err := os.ReadFile(f.File(text)); err != nil || string(has) != text {
		if err := replaceFile(f.File(text), []byte(text)); err != nil {
			return err
		}
	}
	f.prune(text)
	refuse := f.stem(text) + refuseEnding
	has, err := os.ReadFile(refuse)
	if refused, _, parseErr := approval.ParseRefusal(sshsig.NormalizePasted(string(has))); err == nil && parseErr == nil && refused == text {
		return nil
	}
	return replaceFile(refuse, []byte(refusal))
}

var requestFile = regexp.MustCompile(`^request-[0-9a-f]{8}\.txt$`)

// prune removes the files of requests that ran out long before the one with a
// text was made. What cannot be read or removed stays, and keeps nobody from being
// asked.
func (f FileSecond) prune(text string) {
	now, err := approval.Parse(text)
	entries, readErr := os.ReadDir(f.Dir)
	if err != nil || readErr != nil {
		return
	}
	for _, e := range entries {
		if !requestFile.MatchString(e.Name()) || !e.Type().IsRegular() {
			continue
		}
		old, _ := readShort(filepath.Join(f.Dir, e.Name()))
		request, err := approval.Parse(old)
		if err != nil || now.Requested.Sub(request.Expires) < keptFor {
			continue // also what a person or another version put there
		}
		for _, ending := range []string{requestEnding + answerEnding, refuseEnding + answerEnding, refuseEnding, requestEnding} {
			_ = os.Remove(f.stem(old) + ending)
		}
	}
}

// fileName reads the name of a file as people and terminals write it.
func fileName(text string) string {
	text = strings.TrimSpace(text)
	for _, quote := range []string{`"`, `'`} {
		if inner, ok := strings.CutPrefix(text, quote); ok && strings.HasSuffix(inner, quote) {
			text = strings.TrimSuffix(inner, quote)
		}
	}
	if rest, ok := strings.CutPrefix(text, "~"+string(filepath.Separator)); ok {
		if home, err := os.UserHomeDir(); err == nil {
			text = filepath.Join(home, rest)
		}
	}
	return text
}

// readAnswer reads the file of a signature. The text that was signed, which lies
// beside it where ssh-keygen was run, comes first.
func readAnswer(path string) (string, error) {
	answer, err := readShort(path)
	if err != nil {
		return "", checklist.WithHint(fmt.Errorf("read the signature: %w", err), "nothing was changed and the request stays open; run the item again once the file is there")
	}
	if signed, ok := strings.CutSuffix(path, answerEnding); ok {
		if text, err := readShort(signed); err == nil {
			answer = text + "\n" + answer
		}
	}
	return answer, nil
}

func readShort(path string) (string, error) {
	info, err := os.Stat(path)
	if err == nil && !info.Mode().IsRegular() {
		err = &fs.PathError{Op: "read", Path: path, Err: errors.New("not a regular file")}
	}
	if err != nil {
		return "", err
	}
	file, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer file.Close()
	text, err := io.ReadAll(io.LimitReader(file, maxAnswer))
	return string(text), err
}

// replaceFile writes a file that only its owner can read, so that a crash
// leaves the old one or the new one.
func replaceFile(path string, text []byte) error {
	if err := durable.MkdirAll(filepath.Dir(path)); err != nil {
		return err
	}
	return durable.WriteFile(path, text)
}
