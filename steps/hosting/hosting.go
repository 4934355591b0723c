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

// Hosting is where the keys are deployed. The steps that act there are the
// platform's own, and the others ask it what they need to know; none of them knows
// whether Keyturn or the operator does it.
type Hosting interface {
	proof.Deployments

	// Add returns the step that adds a role's key, and Remove the one that removes
	// it.
	Add(checklist.Role) Adder
	Remove(checklist.Role) checklist.Step
	// Revoke returns the step that removes every row of the compromised key.
	Revoke() checklist.Step
	Redeploy() checklist.Step
	// Older returns the step that finds what still accepts the compromised key.
	Older() checklist.Step
	// KeepName returns the step that records which name the current key goes by.
	KeepName() checklist.Step

	// List lists the variables of the targets.
	List(context.Context) (Listing, error)
	// Made returns the deployments of a place, newest first, or an *UnseenError.
	Made(context.Context, target.Place) ([]vercel.Deployment, error)
	// Left counts the rows that the compromised key has, as far as anybody can see.
	Left(context.Context, *checklist.Scope) (int, error)
	// Served reports whether what serves was made with the new key.
	Served(context.Context, *checklist.Scope) (bool, error)
	// Redeployed returns the facts of the deployments that the item made, as far as
	// anybody can see.
	Redeployed(context.Context, *checklist.Scope) (map[string]string, error)
	// CompareInventory adds to the evidence whether anything but a key's rows has
	// changed since the plan.
	CompareInventory(context.Context, *checklist.Scope, keygen.KeyID, *checklist.Evidence) error
	// InService returns the keys that are in service, since when as far as that is
	// known. With an error about some, what is known of the others is returned all
	// the same.
	InService(context.Context) (map[checklist.Environment]map[keygen.KeyID]time.Time, error)
	checklist.Observer
}

var (
	_ Hosting = (*API)(nil)
	_ Hosting = (*Dashboard)(nil)
)

// Adder puts a key's variables where they belong. What is there already may stay,
// where refilling says so.
type Adder interface {
	checklist.Step
	// Missing returns the rows that are not there.
	Missing(context.Context, *checklist.Scope) ([]target.Place, error)
	// PlanRefill, Refill and VerifyRefill are Plan, Do and Verify for a key that may
	// have been there before the session.
	PlanRefill(context.Context, *checklist.Scope) (checklist.Plan, error)
	Refill(context.Context, *checklist.Scope) error
	VerifyRefill(context.Context, *checklist.Scope) (checklist.Evidence, error)
}

var (
	_ Adder = addKey{}
	_ Adder = addByHand{}
)

// UnseenError says that nobody can look but in the dashboard.
type UnseenError struct{ Dashboard string }

func (e *UnseenError) Error() string {
	return fmt.Sprintf("it can only be seen in the dashboard: %s", e.Dashboard)
}

// API is Vercel, reached by its API.
type API struct {
	proof.Services
	Vercel *vercel.Client
	// Poll says how often and how long a deployment is watched.
	Poll vercel.Poll

	last *LastListing
}

// NewAPI returns the API of the services' deployments. What a step has listed is
// handed on through last, which may be nil.
func NewAPI(s proof.Services, client *vercel.Client, poll vercel.Poll, last *LastListing) *API {
	a := &API{s, client, poll, last}
	a.Deployments = a
	return a
}

func (a *API) Add(role checklist.Role) Adder             { return addKey{a, role} }
func (a *API) Remove(role checklist.Role) checklist.Step { return removeKey{a, role} }
func (a *API) Revoke() checklist.Step                    { return revoke{a} }
func (a *API) Redeploy() checklist.Step                  { return redeploy{a} }
func (a *API) Older() checklist.Step                     { return older{API: a} }
func (a *API) KeepName() checklist.Step                  { return keepName{API: a} }

// Serving implements Deployments.
func (a *API) Serving(ctx context.Context, p target.Place) (proof.Deployment, bool, error) {
	d, err := a.latestReady(ctx, p)
	return proof.Deployment{ID: d.ID, Host: d.URL}, err == nil, err
}

// Apart implements Deployments.
func (a *API) Apart(p target.Place) []target.Place { return p.Deployed() }

// List implements Hosting.
func (a *API) List(ctx context.Context) (Listing, error) { return a.list(ctx, "", a.Targets) }

// unknown marks an answer that Vercel did not give for the engine.
func unknown(err error) error {
	if lost := (*vercel.UnknownOutcomeError)(nil); errors.As(err, &lost) {
		return fmt.Errorf("%w: %w", checklist.ErrUnknown, err)
	}
	return err
}
