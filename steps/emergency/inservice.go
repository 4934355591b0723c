package emergency

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"keyturn/checklist"
	"keyturn/steps/hosting"
	"keyturn/steps/probe"
	"keyturn/steps/proof"
	"keyturn/steps/target"
)

// NewKeyInService proves that the new key is accepted. What was deferred, since
// the revocation did not wait for it, is done here: what it makes is marked as the
// items' that should have made it.
type NewKeyInService struct {
	proof.Services
	Hosting  hosting.Hosting
	Generate checklist.Step
}

// deferred is what is still to be done before the new key can be accepted.
type deferred struct {
	generating, adding      *checklist.Scope // as the items whose work it is
	generate, add, redeploy bool
}

func (d deferred) any() bool { return d.generate || d.add || d.redeploy }

func (n NewKeyInService) deferred(ctx context.Context, sc *checklist.Scope) (d deferred, err error) {
	if d.generating, err = sc.As(checklist.ItemGenerate); err != nil {
		return d, err
	}
	if d.adding, err = sc.As(checklist.ItemAdd); err != nil {
		return d, err
	}
	generated, err := n.Generate.Check(ctx, d.generating)
	if err != nil {
		return d, err
	}
	added, err := n.Hosting.Add(checklist.NewKey).Check(ctx, d.adding)
	if err != nil {
		return d, err
	}
	d.generate, d.add, d.redeploy = !generated, !added, !added
	if added {
		served, err := n.Hosting.Served(ctx, sc)
		d.redeploy = !served
		return d, err
	}
	return d, nil
}

func (n NewKeyInService) Plan(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	id := sc.Session.Key(checklist.NewKey)
	plan := checklist.Plan{Summary: fmt.Sprintf("Prove that %s is accepted", id), Risk: checklist.Look}
	missing, err := n.deferred(ctx, sc)
	if err != nil {
		return plan, err
	}
	steps := []struct {
		due  bool
		step checklist.Step
		sc   *checklist.Scope
	}{
		{missing.generate, n.Generate, missing.generating},
		{missing.add, n.Hosting.Add(checklist.NewKey), missing.adding},
		{missing.redeploy, n.Hosting.Redeploy(), sc},
	}
	for _, s := range steps {
		if !s.due {
			continue
		}
		part, err := s.step.Plan(ctx, s.sc)
		if err != nil {
			return plan, err
		}
		plan.Actions = append(plan.Actions, part.Actions...)
		plan.Warnings = append(plan.Warnings, part.Warnings...)
	}
	if missing.any() {
		plan.Summary, plan.Risk = fmt.Sprintf("Do what was deferred, and prove that %s is accepted", id), checklist.Change
	}
	for _, c := range n.Probed(sc.Environments()) {
		plan.Actions = append(plan.Actions, checklist.Action{
			Target: c.Target.Name, Environment: c.Environment,
			Words: fmt.Sprintf("signed requests to %s: %s accepted, and every forgery refused", c.Target.URLs[c.Environment], id),
		})
	}
	return plan, nil
}

func (n NewKeyInService) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	missing, err := n.deferred(ctx, sc)
	return !missing.any(), err
}

func (n NewKeyInService) Do(ctx context.Context, sc *checklist.Scope) error {
	missing, err := n.deferred(ctx, sc)
	if err != nil {
		return err
	}
	if missing.generate {
		if err := n.Generate.Do(ctx, missing.generating); err != nil {
			return err
		}
	}
	if missing.add {
		if err := n.Hosting.Add(checklist.NewKey).Do(ctx, missing.adding); err != nil {
			return err
		}
	}
	if missing.redeploy {
		return n.Hosting.Redeploy().Do(ctx, sc)
	}
	return nil
}

func (n NewKeyInService) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	evidence, err := n.madeUp(ctx, sc)
	if err != nil {
		return evidence, err
	}
	words := evidence.Summary
	for _, e := range sc.Environments() {
		one := *sc
		one.Item.Environments = []checklist.Environment{e}
		old, err := n.expectOld(ctx, &one, e)
		if err != nil {
			return evidence, err
		}
		proof, err := proof.Prove{Services: n.Services, NewKey: probe.Accepted, OldKey: old}.Verify(ctx, &one)
		join(&evidence, proof)
		if err != nil {
			evidence.Summary = proof.Summary
			return evidence, err
		}
	}
	backup, err := n.proveBackup(ctx, sc, &evidence)
	if err != nil {
		evidence.Summary = "the emergency key is not in service as it must be"
		return evidence, err
	}
	words = strings.TrimPrefix(words+checklist.Suffix("; ", backup), "; ")
	evidence.Summary = fmt.Sprintf("%s is accepted in %s%s", sc.Session.Key(checklist.NewKey), sc.EnvironmentWords(), checklist.Suffix("; ", words))
	return evidence, nil
}

// expectOld returns what must become of the compromised key: refused behind its
// removal, accepted before, and nothing where it is not known.
func (n NewKeyInService) expectOld(ctx context.Context, sc *checklist.Scope, e checklist.Environment) (probe.Expectation, error) {
	_, held, err := n.Compromised(ctx, sc, e)
	switch {
	case err != nil || !held:
		return "", err
	case sc.Session.State(checklist.ItemRemoveCompromised).Status == checklist.StatusPassed:
		return probe.Refused, nil
	case sc.Session.Facts[seenFact(e)] != "":
		return probe.Accepted, nil
	}
	return "", nil
}

// proveBackup runs the probe suite with the backup key, where the session put it
// into service: an empty value in its place would let anybody in.
func (n NewKeyInService) proveBackup(ctx context.Context, sc *checklist.Scope, evidence *checklist.Evidence) (words string, err error) {
	for _, e := range sc.Environments() {
		if sc.Session.Fingerprint(e, checklist.BackupKey) == "" && backupBegun(sc, e) {
			evidence.Issues = append(evidence.Issues, fmt.Sprintf(
				"%s: not proved in %s, since the item that adds it was not finished; remove it there, or do that item again", sc.Session.Key(checklist.BackupKey).Variable(), e))
		}
	}
	for _, c := range n.Probed(sc.Environments()) {
		if sc.Session.Fingerprint(c.Environment, checklist.BackupKey) == "" {
			continue
		}
		secret, err := n.Secret(ctx, sc.Session, c.Environment, checklist.BackupKey)
		if err != nil {
			return "", err
		}
		suite, err := n.Suite(ctx, sc, c, nil)
		if err != nil {
			return "", err
		}
		suite.New = &probe.Key{ID: sc.Session.Key(checklist.BackupKey), Secret: secret, Expect: probe.Accepted}
		report, err := suite.Run(ctx, nil)
		if err != nil {
			return "", err
		}
		evidence.Tables = append(evidence.Tables, proof.ProbeTable(report))
		if report.Failed() {
			return "", backupFailure(sc, c, report)
		}
		words = fmt.Sprintf("%s is accepted too", sc.Session.Key(checklist.BackupKey))
	}
	return words, nil
}

// backupBegun reports whether the session made a row of the backup key in an
// environment, or may have.
func backupBegun(sc *checklist.Scope, e checklist.Environment) bool {
	st := sc.Session.State(checklist.ItemBackupKey)
	return slices.ContainsFunc(slices.Concat(st.Effects, st.Pending), func(made checklist.Effect) bool {
		return made.Code == checklist.VariableCreate && made.Environment == e
	})
}

// backupFailure points to the item that put the backup key into service.
func backupFailure(sc *checklist.Scope, c target.Place, report probe.Report) error {
	err := proof.ProbeFailure(sc, c, report)
	var stored *proof.StoredValueError
	if errors.As(err, &stored) {
		item, _, _ := sc.Session.Checklist.Item(checklist.ItemBackupKey)
		stored.Item, stored.Fix = checklist.ItemBackupKey, fmt.Sprintf("%s — do %q again, which replaces the value", report.Diagnosis.Fix, item.Title)
	}
	return err
}

// madeUp proves what this item did in the place of others.
func (n NewKeyInService) madeUp(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	evidence := checklist.Evidence{Facts: map[string]string{}}
	for _, other := range []struct {
		item string
		step checklist.Step
	}{
		{checklist.ItemGenerate, n.Generate},
		{checklist.ItemAdd, n.Hosting.Add(checklist.NewKey)},
	} {
		if sc.Session.State(other.item).Status == checklist.StatusPassed {
			continue
		}
		as, err := sc.As(other.item)
		if err != nil {
			return evidence, err
		}
		proof, err := other.step.Verify(ctx, as)
		join(&evidence, proof)
		if err != nil {
			return evidence, err
		}
		evidence.Summary = "what was deferred is done"
	}
	again := n.Hosting.Redeploy()
	if made, err := again.Check(ctx, sc); err != nil || !made {
		return evidence, err
	}
	proof, err := again.Verify(ctx, sc)
	join(&evidence, proof)
	return evidence, err
}

// join adds a part of an evidence to the whole. The part's summary is left out.
func join(whole *checklist.Evidence, part checklist.Evidence) {
	maps.Copy(whole.Facts, part.Facts)
	whole.Tables = append(whole.Tables, part.Tables...)
	whole.Commands = append(whole.Commands, part.Commands...)
	whole.Issues = append(whole.Issues, part.Issues...)
}
