package proof

import (
	"context"
	"fmt"

	"keyturn/checklist"
	"keyturn/steps/keys"
	"keyturn/steps/probe"
)

// ProveVault reads the new key back and proves that the old one could be
// restored: Vercel cannot give back a sensitive variable, so without the
// vault's copy there is no rollback.
type ProveVault struct {
	checklist.LookOnly
	Services
}

func (p ProveVault) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	plan := checklist.Plan{Summary: "Read both keys back from the vault", Risk: checklist.Look}
	for _, e := range sc.Environments() {
		plan.Actions = append(plan.Actions, checklist.Action{
			Environment: e,
			Words: fmt.Sprintf("read %s and %s; sign one request to each target with %s", keys.Name(e, sc.Session.Key(checklist.NewKey)),
				keys.Name(e, sc.Session.Key(checklist.OldKey)), sc.Session.Key(checklist.OldKey)),
		})
	}
	return plan, nil
}

func (p ProveVault) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	evidence := checklist.Evidence{Facts: map[string]string{}, Tables: []checklist.Table{{
		Title: "Vault", Columns: []string{"Key", "Environment", "Fingerprint", "Proof"},
	}}}
	old := sc.Session.Key(checklist.OldKey)
	for _, e := range sc.Environments() {
		made, err := p.Secret(ctx, sc.Session, e, checklist.NewKey)
		if err != nil {
			return evidence, err
		}
		proof := "read back, fingerprint equal"
		if sc.Session.Fingerprint(e, checklist.NewKey) == "" { // nothing to compare with
			proof = "read back, its fingerprint recorded"
		}
		secret, err := p.Secret(ctx, sc.Session, e, checklist.OldKey)
		if err != nil {
			return evidence, checklist.WithHint(err, "put the old key into the vault first; without it a rollback is impossible")
		}
		for _, t := range p.Verifiers() {
			sc.Progress("signing a request to %s %s with %s", t.Name, e, old)
			row, err := p.Prober.Probe(ctx, t.ProbeTarget(e), probe.Key{ID: old, Secret: secret, Expect: probe.Accepted})
			if err != nil {
				return evidence, fmt.Errorf("probe %s %s with %s: %w", t.Name, e, old, err)
			}
			if row.Verdict != probe.OK {
				return evidence, checklist.WithHint(
					fmt.Errorf("%s %s does not accept the vault's copy of %s: %s", t.Name, e, old, row.Detail),
					"the vault's copy of the old key is not the one in service; a rollback would fail")
			}
		}
		fingerprint := secret.Fingerprint(sc.Session.Opening.Trail)
		newFingerprint := made.Fingerprint(sc.Session.Opening.Trail)
		evidence.Facts[checklist.Fact(checklist.FactFingerprint, e, checklist.NewKey)] = string(newFingerprint)
		evidence.Facts[checklist.Fact(checklist.FactFingerprint, e, checklist.OldKey)] = string(fingerprint)
		evidence.Facts[checklist.Fact(checklist.FactRecoverable, e, checklist.OldKey)] = Yes
		evidence.Tables[0].Rows = append(evidence.Tables[0].Rows,
			[]string{string(sc.Session.Key(checklist.NewKey)), string(e), newFingerprint.Short(), proof},
			[]string{string(old), string(e), fingerprint.Short(), fmt.Sprintf("read back, accepted by %d targets", len(p.Verifiers()))})
	}
	evidence.Summary = "both keys were read back from " + p.Vault.Describe()
	return evidence, nil
}
