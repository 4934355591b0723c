package program

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"keyturn/checklist"
	"keyturn/checklist/record"
	"keyturn/keygen/sshsig"
	"keyturn/vault"
	"keyturn/vault/durable"
)

// successionFile is what two people sign so that another trail goes on after this
// one, among the requests.
const successionFile = "trail-successor.txt"

func (p *Program) successionPath() string { return filepath.Join(p.dir, "requests", successionFile) }

// ProposeSuccessor writes what a second person is to sign so that another trail
// goes on after this one, whose last record was made by a clock that was ahead. It
// returns the file, and replaces an earlier one.
func (p *Program) ProposeSuccessor(reason string) (path string, err error) {
	records, err := p.trail.whole()
	if err != nil {
		return "", err
	}
	s, err := records.Succession(p.operator, reason, p.clock())
	if err != nil {
		return "", err
	}
	if err := durable.MkdirAll(filepath.Dir(p.successionPath())); err != nil {
		return "", fmt.Errorf("make the folder for requests: %w", err)
	}
	if err := durable.WriteFile(p.successionPath(), []byte(s.Text())); err != nil {
		return "", fmt.Errorf("write what is to be signed: %w", err)
	}
	return p.successionPath(), nil
}

// Succeed begins the trail that goes on after this one, with what ProposeSuccessor
// wrote, and returns its folder. The second person's signature is in a file; in the
// sandbox, which holds the keys of both people, none is needed.
func (p *Program) Succeed(ctx context.Context, signatureFile string) (dir string, err error) {
	if p.watched != nil {
		return "", p.watched
	}
	records, err := p.trail.whole()
	if err != nil {
		return "", err
	}
	text, err := os.ReadFile(p.successionPath())
	if err != nil {
		return "", checklist.WithHint(fmt.Errorf("read what was signed: %w", err), "keyturn trail succeed --reason TEXT writes it")
	}
	s, err := record.ParseSuccession(string(text))
	if err != nil {
		return "", fmt.Errorf("read %s: %w", p.successionPath(), err)
	}
	byOperator, err := p.signHead(ctx, operatorKey, s)
	if err != nil {
		return "", err
	}
	bySecond, err := p.secondOnHead(ctx, signatureFile, s)
	if err != nil {
		return "", err
	}
	roster, err := p.roster()
	if err != nil {
		return "", err
	}
	next, err := records.Succeed(ctx, s, byOperator, bySecond, roster)
	if err != nil {
		return "", err
	}
	p.trail.records = next
	return next.Dir(), nil
}

func (p *Program) signHead(ctx context.Context, name vault.Name, s record.Succession) (string, error) {
	key, err := p.signingKey(ctx, name)
	if err != nil {
		return "", err
	}
	return sshsig.Sign(key, sshsig.NamespaceHead, []byte(s.Text()))
}

func (p *Program) secondOnHead(ctx context.Context, signatureFile string, s record.Succession) (string, error) {
	if p.Sandbox() && signatureFile == "" {
		return p.signHead(ctx, approverKey, s)
	}
	armor, err := os.ReadFile(signatureFile)
	if err != nil {
		return "", fmt.Errorf("read the second person's signature: %w", err)
	}
	return sshsig.NormalizePasted(string(armor)), nil
}
