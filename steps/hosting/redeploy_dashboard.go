package hosting

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/steps/probe"
	"keyturn/steps/proof"
	"keyturn/steps/target"
	"keyturn/vault"
)

// redeployByHand is redeploy in the dashboard. That the new deployment serves is
// seen by what the services make of the keys: they change their minds when it
// does.
type redeployByHand struct{ *Dashboard }

// A build may take minutes behind the click, and its address a moment more.
const (
	servePatience = 10 * time.Minute
	servePause    = 5 * time.Second
	// serveDoubt is when a key that is still refused is looked into: the operator
	// has seen the deployment Ready, so that a wrong value is likelier by then.
	serveDoubt = 20 * time.Second
)

func (r redeployByHand) acts(sc *checklist.Scope) []act {
	var acts []act
	for _, row := range r.Deployed(sc.Environments()) {
		choose := "Filter by the environment " + dashboardName(row.Slot) + "."
		if row.Slot.Branch != "" {
			choose = "Filter by the branch " + row.Slot.Branch + "."
		}
		which := "Take the newest one that is Ready, which the environment's address leads to."
		if row.Environment == checklist.Production {
			which = "Take the one marked Current, which the production domain leads to, and no other."
		}
		acts = append(acts, act{
			effect: byHand(sc, row.Redeployment()),
			title:  "At Vercel: redeploy " + row.Row(),
			clicks: []string{
				"Open " + r.page(row.Target, pageDeployments),
				choose,
				which,
				"Open its menu (⋯) and press Redeploy. Leave the build cache unused, and keep the environment as it is.",
				"Press Redeploy, and wait until the new deployment is Ready.",
			},
			done: "It is Ready",
		})
	}
	return acts
}

func (r redeployByHand) Plan(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	plan := checklist.Plan{Summary: "Redeploy " + sc.EnvironmentWords() + ", by hand", Risk: checklist.Change}
	for _, row := range r.Deployed(sc.Environments()) {
		plan.Actions = append(plan.Actions, checklist.Action{
			Target: row.Target.Name, Environment: row.Environment, Words: fmt.Sprintf("you redeploy what serves %s, with the variables of now", row.Slot.String()),
		})
	}
	for _, e := range sc.Environments() {
		keys, err := r.due(ctx, sc, e)
		if err != nil {
			return plan, err
		}
		if len(keys) > 0 {
			plan.Actions = append(plan.Actions, checklist.Action{Environment: e, Words: "signed requests until every service has it: " + dueWords(keys)})
		}
	}
	return plan, nil
}

func (r redeployByHand) Check(_ context.Context, sc *checklist.Scope) (bool, error) {
	return allSaid(sc, r.acts(sc)), nil
}

func (r redeployByHand) Do(ctx context.Context, sc *checklist.Scope) error {
	return r.guided(ctx, sc, "redeploying", r.acts(sc))
}

// dueKey is what the services must make of a key behind a redeploy.
type dueKey struct {
	role checklist.Role
	probe.Key
}

func dueWords(keys []dueKey) string {
	var words []string
	for _, k := range keys {
		words = append(words, fmt.Sprintf("%s %s", k.ID, k.Expect))
	}
	return strings.Join(words, ", ")
}

// due returns what an environment's services must make of the keys once all that
// was done to its variables so far is served. A key that the vault cannot give
// cannot be asked for.
func (r redeployByHand) due(ctx context.Context, sc *checklist.Scope, e checklist.Environment) ([]dueKey, error) {
	expected := map[checklist.Role]probe.Expectation{}
	for _, i := range sc.Session.Checklist.Items() {
		if i.ID == sc.Item.ID && i.Step != checklist.StepNewKeyInService {
			break
		}
		done := sc.Session.State(i.ID).Status == checklist.StatusPassed || sc.Item.Step == checklist.StepNewKeyInService && i.ID == checklist.ItemAdd
		if !i.In(e) || !done {
			continue
		}
		switch i.Step {
		case checklist.StepAddNewKey:
			expected[checklist.NewKey] = probe.Accepted
		case checklist.StepRemoveNewKey:
			expected[checklist.NewKey] = probe.Refused
		case checklist.StepReAddOldKey:
			expected[checklist.OldKey] = probe.Accepted
		case checklist.StepRemoveOldKey, checklist.StepRemoveCompromisedKey:
			expected[checklist.OldKey] = probe.Refused
		}
	}
	if sc.Answer(checklist.AskedDecision()) == checklist.Abandon {
		expected[checklist.NewKey] = probe.Refused
	}
	var keys []dueKey
	for _, role := range []checklist.Role{checklist.NewKey, checklist.OldKey} {
		if expected[role] == "" || sc.Session.Key(role) == "" {
			continue
		}
		secret, err := r.Secret(ctx, sc.Session, e, role)
		switch {
		case errors.Is(err, vault.ErrNotFound), errors.Is(err, vault.ErrSealed):
			continue
		case err != nil:
			return nil, err
		}
		keys = append(keys, dueKey{role, probe.Key{ID: sc.Session.Key(role), Secret: secret, Expect: expected[role]}})
	}
	return keys, nil
}

// Verify asks every service until it makes of the keys what it must. A signer
// answers no probe: the traffic shows later what it signs with.
func (r redeployByHand) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	rows := r.Deployed(sc.Environments())
	evidence := checklist.Evidence{Facts: map[string]string{}, Tables: []checklist.Table{byHandTable(sc, rows, "Redeployed")}}
	if !allSaid(sc, r.acts(sc)) {
		return checklist.Evidence{}, fmt.Errorf("%s is not redeployed everywhere", sc.EnvironmentWords())
	}
	proofs := checklist.Table{Title: "What the services say since", Columns: []string{"Target", "Environment", "Key", "Answer", "Deployment"}}
	cells := r.Probed(sc.Environments())
	answers := make([][][]string, len(cells))
	board := target.NewBoard(sc, cells)
	err := target.EachIndex(ctx, cells, func(ctx context.Context, i int, c target.Place) error {
		return board.Work(c, "waiting for the new deployment of", func() (err error) {
			answers[i], err = r.wait(ctx, sc, c)
			return err
		})
	})
	for _, some := range answers {
		proofs.Rows = append(proofs.Rows, some...)
	}
	if len(proofs.Rows) > 0 {
		evidence.Tables = append(evidence.Tables, proofs)
	}
	for _, e := range sc.Environments() { // as behind any other redeploy
		for _, role := range []checklist.Role{checklist.OldKey, checklist.NewKey} {
			evidence.Facts[checklist.Fact(checklist.FactAccepted, e, role)] = ""
			evidence.Facts[checklist.Fact(checklist.FactRefused, e, role)] = ""
		}
	}
	evidence.Summary = fmt.Sprintf("%s was redeployed by hand, %d times, as %s says", sc.EnvironmentWords(), len(rows), sc.Session.Opening.Operator)
	if err != nil {
		evidence.Summary += "; the services do not show it"
		return evidence, err
	}
	if len(proofs.Rows) > 0 {
		evidence.Summary += "; the services make of the keys what they must since"
	}
	return evidence, nil
}

// wait asks one service until each key is answered as it must be.
func (r redeployByHand) wait(ctx context.Context, sc *checklist.Scope, c target.Place) (rows [][]string, err error) {
	keys, err := r.due(ctx, sc, c.Environment)
	if err != nil || len(keys) == 0 {
		return nil, err
	}
	for waited := time.Duration(0); ; waited += servePause {
		wrong := ""
		rows = nil
		for _, k := range keys {
			got, err := r.Prober.Probe(ctx, c.Target.ProbeTarget(c.Environment), k.Key)
			if err != nil {
				return rows, fmt.Errorf("probe %s with %s: %w", c, k.ID, err)
			}
			rows = append(rows, []string{c.Target.Name, string(c.Environment), string(k.ID), string(got.Got), got.Deployment})
			if got.Verdict != probe.OK && wrong == "" {
				wrong = fmt.Sprintf("%s is %s, want %s%s", k.ID, got.Got, k.Expect, checklist.Suffix(": ", got.Detail))
			}
		}
		if wrong == "" {
			return rows, nil
		}
		// In a later round it is likely the deployment before, with the value that
		// is being put right.
		if waited == serveDoubt && sc.Round() == 0 {
			if err := r.lookInto(ctx, sc, c, keys); err != nil {
				return rows, err
			}
		}
		if waited >= servePatience {
			return rows, checklist.WithHint(fmt.Errorf("%s: %s, %s after you said that it is redeployed", c, wrong, servePatience),
				"see at %s that a deployment made since is Ready and serves the address, and at %s that the variable is as it should be; then run the item again",
				r.page(c.Target, pageDeployments), r.page(c.Target, pageVariables))
		}
		sc.Report(checklist.Progress{Words: fmt.Sprintf("waiting for %s: %s", c, wrong), Until: sc.Now().Add(servePatience - waited)})
		if err := r.Pause(ctx, servePause); err != nil {
			return rows, err
		}
	}
}

// lookInto returns what is wrong with the value that a service holds, if that is
// why it refuses a key. A deployment that does not serve yet is no error.
func (r redeployByHand) lookInto(ctx context.Context, sc *checklist.Scope, c target.Place, keys []dueKey) error {
	var expected []proof.ExpectedKey
	for _, k := range keys {
		expected = append(expected, proof.ExpectedKey{Key: k.Key, Role: k.role})
	}
	suite, err := r.Suite(ctx, sc, c, expected)
	if err != nil {
		return err
	}
	report, err := suite.Run(ctx, nil)
	if err != nil || report.Diagnosis == nil {
		return err
	}
	switch report.Diagnosis.Fault {
	case probe.FaultNotServed, probe.FaultUnknown:
		return nil
	}
	return proof.ProbeFailure(sc, c, report)
}
