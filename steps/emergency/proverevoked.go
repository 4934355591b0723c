package emergency

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"keyturn/checklist"
	"keyturn/steps/hosting"
	"keyturn/steps/probe"
	"keyturn/steps/proof"
	"keyturn/steps/target"
)

// ProveRevoked proves that no service accepts the compromised key. What else is
// accepted by then anchors the proof; revocation waits for none of it.
type ProveRevoked struct {
	checklist.LookOnly
	proof.Services
	Hosting hosting.Hosting
}

func (p ProveRevoked) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	old := sc.Session.Key(checklist.OldKey)
	plan := checklist.Plan{Summary: fmt.Sprintf("Prove that %s is refused", old), Risk: checklist.Look}
	for _, c := range p.Probed(sc.Environments()) {
		plan.Actions = append(plan.Actions, checklist.Action{
			Target: c.Target.Name, Environment: c.Environment,
			Words: fmt.Sprintf("signed requests to %s: %s refused, and every forgery", c.Target.URLs[c.Environment], old),
		})
	}
	return plan, nil
}

// revocation is what was found out about one environment of a target.
type revocation struct {
	report probe.Report
	asked  bool             // a request was signed with the compromised key
	seen   bool             // and the same value was accepted before the removal
	anchor checklist.Role   // of the key that is accepted; "" for none
	own    []proof.OwnProof // of the deployments that serve its slots
	notes  []string
}

func (p ProveRevoked) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	if err := p.stillGone(ctx, sc); err != nil {
		return checklist.Evidence{}, err
	}
	cells := p.Probed(sc.Environments())
	found := make([]revocation, len(cells))
	board := target.NewBoard(sc, cells)
	err := target.EachIndex(ctx, cells, func(ctx context.Context, i int, c target.Place) error {
		return board.Work(c, "probing", func() (err error) {
			found[i], err = p.one(ctx, sc, c)
			return err
		})
	})
	if err != nil {
		return p.failed(cells, found), err
	}
	return p.evidence(sc, cells, found), nil
}

// stillGone looks whether somebody put the key back, where anybody can look.
func (p ProveRevoked) stillGone(ctx context.Context, sc *checklist.Scope) error {
	left, err := p.Hosting.Left(ctx, sc)
	if err == nil && left > 0 {
		removal, _, _ := sc.Session.StepState(checklist.StepRemoveCompromisedKey)
		err = proof.Redo(fmt.Errorf("%s has %d rows again", sc.Session.Key(checklist.OldKey).Variable(), left),
			removal.ID, "somebody put it back: find out who, and do the removal again")
	}
	return err
}

// one probes one service.
func (p ProveRevoked) one(ctx context.Context, sc *checklist.Scope, c target.Place) (revocation, error) {
	var r revocation
	id := sc.Session.Key(checklist.OldKey)
	secret, held, err := p.Compromised(ctx, sc, c.Environment)
	if err != nil {
		return r, err
	}
	suite, err := p.Suite(ctx, sc, c, nil)
	if err != nil {
		return r, err
	}
	if r.asked = held; held {
		suite.Old = &probe.Key{ID: id, Secret: secret, Expect: probe.Refused}
	}
	if err := p.anchor(ctx, sc, c, &suite, &r); err != nil {
		return r, err
	}
	switch {
	case !held:
		r.notes = append(r.notes, fmt.Sprintf("the vault cannot give %s: that its rows are gone and a later deployment serves is all that shows the revocation", id))
	case sc.Session.Facts[seenFact(c.Environment)] == "":
		r.notes = append(r.notes, fmt.Sprintf("that the vault's copy of %s was the one in service was not seen before the removal", id))
	default:
		r.seen = true
	}
	if suite.Old == nil && suite.New == nil {
		return r, nil
	}
	r.report, err = suite.Run(ctx, nil)
	r.notes = append(r.notes, r.report.Notes...)
	if err == nil && r.report.Failed() {
		err = proof.ProbeFailure(sc, c, r.report)
	}
	if err != nil {
		return r, err
	}
	var errs []error
	for _, s := range p.Deployments.Apart(c) {
		own, err := p.AtOwnAddress(ctx, sc, s, suite, r.report)
		r.own, errs = append(r.own, own), append(errs, err)
	}
	return r, errors.Join(errs...)
}

// anchor looks for a key that the service accepts. One that it should accept and
// does not is noted: whether it is in service is another item's matter.
func (p ProveRevoked) anchor(ctx context.Context, sc *checklist.Scope, c target.Place, suite *probe.Suite, r *revocation) error {
	for _, role := range []checklist.Role{checklist.NewKey, checklist.BackupKey} {
		if sc.Session.Fingerprint(c.Environment, role) == "" {
			continue // not made, or not put into service
		}
		secret, err := p.Secret(ctx, sc.Session, c.Environment, role)
		if err != nil {
			return err
		}
		key := probe.Key{ID: sc.Session.Key(role), Secret: secret, Expect: probe.Accepted}
		row, err := p.Prober.Probe(ctx, c.Target.ProbeTarget(c.Environment), key)
		switch {
		case err != nil:
			return err
		case row.Verdict == probe.OK && r.anchor == "":
			suite.New, r.anchor = &key, role
		case row.Verdict != probe.OK:
			r.notes = append(r.notes, fmt.Sprintf("%s is not accepted yet", key.ID))
		}
	}
	if r.anchor != checklist.NewKey {
		return nil
	}
	var err error
	suite.WrongEnvironment, err = p.OtherEnvironment(ctx, sc, c.Environment)
	return err
}

// failed is what was seen of services of which one did not answer as it must.
func (p ProveRevoked) failed(cells []target.Place, found []revocation) checklist.Evidence {
	evidence := tablesOf(cells, found)
	var failed []string
	for i, c := range cells {
		r := found[i]
		atOwn := slices.ContainsFunc(r.own, func(o proof.OwnProof) bool { return o.Door == proof.Open && o.Report.Failed() })
		if len(r.report.Rows) > 0 && (r.report.Failed() || atOwn) {
			failed = append(failed, c.String())
		}
	}
	if len(failed) > 0 {
		evidence.Summary = strings.Join(failed, " and ") + " did not answer as they must"
	}
	return evidence
}

func tablesOf(cells []target.Place, found []revocation) checklist.Evidence {
	evidence := checklist.Evidence{Facts: map[string]string{}}
	notes := checklist.Table{Title: "To be weighed", Columns: []string{"Service", "Note"}}
	var own []proof.OwnProof
	for i, c := range cells {
		if rows := found[i].report.Rows; len(rows) > 0 {
			evidence.Tables = append(evidence.Tables, proof.ProbeTable(found[i].report))
			evidence.Commands = append(evidence.Commands, rows[0].Curl)
		}
		own = append(own, found[i].own...)
		for _, n := range found[i].notes {
			notes.Rows = append(notes.Rows, []string{c.String(), n})
		}
	}
	proof.TellOwn(own, &evidence)
	if len(notes.Rows) > 0 {
		evidence.Tables = append(evidence.Tables, notes)
	}
	return evidence
}

// evidence is what services prove that all answered as they must.
func (p ProveRevoked) evidence(sc *checklist.Scope, cells []target.Place, found []revocation) checklist.Evidence {
	id := sc.Session.Key(checklist.OldKey)
	evidence := tablesOf(cells, found)
	notProved := evidence.Summary // what tellOwn says of slots
	proved := map[checklist.Environment][]string{}
	var unproved, unseen, anchorless []string
	for i, c := range cells {
		switch {
		case !found[i].asked:
			unproved = append(unproved, c.String())
			continue
		case found[i].anchor == "":
			anchorless = append(anchorless, c.String())
		}
		if !found[i].seen { // a refusal proves something only of a value that was accepted before
			unseen = append(unseen, c.String())
			continue
		}
		proved[c.Environment] = append(proved[c.Environment], found[i].report.Deployments()...)
	}
	evidence.Summary = fmt.Sprintf("%s is refused by %d services%s", id, len(cells)-len(unproved), notProved)
	for _, missing := range []struct {
		cells []string
		why   string
	}{
		{unproved, "by a signed request"},
		{unseen, "by a refusal, since the vault's copy was not seen to be accepted before the removal: check that the deployments which serve were made after it"},
	} {
		if len(missing.cells) == 0 {
			continue
		}
		words := fmt.Sprintf("that %s refuse %s is not proved %s", strings.Join(missing.cells, " and "), id, missing.why)
		evidence.Summary += "; " + words
		evidence.Issues = append(evidence.Issues, words)
	}
	if len(anchorless) > 0 {
		evidence.Summary += "; no other key is accepted yet by " + strings.Join(anchorless, " and ")
	}
	for i, c := range cells { // an environment's services are proved together or not at all
		if !found[i].asked || !found[i].seen || slices.ContainsFunc(found[i].own, proof.OwnProof.Unproved) {
			delete(proved, c.Environment)
		}
	}
	for _, c := range cells {
		evidence.Facts[checklist.Fact(checklist.FactAccepted, c.Environment, checklist.OldKey)] = ""
		evidence.Facts[checklist.Fact(checklist.FactRefused, c.Environment, checklist.OldKey)] = ""
		if deployments, ok := proved[c.Environment]; ok {
			evidence.Facts[checklist.Fact(checklist.FactRefused, c.Environment, checklist.OldKey)] = proof.Words(deployments)
		}
	}
	return evidence
}
