package hosting

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/probe"
	"keyturn/steps/proof"
	"keyturn/steps/target"
	"keyturn/steps/vercel"
)

// older probes every older deployment at its own address, where
// it goes on accepting the keys of its moment, and offers to delete those that
// accept the compromised one.
type older struct {
	checklist.AskOnly
	*API
}

// leftover is one older deployment and how it answers the compromised key.
type leftover struct {
	target.Place
	deployment vercel.Deployment
	address    string
	answer     answer
}

// answer is what a deployment made of the compromised key.
type answer struct {
	is    judgement
	words string // for people
}

func (a answer) String() string { return a.words }

// mayAccept reports whether the deployment lets the key in as far as anybody
// knows: it did, or nobody could try.
func (a answer) mayAccept() bool { return a.is == accepted || a.is == notAsked }

type judgement int

const (
	refused  judgement = iota
	accepted           // the key lets somebody in
	unjudged           // something kept the service from judging
	notAsked           // the vault cannot give the key
)

const (
	deleteAll  = "all"
	deleteEach = "each"
	deleteNone = "none"
)

// find probes every older deployment that can still be reached.
func (f older) find(ctx context.Context, sc *checklist.Scope) ([]leftover, error) {
	var all []leftover
	for _, t := range f.Verifiers() {
		deployments, err := f.Vercel.Deployments(ctx, t.Project, "")
		if err != nil {
			return nil, err
		}
		for _, e := range sc.Environments() {
			c := target.Place{Target: t, Environment: e}
			serving, err := f.latestReady(ctx, c.First())
			if err != nil {
				return nil, err
			}
			for _, d := range vercel.Older(deployments, serving) {
				if d.ReadyState == vercel.StateReady && environmentOf(t, d) == e {
					all = append(all, leftover{Place: c, deployment: d, address: proof.OwnAddress(c, proof.Deployment{ID: d.ID, Host: d.URL})})
				}
			}
		}
	}
	err := target.EachIndex(ctx, all, func(ctx context.Context, i int, l leftover) (err error) {
		sc.Report(checklist.Progress{Words: "probing " + l.address, Total: len(all)})
		all[i].answer, err = answerToCompromised(ctx, f.Services, sc, l.Environment, probe.Target{URL: l.address, Bypass: l.Target.Bypass})
		return err
	})
	return all, err
}

// environmentOf returns the environment that a deployment belongs to.
func environmentOf(t target.Target, d vercel.Deployment) checklist.Environment {
	if d.CustomEnvironment != "" {
		return t.Owner(target.Slot{CustomEnvironment: d.CustomEnvironment})
	}
	return t.Owner(target.Slot{Target: d.Environment(), Branch: d.Branch})
}

// answerToCompromised asks a service once with the compromised key.
func answerToCompromised(ctx context.Context, s proof.Services, sc *checklist.Scope, e checklist.Environment, at probe.Target) (answer, error) {
	secret, held, err := s.Compromised(ctx, sc, e)
	switch {
	case err != nil:
		return answer{}, err
	case !held:
		return answer{notAsked, "not known: the vault cannot give the key"}, nil
	}
	row, err := s.Prober.Probe(ctx, at, probe.Key{ID: sc.Session.Key(checklist.OldKey), Secret: secret, Expect: probe.Refused})
	switch {
	case err != nil:
		return answer{}, err
	case row.Verdict == probe.Inconclusive:
		return answer{unjudged, "not known: " + cmp.Or(row.Detail, string(row.Got))}, nil
	case row.Got == probe.GotAccepted:
		return answer{accepted, string(row.Got)}, nil
	}
	return answer{refused, string(row.Got)}, nil
}

func (f older) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	return checklist.Plan{Summary: "Probe the older deployments at their own addresses", Risk: checklist.Look, Actions: []checklist.Action{
		{Words: fmt.Sprintf("sign one request to each with %s", sc.Session.Key(checklist.OldKey))},
		{Words: "ask you what becomes of those that accept it; nothing is deleted unasked"},
	}}, nil
}

func (f older) Do(ctx context.Context, sc *checklist.Scope) error {
	all, err := f.find(ctx, sc)
	if err != nil {
		return err
	}
	alive := slices.DeleteFunc(slices.Clone(all), func(l leftover) bool { return !l.answer.mayAccept() })
	doomed, err := f.choose(ctx, sc, alive)
	if err != nil {
		return err
	}
	// What is there still was not deleted, whatever was begun before.
	for _, l := range all {
		chosen := slices.ContainsFunc(doomed, func(d leftover) bool { return d.deployment.ID == l.deployment.ID })
		if e := l.deletion(); !chosen && e.Among(sc.Pending()) {
			if err := leave(ctx, sc, e); err != nil {
				return err
			}
		}
	}
	if len(doomed) == 0 {
		return nil
	}
	id := string(sc.Session.Key(checklist.OldKey))
	a, err := sc.Ask(ctx, checklist.Question{
		Kind: checklist.Type, Asked: checklist.Asked{ID: "delete"}, Expect: id, Title: fmt.Sprintf("Delete %d deployments", len(doomed)),
		Body: fmt.Sprintf("%s\n\nThis cannot be undone: nothing can be returned to them. Type %s to go on.", lines(doomed), id),
	})
	if err != nil {
		return err
	}
	if a.Text != id {
		return checklist.ErrDeclined
	}
	return target.Each(ctx, doomed, func(ctx context.Context, l leftover) error { return f.remove(ctx, sc, l) })
}

// askedWhich asks which older deployments are to be deleted.
func askedWhich() checklist.Asked { return checklist.Asked{ID: "delete-which"} }

// choose asks which deployments are to be deleted.
func (f older) choose(ctx context.Context, sc *checklist.Scope, alive []leftover) ([]leftover, error) {
	if len(alive) == 0 {
		return nil, nil
	}
	a, err := sc.Ask(ctx, checklist.Question{
		Kind: checklist.Choose, Asked: askedWhich(), Default: deleteAll,
		Title: fmt.Sprintf("%d older deployments still accept %s, or may. Delete them?", len(alive), sc.Session.Key(checklist.OldKey)),
		Body:  lines(alive) + "\n\nA preview that somebody looks at is gone with its deployment.",
		Choices: []checklist.Choice{
			{ID: deleteAll, Label: "Delete all", Help: "their addresses end, and with them the key"},
			{ID: deleteEach, Label: "One by one"},
			{ID: deleteNone, Label: "Delete none", Help: "the record names them as an open issue"},
		},
	})
	if err != nil {
		return nil, err
	}
	switch a.Text {
	case deleteAll:
		return alive, nil
	case deleteEach:
		return f.chooseEach(ctx, sc, alive)
	}
	return nil, nil
}

func (f older) chooseEach(ctx context.Context, sc *checklist.Scope, alive []leftover) ([]leftover, error) {
	var doomed []leftover
	for _, l := range alive {
		a, err := sc.Ask(ctx, checklist.Question{
			Kind: checklist.Confirm, Asked: checklist.Asked{ID: "delete-one", About: l.deployment.ID}, Default: checklist.No,
			Title: "Delete " + l.String() + "?", Body: "It answers at " + l.address,
		})
		if err != nil {
			return nil, err
		}
		if a.Text == checklist.Yes {
			doomed = append(doomed, l)
		}
	}
	return doomed, nil
}

func lines(all []leftover) string {
	texts := make([]string, len(all))
	for i, l := range all {
		texts[i] = fmt.Sprintf("%s, of %s: %s: %s", l, l.deployment.CreatedAt().Format("2 Jan 2006 15:04"), l.address, l.answer)
	}
	return strings.Join(texts, "\n")
}

func (l leftover) String() string {
	words := fmt.Sprintf("%s of %s", l.deployment.ID, l.Place)
	if custom := l.deployment.CustomEnvironment; custom != "" {
		words += " (" + custom + ")"
	}
	if branch := l.deployment.Branch; branch != "" && l.Environment == checklist.Staging {
		words += " branch " + branch
	}
	return words
}

// deletion is what the journal says of the deletion.
func (l leftover) deletion() checklist.Effect {
	return checklist.Effect{
		Code: checklist.DeploymentDelete, Target: l.Target.Name, Environment: l.Environment, Object: l.deployment.ID,
	}
}

func (f older) remove(ctx context.Context, sc *checklist.Scope, l leftover) error {
	// What was found of it must not go with it.
	result := checklist.Result{Note: fmt.Sprintf("its answer to %s at %s: %s", sc.Session.Key(checklist.OldKey), l.address, l.answer)}
	return sc.Effect(ctx, l.deletion(), func(ctx context.Context) (checklist.Result, error) {
		err := f.Vercel.DeleteDeployment(ctx, l.deployment.ID)
		if lost := (*vercel.UnknownOutcomeError)(nil); errors.As(err, &lost) {
			result.How, err = checklist.Found, f.findLostDeletion(ctx, l, err)
		}
		if errors.Is(err, vercel.ErrGone) {
			result.How, err = checklist.Gone, nil
		}
		return result, err
	})
}

// findLostDeletion looks whether a deletion whose answer was lost has taken
// place.
func (f older) findLostDeletion(ctx context.Context, l leftover, cause error) error {
	d, err := f.Vercel.Deployment(ctx, l.deployment.ID)
	switch {
	case errors.Is(err, vercel.ErrNotFound), err == nil && d.ReadyState == vercel.StateDeleted:
		return nil
	case err != nil:
		return errors.Join(unknown(cause), err)
	}
	return checklist.WithHint(fmt.Errorf("%w; it is still there", cause), "run the item again")
}

func (f older) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	id := sc.Session.Key(checklist.OldKey)
	evidence := checklist.Evidence{}
	table := checklist.Table{Title: "Older deployments", Columns: []string{"Deployment", "Made", "Address", "Answer to " + string(id)}}
	all, err := f.find(ctx, sc)
	if err != nil {
		return evidence, err
	}
	accepting, unclear := 0, 0
	for _, l := range all {
		table.Rows = append(table.Rows, []string{l.String(), l.deployment.CreatedAt().Format(time.RFC3339), l.address, l.answer.String()})
		switch l.answer.is {
		case accepted:
			accepting++
			evidence.Issues = append(evidence.Issues, fmt.Sprintf("deployment %s still accepts %s at %s", l, id, l.address))
		case unjudged, notAsked:
			unclear++
		}
	}
	if len(table.Rows) > 0 {
		evidence.Tables = append(evidence.Tables, table)
	}
	evidence.Summary = fmt.Sprintf("%d of %d older deployments still accept %s", accepting, len(all), id)
	if accepting == 0 {
		evidence.Summary = fmt.Sprintf("no older deployment is known to accept %s (%d were probed)", id, len(all))
	}
	if gone := deleted(sc); len(gone) > 0 {
		evidence.Summary = fmt.Sprintf("%d older deployments that still accepted %s, or may have, were deleted; of those left: %s", len(gone), id, evidence.Summary)
		t := checklist.Table{Title: "Deleted", Columns: []string{"What was done"}}
		for _, words := range gone {
			t.Rows = append(t.Rows, []string{words})
		}
		evidence.Tables = append(evidence.Tables, t)
	}
	if unclear > 0 {
		evidence.Issues = append(evidence.Issues, unclearWords(unclear, id))
	}
	return evidence, nil
}

func unclearWords(n int, id keygen.KeyID) string {
	return fmt.Sprintf("whether %d older deployments accept %s is not known; the record lists them", n, id)
}

// deleted returns the deletions that the item has made, in words.
func deleted(sc *checklist.Scope) []string {
	var words []string
	for _, e := range sc.Made() {
		words = append(words, e.String())
	}
	return words
}
