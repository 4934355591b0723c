package program

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"keyturn/checklist"
	"keyturn/checklist/record"
	"keyturn/keygen/sshsig"
	"keyturn/vault/durable"
)

// successionFile is the text that two people sign so that a new trail may go on
// after one whose last record is of a wrong time.
const successionFile = "trail-successor.txt"

// SucceedTrail begins a trail that goes on after the realm's, whose last record
// was made by a clock that was ahead. Two people sign that it may: without a
// signature, the text for the second person is written, and what they have to do
// is returned in whole sentences. In the sandbox one person plays both.
func SucceedTrail(ctx context.Context, o Options, reason, signature string) (said []string, err error) {
	p, err := Open(ctx, o)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, p.Close()) }()
	if p.watched != nil {
		return nil, p.watched
	}
	records, err := p.trail.whole()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(p.dir, requestsFolder, successionFile)
	s, err := p.succession(records, path, reason)
	if err != nil {
		return nil, err
	}
	armor, err := p.secondOnSuccession(ctx, s, signature)
	if err != nil {
		return nil, err
	}
	if armor == "" {
		return []string{
			"The text is in " + path + ". A second person signs exactly that, with", "  ssh-keygen -Y sign -f KEY -n " + sshsig.NamespaceHead + " " + checklist.ShellWord(path),
			"Then end with", "  " + p.options.Return + " trail succeed --signature " + checklist.ShellWord(path+".sig"),
		}, nil
	}
	next, err := p.succeed(ctx, records, s, armor)
	if err != nil {
		return nil, err
	}
	return []string{
		fmt.Sprintf("%s goes on after %s. Keep both folders: an auditor verifies them together.", next.Dir(), records.Dir()),
		"  " + p.options.Return + " verify " + checklist.ShellWord(records.Dir()) + " " + checklist.ShellWord(next.Dir()),
	}, nil
}

// succession returns the text that was written before, as long as it is about
// the same head, or writes it.
func (p *Program) succession(records *record.Trail, path, reason string) (record.Succession, error) {
	text, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return record.Succession{}, fmt.Errorf("read what is to be signed: %w", err)
	}
	if s, err := record.ParseSuccession(string(text)); err == nil && s.Trail == records.ID() && s.Head == records.Head().Digest &&
		s.By == p.operator && (reason == "" || s.Reason == reason) {
		return s, nil
	}
	if reason == "" {
		return record.Succession{}, &UsageError{checklist.WithHint(errors.New("the reason is missing"), "say with --reason why a new trail goes on after this one")}
	}
	s, err := records.Succession(p.operator, reason, p.clock())
	if err != nil {
		return s, err
	}
	if err := durable.MkdirAll(filepath.Dir(path)); err != nil {
		return s, fmt.Errorf("make the folder for requests: %w", err)
	}
	return s, durable.WriteFile(path, []byte(s.Text()))
}

// secondOnSuccession returns the second person's signature; "" where they are
// still to be asked.
func (p *Program) secondOnSuccession(ctx context.Context, s record.Succession, file string) (string, error) {
	switch {
	case file != "":
		armor, err := os.ReadFile(file)
		if err != nil {
			return "", &UsageError{fmt.Errorf("read the signature: %w", err)}
		}
		return sshsig.NormalizePasted(string(armor)), nil
	case p.Sandbox():
		key, err := p.signingKey(ctx, approverKey)
		if err != nil {
			return "", err
		}
		return sshsig.Sign(key, sshsig.NamespaceHead, []byte(s.Text()))
	}
	return "", nil
}

func (p *Program) succeed(ctx context.Context, records *record.Trail, s record.Succession, bySecond string) (*record.Trail, error) {
	key, err := p.signingKey(ctx, operatorKey)
	if err != nil {
		return nil, err
	}
	byOperator, err := sshsig.Sign(key, sshsig.NamespaceHead, []byte(s.Text()))
	if err != nil {
		return nil, err
	}
	roster, err := p.roster()
	if err != nil {
		return nil, err
	}
	return records.Succeed(ctx, s, byOperator, bySecond, roster)
}
