package program

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"keyturn/checklist"
	"keyturn/steps/config"
	"keyturn/steps/paper"
	"keyturn/steps/vercel"
)

// Survey is what a token shows of its account, for a configuration that is
// about to be written. Without a token it is empty.
type Survey struct {
	Username string   // whose the token is; "" where there is none
	Teams    []string // slugs of the teams that it reaches

	options vercel.Options
}

// NewSurvey looks at the account of the token that is there: in the environment,
// or in the vault of the realm, if there is one already. api is the base URL of
// Vercel's API, "" for its own.
func NewSurvey(ctx context.Context, o Options, api string) (Survey, error) {
	token, ok, err := tokenBeforeConfig(ctx, o, api)
	if err != nil || !ok {
		return Survey{}, err
	}
	s := Survey{options: vercel.Options{API: api, Token: token, OnWait: tellWait}}
	client, err := vercel.New(s.options)
	if err != nil {
		return Survey{}, err
	}
	user, err := client.User(ctx)
	if err != nil {
		return Survey{}, err
	}
	teams, err := client.Teams(ctx)
	if err != nil {
		return Survey{}, err
	}
	s.Username = user.Username
	for _, t := range teams {
		s.Teams = append(s.Teams, t.Slug)
	}
	return s, nil
}

// Projects returns the names of the projects of a team, "" for the personal
// account.
func (s Survey) Projects(ctx context.Context, team string) ([]string, error) {
	if s.options.Token.IsZero() {
		return nil, nil
	}
	options := s.options
	options.Team = team
	client, err := vercel.New(options)
	if err != nil {
		return nil, err
	}
	projects, err := client.Projects(ctx)
	var names []string
	for _, p := range projects {
		names = append(names, p.Name)
	}
	return names, err
}

// tokenBeforeConfig looks for a token without making anything: no folder, no
// vault.
func tokenBeforeConfig(ctx context.Context, o Options, api string) (token vercel.Token, ok bool, err error) {
	o.Config = &config.Config{Service: "new", Vault: config.VaultAuto, Vercel: config.Vercel{API: api}}
	p := newProgram(o)
	if o.Environ = p.options.Environ; o.Environ(config.EnvVercelToken) == "" {
		_, err := os.Stat(filepath.Join(o.State, liveRealm))
		if errors.Is(err, fs.ErrNotExist) {
			return token, false, nil
		}
		if err != nil {
			return token, false, fmt.Errorf("look for a token: %w", err)
		}
		if err := p.enterLive(ctx); err != nil {
			return token, false, err
		}
		entries, err := p.vault.List(ctx) // asks for no passphrase
		if err != nil {
			return token, false, fmt.Errorf("look for a token: %w", err)
		}
		for _, e := range entries {
			ok = ok || e.Name == Vercel.item()
		}
		if !ok {
			return token, false, nil
		}
	}
	token, err = p.vercelToken(ctx)
	return token, err == nil, err
}

// SystemPrincipal names the person at this machine as a roster would.
func SystemPrincipal() string { return systemPrincipal() }

// WriteConfig writes a new configuration file, all of it or nothing. A file that
// is there is never replaced, not even by another process's doing.
func WriteConfig(path string, d config.Draft) error {
	text, err := d.Text(path)
	if err != nil {
		return &UsageError{err}
	}
	if err := MayWriteConfig(path); err != nil {
		return err
	}
	if err := paper.Create(path, string(text)); err != nil {
		if errors.Is(err, paper.ErrExists) {
			return existsAlready(path)
		}
		return fmt.Errorf("write the configuration: %w", err)
	}
	return nil
}

// MayWriteConfig returns an error if there is something at the path.
func MayWriteConfig(path string) error {
	_, err := os.Lstat(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return fmt.Errorf("write the configuration: %w", err)
	}
	return existsAlready(path)
}

func existsAlready(path string) error {
	return &UsageError{checklist.WithHint(fmt.Errorf("%s is there already; nothing was changed", path),
		"edit it, or name another file with --config FILE")}
}
