package hosting

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"keyturn/checklist"
	"keyturn/steps/target"
	"keyturn/steps/vercel"
)

// redeploy builds the serving deployment of each target once more, so that the
// variables of now reach it. A mark in the new deployment's meta names the
// session and the item, so that none is made twice.
type redeploy struct{ *API }

// deployField is what a request names the place's DeployTarget in.
func deployField(p target.Place) string {
	if p.Slot.CustomEnvironment != "" {
		return "customEnvironmentSlugOrId"
	}
	return "target"
}

// latestReady returns the deployment that the place's next one repeats.
func (a *API) latestReady(ctx context.Context, s target.Place) (vercel.Deployment, error) {
	if !s.Shares() {
		return a.Vercel.LatestReadyOf(ctx, s.Target.Project, s.DeployTarget(), s.Slot.Branch)
	}
	all, err := a.Made(ctx, s)
	if err != nil {
		return vercel.Deployment{}, err
	}
	latest, ok := vercel.Latest(all, s.DeployTarget())
	if !ok {
		return latest, fmt.Errorf("%s: %w: no READY deployment is of another branch than those that are named", s, vercel.ErrNotFound)
	}
	return latest, nil
}

// Made implements Hosting.
func (a *API) Made(ctx context.Context, s target.Place) ([]vercel.Deployment, error) {
	all, err := a.Vercel.Deployments(ctx, s.Target.Project, s.DeployTarget())
	return slices.DeleteFunc(all, func(d vercel.Deployment) bool { return !s.Made(d) }), err
}

func (r redeploy) Plan(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	plan := checklist.Plan{Summary: "Redeploy " + sc.EnvironmentWords(), Risk: checklist.Change}
	sites := r.Deployed(sc.Environments())
	plan.Actions = make([]checklist.Action, len(sites))
	return plan, target.EachIndex(ctx, sites, func(ctx context.Context, i int, c target.Place) error {
		from, err := r.latestReady(ctx, c)
		if err != nil {
			return err
		}
		plan.Actions[i] = checklist.Action{
			Target: c.Target.Name, Environment: c.Environment,
			Words:   fmt.Sprintf("build %s once more for %s, with the variables of now", from.ID, c.DeployTarget()),
			Command: fmt.Sprintf("POST /v13/deployments?forceNew=1 {\"deploymentId\":%q,%q:%q}", from.ID, deployField(c), c.DeployTarget()),
		}
		return nil
	})
}

// made returns the deployment that this item made for the place, if it still can
// serve.
func (r redeploy) made(ctx context.Context, sc *checklist.Scope, c target.Place) (vercel.Deployment, bool, error) {
	all, err := r.Vercel.Deployments(ctx, c.Target.Project, c.DeployTarget())
	if err != nil {
		return vercel.Deployment{}, false, err
	}
	d, ok := vercel.Marked(all, c.Mark(sc))
	return d, ok && !d.Failed(), nil
}

func (r redeploy) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	var unserved atomic.Int32
	err := target.Each(ctx, r.Deployed(sc.Environments()), func(ctx context.Context, c target.Place) error {
		d, ok, err := r.made(ctx, sc, c)
		if !ok || !d.Serving() {
			unserved.Add(1)
		}
		return err
	})
	return unserved.Load() == 0, err
}

func (r redeploy) Do(ctx context.Context, sc *checklist.Scope) error {
	board := target.NewBoard(sc, r.Whole(sc.Environments()))
	for _, together := range order(sc) {
		err := target.Each(ctx, r.Whole(together), func(ctx context.Context, c target.Place) error {
			return board.Work(c, "redeploying", func() error {
				for _, s := range c.Deployed() {
					if err := r.one(ctx, sc, s, board); err != nil {
						return err
					}
				}
				return nil
			})
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// order returns the environments of the item, those that are done at a time
// together: staging before production, so that what goes wrong goes wrong there
// first, but all at once while a key is abused or a service is down.
func order(sc *checklist.Scope) [][]checklist.Environment {
	all := sc.Environments()
	if s := sc.Session.Checklist; s.Limit > 0 || s.ID == checklist.KindRollback {
		return [][]checklist.Environment{all}
	}
	var one [][]checklist.Environment
	for _, e := range all {
		one = append(one, []checklist.Environment{e})
	}
	return one
}

// one makes sure that a deployment of this item serves the place.
func (r redeploy) one(ctx context.Context, sc *checklist.Scope, c target.Place, board *target.Board) error {
	d, ok, err := r.made(ctx, sc, c)
	if err != nil {
		return err
	}
	if !ok {
		if d, err = r.start(ctx, sc, c); err != nil {
			return err
		}
	}
	_, err = r.Vercel.WaitReady(ctx, d.ID, r.Poll, func(d vercel.Deployment) {
		state := strings.ToLower(d.ReadyState)
		if d.ReadyState == vercel.StateReady {
			state = "ready, waiting for its address"
		}
		board.Set(c.Whole(), state, "redeploying")
	})
	if err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}
	return nil
}

func (r redeploy) start(ctx context.Context, sc *checklist.Scope, c target.Place) (vercel.Deployment, error) {
	var d vercel.Deployment
	err := sc.Effect(ctx, c.Redeployment(), func(ctx context.Context) (checklist.Result, error) {
		from, err := r.latestReady(ctx, c)
		if err != nil {
			return checklist.Result{}, err
		}
		d, err = r.Vercel.RedeployMarked(ctx, c.Target.Project, from, c.DeployTarget(), c.Mark(sc))
		if lost := (*vercel.UnknownOutcomeError)(nil); errors.As(err, &lost) {
			found, ok, readErr := r.made(ctx, sc, c)
			switch {
			case readErr != nil:
				return checklist.Result{}, errors.Join(unknown(err), readErr)
			case !ok:
				return checklist.Result{}, checklist.WithHint(fmt.Errorf("%w; no deployment was made", err), "run the item again")
			}
			d = found
			return checklist.Result{How: checklist.Found, ID: d.ID}, nil
		}
		return checklist.Result{ID: d.ID}, err
	})
	return d, err
}

func (r redeploy) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	evidence := checklist.Evidence{Facts: map[string]string{}, Tables: []checklist.Table{{
		Title: "Deployments", Columns: []string{"Target", "Environment", "Deployment", "State"},
	}}}
	sites := r.Deployed(sc.Environments())
	serving := make([]vercel.Deployment, len(sites))
	err := target.EachIndex(ctx, sites, func(ctx context.Context, i int, c target.Place) error {
		d, ok, err := r.made(ctx, sc, c)
		if err == nil && (!ok || !d.Serving()) {
			err = fmt.Errorf("%s is not served by a deployment of this item", c)
		}
		serving[i] = d
		return err
	})
	if err != nil {
		return evidence, err
	}
	for i, c := range sites {
		if c.IsFirst() { // the one that the environment's address leads to
			evidence.Facts[c.DeploymentFact()] = serving[i].ID
		}
		evidence.Tables[0].Rows = append(evidence.Tables[0].Rows, []string{c.Target.Name, string(c.Environment), serving[i].ID, serving[i].ReadyState})
		// What was proved of the deployment before says nothing of this one.
		for _, role := range []checklist.Role{checklist.OldKey, checklist.NewKey} {
			evidence.Facts[checklist.Fact(checklist.FactAccepted, c.Environment, role)] = ""
			evidence.Facts[checklist.Fact(checklist.FactRefused, c.Environment, role)] = ""
		}
	}
	evidence.Summary = fmt.Sprintf("%d new deployments serve %s", len(evidence.Tables[0].Rows), sc.EnvironmentWords())
	return evidence, nil
}

// Redeployed implements Hosting.
func (a *API) Redeployed(ctx context.Context, sc *checklist.Scope) (map[string]string, error) {
	facts := map[string]string{}
	for _, p := range a.Whole(sc.Environments()) {
		served, ok, err := redeploy{a}.made(ctx, sc, p.First())
		if err != nil {
			return nil, err
		}
		if ok {
			facts[p.DeploymentFact()] = served.ID
		}
	}
	return facts, nil
}

// Served implements Hosting: it compares when the deployments that serve and the
// new key's rows were made. Both times are Vercel's.
func (a *API) Served(ctx context.Context, sc *checklist.Scope) (bool, error) {
	existing, err := addKey{a, checklist.NewKey}.existing(ctx, sc)
	if err != nil {
		return false, err
	}
	again := redeploy{a}
	for _, s := range a.Deployed(sc.Environments()) {
		if d, ok, err := again.made(ctx, sc, s); err != nil {
			return false, err
		} else if ok && !d.Serving() {
			return false, nil // this item's own is under way
		}
		serving, err := a.latestReady(ctx, s)
		if err != nil {
			return false, err
		}
		v := existing[s.Row()]
		if serving.CreatedAt().Before(time.UnixMilli(v.CreatedAt)) {
			return false, nil
		}
	}
	return true, nil
}
