package program

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/keygen/sshsig"
	"keyturn/steps/config"
	"keyturn/steps/consent"
	"keyturn/steps/httpclient"
	"keyturn/steps/paper"
	"keyturn/steps/probe"
	"keyturn/steps/requestlog"
	"keyturn/steps/vercel"
	"keyturn/vault"
)

// openLive opens what a configuration names.
func (p *Program) openLive(ctx context.Context) error {
	c := *p.options.Config
	templates, err := loadTemplates(c.Paper)
	if err != nil {
		return err
	}
	if err := p.enterLive(ctx); err != nil {
		return err
	}
	return p.reachLive(ctx, templates)
}

// reachLive makes what the steps reach of what a configuration names.
func (p *Program) reachLive(ctx context.Context, templates paper.Templates) error {
	c := p.options.Config
	var api *vercel.Client
	if !p.byHand() {
		token, err := p.vercelToken(ctx)
		if err != nil {
			return err
		}
		if api, err = p.vercelClient(token); err != nil {
			return err
		}
	}
	log, err := p.liveLog(c.RequestLog)
	if err != nil {
		return err
	}
	profile, err := profileOf(c.Profile)
	if err != nil {
		return err
	}
	targets, err := p.liveTargets(ctx)
	if err != nil {
		return err
	}
	documents := c.Documents
	if documents == "" {
		documents = filepath.Join(p.dir, "docs")
	}
	p.wire(api, log, targets, consent.FileSecond{Dir: filepath.Join(p.dir, requestsFolder)}, vercel.Poll{}, profile, documents)
	p.outside.Paper = templates
	if p.byHand() {
		p.outside.Hand = p.hand()
	}
	return nil
}

// enterLive opens the folder, trail and vault of what a configuration names.
func (p *Program) enterLive(ctx context.Context) error {
	c := p.options.Config
	p.service, p.rotationDays, p.dualKeyDays = c.Service, c.RotationDays, c.DualKeyDays
	p.operator = cmp.Or(c.Operator, SystemPrincipal())
	if err := p.prepare(ctx); err != nil {
		return err
	}
	return p.openVault(ctx, cmp.Or(p.options.Vault, c.Vault), keychainService(p.trail.id()))
}

// keychainService is the keychain's name for the items of a trail's vault: what
// two services of one user store never meets.
func keychainService(trail string) string { return "keyturn-" + trail }

// vercelToken returns the token of the environment, else the one in the vault.
func (p *Program) vercelToken(ctx context.Context) (keygen.Secret, error) {
	if text := p.options.Environ(config.EnvVercelToken); text != "" {
		token, err := httpclient.ParseToken(text)
		if err != nil {
			return token, checklist.WithHint(fmt.Errorf("read %s: %w", config.EnvVercelToken, err), "copy it again, or unset it and run %s", p.loginCommand(Vercel))
		}
		return token, nil
	}
	secret, _, err := p.vault.Get(ctx, Vercel.item())
	if errors.Is(err, vault.ErrNotFound) {
		return keygen.Secret{}, checklist.WithHint(errors.New("no vercel token is known"),
			"make one in Vercel's account settings and store it with %s, or export it as %s; or try everything on the sandbox with --sandbox",
			p.loginCommand(Vercel), config.EnvVercelToken)
	}
	if err != nil {
		return keygen.Secret{}, fmt.Errorf("read the vercel token: %w", err)
	}
	return httpclient.ParseToken(secret.Reveal())
}

func (p *Program) vercelClient(token keygen.Secret) (*vercel.Client, error) {
	c := p.options.Config.Vercel
	return vercel.New(vercel.Options{API: c.API, Team: c.Team, Token: token, HTTP: p.ground()})
}

// ground is how every client makes its requests.
func (p *Program) ground() httpclient.Options {
	return httpclient.Options{Now: p.options.RealNow, OnWait: tellWait, BeforeWrite: checklist.MayChange}
}

// noLog stands in where no request log is configured: every step that needs
// one says so instead of guessing.
type noLog struct{}

func (noLog) Read(context.Context, string, time.Time, time.Time) (requestlog.Log, error) {
	return requestlog.Log{}, checklist.WithHint(errors.New("no request log is configured"), "set url under [request_log] in the configuration file")
}

func (p *Program) liveLog(c config.RequestLog) (requestlog.Source, error) {
	if c.URL == "" {
		return noLog{}, nil
	}
	token, err := httpclient.ParseToken(p.options.Environ(config.EnvRequestLogToken))
	if err != nil {
		return nil, checklist.WithHint(fmt.Errorf("read %s: %w", config.EnvRequestLogToken, err), "export the token of the request log")
	}
	return requestlog.NewHTTP(requestlog.HTTPOptions{URL: c.URL, Token: token, HTTP: p.ground()})
}

// profileOf returns how the configuration wants requests signed, proved by a
// vector.
func profileOf(c config.Profile) (probe.Profile, error) {
	p := filledProfile(c)
	if err := p.Validate(); err != nil {
		return p, fmt.Errorf("check [profile]: %w", err)
	}
	return p, nil
}

// filledProfile fills the default profile with what the configuration changes.
func filledProfile(c config.Profile) probe.Profile {
	p := probe.HMACV1()
	p.Name = cmp.Or(c.Name, p.Name)
	p.KeyIDHeader = cmp.Or(c.KeyIDHeader, p.KeyIDHeader)
	p.TimestampHeader = cmp.Or(c.TimestampHeader, p.TimestampHeader)
	p.NonceHeader = cmp.Or(c.NonceHeader, p.NonceHeader)
	p.SignatureHeader = cmp.Or(c.SignatureHeader, p.SignatureHeader)
	p.Separator = cmp.Or(c.Separator, p.Separator)
	p.Timestamp = cmp.Or(probe.TimestampFormat(c.Timestamp), p.Timestamp)
	p.Body = cmp.Or(probe.BodyForm(c.Body), p.Body)
	p.Encoding = cmp.Or(probe.Encoding(c.Encoding), p.Encoding)
	p.SignQuery = c.SignQuery
	if len(c.Fields) > 0 {
		p.Fields = nil
		for _, f := range c.Fields {
			p.Fields = append(p.Fields, probe.Field(f))
		}
	}
	return p
}

// SystemPrincipal names the person at this machine by account and machine, as a
// roster can hold it.
func SystemPrincipal() string {
	name, host := "operator", "localhost"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return principalOf(name + "@" + host)
}

// principalOf makes a roster's name of any other.
func principalOf(name string) string {
	name = strings.Map(func(r rune) rune {
		if sshsig.ValidPrincipal("x" + string(r)) {
			return r
		}
		return '-'
	}, strings.ToLower(name))
	if name = strings.TrimLeft(name, "-._+@"); !sshsig.ValidPrincipal(name) {
		return "operator@localhost"
	}
	return name
}
