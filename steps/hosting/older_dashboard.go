package hosting

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"keyturn/checklist"
	"keyturn/steps/probe"
	"keyturn/steps/target"
)

// olderByHand is older where Keyturn cannot list deployments: the
// operator brings the addresses of those that the dashboard shows, each is
// probed, and what accepts the compromised key is deleted by hand.
type olderByHand struct {
	checklist.AskOnly
	*Dashboard
}

// olderAddress is one address that the operator brought, and how it answers.
type olderAddress struct {
	target.Place
	address string
	answer  answer
}

// asked names the question for the addresses of one environment.
func (h olderByHand) asked(c target.Place) checklist.Asked {
	return checklist.Asked{ID: "addresses", About: c.Target.Name + "/" + string(c.Environment)}
}

func (h olderByHand) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	plan := checklist.Plan{Summary: "Probe the older deployments at their own addresses", Risk: checklist.Look}
	for _, c := range h.Probed(sc.Environments()) {
		plan.Actions = append(plan.Actions, checklist.Action{
			Target: c.Target.Name, Environment: c.Environment,
			Words: "you bring the addresses that " + h.page(c.Target, pageDeployments) + " lists; each is asked with " + string(sc.Session.Key(checklist.OldKey)),
		})
	}
	plan.Actions = append(plan.Actions, checklist.Action{Words: "you delete those that accept it, and they are asked again"})
	return plan, nil
}

func (h olderByHand) Do(ctx context.Context, sc *checklist.Scope) error {
	brought := map[string][]string{}
	for _, c := range h.Probed(sc.Environments()) {
		addresses, err := h.bring(ctx, sc, c)
		if err != nil {
			return err
		}
		// What was begun and not said to be done is asked too, named again or not.
		for _, address := range h.begun(sc, c) {
			if !slices.Contains(addresses, address) {
				addresses = append(addresses, address)
			}
		}
		brought[c.String()] = addresses
	}
	all, err := h.answers(ctx, sc, brought)
	if err != nil {
		return err
	}
	alive := slices.DeleteFunc(slices.Clone(all), func(o olderAddress) bool { return !o.answer.mayAccept() })
	doomed, err := h.choose(ctx, sc, alive)
	if err != nil {
		return err
	}
	for _, o := range all {
		a := h.deletion(sc, o)
		switch {
		case doomed && o.answer.mayAccept():
			err = h.perform(ctx, sc, a)
		case o.answer.is != unjudged && a.effect.Among(sc.Pending()):
			err = leave(ctx, sc, a.effect) // it is there still
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// begun returns the addresses of an environment whose deletion was begun, and of which
// nobody knows yet whether it was made.
func (h olderByHand) begun(sc *checklist.Scope, c target.Place) []string {
	var addresses []string
	for _, e := range sc.Pending() {
		if e.Code == checklist.DeploymentDelete && e.Target == c.Target.Name && e.Environment == c.Environment {
			addresses = append(addresses, e.Object)
		}
	}
	return addresses
}

// leave journals that an effect which was begun once was not made: what it was
// about is there still, and left as it is.
func leave(ctx context.Context, sc *checklist.Scope, e checklist.Effect) error {
	left := errors.New("it is there, and left as it is")
	err := sc.Effect(ctx, e, func(context.Context) (checklist.Result, error) { return checklist.Result{}, left })
	if errors.Is(err, left) {
		return nil
	}
	return err
}

// choose asks whether the deployments that accept the key are to be deleted.
func (h olderByHand) choose(ctx context.Context, sc *checklist.Scope, alive []olderAddress) (bool, error) {
	if len(alive) == 0 {
		return false, nil
	}
	var lines []string
	for _, o := range alive {
		lines = append(lines, fmt.Sprintf("%s: %s: %s", o.Place, o.address, o.answer))
	}
	a, err := sc.Ask(ctx, checklist.Question{
		Kind: checklist.Choose, Asked: askedWhich(), Default: deleteAll,
		Title: fmt.Sprintf("%d older deployments still accept %s, or may. Delete them?", len(alive), sc.Session.Key(checklist.OldKey)),
		Body:  strings.Join(lines, "\n") + "\n\nA preview that somebody looks at is gone with its deployment.",
		Choices: []checklist.Choice{
			{ID: deleteAll, Label: "Delete all", Help: "by hand, one after the other"},
			{ID: deleteNone, Label: "Delete none", Help: "the record names them as an open issue"},
		},
	})
	return a.Text == deleteAll, err
}

// deletion is the act of deleting one deployment.
func (h olderByHand) deletion(sc *checklist.Scope, o olderAddress) act {
	return act{
		effect: byHand(sc, checklist.Effect{
			Code: checklist.DeploymentDelete, Target: o.Target.Name, Environment: o.Environment, Object: o.address,
		}),
		title: fmt.Sprintf("At Vercel: delete an older deployment of %s", o.Place),
		clicks: []string{
			"Open " + h.page(o.Target, pageDeployments),
			"Find " + o.address,
			"Open its menu (⋯), press Delete, and confirm.",
		},
		done: "It is deleted",
	}
}

// bring asks for the addresses of an environment's older deployments until they can be
// read.
func (h olderByHand) bring(ctx context.Context, sc *checklist.Scope, c target.Place) ([]string, error) {
	note := ""
	for {
		a, err := sc.Ask(ctx, checklist.Question{
			Kind: checklist.Write, Asked: h.asked(c), Optional: true, Default: sc.Answer(h.asked(c)),
			Title: fmt.Sprintf("Addresses of the older deployments of %s (empty for none)", c),
			Body: note + "Open " + h.page(c.Target, pageDeployments) + fmt.Sprintf(
				", filter by %s, and copy the address of each Ready deployment but the newest. Separate them by blanks.", dashboardName(c.First().Slot)),
		})
		if err != nil {
			return nil, err
		}
		addresses, err := parseAddresses(a.Text, c.Target.Path)
		if err == nil {
			return addresses, nil
		}
		note = err.Error() + "\n\n"
	}
}

// parseAddresses reads addresses of deployments, with or without their scheme and
// the path that is probed, separated by blanks or commas.
func parseAddresses(text, path string) ([]string, error) {
	var addresses []string
	for _, word := range strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == ' ' || r == '\n' || r == '\t' }) {
		if !strings.Contains(word, "://") {
			word = "https://" + word
		}
		u, err := url.Parse(word)
		if err != nil || u.Host == "" || u.User != nil || u.Scheme != "https" && u.Scheme != "http" {
			return nil, fmt.Errorf("%q is no address: want such as orders-api-abc123.vercel.app", word)
		}
		address := u.Scheme + "://" + u.Host + strings.TrimRight(strings.TrimSuffix(u.Path, path), "/")
		if !slices.Contains(addresses, address) {
			addresses = append(addresses, address)
		}
	}
	return addresses, nil
}

// answers asks every address with the compromised key.
func (h olderByHand) answers(ctx context.Context, sc *checklist.Scope, brought map[string][]string) ([]olderAddress, error) {
	var all []olderAddress
	for _, c := range h.Probed(sc.Environments()) {
		for _, address := range brought[c.String()] {
			all = append(all, olderAddress{Place: c, address: address})
		}
	}
	err := target.EachIndex(ctx, all, func(ctx context.Context, i int, o olderAddress) (err error) {
		sc.Report(checklist.Progress{Words: "probing " + o.address, Total: len(all)})
		at := probe.Target{URL: o.address + o.Target.Path}
		if trusts(o.Target, o.address) {
			at.Bypass = o.Target.Bypass
		}
		all[i].answer, err = answerToCompromised(ctx, h.Services, sc, o.Environment, at)
		return err
	})
	return all, err
}

// trusts reports whether the secret that passes the target's protection may go to
// an address that somebody typed: to Vercel's own, and to those that are
// configured.
func trusts(t target.Target, address string) bool {
	u, err := url.Parse(address)
	if err != nil {
		return false
	}
	if u.Scheme == "https" && strings.HasSuffix(u.Hostname(), ".vercel.app") {
		return true
	}
	for _, configured := range t.URLs {
		if c, err := url.Parse(configured); err == nil && c.Scheme == u.Scheme && c.Host == u.Host {
			return true
		}
	}
	return false
}

func (h olderByHand) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	id := sc.Session.Key(checklist.OldKey)
	brought := map[string][]string{}
	for _, c := range h.Probed(sc.Environments()) {
		addresses, err := parseAddresses(sc.Answer(h.asked(c)), c.Target.Path)
		if err != nil {
			return checklist.Evidence{}, errors.Join(errors.New("read the addresses of the older deployments"), err)
		}
		brought[c.String()] = addresses
	}
	all, err := h.answers(ctx, sc, brought)
	if err != nil {
		return checklist.Evidence{}, err
	}
	table := checklist.Table{Title: "Older deployments, as the operator brought them", Columns: []string{"Target", "Environment", "Address", "Answer to " + string(id)}}
	evidence := checklist.Evidence{Issues: []string{
		fmt.Sprintf("which older deployments there are was looked up by hand: whether one that was not named accepts %s is not known", id),
	}}
	accepting, unclear := 0, 0
	for _, o := range all {
		table.Rows = append(table.Rows, []string{o.Target.Name, string(o.Environment), o.address, o.answer.String()})
		switch o.answer.is {
		case unjudged, notAsked:
			unclear++
		case accepted:
			accepting++
			evidence.Issues = append(evidence.Issues, fmt.Sprintf("the older deployment of %s at %s still accepts %s", o.Place, o.address, id))
		}
	}
	if len(all) > 0 {
		evidence.Tables = append(evidence.Tables, table)
	}
	if unclear > 0 {
		evidence.Issues = append(evidence.Issues, unclearWords(unclear, id))
	}
	evidence.Summary = fmt.Sprintf("%d of the %d older deployments that were named still accept %s", accepting, len(all), id)
	return evidence, nil
}
