package program

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"keyturn/checklist"
	"keyturn/keygen/sshsig"
	"keyturn/vault"
)

// RosterPath returns the file that says who may sign and approve.
func (p *Program) RosterPath() string {
	if c := p.options.Config; c != nil && c.Approval.AllowedSigners != "" {
		return c.Approval.AllowedSigners
	}
	return filepath.Join(p.dir, rosterName)
}

func (p *Program) roster() (sshsig.Roster, error) {
	if err := p.checkWriters(); err != nil { // it may have been opened to others since the start
		return sshsig.Roster{}, err
	}
	data, err := os.ReadFile(p.RosterPath())
	if errors.Is(err, fs.ErrNotExist) {
		return sshsig.Roster{}, checklist.WithHint(fmt.Errorf("read the roster: %w", err),
			"it lists who may sign and approve, one allowed_signers line each; keyturn doctor prints yours")
	}
	if err != nil {
		return sshsig.Roster{}, fmt.Errorf("read the roster: %w", err)
	}
	return sshsig.ParseRoster(p.RosterPath(), data)
}

// rosterLine returns the line that lets a key sign records and approvals.
func (p *Program) rosterLine(ctx context.Context, principal string, name vault.Name) (string, error) {
	key, err := p.signingKey(ctx, name)
	if err != nil {
		return "", err
	}
	return sshsig.Member{
		Principal:  principal,
		Namespaces: []string{sshsig.NamespaceRecord, sshsig.NamespaceApproval, sshsig.NamespaceHead},
		Key:        key.Public(),
	}.RosterLine()
}

// enrol writes the sandbox's two people into its roster. Outside the sandbox
// only a person may do that.
func (p *Program) enrol(ctx context.Context) error {
	existing, err := os.ReadFile(p.RosterPath())
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return fmt.Errorf("read the roster: %w", err)
	}
	text := string(existing)
	for principal, name := range map[string]vault.Name{sandboxOperator: operatorKey, sandboxApprover: approverKey} {
		line, err := p.rosterLine(ctx, principal, name)
		if err != nil {
			return err
		}
		if !strings.Contains(text, line+"\n") {
			text += line + "\n"
			p.options.Explain("The roster of the sandbox now has " + principal + ": " + line)
		}
	}
	if text == string(existing) {
		return nil
	}
	temp := p.RosterPath() + ".new"
	if err := os.WriteFile(temp, []byte(text), 0o600); err != nil {
		return fmt.Errorf("write the roster: %w", err)
	}
	return os.Rename(temp, p.RosterPath())
}
