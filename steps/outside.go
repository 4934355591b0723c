package steps

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/notify"
	"keyturn/steps/paper"
	"keyturn/steps/probe"
	"keyturn/steps/requestlog"
	"keyturn/steps/vercel"
	"keyturn/vault"
)

// Target is one Vercel project whose deployments verify signatures.
type Target struct {
	Project string // id or name
	Name    string // for people
	// URLs is where each environment's service is probed.
	URLs map[checklist.Environment]string
	// Path is the part of the URLs that a deployment's own address is followed
	// by, such as /api/test.
	Path string
	// Role is RoleVerifier, RoleSigner or RoleBoth; "" is RoleVerifier.
	Role string
	// Slots are where the variable of an environment lives, the one that is
	// deployed first; of an environment without any, as vercelTargets says.
	Slots map[checklist.Environment][]Slot
	// Protected says that Vercel's deployment protection is on, which Bypass
	// passes; zero where there is none, or the vault does not have it.
	Protected bool
	Bypass    keygen.Secret
}

// Slot is one place for a variable's row: a Vercel target, narrowed to a git
// branch of previews, or else a custom environment.
type Slot struct {
	Target            string // preview, development or production; "" with CustomEnvironment
	Branch            string // of preview only; "" for all branches
	CustomEnvironment string // slug
	Type              string // sensitive or encrypted; "" is vercel.TypeFor of the target
}

// Outside is everything that the steps of one session reach: one client for
// each outside system.
type Outside struct {
	Vault    vault.Vault
	Vercel   *vercel.Client
	Prober   *probe.Prober
	Log      requestlog.Source
	Trail    Trail
	Sessions Sessions
	// Targets are those of the configuration. A step has those of its session
	// alone: see of.
	Targets
	// Documents is the folder that holds decisions.md, incidents.md, and the
	// folders post-mortems and calendar.
	Documents string
	Paper     paper.Templates // the zero value has the built-in ones
	// SessionFiles is the folder that holds one folder for each session, named by
	// its id, for what the session exports.
	SessionFiles string
	// Webhook has the details of the team's webhook, whose address is in the
	// vault; the zero value has the defaults.
	Webhook notify.Options
	Random  io.Reader
	// Return is the beginning of the command that returns to a session, with all
	// flags; "keyturn" if empty.
	Return string
	// Hand guides the operator through Vercel's dashboard. It takes the place of
	// Vercel, which is nil then: nothing there can be seen, only asked for.
	Hand *Hand
	// Poll says how often and how long a deployment is watched.
	Poll vercel.Poll
	// Pause waits between two looks at something that takes a moment.
	Pause func(context.Context, time.Duration) error

	glance *glance // of the catalog that has these clients
}

// Sessions is what a step may know and change of the realm's other sessions.
type Sessions interface {
	// Session returns a snapshot of a session.
	Session(ctx context.Context, id string) (*checklist.Session, error)
	// Events returns a session's events, for a time line.
	Events(ctx context.Context, id string) ([]checklist.Event, error)
	// Compromised returns the session that revoked a key of an environment as
	// compromised; ok is false when none has.
	Compromised(ctx context.Context, id keygen.KeyID, e checklist.Environment) (session string, ok bool, err error)
	// RolledBack writes into a session that another put its old key back: items
	// from itemID on are open again ("" for none), and the outside looks as seen
	// says.
	RolledBack(ctx context.Context, id, itemID, by string, seen map[string]string) error
	// Abandon ends a session with a reason.
	Abandon(ctx context.Context, id, reason string) error
}

// secretName is where the vault keeps a key of an environment.
func secretName(e checklist.Environment, id keygen.KeyID) vault.Name {
	return vault.Name(string(e) + "/" + string(id))
}

// vaultEffect is what the journal says of a change to the vault's copy of a key.
func vaultEffect(code checklist.EffectCode, e checklist.Environment, id keygen.KeyID) checklist.Effect {
	return checklist.Effect{Code: code, Environment: e, Key: id, Object: string(secretName(e, id))}
}

// secret reads a key of the session from the vault.
func (o *Outside) secret(ctx context.Context, s *checklist.Session, e checklist.Environment, r checklist.Role) (keygen.Secret, error) {
	secret, _, err := o.Vault.Get(ctx, secretName(e, s.Key(r)))
	if err != nil {
		return keygen.Secret{}, fmt.Errorf("get the %s key of %s from the vault: %w", r, e, err)
	}
	if want := s.Fingerprint(e, r); want != "" && secret.Fingerprint(s.Opening.Trail) != want {
		return keygen.Secret{}, checklist.WithHint(
			fmt.Errorf("the vault's %s is not the key that this session recorded (%s)", secretName(e, s.Key(r)), want.Short()),
			"somebody replaced it; find out who before going on")
	}
	return secret, nil
}

// of returns what the steps of a session reach: of the targets, those that the
// session binds. One that was configured later, or was taken out of the session,
// is neither looked at nor changed.
func (o *Outside) of(s *checklist.Session) *Outside {
	names, bound := s.Setup().TargetNames(), *o
	bound.Targets = slices.DeleteFunc(slices.Clone(o.Targets), func(t Target) bool { return !slices.Contains(names, t.Name) })
	return &bound
}

// vercelTargets returns the Vercel targets that make up an environment, the
// one that is deployed first.
func vercelTargets(e checklist.Environment) []string {
	if e == checklist.Production {
		return []string{vercel.TargetProduction}
	}
	return []string{vercel.TargetPreview, vercel.TargetDevelopment}
}

// unknown marks a lost answer for the engine.
func unknown(err error) error {
	var lost *vercel.UnknownOutcomeError
	if errors.As(err, &lost) || errors.Is(err, vault.ErrTimeout) || errors.Is(err, notify.ErrUnknown) {
		return fmt.Errorf("%w: %w", checklist.ErrUnknown, err)
	}
	return err
}
