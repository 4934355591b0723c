package emergency

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"keyturn/checklist"
	"keyturn/steps/keys"
	"keyturn/steps/probe"
	"keyturn/steps/proof"
	"keyturn/steps/target"
	"keyturn/steps/traffic"
)

// SeeWhoBreaks puts the numbers behind the order of an emergency into the
// record, and looks, while the compromised key is still accepted, that the
// vault's copy of it is the one in service.
type SeeWhoBreaks struct {
	checklist.LookOnly
	proof.Services
	traffic.Requests
}

func (w SeeWhoBreaks) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	old := sc.Session.Key(checklist.OldKey)
	plan := checklist.Plan{Summary: fmt.Sprintf("See who signs with %s now", old), Risk: checklist.Look}
	for _, e := range sc.Environments() {
		plan.Actions = append(plan.Actions, checklist.Action{
			Environment: e, Words: fmt.Sprintf("read the request log of the last hour; sign one request to each target with the vault's %s", keys.Name(e, old)),
		})
	}
	return plan, nil
}

func (w SeeWhoBreaks) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	broken := w.WhoBreaks(ctx, sc.Session.Key(checklist.OldKey), sc.Environments(), sc.Now())
	evidence := checklist.Evidence{
		Summary: "remove the key first, as the runbook says; ",
		Facts:   map[string]string{checklist.FactChoice: sc.Session.Choice()},
		Tables:  []checklist.Table{broken.Table}, Issues: broken.Problems,
	}
	if sc.Session.Opening.Grace {
		evidence.Summary = "the new key first, then remove, by choice; "
	}
	evidence.Summary += strings.Join(broken.Words, "; ")
	for _, e := range sc.Environments() {
		if err := w.compareCopy(ctx, sc, e, &evidence); err != nil {
			return evidence, err
		}
	}
	return evidence, nil
}

// compareCopy looks whether every target accepts the vault's copy of the
// compromised key.
func (w SeeWhoBreaks) compareCopy(ctx context.Context, sc *checklist.Scope, e checklist.Environment, evidence *checklist.Evidence) error {
	id := sc.Session.Key(checklist.OldKey)
	secret, held, err := w.Compromised(ctx, sc, e)
	if err != nil {
		return err
	}
	if !held {
		evidence.Issues = append(evidence.Issues, fmt.Sprintf("the vault cannot give %s: its refusal cannot be proved by a signed request", keys.Name(e, id)))
		return nil
	}
	evidence.Facts[checklist.Fact(checklist.FactFingerprint, e, checklist.OldKey)] = string(secret.Fingerprint(sc.Session.Opening.Trail))
	targets := w.Verifiers()
	refused := make([]string, len(targets))
	err = target.EachIndex(ctx, targets, func(ctx context.Context, i int, t target.Target) error {
		row, err := w.Prober.Probe(ctx, t.ProbeTarget(e), probe.Key{ID: id, Secret: secret, Expect: probe.Accepted})
		if err == nil && row.Verdict != probe.OK {
			refused[i] = fmt.Sprintf("%s %s does not accept the vault's copy of %s (%s): its later refusal proves little there",
				t.Name, e, id, cmp.Or(row.Detail, string(row.Got)))
		}
		return err
	})
	if err != nil {
		return err
	}
	refused = slices.DeleteFunc(refused, func(words string) bool { return words == "" })
	evidence.Issues = append(evidence.Issues, refused...)
	if len(refused) == 0 {
		evidence.Facts[seenFact(e)] = proof.Yes
	}
	return nil
}

// seenFact names the fact that the vault's copy of the compromised key was
// accepted before the removal: only then does its refusal prove anything.
func seenFact(e checklist.Environment) string { return "compromise/copy/" + string(e) }
