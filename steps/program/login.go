package program

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/config"
	"keyturn/steps/httpclient"
	"keyturn/steps/notify"
	"keyturn/steps/vercel"
	"keyturn/vault"
)

// Account is an outside system whose credential Keyturn keeps in the vault.
type Account string

// The accounts.
const (
	Slack  Account = "slack"  // an incoming webhook's address
	Vercel Account = "vercel" // an access token
)

// Accounts returns the accounts that are there once; see Bypass for the others.
func Accounts() []Account { return []Account{Slack, Vercel} }

// bypassPrefix is in front of the project in an account's name.
const bypassPrefix = "bypass/"

// Bypass is the deployment protection of a project.
func Bypass(project string) Account { return Account(bypassPrefix + project) }

// protects returns the project whose deployment protection this is.
func (a Account) protects() (project string, ok bool) {
	return strings.CutPrefix(string(a), bypassPrefix)
}

// item is the vault's name for the credential.
func (a Account) item() vault.Name {
	switch a {
	case Slack:
		return "slack/webhook"
	case Vercel:
		return "vercel/token"
	}
	return vault.Name(a)
}

// Asks says what the credential is, as a prompt does.
func (a Account) Asks() string {
	if project, ok := a.protects(); ok {
		return "Protection bypass secret of " + project
	}
	if a == Slack {
		return "Slack incoming webhook URL"
	}
	return "Vercel access token"
}

// loginCommand is the command that stores the credential.
func (p *Program) loginCommand(a Account) string {
	return p.options.Return + " login " + strings.Replace(string(a), "/", " ", 1)
}

// Login asks for the credential of an account, proves what can be proved of it
// and stores it in the realm's vault instead of the one that was there. It
// returns what to tell the person, in whole sentences.
func Login(ctx context.Context, o Options, a Account, ask func(context.Context) (keygen.Secret, error)) ([]string, error) {
	p, err := enter(ctx, o, a)
	if err != nil {
		return nil, err
	}
	credential, err := ask(ctx)
	if err != nil {
		return nil, err
	}
	said, err := p.try(ctx, a, credential)
	if err != nil {
		return nil, fmt.Errorf("log in to %s: %w", a, err)
	}
	// Replacing would keep the old one as a version that nobody needs.
	if err := p.vault.Delete(ctx, a.item()); err != nil && !errors.Is(err, vault.ErrNotFound) {
		return nil, fmt.Errorf("log in to %s: %w", a, err)
	}
	if _, err := p.vault.Put(ctx, a.item(), credential, vault.PutOptions{Note: "stored by login"}); err != nil {
		return nil, fmt.Errorf("log in to %s: %w", a, err)
	}
	said = append(said, fmt.Sprintf("It is stored as %s in the %s.", a.item(), p.vault.Describe()))
	return append(said, p.inEnvironment(a)...), nil
}

// Logout forgets the credential of an account.
func Logout(ctx context.Context, o Options, a Account) ([]string, error) {
	p, err := enter(ctx, o, a)
	if err != nil {
		return nil, err
	}
	said := fmt.Sprintf("%s is deleted from the %s.", a.item(), p.vault.Describe())
	if err := p.vault.Delete(ctx, a.item()); errors.Is(err, vault.ErrNotFound) {
		said = fmt.Sprintf("There is no %s in the %s.", a.item(), p.vault.Describe())
	} else if err != nil {
		return nil, fmt.Errorf("log out of %s: %w", a, err)
	}
	return append([]string{said}, p.inEnvironment(a)...), nil
}

// inEnvironment says when the environment has the credential too.
func (p *Program) inEnvironment(a Account) []string {
	if a != Vercel || p.options.Environ(config.EnvVercelToken) == "" {
		return nil
	}
	return []string{config.EnvVercelToken + " is set in the environment and comes first."}
}

// enter opens a realm as far as its vault.
func enter(ctx context.Context, o Options, a Account) (*Program, error) {
	p := newProgram(o)
	if p.byHand() && a == Vercel {
		return nil, &UsageError{checklist.WithHint(errors.New("no token is used: mode under [vercel] is dashboard"),
			"take mode out of the configuration file to have Keyturn make the changes by the API")}
	}
	if !p.Sandbox() {
		return p, p.enterLive(ctx)
	}
	if _, ok := a.protects(); ok {
		return nil, &UsageError{checklist.WithHint(errors.New("nothing is protected in the sandbox"),
			"write a %s for the projects that you want to work on", config.FileName)}
	}
	if a == Vercel {
		return nil, &UsageError{checklist.WithHint(errors.New("the sandbox has a Vercel of its own, and its token too"),
			"write a %s for the projects that you want to work on", config.FileName)}
	}
	return p, p.enterSandbox(ctx)
}

// try proves what can be proved of a credential. Only posting would prove a
// webhook, so that just its form is judged.
func (p *Program) try(ctx context.Context, a Account, credential keygen.Secret) ([]string, error) {
	if a == Vercel {
		return p.tryToken(ctx, credential)
	}
	if project, ok := a.protects(); ok {
		return nil, p.tryBypass(project, credential)
	}
	_, err := notify.NewSlack(credential, notify.Options{LoopbackOnly: p.Sandbox()})
	if err != nil {
		return nil, checklist.WithHint(err, "Slack shows it where the incoming webhook was made: https://hooks.slack.com/services/T…/B…/…")
	}
	return nil, nil
}

// tryToken uses a token for reading: whose it is and which targets it reaches.
func (p *Program) tryToken(ctx context.Context, credential keygen.Secret) ([]string, error) {
	token, err := httpclient.ParseToken(credential.Reveal())
	if err != nil {
		return nil, err
	}
	api, err := p.vercelClient(token)
	if err != nil {
		return nil, err
	}
	user, err := api.User(ctx)
	if err != nil {
		return nil, err
	}
	said := []string{fmt.Sprintf("The token belongs to %s.", user.Username)}
	for _, t := range p.options.Config.Targets {
		project, err := api.Project(ctx, t.Project)
		if errors.Is(err, vercel.ErrNotFound) || errors.Is(err, vercel.ErrForbidden) {
			return nil, checklist.WithHint(fmt.Errorf("the token does not reach the target %s: %w", t.Project, err),
				"its scope must be the team that owns the project, and team under [vercel] must name that team")
		}
		if err != nil {
			return nil, err
		}
		said = append(said, fmt.Sprintf("It reaches the project %s (%s).", project.Name, project.ID))
	}
	return said, nil
}

// bypassPattern is what Vercel makes, and what a header can carry.
var bypassPattern = regexp.MustCompile(`^[A-Za-z0-9_-]{16,256}$`)

// tryBypass judges the form of a bypass secret and whether it will be used: it
// is proved by the probes.
func (p *Program) tryBypass(project string, credential keygen.Secret) error {
	if !bypassPattern.MatchString(credential.Reveal()) {
		return checklist.WithHint(errors.New("this is not what Vercel makes: want 16 or more letters and digits"),
			"Vercel shows it in the project's settings, Deployment Protection, Protection Bypass for Automation")
	}
	var names []string
	known := false
	for _, t := range p.options.Config.Targets {
		if t.Project == project && t.Protected {
			return nil
		}
		known = known || t.Project == project
		names = append(names, t.Project)
	}
	if !known {
		return checklist.WithHint(fmt.Errorf("there is no target %s", project), "the configuration has %s", strings.Join(names, ", "))
	}
	return checklist.WithHint(fmt.Errorf("no target %s is protected", project),
		"write protected = true under the [[targets]] of %s, with the same id or name, then store the secret", project)
}
