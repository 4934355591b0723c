package program

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/user"
	"path/filepath"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/steps"
	"keyturn/steps/config"
	"keyturn/steps/probe"
	"keyturn/steps/requestlog"
	"keyturn/steps/vercel"
)

// openLive opens what a configuration names.
func (p *Program) openLive(ctx context.Context) error {
	c := *p.options.Config
	p.service, p.rotationDays, p.dualKeyDays = c.Service, c.RotationDays, c.DualKeyDays
	p.operator = c.Operator
	if p.operator == "" {
		p.operator = systemPrincipal()
	}
	if err := p.prepare("live"); err != nil {
		return err
	}
	token, err := vercel.ParseToken(p.options.Environ(config.EnvVercelToken))
	if err != nil {
		return checklist.WithHint(fmt.Errorf("read %s: %w", config.EnvVercelToken, err),
			"make a token in Vercel's account settings and export it as "+config.EnvVercelToken+"; or try everything on the sandbox with --sandbox")
	}
	api, err := vercel.New(vercel.Options{API: c.Vercel.API, Team: c.Vercel.Team, Token: token, OnWait: tellWait})
	if err != nil {
		return err
	}
	log, err := p.liveLog(c.RequestLog)
	if err != nil {
		return err
	}
	profile, err := profileOf(c.Profile)
	if err != nil {
		return err
	}
	backend := p.options.Vault
	if backend == "" {
		backend = c.Vault
	}
	if err := p.openVault(ctx, backend, ""); err != nil {
		return err
	}
	var targets []steps.Target
	for _, t := range c.Targets {
		path := ""
		if u, err := url.Parse(t.Probe.Production); err == nil { // checked with the configuration
			path = u.RequestURI()
		}
		targets = append(targets, steps.Target{Project: t.Project, Name: t.Project, Path: path, URLs: map[checklist.Environment]string{
			checklist.Staging:    t.Probe.URL(string(checklist.Staging)),
			checklist.Production: t.Probe.URL(string(checklist.Production)),
		}})
	}
	documents := c.Documents
	if documents == "" {
		documents = filepath.Join(p.dir, "docs")
	}
	p.wire(api, log, targets, steps.FileSecond{Dir: filepath.Join(p.dir, "requests")}, vercel.Poll{}, profile, documents)
	return nil
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
	token, err := requestlog.ParseToken(p.options.Environ(config.EnvRequestLogToken))
	if err != nil {
		return nil, checklist.WithHint(fmt.Errorf("read %s: %w", config.EnvRequestLogToken, err), "export the token of the request log")
	}
	return requestlog.NewHTTP(requestlog.HTTPOptions{URL: c.URL, Token: token, OnWait: tellWait})
}

// profileOf fills the default profile with what the configuration changes.
func profileOf(c config.Profile) (probe.Profile, error) {
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
	if err := p.Validate(); err != nil {
		return p, fmt.Errorf("check [profile]: %w", err)
	}
	return p, nil
}

// systemPrincipal names the person by account and machine, as roster names
// are written: lower case, without white space.
func systemPrincipal() string {
	name, host := "operator", "localhost"
	if u, err := user.Current(); err == nil {
		name = u.Username
	}
	if h, err := os.Hostname(); err == nil {
		host = h
	}
	return strings.ToLower(strings.Join(strings.Fields(name+"@"+host), "-"))
}
