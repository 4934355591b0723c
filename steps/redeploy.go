package steps

import (
	"context"
	"errors"
	"fmt"
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

// deployTarget is the Vercel target that is deployed for the environment.
func (c cell) deployTarget() string { return vercelTargets(c.environment)[0] }

func (o *Outside) cells(environments []checklist.Environment) []cell {
	var cells []cell
	for _, e := range environments {
		for _, t := range o.Targets {
			cells = append(cells, cell{t, e})
		}
	}
	return cells
}

// mark names what an item made in its present round, wherever a text can be
// left beside it.
func mark(sc *checklist.Scope) string {
	return fmt.Sprintf("%s %s #%d", sc.Session.ID(), sc.Item.ID, sc.Session.State(sc.Item.ID).Round+1)
}

func (r redeploy) Plan(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	plan := checklist.Plan{Summary: "Redeploy " + environmentWords(sc), Risk: checklist.Change}
	cells := r.cells(sc.Environments())
	plan.Actions = make([]checklist.Action, len(cells))
	return plan, eachIndex(ctx, cells, func(ctx context.Context, i int, c cell) error {
		from, err := r.Vercel.LatestReady(ctx, c.target.Project, c.deployTarget())
		if err != nil {
			return err
		}
		plan.Actions[i] = checklist.Action{
			Target: c.target.Name, Environment: c.environment,
			Words:   fmt.Sprintf("build %s once more for %s, with the variables of now", from.ID, c.deployTarget()),
			Command: fmt.Sprintf("POST /v13/deployments?forceNew=1 {\"deploymentId\":%q,\"target\":%q}", from.ID, c.deployTarget()),
		}
		return nil
	})
}

// made returns the deployment that this item made for the cell, if it still
// can serve.
func (r redeploy) made(ctx context.Context, sc *checklist.Scope, c cell) (vercel.Deployment, bool, error) {
	all, err := r.Vercel.Deployments(ctx, c.target.Project, c.deployTarget())
	if err != nil {
		return vercel.Deployment{}, false, err
	}
	d, ok := vercel.Marked(all, mark(sc))
	return d, ok && !d.Failed(), nil
}

func (r redeploy) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	var unserved atomic.Int32
	err := each(ctx, r.cells(sc.Environments()), func(ctx context.Context, c cell) error {
		d, ok, err := r.made(ctx, sc, c)
		if !ok || !d.Serving() {
			unserved.Add(1)
		}
		return err
	})
	return unserved.Load() == 0, err
}

func (r redeploy) Do(ctx context.Context, sc *checklist.Scope) error {
	cells := r.cells(sc.Environments())
	board := newBoard(sc, cells)
	return each(ctx, cells, func(ctx context.Context, c cell) error {
		return board.work(c, "redeploying", func() error { return r.one(ctx, sc, c, board) })
	})
}

// one makes sure that a deployment of this item serves the cell.
func (r redeploy) one(ctx context.Context, sc *checklist.Scope, c cell, board *board) error {
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
		board.set(c, state, "redeploying")
	})
	if err != nil {
		return fmt.Errorf("%s: %w", c, err)
	}
	return nil
}

func (r redeploy) start(ctx context.Context, sc *checklist.Scope, c cell) (vercel.Deployment, error) {
	var d vercel.Deployment
	effect := checklist.Effect{
		Name: "vercel.redeploy", Target: c.target.Name, Environment: c.environment, Words: "redeploy " + c.String(),
	}
	err := sc.Effect(ctx, effect, func(ctx context.Context) (string, error) {
		from, err := r.Vercel.LatestReady(ctx, c.target.Project, c.deployTarget())
		if err != nil {
			return "", err
		}
		d, err = r.Vercel.RedeployMarked(ctx, c.target.Project, from, c.deployTarget(), mark(sc))
		if lost := (*vercel.UnknownOutcomeError)(nil); errors.As(err, &lost) {
			found, ok, readErr := r.made(ctx, sc, c)
			switch {
			case readErr != nil:
				return "", errors.Join(unknown(err), readErr)
			case !ok:
				return "", checklist.WithHint(fmt.Errorf("%w; no deployment was made", err), "run the item again")
			}
			d = found
			return "deployment " + d.ID + ", found after its answer was lost", nil
		}
		return "deployment " + d.ID, err
	})
	return d, err
}

func (r redeploy) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	evidence := checklist.Evidence{Facts: map[string]string{}, Tables: []checklist.Table{{
		Title: "Deployments", Columns: []string{"Target", "Environment", "Deployment", "State"},
	}}}
	cells := r.cells(sc.Environments())
	serving := make([]vercel.Deployment, len(cells))
	err := eachIndex(ctx, cells, func(ctx context.Context, i int, c cell) error {
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
	for i, c := range cells {
		evidence.Facts[deploymentFact(c)] = serving[i].ID
		evidence.Tables[0].Rows = append(evidence.Tables[0].Rows, []string{c.target.Name, string(c.environment), serving[i].ID, serving[i].ReadyState})
		// What was proved of the deployment before says nothing of this one.
		for _, role := range []checklist.Role{checklist.OldKey, checklist.NewKey} {
			evidence.Facts[checklist.Fact(checklist.FactAccepted, c.environment, role)] = ""
			evidence.Facts[checklist.Fact(checklist.FactRefused, c.environment, role)] = ""
		}
	}
	evidence.Summary = fmt.Sprintf("%d new deployments serve %s", len(evidence.Tables[0].Rows), environmentWords(sc))
	return evidence, nil
}

// deploymentFact names the fact that holds the deployment which should serve.
func deploymentFact(c cell) string {
	return "deployment/" + string(c.environment) + "/" + c.target.Project
}
