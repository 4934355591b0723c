package hosting

import (
	"context"
	"fmt"
	"strings"

	"keyturn/checklist"
	"keyturn/steps/target"
)

// revokeByHand is revoke in the dashboard: every row of an
// environment, also of branches and custom environments that no slot names. It
// waits for no other key to be proved.
type revokeByHand struct{ *Dashboard }

// acts are one for each target and environment: each moment that the key stays
// is one too many.
func (r revokeByHand) acts(sc *checklist.Scope) []act {
	id := sc.Session.Key(checklist.OldKey)
	name := id.Variable()
	var acts []act
	for _, row := range r.Whole(sc.Environments()) {
		acts = append(acts, act{
			effect: byHand(sc, removalByHand(row, id)),
			title:  fmt.Sprintf("At Vercel: remove %s from %s of %s", name, row.Environment, row.Target.Name),
			clicks: []string{
				"Open " + r.page(row.Target, pageVariables) + " and search for " + name,
				fmt.Sprintf("Every row that names %s: open its menu (⋯), press Delete, and confirm.", reachWords(row.Target, row.Environment)),
				"But where such a row also names an environment that is not to be revoked: press Edit, take away those that are, and press Save. Its secret is compromised there too.",
				"Look under Shared as well: a shared variable of that name has to be unlinked from the project.",
			},
			done: "No such row is left",
		})
	}
	return acts
}

// reachWords names what belongs to an environment, as the dashboard's list does:
// all that is not production's is one before it.
func reachWords(t target.Target, e checklist.Environment) string {
	var customs []string
	for _, s := range t.SlotsOf(checklist.Production) {
		if s.CustomEnvironment != "" {
			customs = append(customs, s.CustomEnvironment)
		}
	}
	names := strings.Join(customs, " or ")
	if e == checklist.Production {
		return "Production" + checklist.Suffix(" or ", names)
	}
	return "Preview, Development, a branch or a custom environment" + checklist.Suffix(" other than ", names)
}

func (r revokeByHand) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	id := sc.Session.Key(checklist.OldKey)
	plan := checklist.Plan{
		Summary: fmt.Sprintf("Remove %s from %s, every row of it, by hand", id.Variable(), sc.EnvironmentWords()),
		Risk:    checklist.Irreversible, Confirm: string(id),
		Warnings: []string{"Nothing is revoked before the redeploy: running deployments go on accepting the key."},
	}
	for _, row := range r.Whole(sc.Environments()) {
		plan.Actions = append(plan.Actions, checklist.Action{
			Target: row.Target.Name, Environment: row.Environment, Words: fmt.Sprintf("you remove every row of %s", id.Variable()),
		})
	}
	return plan, nil
}

func (r revokeByHand) Check(_ context.Context, sc *checklist.Scope) (bool, error) {
	return allSaid(sc, r.acts(sc)), nil
}

func (r revokeByHand) Do(ctx context.Context, sc *checklist.Scope) error {
	return r.guided(ctx, sc, "removing", r.acts(sc))
}

func (r revokeByHand) Verify(_ context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	return removedByHand(sc, sc.Session.Key(checklist.OldKey).Variable(), r.Whole(sc.Environments()), r.acts(sc))
}
