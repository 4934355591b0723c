package program

import (
	"context"
	"errors"
	"fmt"
	"net/url"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/config"
	"keyturn/steps/target"
	"keyturn/vault"
)

// liveTargets returns the targets of the configuration, with the secrets that
// pass deployment protection. Those that the vault lacks are kept in p.lacking.
func (p *Program) liveTargets(ctx context.Context) ([]target.Target, error) {
	var targets []target.Target
	for _, c := range p.options.Config.Targets {
		t := targetOf(c)
		if c.Protected {
			var err error
			t.Bypass, err = p.bypass(ctx, c.Project)
			switch {
			case errors.Is(err, vault.ErrNotFound):
				p.lacking = append(p.lacking, err)
			case err != nil:
				return nil, err
			}
		}
		targets = append(targets, t)
	}
	return targets, nil
}

// targetOf is what the configuration says of a target. It holds no secret.
func targetOf(c config.Target) target.Target {
	t := target.Target{
		Project: c.Project, Name: c.Project, Role: c.Role, Protected: c.Protected,
		URLs: map[checklist.Environment]string{}, Slots: map[checklist.Environment][]target.Slot{},
	}
	for _, e := range []checklist.Environment{checklist.Staging, checklist.Production} {
		if probe := c.Probe.URL(string(e)); probe != "" {
			t.URLs[e] = probe
		}
		for _, s := range c.Slots(string(e)) {
			t.Slots[e] = append(t.Slots[e], target.Slot{
				Target: s.Target, Branch: s.Branch, CustomEnvironment: s.CustomEnvironment, Type: c.TypeFor(s),
			})
		}
	}
	if u, err := url.Parse(c.Probe.Production); err == nil && u.Host != "" { // checked with the configuration
		t.Path = u.RequestURI()
	}
	return t
}

// bypass returns the secret that passes a project's deployment protection.
func (p *Program) bypass(ctx context.Context, project string) (keygen.Secret, error) {
	account := Bypass(project)
	secret, _, err := p.vault.Get(ctx, account.item())
	if errors.Is(err, vault.ErrNotFound) {
		return secret, checklist.WithHint(fmt.Errorf("no bypass secret of %s is known, which is protected = true: %w", project, err),
			"make one in the project's settings (Deployment Protection, Protection Bypass for Automation) and store it with %s", p.loginCommand(account))
	}
	if err != nil {
		return secret, fmt.Errorf("read the bypass secret of %s: %w", project, err)
	}
	return secret, nil
}
