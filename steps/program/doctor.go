package program

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"slices"
	"strings"
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

// Examine opens a realm as far as it can be opened, and tries everything that a
// session will need. Whatever keeps a session from being opened is a finding.
func Examine(ctx context.Context, o Options) ([]Finding, error) {
	if o.Config == nil {
		p, err := Open(ctx, o)
		if findings := exposedFindings(err); findings != nil {
			return findings, nil
		}
		if err != nil {
			return nil, err
		}
		return p.Doctor(ctx), p.Close()
	}
	p := newProgram(o)
	err := p.enterLive(ctx)
	if findings := exposedFindings(err); findings != nil {
		return findings, nil
	}
	if err != nil && p.trail == nil { // there is no folder to work in
		return nil, err
	}
	if err != nil {
		return p.doctorWithoutVault(ctx, err), nil
	}
	return p.Doctor(ctx), nil
}

// doctorWithoutVault says what can be said where the vault cannot be opened.
func (p *Program) doctorWithoutVault(ctx context.Context, cause error) []Finding {
	d := &doctor{p: p}
	d.good("state folder", "%s can be written to", p.dir)
	d.add("vault", "", cause)
	d.bad("token, projects, keys, request log and roster", "were not looked at: what that takes is in the vault", "mend the vault, then run "+p.options.Return+" doctor again")
	d.trail()
	return append(d.findings, sshKeygen(ctx))
}

// Doctor tries everything that a session will need, and changes nothing.
func (p *Program) Doctor(ctx context.Context) []Finding {
	d := &doctor{p: p, inUse: map[vault.Name]bool{}}
	d.good("state folder", "%s can be written to", p.dir)
	d.permissions()
	d.add("vault", p.vault.Describe()+": a test item was written, read and deleted", vault.Check(ctx, p.vault))
	if p.watched != nil {
		d.add("sandbox", "", checklist.WithHint(p.watched, "leave the other Keyturn first"))
		return append(d.findings, sshKeygen(ctx))
	}
	d.vercel(ctx)
	d.recovery(ctx)
	d.requestLog(ctx)
	d.trail()
	return append(d.findings, p.rosterFinding(ctx), sshKeygen(ctx))
}

// doctor is an examination under way.
type doctor struct {
	p        *Program
	findings []Finding
	inUse    map[vault.Name]bool // keys that a target has, as the vault names them
}

// add finds out that something is as it must be, or not.
func (d *doctor) add(what, said string, err error) {
	if err == nil {
		d.good(what, "%s", said)
		return
	}
	fix := checklist.Hint(err)
	if fix == "" {
		fix = "see that it is there and can be reached, then run keyturn doctor again"
	}
	d.bad(what, err.Error(), fix)
}

func (d *doctor) trail() {
	said, err := d.p.trail.said()
	d.add("trail", said, err)
}

func (d *doctor) good(what, format string, args ...any) {
	d.findings = append(d.findings, Finding{What: what, OK: true, Said: fmt.Sprintf(format, args...)})
}

func (d *doctor) bad(what, said, fix string) {
	d.findings = append(d.findings, Finding{What: what, Said: said, Fix: fix})
}

// recovery looks whether the vault has what Vercel does not give back.
func (d *doctor) recovery(ctx context.Context) {
	const what = "keys in the vault"
	entries, err := d.p.vault.List(ctx)
	if err != nil {
		d.add(what, "", err)
		return
	}
	missing := maps.Clone(d.inUse)
	for _, e := range entries {
		delete(missing, e.Name)
	}
	for _, name := range slices.Sorted(maps.Keys(missing)) {
		d.bad(what, fmt.Sprintf("%s is at Vercel and not in the vault: a rotation of it could not be rolled back", name),
			fmt.Sprintf("store its value with %s login key %s", d.p.options.Return, name))
	}
	if len(missing) == 0 && len(d.inUse) > 0 {
		var names []string
		for _, name := range slices.Sorted(maps.Keys(d.inUse)) {
			names = append(names, string(name))
		}
		d.good(what, "%s can be put back", strings.Join(names, ", "))
	}
}

// requestLog reads an hour of each environment's log.
func (d *doctor) requestLog(ctx context.Context) {
	log, err := d.p.logSource()
	if err != nil {
		d.add("request log", "", err)
		return
	}
	now := d.p.clock()
	for _, e := range []checklist.Environment{checklist.Staging, checklist.Production} {
		read, err := log.Read(ctx, string(e), now.Add(-time.Hour), now)
		d.add("request log of "+string(e), fmt.Sprintf("is complete up to %s", read.Until.UTC().Format(time.RFC3339)), err)
	}
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
		f.Said = fmt.Sprintf("%s lets %s sign with %s; %s in all", p.RosterPath(), p.operator, key.Fingerprint(), counted(len(roster.Members()), "key"))
	}
	return f
}

// sshKeygen looks for the program with which an auditor verifies; Keyturn
// itself does not need it. One before OpenSSH 9.1 does not know times that end in Z,
// and tells every good signature as a bad one.
func sshKeygen(ctx context.Context) Finding {
	path, err := exec.LookPath("ssh-keygen")
	if err != nil {
		return Finding{What: "ssh-keygen", Said: "is not installed; Keyturn signs and verifies without it", Fix: stockFix}
	}
	return sshKeygenAt(ctx, path)
}

const stockFix = "install OpenSSH 9.1 or newer where records are to be verified with stock tools"

func sshKeygenAt(ctx context.Context, path string) Finding {
	// It reads its options first: what else it says is of no interest.
	out, _ := exec.CommandContext(ctx, path, "-Y", "find-principals", "-f", os.DevNull, "-s", os.DevNull, "-Overify-time=20260105162100Z").CombinedOutput()
	if strings.Contains(string(out), "verify-time") {
		return Finding{What: "ssh-keygen", Said: path + " does not know times that end in Z, and would tell good signatures as bad ones; Keyturn signs and verifies without it", Fix: stockFix}
	}
	return Finding{What: "ssh-keygen", OK: true, Said: path}
}

func counted(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}
