package sandbox

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"keyturn/keygen"
	"keyturn/vault/ownfile"
)

// The environments of the company's service. Staging runs preview deployments,
// production the production ones.
const (
	Staging    = "staging"
	Production = "production"
)

// DefaultBuildTime is how long a deployment takes to be READY when Options says
// nothing: long enough to be seen, short enough to be waited for.
const DefaultBuildTime = 3 * time.Second

// lockFile keeps a second process out of a world.
const lockFile = "world.lock"

// ErrInUse is returned by Open when another process holds the world.
var ErrInUse = errors.New("another process has this sandbox open")

// ErrLockLost is returned when the world's lock file was removed or replaced, so
// that nothing is saved any more. Opening the world again puts it right.
var ErrLockLost = errors.New("another process may have opened this sandbox")

// Options says where a world lives and what it is made of.
type Options struct {
	Dir       string           // made if missing, mode 0700; "": the world lives in memory and is gone when closed
	Seal      keygen.Secret    // encrypts the secrets in the world's file; keep it in the vault; not needed in memory
	BuildTime time.Duration    // from QUEUED to READY on the world's clock; 0 is DefaultBuildTime
	RealNow   func() time.Time // nil is time.Now
	Random    io.Reader        // nil is crypto/rand.Reader
	Fault     Fault            // "" keeps the fault that was in force when the world was closed
	Account   Account          // what a world that is made anew holds
	History   *History         // what it has been through; nil for a world as Account says
	Knobs     Knobs            // how the Vercel API behaves; not kept
}

// Project is one Vercel project of the company.
type Project struct {
	ID   string `json:"id"` // prj_…
	Name string `json:"name"`

	TeamID             string              `json:"team_id,omitempty"` // "": of the personal account
	CustomEnvironments []CustomEnvironment `json:"custom_environments,omitempty"`
	Protected          bool                `json:"protected,omitempty"`
}

// customIDs returns the ids of custom environments by their slugs or ids,
// without those that the project does not have.
func (p Project) customIDs(slugs []string) []string {
	var ids []string
	for _, slug := range slugs {
		if environment, ok := p.custom(slug); ok {
			ids = append(ids, environment.ID)
		}
	}
	return ids
}

// custom finds a custom environment by its slug or id.
func (p Project) custom(slugOrID string) (CustomEnvironment, bool) {
	for _, environment := range p.CustomEnvironments {
		if environment.Slug == slugOrID || environment.ID == slugOrID {
			return environment, true
		}
	}
	return CustomEnvironment{}, false
}

// World is a running sandbox. Its methods may be called from any goroutine.
type World struct {
	options Options
	seal    sealer
	fresh   bool
	lock    *ownfile.Lock // nil for a world in memory

	writing sync.Mutex            // held from reading the state to publishing its successor
	state   atomic.Pointer[state] // never changed once published

	vercel, log, service *server

	traffic control // of the Vercel API
}

// Open loads the world of a folder, or makes it, and begins to serve on
// loopback. The addresses of the last time are kept where they are still free.
//
// It returns ErrInUse when another process has the world, ErrWrongSeal when the
// seal is not the one the file was written with, and an error that wraps
// ErrDamaged and names the file when the file is not as it was written.
func Open(ctx context.Context, options Options) (*World, error) {
	if options.Seal.IsZero() && options.Dir != "" {
		return nil, errors.New("open sandbox: no seal given")
	}
	if options.BuildTime <= 0 {
		options.BuildTime = DefaultBuildTime
	}
	if options.RealNow == nil {
		options.RealNow = time.Now
	}
	if options.Random == nil {
		options.Random = rand.Reader
	}
	w := &World{options: options}
	w.SetKnobs(options.Knobs)
	if err := w.open(ctx); err != nil {
		return nil, errors.Join(fmt.Errorf("open sandbox: %w", err), w.Close())
	}
	return w, nil
}

func (w *World) open(ctx context.Context) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := w.claim(); err != nil {
		return err
	}
	s, err := w.load()
	switch {
	case errors.Is(err, os.ErrNotExist):
		w.fresh = true
		if s, err = newState(w.options); err != nil {
			return fmt.Errorf("make world: %w", err)
		}
	case err != nil:
		return err
	}
	s.keepClockForward(w.options.RealNow())
	w.state.Store(s)

	if err := w.listen(ctx, s.Ports); err != nil {
		return err
	}
	return w.update(func(s *state, now time.Time) error {
		s.Ports = ports{Vercel: w.vercel.port, Log: w.log.port, Service: w.service.port}
		if w.options.Fault != "" && w.options.Fault != s.Fault.name() {
			return s.setFault(w.options.Fault, now)
		}
		return nil
	})
}

// claim makes the folder and keeps other processes out of it.
func (w *World) claim() error {
	if w.inMemory() {
		return nil
	}
	if err := os.MkdirAll(w.options.Dir, 0o700); err != nil {
		return fmt.Errorf("make folder: %w", err)
	}
	lock, err := ownfile.TryLock(filepath.Join(w.options.Dir, lockFile))
	switch {
	case err != nil:
		return fmt.Errorf("lock folder: %w", err)
	case lock == nil:
		return fmt.Errorf("%s: %w", w.options.Dir, ErrInUse)
	}
	w.lock = lock
	return nil
}

// load prepares the seal and reads the state; os.ErrNotExist if there is none.
func (w *World) load() (*state, error) {
	seal := w.options.Seal
	var err error
	if seal.IsZero() { // in memory: it only makes ciphertexts to be shown
		if seal, err = keygen.Generate(w.options.Random); err != nil {
			return nil, fmt.Errorf("draw seal: %w", err)
		}
	}
	if w.seal, err = newSealer(seal); err != nil {
		return nil, fmt.Errorf("prepare seal: %w", err)
	}
	if w.inMemory() {
		return nil, os.ErrNotExist
	}
	return loadState(w.path(), w.seal)
}

func (w *World) inMemory() bool { return w.options.Dir == "" }

func (w *World) listen(ctx context.Context, last ports) error {
	var err error
	if w.vercel, err = serve(ctx, last.Vercel, w.vercelHandler()); err != nil {
		return fmt.Errorf("serve vercel api: %w", err)
	}
	if w.log, err = serve(ctx, last.Log, w.logHandler()); err != nil {
		return fmt.Errorf("serve request log: %w", err)
	}
	if w.service, err = serve(ctx, last.Service, w.serviceHandler()); err != nil {
		return fmt.Errorf("serve the company's service: %w", err)
	}
	return nil
}

// Close stops serving, waits for requests that are under way, and lets other
// processes open the world. Everything was saved when it happened.
func (w *World) Close() error {
	var errs []error
	for _, s := range []*server{w.vercel, w.log, w.service} {
		if s != nil {
			errs = append(errs, s.close())
		}
	}
	if w.lock != nil {
		errs = append(errs, w.lock.Release())
	}
	return errors.Join(errs...)
}

func (w *World) path() string { return filepath.Join(w.options.Dir, worldFile) }

// Fresh reports whether this Open made the world.
func (w *World) Fresh() bool { return w.fresh }

// Clock returns the world's clock.
func (w *World) Clock() *Clock { return &Clock{world: w} }

// VercelURL returns the base of the Vercel API.
func (w *World) VercelURL() string { return w.vercel.url() }

// VercelToken returns the token that the Vercel API accepts.
func (w *World) VercelToken() string { return w.state.Load().secret(w.state.Load().VercelToken) }

// LogURL returns the base of the request log.
func (w *World) LogURL() string { return w.log.url() }

// LogToken returns the token that the request log accepts.
func (w *World) LogToken() string { return w.state.Load().secret(w.state.Load().LogToken) }

// Projects returns the company's projects.
func (w *World) Projects() []Project { return slices.Clone(w.state.Load().Projects) }

// Teams returns the teams of the account, none if it is a personal one.
func (w *World) Teams() []Team { return slices.Clone(w.state.Load().Teams) }

// MemberToken returns the token with which a member calls the Vercel API, "" if
// there is no such member.
func (w *World) MemberToken(username string) string {
	s := w.state.Load()
	if username == ownerName {
		return s.secret(s.VercelToken)
	}
	for _, who := range s.Members {
		if who.Username == username {
			return s.secret(who.Token)
		}
	}
	return ""
}

// BypassSecret returns what a protected project, by id or name, wants in the
// header X-Vercel-Protection-Bypass; "" if it is not protected.
func (w *World) BypassSecret(project string) string {
	s := w.state.Load()
	p, _ := s.project(project)
	return s.secret(s.Bypasses[p.ID])
}

// ServiceURL returns the address under which a project's service is reached in
// an environment, whatever deployment serves it: Staging, Production, the slug
// of a custom environment or a BranchSlot. A path is appended to it.
func (w *World) ServiceURL(project, environment string) string {
	return w.service.url() + aliasPath(project, environment)
}

// DeploymentURL returns the address of one deployment, which goes on serving
// there when a newer one has taken the environment's address.
func (w *World) DeploymentURL(id string) string { return w.service.url() + deploymentPath(id) }

// Seeded returns the secrets of key v1 with which the world began, by
// environment. They are still returned after a restart, so that a caller who
// died before storing them can finish.
func (w *World) Seeded() map[string]keygen.Secret {
	s := w.state.Load()
	seeded := make(map[string]keygen.Secret, len(s.Seeds))
	for environment, ref := range s.Seeds {
		// The text was generated by keygen, so it parses.
		if secret, err := keygen.ParseSecret(s.secret(ref)); err == nil {
			seeded[environment] = secret
		}
	}
	return seeded
}

// SeededAt returns when the key v1 of a new world was made.
func (w *World) SeededAt() time.Time { return w.state.Load().Created.Add(-keyAge) }

// Fault returns the fault in force, None if there is none.
func (w *World) Fault() Fault { return w.state.Load().Fault.name() }

// SetFault puts a fault in force instead of the present one, with its full
// number of strikes; None lifts it. The change is saved.
func (w *World) SetFault(fault Fault) error {
	if err := w.update(func(s *state, now time.Time) error { return s.setFault(fault, now) }); err != nil {
		return fmt.Errorf("set sandbox fault: %w", err)
	}
	return nil
}

// look returns the present state and the world's time.
func (w *World) look() (*state, time.Time) {
	s := w.state.Load()
	return s, s.now(w.options.RealNow())
}

// update lets change work on a copy of the state, saves the copy and only then
// publishes it: an error leaves the world, in memory and on disk, as it was.
func (w *World) update(change func(s *state, now time.Time) error) error {
	w.writing.Lock()
	defer w.writing.Unlock()
	next := w.state.Load().clone()
	if err := change(next, next.now(w.options.RealNow())); err != nil {
		return err
	}
	next.ClockSeen = next.now(w.options.RealNow())
	next.dropUnusedSecrets()
	if !w.inMemory() {
		// Without the lock another process may have opened the world, and have
		// saved what this would overwrite.
		if err := w.lock.Check(); err != nil {
			return fmt.Errorf("save sandbox: %w: %w", ErrLockLost, err)
		}
		if err := saveState(w.path(), w.seal, next); err != nil {
			return fmt.Errorf("save sandbox: %w", err)
		}
	}
	w.state.Store(next)
	return nil
}

// InUse reports whether a process has the world of a folder open. It makes
// nothing there.
func InUse(dir string) (bool, error) {
	locked, err := ownfile.Locked(filepath.Join(dir, lockFile))
	if err != nil {
		return false, fmt.Errorf("look for the holder of %s: %w", dir, err)
	}
	return locked, nil
}
