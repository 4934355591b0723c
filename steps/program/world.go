package program

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"sync"
	"time"

	"keyturn/checklist"
	"keyturn/checklist/journal"
	"keyturn/keygen"
	"keyturn/keygen/sshsig"
	"keyturn/steps"
	"keyturn/steps/consent"
	"keyturn/steps/httpclient"
	"keyturn/steps/probe"
	"keyturn/steps/requestlog"
	"keyturn/steps/sandbox"
	"keyturn/steps/target"
	"keyturn/steps/vercel"
	"keyturn/vault"
)

// SandboxService is the company whose service the sandbox plays.
const SandboxService = "acme"

const (
	sandboxPoll     = 50 * time.Millisecond
	sandboxPatience = 30 // build times until a deployment is given up
	probePath       = "/api/test"
)

// openSandbox opens the embedded world and points the same clients at it that
// work in production.
func (p *Program) openSandbox(ctx context.Context) error {
	if err := p.enterSandbox(ctx); err != nil {
		return err
	}
	seal, err := p.keep(ctx, "sandbox/world", "seals the sandbox's world")
	if err != nil {
		return fmt.Errorf("read the sandbox's seal: %w", err)
	}
	buildTime := p.options.BuildTime
	if buildTime == 0 {
		buildTime = sandbox.DefaultBuildTime
	}
	p.world, err = sandbox.Open(ctx, sandbox.Options{
		Dir: filepath.Join(p.dir, worldFolder), Seal: seal, BuildTime: buildTime,
		RealNow: p.options.RealNow, Random: p.options.Random, Fault: p.options.Fault,
	})
	if errors.Is(err, sandbox.ErrInUse) {
		return p.watch(err)
	}
	if err != nil {
		return err
	}
	p.clock = p.world.Clock().Now
	if err := p.storeSeeds(ctx); err != nil {
		return err
	}
	return p.wireSandbox(ctx, vercel.Poll{Deadline: sandboxPatience * buildTime, Interval: vercel.Every(min(sandboxPoll, buildTime))})
}

// enterSandbox opens the sandbox's folder, trail and vault.
func (p *Program) enterSandbox(ctx context.Context) error {
	p.service, p.operator = SandboxService, sandboxOperator
	if err := p.prepare(ctx); err != nil {
		return err
	}
	// The folder's own keychain service: two sandboxes of one user never meet.
	return p.openVault(ctx, p.options.Vault, "keyturn-sandbox-"+p.trail.id())
}

// storeSeeds puts the keys with which the world began into the vault, as if
// the rotation before had. Once is enough, but a crash may have come between.
func (p *Program) storeSeeds(ctx context.Context) error {
	// Behind the first session, a key that is missing may have been destroyed.
	if begun, err := journal.List(p.sessionsDir()); err != nil || len(begun) > 0 {
		return err
	}
	for _, e := range []string{sandbox.Staging, sandbox.Production} {
		if err := p.storeBackupKey(ctx, vault.Name(e+"/"+string(keygen.Emergency))); err != nil {
			return err
		}
	}
	for environment, secret := range p.world.Seeded() {
		name := vault.Name(environment + "/v1")
		_, _, err := p.vault.Get(ctx, name)
		if err == nil {
			continue
		}
		if !errors.Is(err, vault.ErrNotFound) {
			return fmt.Errorf("look for the sandbox's first key: %w", err)
		}
		if _, err := p.vault.Put(ctx, name, secret, vault.PutOptions{
			Fingerprint: secret.Fingerprint(p.trail.id()), Made: p.world.SeededAt(), Note: "the sandbox's first key",
		}); err != nil {
			return fmt.Errorf("store the sandbox's first key: %w", err)
		}
	}
	return nil
}

// storeBackupKey makes an environment's emergency key, which is held in the
// vault and not in service.
func (p *Program) storeBackupKey(ctx context.Context, name vault.Name) error {
	if _, _, err := p.vault.Get(ctx, name); !errors.Is(err, vault.ErrNotFound) {
		return err
	}
	secret, err := keygen.Generate(p.options.Random)
	if err != nil {
		return err
	}
	_, err = p.vault.Put(ctx, name, secret, vault.PutOptions{
		Fingerprint: secret.Fingerprint(p.trail.id()), Made: p.world.SeededAt(), Note: "the sandbox's emergency key",
	})
	if err != nil {
		return fmt.Errorf("store the sandbox's emergency key: %w", err)
	}
	return nil
}

func (p *Program) wireSandbox(ctx context.Context, poll vercel.Poll) error {
	token, err := httpclient.ParseToken(p.world.VercelToken())
	if err != nil {
		return fmt.Errorf("read the sandbox's vercel token: %w", err)
	}
	api, err := vercel.New(vercel.Options{API: p.world.VercelURL(), Token: token, HTTP: p.ground()})
	if err != nil {
		return err
	}
	logToken, err := httpclient.ParseToken(p.world.LogToken())
	if err != nil {
		return fmt.Errorf("read the sandbox's log token: %w", err)
	}
	log, err := requestlog.NewHTTP(requestlog.HTTPOptions{URL: p.world.LogURL(), Token: logToken, HTTP: p.ground()})
	if err != nil {
		return err
	}
	var targets []target.Target
	for _, project := range p.world.Projects() {
		targets = append(targets, target.Target{Project: project.ID, Name: project.Name, Path: probePath, URLs: map[checklist.Environment]string{
			checklist.Staging:    p.world.ServiceURL(project.Name, sandbox.Staging) + probePath,
			checklist.Production: p.world.ServiceURL(project.Name, sandbox.Production) + probePath,
		}})
	}
	second := consent.SandboxSecond{Principal: sandboxApprover, Key: func(ctx context.Context) (sshsig.Key, error) {
		return p.signingKey(ctx, approverKey)
	}}
	if err := p.enrol(ctx); err != nil {
		return err
	}
	p.wire(api, log, targets, second, poll, probe.HMACV1(), filepath.Join(p.dir, "docs"))
	return nil
}

// wire makes what the steps reach.
func (p *Program) wire(api *vercel.Client, log requestlog.Source, targets []target.Target, second consent.Second,
	poll vercel.Poll, profile probe.Profile, documents string) {
	p.approver = &consent.Approver{
		Second: second, Roster: p.roster, Requester: p.operator, Clock: p.clock, Random: p.options.Random,
		Key:      func(ctx context.Context) (sshsig.Key, error) { return p.signingKey(ctx, operatorKey) },
		Exported: p.trail.Exported,
		Others: func(context.Context) ([]*checklist.Session, error) {
			all, _, err := p.sessions() // a journal that cannot be read is told in the overview
			return all, err
		},
	}
	p.outside = &steps.Outside{
		Vault: p.vault, Vercel: api, Log: log, Targets: targets, Documents: documents,
		Random: p.options.Random, Poll: poll, Pause: p.options.Pause, Return: p.options.Return,
		Prober:       &probe.Prober{Profile: profile, Now: p.clock, Random: &lockedReader{from: p.options.Random}},
		Sessions:     sessions{p},
		SessionFiles: p.sessionsDir(),
	}
}

// lockedReader lets several probes draw from one source of randomness.
type lockedReader struct {
	mu   sync.Mutex
	from io.Reader
}

func (r *lockedReader) Read(p []byte) (int, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.from.Read(p)
}

// watch leaves a realm that another process drives: its sessions can be read.
func (p *Program) watch(cause error) error {
	p.watched = checklist.WithHint(cause, "leave the other Keyturn first; here sessions can only be looked at, with keyturn status")
	latest, err := p.lastEvent()
	if err != nil {
		return err
	}
	p.clock = func() time.Time { return latest }
	p.wire(nil, nil, nil, nil, vercel.Poll{}, probe.HMACV1(), filepath.Join(p.dir, "docs"))
	return nil
}
