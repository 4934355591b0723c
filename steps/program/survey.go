package program

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/config"
	"keyturn/steps/httpclient"
	"keyturn/steps/paper"
	"keyturn/steps/vercel"
	"keyturn/vault"
)

// Survey is what a token shows of its account, for a configuration that is
// about to be written. Without a token it is empty.
type Survey struct {
	Username string   // whose the token is; "" where there is none
	Teams    []string // slugs of the teams that it reaches

	options vercel.Options
}

// NewSurvey looks at the account of the token that is there: in the environment,
// or else in the vault of a service that was configured before, the newest where
// there are several. api is the base URL of Vercel's API, "" for its own.
func NewSurvey(ctx context.Context, o Options, api string) (Survey, error) {
	token, ok, err := tokenBeforeConfig(ctx, o, api)
	if err != nil || !ok {
		return Survey{}, err
	}
	s := Survey{options: vercel.Options{API: api, Token: token, HTTP: httpclient.Options{OnWait: tellWait}}}
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
func tokenBeforeConfig(ctx context.Context, o Options, api string) (token keygen.Secret, ok bool, err error) {
	o.Config = &config.Config{Vault: config.VaultAuto, Vercel: config.Vercel{API: api}}
	p := newProgram(o)
	if p.options.Environ(config.EnvVercelToken) == "" {
		if p.vault, err = p.vaultWithToken(ctx); err != nil || p.vault == nil {
			return token, false, err
		}
	}
	token, err = p.vercelToken(ctx)
	return token, err == nil, err
}

// vaultWithToken returns the vault that was given a token last, of those that
// are in the state folder; nil where none has one. An error of one counts only
// where no other has a token.
func (p *Program) vaultWithToken(ctx context.Context) (newest vault.Vault, err error) {
	live := filepath.Join(p.options.State, liveRealm)
	folders, err := os.ReadDir(live)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("look for a token: %w", err)
	}
	realms := []string{live} // which was one itself in version 1
	for _, f := range folders {
		realms = append(realms, filepath.Join(live, f.Name()))
	}
	var at time.Time
	var errs []error
	for _, p.dir = range realms {
		if !there(filepath.Join(p.dir, vaultFolder, "index.json")) {
			continue
		}
		err := p.openVault(ctx, "", keychainService(trailIDOf(p.dir)))
		if err != nil {
			errs = append(errs, err)
			continue
		}
		entries, err := p.vault.List(ctx) // asks for no passphrase
		errs = append(errs, err)
		for _, e := range entries {
			if e.Name == Vercel.item() && !e.Created.Before(at) {
				newest, at = p.vault, e.Created
			}
		}
	}
	if err := errors.Join(errs...); newest == nil && err != nil {
		return nil, fmt.Errorf("look for a token: %w", err)
	}
	return newest, nil
}

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
