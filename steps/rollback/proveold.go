package rollback

import (
	"context"
	"fmt"
	"strings"

	"keyturn/checklist"
	"keyturn/steps/hosting"
	"keyturn/steps/probe"
	"keyturn/steps/proof"
	"keyturn/steps/target"
)

// ProveOldKey proves that a rollback has worked: every target accepts the old
// key and refuses every forgery.
//
// The new key is asked for as well, where it has a row. What comes of it is told
// and keeps nothing up: it may be the very trouble that is being left.
type ProveOldKey struct {
	checklist.LookOnly
	proof.Services
	Hosting hosting.Hosting
}

func (p ProveOldKey) old() proof.Prove {
	return proof.Prove{Services: p.Services, OldKey: probe.Accepted}
}

func (p ProveOldKey) Plan(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	plan, err := p.old().Plan(ctx, sc)
	if err != nil || sc.Session.Key(checklist.NewKey) == "" {
		return plan, err
	}
	plan.Actions = append(plan.Actions, checklist.Action{
		Words: fmt.Sprintf("one request with %s wherever it has a row, to see whether it is accepted", sc.Session.Key(checklist.NewKey)),
	})
	return plan, nil
}

func (p ProveOldKey) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	evidence, err := p.old().Verify(ctx, sc)
	if err != nil || sc.Session.Key(checklist.NewKey) == "" {
		return evidence, err
	}
	now, err := p.Hosting.List(ctx)
	if err != nil {
		return evidence, err
	}
	sites := p.AskedApart(sc.Environments())
	found := make([]newKeyFinding, len(sites))
	err = target.EachIndex(ctx, sites, func(ctx context.Context, i int, s target.Place) (err error) {
		found[i], err = p.tryNewKey(ctx, sc, s, now)
		return err
	})
	tellNewKey(sc, sites, found, &evidence)
	return evidence, err
}

// newKeyFinding is how a place answers to the new key.
type newKeyFinding struct {
	row      bool // the key has a row there
	accepted bool
	words    string
}

func (p ProveOldKey) tryNewKey(ctx context.Context, sc *checklist.Scope, s target.Place, now hosting.Listing) (newKeyFinding, error) {
	id := sc.Session.Key(checklist.NewKey)
	if !now.MayServe(id, s) {
		return newKeyFinding{words: "has no row"}, nil
	}
	secret, err := p.Secret(ctx, sc.Session, s.Environment, checklist.NewKey)
	if err != nil {
		return newKeyFinding{row: true, words: "cannot be tried: " + err.Error()}, ctx.Err()
	}
	address, err := p.AddressOf(ctx, s)
	if err != nil {
		return newKeyFinding{}, err
	}
	got, err := p.Prober.Probe(ctx, probe.Target{URL: address, Bypass: s.Target.Bypass}, probe.Key{ID: id, Secret: secret, Expect: probe.Accepted})
	if err != nil {
		return newKeyFinding{}, fmt.Errorf("probe %s with %s: %w", s, id, err)
	}
	return newKeyFinding{row: true, accepted: got.Verdict == probe.OK, words: string(got.Got) + checklist.Suffix(": ", got.Detail)}, nil
}

// tellNewKey adds to the evidence how the new key stands. It counts as accepted
// in an environment only if every slot of every target there accepts it.
func tellNewKey(sc *checklist.Scope, sites []target.Place, found []newKeyFinding, evidence *checklist.Evidence) {
	id := sc.Session.Key(checklist.NewKey)
	table := checklist.Table{Title: "The new key " + string(id), Columns: []string{"Target", "Environment", "Answer"}}
	all := map[checklist.Environment]bool{}
	for _, e := range sc.Environments() {
		all[e] = true
	}
	var refused []string
	for i, s := range sites {
		table.Rows = append(table.Rows, []string{s.Target.Name, s.Where(), found[i].words})
		all[s.Environment] = all[s.Environment] && found[i].accepted
		if found[i].row && !found[i].accepted {
			refused = append(refused, s.String())
		}
	}
	evidence.Tables = append(evidence.Tables, table)
	for e, accepted := range all {
		fact := checklist.Fact(checklist.FactAccepted, e, checklist.NewKey)
		evidence.Facts[fact] = ""
		if accepted {
			evidence.Facts[fact] = proof.Yes
		}
	}
	if len(refused) > 0 {
		evidence.Issues = append(evidence.Issues, fmt.Sprintf("%s is not accepted by %s", id, strings.Join(refused, " and ")))
	}
}
