package rollback

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"keyturn/checklist"
	"keyturn/checklist/record"
	"keyturn/steps/hosting"
	"keyturn/steps/keys"
	"keyturn/steps/probe"
	"keyturn/steps/proof"
	"keyturn/steps/requestlog"
	"keyturn/steps/traffic"
	"keyturn/vault"
)

// Decide lets the operator resume the rotation or give it up.
//
// Resuming tells the session in trouble that its old key is back. Giving it up
// takes the new key out of service everywhere, proves that, and ends the
// session; nothing is removed before the old key was accepted once more.
type Decide struct {
	proof.Services
	traffic.Requests
	InTrouble
	Trail   Exports
	Hosting hosting.Hosting
	Command string // the beginning of the one that returns to a session
}

// decided returns what the operator chose last, and "" before that.
func decided(sc *checklist.Scope) string { return sc.Answer(checklist.AskedDecision()) }

// begun reports whether the decision has changed something: then it stands.
func begun(sc *checklist.Scope) bool {
	return len(sc.Made()) > 0 || len(sc.Pending()) > 0
}

// Plan asks for the decision first, since everything that is to be agreed to
// depends on it.
func (d Decide) Plan(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	choice := decided(sc)
	if !begun(sc) {
		var err error
		if choice, err = d.choose(ctx, sc, choice); err != nil {
			return checklist.Plan{}, err
		}
	}
	if choice == checklist.Abandon {
		return d.planAbandon(ctx, sc)
	}
	return d.planResume(ctx, sc)
}

func (d Decide) choose(ctx context.Context, sc *checklist.Scope, before string) (string, error) {
	oldID, newID := sc.Session.Key(checklist.OldKey), sc.Session.Key(checklist.NewKey)
	resume := checklist.Choice{ID: checklist.Resume, Label: "Resume the rotation", Help: fmt.Sprintf("once the cause is mended; %s and %s both stay in service", oldID, newID)}
	abandon := checklist.Choice{ID: checklist.Abandon, Label: "Abandon the rotation", Help: fmt.Sprintf("%s is removed everywhere and marked as unused; %s alone stays", newID, oldID)}
	if sc.Session.Opening.Parent == "" {
		resume.Label, abandon.Label = "Leave everything as it is now", fmt.Sprintf("Take %s out of service", newID)
		resume.Help = fmt.Sprintf("%s is in service again", oldID)
	}
	if newID != "" {
		abandon.Help += "; " + d.whoBreaks(ctx, sc)
	}
	choices := []checklist.Choice{resume, abandon}
	if newID == "" {
		choices = choices[:1]
	}
	a, err := sc.Ask(ctx, checklist.Question{
		Kind: checklist.Choose, Asked: checklist.AskedDecision(), Title: "How does it go on?", Choices: choices, Default: cmp.Or(before, checklist.Resume), Body: investigated(sc),
	})
	if err == nil && !slices.ContainsFunc(choices, func(c checklist.Choice) bool { return c.ID == a.Text }) {
		err = fmt.Errorf("%q is none of the choices", a.Text)
	}
	return a.Text, err
}

// investigated is what the investigation found, for whoever decides.
func investigated(sc *checklist.Scope) string {
	if _, st, ok := sc.Session.StepState(checklist.StepInvestigate); ok && st.Evidence != nil {
		return st.Evidence.Summary
	}
	return "Nothing was investigated."
}

func (d Decide) planResume(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	parent, ok, err := d.parent(ctx, sc)
	switch {
	case err != nil:
		return checklist.Plan{}, err
	case !ok:
		return checklist.Plan{Summary: "Leave everything as it is now", Risk: checklist.Look}, nil
	case parent.Outcome != "":
		return checklist.Plan{}, checklist.WithHint(fmt.Errorf("session %s is %s and cannot be resumed", parent.ID(), parent.Outcome),
			"run the item again and abandon the rotation")
	}
	words := fmt.Sprintf("tell %s that %s is back; it goes on where it is", parent.ID(), sc.Session.Key(checklist.OldKey))
	if from, ok := resumeFrom(parent); ok {
		words = fmt.Sprintf("tell %s that %s is back; it goes on from %q", parent.ID(), sc.Session.Key(checklist.OldKey), from.Title)
	}
	return checklist.Plan{
		Summary: "Resume " + parent.ID(), Risk: checklist.Change, Actions: []checklist.Action{{Words: words}},
	}, nil
}

// resumeFrom returns the first item of a rotation that a rollback has undone:
// the approval of the removal, once the removal has begun, since a removal that
// had to be taken back is one to be approved anew. ok is false when nothing was
// undone.
func resumeFrom(parent *checklist.Session) (item checklist.Item, ok bool) {
	for _, i := range parent.Checklist.Items() {
		if i.Step != checklist.StepRemoveOldKey || parent.State(i.ID).Status == checklist.StatusOpen {
			continue
		}
		for _, g := range i.Gates {
			if approval, _, found := parent.Checklist.Item(g.Item); found && g.Kind == checklist.GateApproval {
				return approval, true
			}
		}
		return i, true
	}
	return checklist.Item{}, false
}

func (d Decide) planAbandon(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	id := sc.Session.Key(checklist.NewKey)
	plan, err := d.Hosting.Remove(checklist.NewKey).Plan(ctx, sc)
	if err != nil {
		return plan, err
	}
	again, err := d.Hosting.Redeploy().Plan(ctx, sc)
	if err != nil {
		return plan, err
	}
	plan.Summary = fmt.Sprintf("Give up %s: remove it from %s and mark it as unused", id, sc.EnvironmentWords())
	plan.Risk, plan.Confirm = checklist.Irreversible, string(id)
	plan.Actions = append(plan.Actions, again.Actions...)
	plan.Actions = append(plan.Actions, checklist.Action{Words: fmt.Sprintf("archive %s in %s, as a key that was never in service alone", id, d.Vault.Describe())})
	if sc.Session.Opening.Parent != "" {
		plan.Actions = append(plan.Actions, checklist.Action{Words: "abandon " + sc.Session.Opening.Parent + " and sign its record"})
	}
	plan.Warnings = append(plan.Warnings, d.whoBreaks(ctx, sc))
	return plan, ctx.Err()
}

// whoBreaks says who will be refused once the new key is gone.
func (d Decide) whoBreaks(ctx context.Context, sc *checklist.Scope) string {
	id, now := sc.Session.Key(checklist.NewKey), sc.Now()
	log, err := d.Read(ctx, checklist.Production, now.Add(-traffic.Day), now)
	if err != nil {
		return fmt.Sprintf("who signs with %s now is not known: %v", id, err)
	}
	using := requestlog.Stragglers(log, id)
	if len(using) == 0 {
		return fmt.Sprintf("nobody signed with %s in the last 24 hours", id)
	}
	return fmt.Sprintf("these signed with %s in the last 24 hours and will be refused until they move back: %s", id, traffic.StragglerWords(using))
}

func (d Decide) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	switch decided(sc) {
	case checklist.Resume:
		parent, ok, err := d.parent(ctx, sc)
		return err == nil && (!ok || told(parent, sc)), err
	case checklist.Abandon:
		return d.abandoned(ctx, sc)
	}
	return false, nil
}

// told reports whether a session knows of this rollback.
func told(parent *checklist.Session, sc *checklist.Scope) bool {
	return slices.ContainsFunc(parent.Deviations, func(d checklist.Deviation) bool {
		return d.Kind == checklist.RolledBack && d.Session == sc.Session.ID()
	})
}

// abandoned reports whether nothing is left to be done for giving the key up.
func (d Decide) abandoned(ctx context.Context, sc *checklist.Scope) (bool, error) {
	if gone, err := d.Hosting.Remove(checklist.NewKey).Check(ctx, sc); err != nil || !gone {
		return false, err
	}
	if served, err := d.Hosting.Redeploy().Check(ctx, sc); err != nil || !served {
		return false, err
	}
	for _, e := range sc.Environments() {
		if kept, err := d.kept(ctx, sc, e); err != nil || kept {
			return false, err
		}
	}
	parent, ok, err := d.parent(ctx, sc)
	if err != nil || !ok {
		return err == nil, err
	}
	return d.ended(ctx, parent)
}

// ended reports whether the session in trouble has ended, and has its record.
func (d Decide) ended(ctx context.Context, parent *checklist.Session) (bool, error) {
	if parent.Outcome != checklist.Abandoned {
		return parent.Outcome != "", nil
	}
	_, recorded, err := d.Trail.Exported(ctx, parent.ID())
	return recorded, err
}

// kept reports whether the vault holds the new key as one in use.
func (d Decide) kept(ctx context.Context, sc *checklist.Scope, e checklist.Environment) (bool, error) {
	_, entry, err := d.Vault.Get(ctx, keys.Name(e, sc.Session.Key(checklist.NewKey)))
	if errors.Is(err, vault.ErrNotFound) {
		return false, nil
	}
	return entry.Status == vault.Active, err
}

func (d Decide) Do(ctx context.Context, sc *checklist.Scope) error {
	if decided(sc) == checklist.Abandon {
		return d.abandon(ctx, sc)
	}
	parent, ok, err := d.parent(ctx, sc)
	if err != nil || !ok {
		return err
	}
	seen, err := d.Hosting.Observe(ctx, parent)
	if err != nil {
		return fmt.Errorf("look at what %s goes on from: %w", parent.ID(), err)
	}
	from, _ := resumeFrom(parent)
	effect := checklist.Effect{Code: checklist.SessionRolledBack, Object: parent.ID()}
	return sc.Effect(ctx, effect, func(ctx context.Context) (checklist.Result, error) {
		return checklist.Result{}, d.Sessions.RolledBack(ctx, parent.ID(), from.ID, sc.Session.ID(), seen)
	})
}

func (d Decide) abandon(ctx context.Context, sc *checklist.Scope) error {
	if gone, err := d.Hosting.Remove(checklist.NewKey).Check(ctx, sc); err != nil {
		return err
	} else if !gone {
		// Nothing is taken away before what is left was seen to serve.
		if err := d.AcceptedEverywhere(ctx, sc, checklist.OldKey); err != nil {
			return err
		}
		if err := d.Hosting.Remove(checklist.NewKey).Do(ctx, sc); err != nil {
			return err
		}
	}
	if served, err := d.Hosting.Redeploy().Check(ctx, sc); err != nil {
		return err
	} else if !served {
		if err := d.Hosting.Redeploy().Do(ctx, sc); err != nil {
			return err
		}
	}
	// Before anything says that the key is out of service.
	if _, err := d.prove(ctx, sc); err != nil {
		return err
	}
	for _, e := range sc.Environments() {
		if err := d.archive(ctx, sc, e); err != nil {
			return err
		}
	}
	return d.endParent(ctx, sc)
}

// prove proves the new key refused and the old one accepted by every target. A
// key that the vault does not have cannot be tried.
func (d Decide) prove(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	p := proof.Prove{Services: d.Services, OldKey: probe.Accepted, NewKey: probe.Refused}
	for _, e := range sc.Environments() {
		if _, err := d.Secret(ctx, sc.Session, e, checklist.NewKey); errors.Is(err, vault.ErrNotFound) {
			p.NewKey = ""
		}
	}
	evidence, err := p.Verify(ctx, sc)
	if p.NewKey == "" {
		evidence.Issues = append(evidence.Issues, fmt.Sprintf("%s is not in the vault, so that nobody could try whether it is refused", sc.Session.Key(checklist.NewKey)))
	}
	return evidence, err
}

func (d Decide) archive(ctx context.Context, sc *checklist.Scope, e checklist.Environment) error {
	if kept, err := d.kept(ctx, sc, e); err != nil || !kept {
		return err
	}
	id := sc.Session.Key(checklist.NewKey)
	return sc.Effect(ctx, keys.Effect(checklist.VaultArchive, e, id), func(ctx context.Context) (checklist.Result, error) {
		_, err := d.Vault.Archive(ctx, keys.Name(e, id), "unused: given up in "+sc.Session.ID())
		return checklist.Result{}, keys.Lost(err)
	})
}

// endParent abandons the session in trouble. The reason is the trouble, and what
// is in service now, which that session cannot know.
func (d Decide) endParent(ctx context.Context, sc *checklist.Scope) error {
	parent, ok, err := d.parent(ctx, sc)
	if err != nil || !ok {
		return err
	}
	if ended, err := d.ended(ctx, parent); err != nil || ended {
		return err
	}
	reason := fmt.Sprintf("rolled back by %s: %s; %s is out of service again, and %s alone is in service in %s",
		sc.Session.ID(), cmp.Or(sc.Session.Facts[FactTroubleWhat], "the trouble was not named"),
		sc.Session.Key(checklist.NewKey), sc.Session.Key(checklist.OldKey), sc.EnvironmentWords())
	effect := checklist.Effect{Code: checklist.SessionAbandon, Object: parent.ID()}
	return sc.Effect(ctx, effect, func(ctx context.Context) (checklist.Result, error) {
		return checklist.Result{}, d.Sessions.Abandon(ctx, parent.ID(), reason)
	})
}

func (d Decide) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	choice := decided(sc)
	done, err := d.Check(ctx, sc)
	switch {
	case err != nil:
		return checklist.Evidence{}, err
	case !done:
		return checklist.Evidence{}, fmt.Errorf("the decision to %s is not carried out", cmp.Or(choice, "go on"))
	}
	parent, ok, err := d.parent(ctx, sc)
	if err != nil {
		return checklist.Evidence{}, err
	}
	facts := map[string]string{checklist.FactDecision: choice}
	if choice == checklist.Abandon {
		return d.verifyAbandoned(ctx, sc, facts)
	}
	evidence := checklist.Evidence{Summary: "everything stays as it is", Facts: facts}
	if ok {
		evidence.Summary = parent.ID() + " is resumed"
		if next, open := parent.Next(); open {
			evidence.Summary += fmt.Sprintf("; it goes on with %q", next.Title)
		}
		evidence.Commands = []string{cmp.Or(d.Command, "keyturn") + " " + parent.Checklist.ID}
	}
	return evidence, nil
}

func (d Decide) verifyAbandoned(ctx context.Context, sc *checklist.Scope, facts map[string]string) (checklist.Evidence, error) {
	id := sc.Session.Key(checklist.NewKey)
	evidence, err := d.prove(ctx, sc)
	if err != nil {
		return evidence, err
	}
	served, err := d.Hosting.Redeployed(ctx, sc)
	if err != nil {
		return evidence, err
	}
	maps.Copy(evidence.Facts, facts)
	maps.Copy(evidence.Facts, served)
	evidence.Summary = fmt.Sprintf("%s is removed from %s, refused by every target and archived as unused; %s alone is in service",
		id, sc.EnvironmentWords(), sc.Session.Key(checklist.OldKey))
	return evidence, d.Hosting.CompareInventory(ctx, sc, id, &evidence)
}

// Exports knows which sessions have a record.
type Exports interface {
	Exported(ctx context.Context, session string) (exported record.Pinned, ok bool, err error)
}
