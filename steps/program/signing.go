package program

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"

	"keyturn/checklist"
	"keyturn/keygen/sshsig"
	"keyturn/vault"
)

// The names and vault items of the people who sign.
const (
	sandboxOperator            = "operator@sandbox"
	sandboxApprover            = "approver@sandbox"
	operatorKey     vault.Name = "signing/operator"
	approverKey     vault.Name = "signing/approver"
)

// signs is whose key an item of the vault is.
func (p *Program) signs(name vault.Name) string {
	if name == approverKey {
		return sandboxApprover
	}
	return p.operator
}

const signingNote = "signs records and approvals"

// signingKey returns an Ed25519 key whose seed is in the vault. It is made on
// first use, and never in the place of another one that somebody relies on:
// a vault that was lost must not go unnoticed until an auditor finds two keys.
func (p *Program) signingKey(ctx context.Context, name vault.Name) (sshsig.Key, error) {
	seed, _, err := p.vault.Get(ctx, name)
	if errors.Is(err, vault.ErrNotFound) {
		if err := p.refuseSecondKey(name); err != nil {
			return sshsig.Key{}, err
		}
		seed, err = p.keep(ctx, name, signingNote)
	}
	if err != nil {
		return sshsig.Key{}, fmt.Errorf("read signing key %s: %w", name, err)
	}
	return sshsig.NewKey(seed)
}

// refuseSecondKey returns an error where another key of the person is known.
func (p *Program) refuseSecondKey(name vault.Name) error {
	who := p.signs(name)
	where, err := p.knowsKeyOf(who)
	if err != nil {
		return fmt.Errorf("make the signing key of %s: %w", who, err)
	}
	if where == "" {
		return nil
	}
	err = fmt.Errorf("make the signing key of %s: %s names another one, and the vault has none", who, where)
	if p.Sandbox() {
		return checklist.WithHint(err, "put back the vault that has it, or move %s away to begin a new sandbox", p.dir)
	}
	return checklist.WithHint(err, "put back the vault that has it, %s; if it is lost, or is on another machine, make one of its own here with %s login %s and add its line to the roster",
		filepath.Join(p.dir, vaultFolder), p.options.Return, SigningKey)
}

// knowsKeyOf returns what names a signing key of a person: the roster, or else a
// record, a session or a request in the realm's folder; "" where nothing does.
func (p *Program) knowsKeyOf(who string) (string, error) {
	roster, err := p.roster()
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return "", err
	}
	for _, m := range roster.KeysOf(who) {
		if slices.Contains(m.Namespaces, sshsig.NamespaceRecord) {
			return fmt.Sprintf("line %d of %s", m.Line, roster.Name()), nil
		}
	}
	// These are read as texts, so that neither damage nor an older format hides a
	// key: a record's signer, and a request as it is in a file and in a journal.
	name := regexp.QuoteMeta(who)
	names := regexp.MustCompile(`"signer":\s*\{\s*"principal":\s*"` + name + `",\s*"key":\s*"SHA256:|\bRequester: ` + name + `(?:\\n|\r?\n)Requester-Key: SHA256:`)
	for _, folder := range []string{trailFolder, sessionsFolder, requestsFolder, oldFolder} {
		file, err := firstFile(filepath.Join(p.dir, folder), names)
		if file != "" || err != nil {
			return file, err
		}
	}
	return "", nil
}

// firstFile returns the first file below a folder that has the text.
func firstFile(dir string, text *regexp.Regexp) (found string, err error) {
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return nil
		case err != nil:
			return err
		case !d.Type().IsRegular():
			return nil
		}
		data, err := os.ReadFile(path)
		if err == nil && text.Match(data) {
			found = path
			return fs.SkipAll
		}
		return err
	})
	return found, err
}

// SigningKey names the operator's signing key on the command line.
const SigningKey = "signing-key"

// NewSigningKey makes a signing key where the roster knows another one of the
// operator: the vault that had it is lost, or is on another machine. It returns
// what to tell the person; the roster is for its owner to change.
func NewSigningKey(ctx context.Context, o Options) ([]string, error) {
	p := newProgram(o)
	if p.Sandbox() {
		return nil, &UsageError{errors.New("the sandbox has its signing keys already")}
	}
	if err := p.enterLive(ctx); err != nil {
		return nil, err
	}
	said := fmt.Sprintf("The vault has a signing key of %s already.", p.operator)
	if _, _, err := p.vault.Get(ctx, operatorKey); errors.Is(err, vault.ErrNotFound) {
		said = fmt.Sprintf("A signing key of %s was made; it is stored as %s in the %s.", p.operator, operatorKey, p.vault.Describe())
	}
	if _, err := p.keep(ctx, operatorKey, signingNote); err != nil {
		return nil, fmt.Errorf("make the signing key: %w", err)
	}
	line, err := p.rosterLine(ctx, p.operator, operatorKey)
	if err != nil {
		return nil, err
	}
	return []string{said, "Let the roster's owner add this line to " + p.RosterPath() + ":", line}, nil
}
