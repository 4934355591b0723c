package steps

import (
	"context"
	"fmt"
	"strings"

	"keyturn/checklist"
	"keyturn/steps/probe"
	"keyturn/steps/vercel"
)

// proveOldKey proves that a rollback has worked: every target accepts the old
// key and refuses every forgery.
//
// The new key is asked for as well, where it has a row. What comes of it is told
// and keeps nothing up: it may be the very trouble that is being left.
type proveOldKey struct {
	look
	*Outside
}

func (p proveOldKey) old() prove { return prove{Outside: p.Outside, oldKey: probe.Accepted} }

func (p proveOldKey) Plan(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	plan, err := p.old().Plan(ctx, sc)
	if err != nil || sc.Session.Key(checklist.NewKey) == "" {
		return plan, err
	}
	plan.Actions = append(plan.Actions, checklist.Action{
		Words: fmt.Sprintf("one request with %s wherever it has a row, to see whether it is accepted", sc.Session.Key(checklist.NewKey)),
	})
	return plan, nil
}

func (p proveOldKey) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	cells := p.probed(sc.Environments())
	variables, err := p.variables(ctx)
	if err != nil {
		return checklist.Evidence{}, err
	}
	reports := make([]probe.Report, len(cells))
	found := make([]newKeyFinding, len(cells))
	board := newBoard(sc, cells)
	err = eachIndex(ctx, cells, func(ctx context.Context, i int, c cell) error {
		return board.work(c, "probing", func() error {
			suite, err := p.suite(ctx, sc, c, p.old().expected(sc))
			if err != nil {
				return err
			}
			if reports[i], err = suite.Run(ctx, nil); err != nil {
				return err
			}
			if reports[i].Failed() {
				return probeFailure(sc, c, reports[i])
			}
			found[i], err = p.tryNewKey(ctx, sc, c, variables[c.target.Project])
			return err
		})
	})
	evidence := p.old().evidence(sc, cells, reports)
	tellNewKey(sc, cells, found, &evidence)
	return evidence, err
}

// newKeyFinding is how a cell answers to the new key.
type newKeyFinding struct {
	row      bool // the key has a row there
	accepted bool
	words    string
}

func (p proveOldKey) tryNewKey(ctx context.Context, sc *checklist.Scope, c cell, variables []vercel.Variable) (newKeyFinding, error) {
	id := sc.Session.Key(checklist.NewKey)
	if id == "" || p.Hand == nil && !inService(variables, id.Variable(), c) {
		return newKeyFinding{words: "has no row"}, nil
	}
	secret, err := p.secret(ctx, sc.Session, c.environment, checklist.NewKey)
	if err != nil {
		return newKeyFinding{row: true, words: "cannot be tried: " + err.Error()}, ctx.Err()
	}
	got, err := p.Prober.Probe(ctx, c.target.probeTarget(c.environment), probe.Key{ID: id, Secret: secret, Expect: probe.Accepted})
	if err != nil {
		return newKeyFinding{}, fmt.Errorf("probe %s with %s: %w", c, id, err)
	}
	return newKeyFinding{row: true, accepted: got.Verdict == probe.OK, words: string(got.Got) + after(": ", got.Detail)}, nil
}

// tellNewKey adds to the evidence how the new key stands. It counts as accepted
// in an environment only if every target there accepts it.
func tellNewKey(sc *checklist.Scope, cells []cell, found []newKeyFinding, evidence *checklist.Evidence) {
	id := sc.Session.Key(checklist.NewKey)
	if id == "" {
		return
	}
	table := checklist.Table{Title: "The new key " + string(id), Columns: []string{"Target", "Environment", "Answer"}}
	all := map[checklist.Environment]bool{}
	for _, e := range sc.Environments() {
		all[e] = true
	}
	var refused []string
	for i, c := range cells {
		table.Rows = append(table.Rows, []string{c.target.Name, string(c.environment), found[i].words})
		all[c.environment] = all[c.environment] && found[i].accepted
		if found[i].row && !found[i].accepted {
			refused = append(refused, c.String())
		}
	}
	evidence.Tables = append(evidence.Tables, table)
	for e, accepted := range all {
		fact := checklist.Fact(checklist.FactAccepted, e, checklist.NewKey)
		evidence.Facts[fact] = ""
		if accepted {
			evidence.Facts[fact] = "tried once, by the serving deployment"
		}
	}
	if len(refused) > 0 {
		evidence.Issues = append(evidence.Issues, fmt.Sprintf("%s is not accepted by %s", id, strings.Join(refused, " and ")))
	}
}
