package program

import (
	"context"
	"fmt"
	"os/exec"
	"time"

	"keyturn/checklist"
	"keyturn/vault"
)

// Finding is one thing that the doctor looked at.
type Finding struct {
	What string // such as "vault"
	OK   bool
	Said string // what was found, in words
	Fix  string // what to do; empty when OK
}

// Doctor tries everything that a session will need.
func (p *Program) Doctor(ctx context.Context) []Finding {
	findings := []Finding{{What: "state folder", OK: true, Said: p.dir + " can be written to"}}
	add := func(what, said string, err error) {
		f := Finding{What: what, OK: err == nil, Said: said}
		if err != nil {
			f.Said, f.Fix = err.Error(), checklist.Hint(err)
		}
		findings = append(findings, f)
	}
	add("vault", p.vault.Describe()+": a test item was written, read and deleted", vault.Check(ctx, p.vault))
	if p.watched != nil {
		add("sandbox", "", checklist.WithHint(p.watched, "leave the other Keyturn first"))
		return append(findings, sshKeygen())
	}
	user, err := p.outside.Vercel.User(ctx)
	add("vercel token", fmt.Sprintf("belongs to %s", user.Username), err)
	for _, t := range p.outside.Targets {
		variables, err := p.outside.Vercel.Variables(ctx, t.Project)
		add("target "+t.Name, fmt.Sprintf("%d variables can be listed", len(variables)), err)
	}
	now := p.clock()
	for _, e := range []checklist.Environment{checklist.Staging, checklist.Production} {
		log, err := p.outside.Log.Read(ctx, string(e), now.Add(-time.Hour), now)
		add("request log of "+string(e), fmt.Sprintf("is complete up to %s", log.Until.UTC().Format(time.RFC3339)), err)
	}
	add("trail", fmt.Sprintf("%s has %d records", p.trail.records.Dir(), p.trail.head().Seq), nil)
	findings = append(findings, p.rosterFinding(ctx))
	return append(findings, sshKeygen())
}

// rosterFinding looks whether the operator may sign, and gives the line that
// lets them.
func (p *Program) rosterFinding(ctx context.Context) Finding {
	f := Finding{What: "roster"}
	line, err := p.rosterLine(ctx, p.operator, operatorKey)
	if err != nil {
		f.Said, f.Fix = err.Error(), checklist.Hint(err)
		return f
	}
	f.Fix = "let the roster's owner add this line to " + p.RosterPath() + ":\n" + line
	roster, err := p.roster()
	if err != nil {
		f.Said = err.Error()
		return f
	}
	key, err := p.signingKey(ctx, operatorKey)
	if err != nil {
		f.Said = err.Error()
		return f
	}
	member, ok := roster.Lookup(key.Fingerprint())
	switch {
	case !ok:
		f.Said = p.RosterPath() + " does not have your signing key"
	case member.Principal != p.operator:
		f.Said, f.Fix = fmt.Sprintf("%s has your key as %s, and you are %s", p.RosterPath(), member.Principal, p.operator),
			"set operator in the configuration file to "+member.Principal
	default:
		f.OK, f.Fix = true, ""
		f.Said = fmt.Sprintf("%s lets %s sign with %s; %d keys in all", p.RosterPath(), p.operator, key.Fingerprint(), len(roster.Members()))
	}
	return f
}

// sshKeygen looks for the program with which an auditor verifies; Keyturn
// itself does not need it.
func sshKeygen() Finding {
	path, err := exec.LookPath("ssh-keygen")
	if err != nil {
		return Finding{What: "ssh-keygen", Said: "is not installed; Keyturn signs and verifies without it",
			Fix: "install OpenSSH 8.8 or newer where records are to be verified with stock tools"}
	}
	return Finding{What: "ssh-keygen", OK: true, Said: path}
}
