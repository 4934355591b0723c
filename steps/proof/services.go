package proof

import (
	"context"
	"fmt"

	"keyturn/checklist"
	"keyturn/steps/keys"
	"keyturn/steps/probe"
	"keyturn/steps/target"
)

// Deployment is one that serves a place.
type Deployment struct {
	ID   string
	Host string // where it is reached whatever has the environment's address
}

// Deployments says which deployments serve, as far as anybody can see.
type Deployments interface {
	// Serving returns the deployment that serves a place; ok is false where nobody
	// can see it.
	Serving(context.Context, target.Place) (d Deployment, ok bool, err error)
	// Apart returns the places of an environment whose deployments have addresses of
	// their own that are known.
	Apart(target.Place) []target.Place
}

// Services are those that verify signatures, with what they are asked with.
type Services struct {
	keys.Store
	target.Targets
	Prober      *probe.Prober
	Deployments Deployments
}

// ProveAgain asks every target to accept the new key, and the vault to give
// the old one, right before the old one is removed. Where no item has proved that
// the vault's copy is the one in service, the targets are asked now: once the rows
// are gone, nobody can find out any more.
func (s Services) ProveAgain(ctx context.Context, sc *checklist.Scope) error {
	recoverable := true
	for _, e := range sc.Environments() {
		if _, err := s.Secret(ctx, sc.Session, e, checklist.OldKey); err != nil {
			return err
		}
		recoverable = recoverable && sc.Session.Facts[checklist.Fact(checklist.FactRecoverable, e, checklist.OldKey)] != ""
	}
	if err := s.AcceptedEverywhere(ctx, sc, checklist.NewKey); err != nil || recoverable {
		return err
	}
	return s.AcceptedEverywhere(ctx, sc, checklist.OldKey)
}

// AcceptedEverywhere asks every target to accept the key that is to stay, right
// before the other one is removed. That each slot's deployment did is what opened
// the gate; here it is asked for at the environments' addresses alone, which
// somebody can have moved to another deployment since: to find the deployments of
// all slots again would take a call of Vercel's rate limit for each.
func (s Services) AcceptedEverywhere(ctx context.Context, sc *checklist.Scope, role checklist.Role) error {
	id := sc.Session.Key(role)
	return target.Each(ctx, s.Probed(sc.Environments()), func(ctx context.Context, c target.Place) error {
		secret, err := s.Secret(ctx, sc.Session, c.Environment, role)
		if err != nil {
			return err
		}
		got, err := s.Prober.Probe(ctx, c.Target.ProbeTarget(c.Environment), probe.Key{ID: id, Secret: secret, Expect: probe.Accepted})
		if err != nil {
			return fmt.Errorf("probe %s with %s: %w", c, id, err)
		}
		if got.Verdict != probe.OK {
			return checklist.WithHint(fmt.Errorf("%s does not accept %s: %s", c, id, got.Detail),
				"nothing was removed; find out why the %s key is refused", role)
		}
		return nil
	})
}

// AskedApart are the places that can be asked apart from others; where nobody knows
// the own address of a deployment, that is the first of each environment.
func (s Services) AskedApart(environments []checklist.Environment) []target.Place {
	var places []target.Place
	for _, p := range s.Probed(environments) {
		if known := s.Deployments.Apart(p); len(known) > 0 {
			places = append(places, known...)
		} else {
			places = append(places, p.First())
		}
	}
	return places
}
