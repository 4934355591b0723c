package steps

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"

	"keyturn/checklist"
	"keyturn/steps/vercel"
)

// redeploy builds the serving deployment of each target once more, so that the
// variables of now reach it. A mark in the new deployment's meta names the
// session and the item, so that none is made twice.
type redeploy struct{ *Outside }

// cell is one target in one environment.
type cell struct {
	target      Target
	environment checklist.Environment
}

func (c cell) String() string { return c.target.Name + " " + string(c.environment) }

// site is the deployed slot that the environment's address leads to: the first.
func (c cell) site() site { return c.sites()[0] }

// sites are the slots of the cell that deployments are made for.
func (c cell) sites() []site {
	var sites []site
	for _, s := range c.target.slots(c.environment) {
		if s.Target != vercel.TargetDevelopment {
			sites = append(sites, site{c, s})
		}
	}
	if len(sites) == 0 { // the configuration is refused before
		sites = append(sites, site{c, Slot{Target: vercelTargets(c.environment)[0]}})
	}
	return sites
}

// site is one place that deployments of a cell are made for.
type site struct {
	cell
	slot Slot
}

// deployTarget is the Vercel target of the site's deployments, or the slug of
// its custom environment.
func (s site) deployTarget() string { return cmp.Or(s.slot.CustomEnvironment, s.slot.Target) }

// field is what a request names the deployTarget in.
func (s site) field() string {
	if s.slot.CustomEnvironment != "" {
		return "customEnvironmentSlugOrId"
	}
	return "target"
}

// mark is that of the item, and names the slot unless it is the cell's first.
func (s site) mark(sc *checklist.Scope) string {
	m := sc.Mark()
	if !s.first() {
		m.Slot = s.slot.String()
	}
	return m.String()
}

func (s site) String() string { return s.target.Name + " " + s.where() }

// where names the site within its target: the environment, and the slot unless it
// is the cell's first.
func (s site) where() string { return string(s.environment) + s.aside() }

// aside is the slot behind a blank, and nothing for the cell's first.
func (s site) aside() string {
	if s.first() {
		return ""
	}
	return " " + s.slot.String()
}

// first reports whether the environment's address leads to the site.
func (s site) first() bool { return s.slot == s.cell.site().slot }

// holds reports whether a deployment is one of the site. That of a branch which
// has a site of its own is none of all branches.
func (s site) holds(d vercel.Deployment) bool {
	switch {
	case d.Environment() != s.deployTarget():
		return false
	case s.slot.Branch != "":
		return d.Branch == s.slot.Branch
	}
	return !slices.ContainsFunc(s.cell.sites(), func(other site) bool {
		return other.slot.Branch != "" && other.deployTarget() == s.deployTarget() && other.slot.Branch == d.Branch
	})
}

// shares reports whether branches of the site's target have sites of their own.
func (s site) shares() bool {
	return s.slot.Branch == "" && slices.ContainsFunc(s.cell.sites(), func(other site) bool {
		return other.slot.Branch != "" && other.deployTarget() == s.deployTarget()
	})
}

// latestReady returns the deployment that the site's next one repeats.
func (o *Outside) latestReady(ctx context.Context, s site) (vercel.Deployment, error) {
	if !s.shares() {
		return o.Vercel.LatestReadyOf(ctx, s.target.Project, s.deployTarget(), s.slot.Branch)
	}
	all, err := o.deploymentsOf(ctx, s)
	if err != nil {
		return vercel.Deployment{}, err
	}
	latest, ok := vercel.Latest(all, s.deployTarget())
	if !ok {
		return latest, fmt.Errorf("%s: %w: no READY deployment is of another branch than those that are named", s, vercel.ErrNotFound)
	}
	return latest, nil
}

// deploymentsOf returns the deployments of a site, newest first.
func (o *Outside) deploymentsOf(ctx context.Context, s site) ([]vercel.Deployment, error) {
	all, err := o.Vercel.Deployments(ctx, s.target.Project, s.deployTarget())
	return slices.DeleteFunc(all, func(d vercel.Deployment) bool { return !s.holds(d) }), err
}

// sites are those of all targets.
func (o *Outside) sites(environments []checklist.Environment) []site {
	var sites []site
	for _, c := range o.cells(environments) {
		sites = append(sites, c.sites()...)
	}
	return sites
}

// probedSites are those that can be asked apart from others. Without the API that
// is the first of each cell: nobody knows the own address of a deployment.
func (o *Outside) probedSites(environments []checklist.Environment) []site {
	var sites []site
	for _, c := range o.probed(environments) {
		if o.Hand != nil {
			sites = append(sites, c.site())
		} else {
			sites = append(sites, c.sites()...)
		}
	}
	return sites
}

func (o *Outside) cells(environments []checklist.Environment) []cell {
	var cells []cell
	for _, e := range environments {
		for _, t := range o.Targets {
			cells = append(cells, cell{t, e})
		}
	}
	return cells
}

func (r redeploy) Plan(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	plan := checklist.Plan{Summary: "Redeploy " + sc.EnvironmentWords(), Risk: checklist.Change}
	sites := r.sites(sc.Environments())
	plan.Actions = make([]checklist.Action, len(sites))
	return plan, eachIndex(ctx, sites, func(ctx context.Context, i int, c site) error {
		from, err := r.latestReady(ctx, c)
		if err != nil {
			return err
		}
		plan.Actions[i] = checklist.Action{
			Target: c.target.Name, Environment: c.environment,
			Words:   fmt.Sprintf("build %s once more for %s, with the variables of now", from.ID, c.deployTarget()),
			Command: fmt.Sprintf("POST /v13/deployments?forceNew=1 {\"deploymentId\":%q,%q:%q}", from.ID, c.field(), c.deployTarget()),
		}
		return nil
	})
}

// made returns the deployment that this item made for the site, if it still can
// serve.
func (r redeploy) made(ctx context.Context, sc *checklist.Scope, c site) (vercel.Deployment, bool, error) {
	all, err := r.Vercel.Deployments(ctx, c.target.Project, c.deployTarget())
	if err != nil {
		return vercel.Deployment{}, false, err
	}
	d, ok := vercel.Marked(all, c.mark(sc))
	return d, ok && !d.Failed(), nil
}

func (r redeploy) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	var unserved atomic.Int32
	err := each(ctx, r.sites(sc.Environments()), func(ctx context.Context, c site) error {
		d, ok, err := r.made(ctx, sc, c)
		if !ok || !d.Serving() {
			unserved.Add(1)
		}
		return err
	})
	return unserved.Load() == 0, err
}

func (r redeploy) Do(ctx context.Context, sc *checklist.Scope) error {
	board := newBoard(sc, r.cells(sc.Environments()))
	for _, together := range order(sc) {
		err := each(ctx, r.cells(together), func(ctx context.Context, c cell) error {
			return board.work(c, "redeploying", func() error {
				for _, s := range c.sites() {
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

// one makes sure that a deployment of this item serves the site.
func (r redeploy) one(ctx context.Context, sc *checklist.Scope, c site, board *board) error {
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
		board.set(c.cell, state, "redeploying")
	})
	if err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}
	return nil
}

func (r redeploy) start(ctx context.Context, sc *checklist.Scope, c site) (vercel.Deployment, error) {
	var d vercel.Deployment
	err := sc.Effect(ctx, c.redeployment(), func(ctx context.Context) (checklist.Result, error) {
		from, err := r.latestReady(ctx, c)
		if err != nil {
			return checklist.Result{}, err
		}
		d, err = r.Vercel.RedeployMarked(ctx, c.target.Project, from, c.deployTarget(), c.mark(sc))
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

// redeployment is what the journal says of the site's new deployment.
func (s site) redeployment() checklist.Effect {
	return checklist.Effect{
		Code: checklist.DeploymentCreate, Target: s.target.Name, Environment: s.environment, Place: s.slot.String(),
	}
}

func (r redeploy) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	evidence := checklist.Evidence{Facts: map[string]string{}, Tables: []checklist.Table{{
		Title: "Deployments", Columns: []string{"Target", "Environment", "Deployment", "State"},
	}}}
	sites := r.sites(sc.Environments())
	serving := make([]vercel.Deployment, len(sites))
	err := eachIndex(ctx, sites, func(ctx context.Context, i int, c site) error {
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
		if c.first() { // the one that the environment's address leads to
			evidence.Facts[deploymentFact(c.cell)] = serving[i].ID
		}
		evidence.Tables[0].Rows = append(evidence.Tables[0].Rows, []string{c.target.Name, string(c.environment), serving[i].ID, serving[i].ReadyState})
		// What was proved of the deployment before says nothing of this one.
		for _, role := range []checklist.Role{checklist.OldKey, checklist.NewKey} {
			evidence.Facts[checklist.Fact(checklist.FactAccepted, c.environment, role)] = ""
			evidence.Facts[checklist.Fact(checklist.FactRefused, c.environment, role)] = ""
		}
	}
	evidence.Summary = fmt.Sprintf("%d new deployments serve %s", len(evidence.Tables[0].Rows), sc.EnvironmentWords())
	return evidence, nil
}

// deploymentFact names the fact that holds the deployment which served when the
// item passed.
func deploymentFact(c cell) string {
	return "deployment/" + string(c.environment) + "/" + c.target.Project
}
