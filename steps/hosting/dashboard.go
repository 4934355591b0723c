package hosting

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/proof"
	"keyturn/steps/target"
	"keyturn/steps/vercel"
)

func (d *Dashboard) Add(role checklist.Role) Adder             { return addByHand{d, role} }
func (d *Dashboard) Remove(role checklist.Role) checklist.Step { return removeByHand{d, role} }
func (d *Dashboard) Revoke() checklist.Step                    { return revokeByHand{d} }
func (d *Dashboard) Redeploy() checklist.Step                  { return redeployByHand{d} }
func (d *Dashboard) Older() checklist.Step                     { return olderByHand{Dashboard: d} }
func (d *Dashboard) KeepName() checklist.Step                  { return keepNameByHand{Services: d.Services} }

// Serving implements Deployments: nobody can see it.
func (d *Dashboard) Serving(context.Context, target.Place) (proof.Deployment, bool, error) {
	return proof.Deployment{}, false, nil
}

// Apart implements Deployments: nobody knows the own address of a deployment.
func (d *Dashboard) Apart(target.Place) []target.Place { return nil }

// List implements Hosting: any key may have rows anywhere.
func (d *Dashboard) List(context.Context) (Listing, error) { return Listing{unseen: true}, nil }

// Made implements Hosting.
func (d *Dashboard) Made(context.Context, target.Place) ([]vercel.Deployment, error) {
	return nil, &UnseenError{d.Address}
}

// Left implements Hosting. The operator has said that nothing is left.
func (d *Dashboard) Left(context.Context, *checklist.Scope) (int, error) { return 0, nil }

// Served implements Hosting: it is the services' answers that count.
func (d *Dashboard) Served(ctx context.Context, sc *checklist.Scope) (bool, error) {
	return d.AcceptedEverywhere(ctx, sc, checklist.NewKey) == nil, ctx.Err()
}

// Redeployed implements Hosting.
func (d *Dashboard) Redeployed(context.Context, *checklist.Scope) (map[string]string, error) {
	return nil, nil
}

// CompareInventory implements Hosting: there is no inventory to compare.
func (d *Dashboard) CompareInventory(context.Context, *checklist.Scope, keygen.KeyID, *checklist.Evidence) error {
	return nil
}

// Observe implements checklist.Observer: nothing can be observed.
func (d *Dashboard) Observe(context.Context, *checklist.Session) (map[string]string, error) {
	return map[string]string{}, nil
}

// InService implements Hosting: the keys of the vault that a service accepts, since
// they were made.
func (d *Dashboard) InService(ctx context.Context) (map[checklist.Environment]map[keygen.KeyID]time.Time, error) {
	at := map[checklist.Environment]map[keygen.KeyID]time.Time{}
	var errs []error
	for _, e := range []checklist.Environment{checklist.Staging, checklist.Production} {
		keys, err := d.Accepted(ctx, e)
		if err != nil {
			errs = append(errs, fmt.Errorf("ask which keys are in service in %s: %w", e, err))
		}
		at[e] = keys
	}
	return at, errors.Join(errs...)
}
