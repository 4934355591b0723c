package program

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/vault"
)

// everywhere is the answer that leaves no environment out.
const everywhere = "everywhere"

// aboutEmergency fills in which key is revoked, where, and in which order.
func (p *Program) aboutEmergency(ctx context.Context, c checklist.Checklist, at served, op checklist.Operator, o *checklist.Opening) error {
	var err error
	if o.Old, err = p.chooseCompromised(ctx, at, op); err != nil {
		return err
	}
	if o.Environments, err = chooseWhere(ctx, o.Old, at, op); err != nil {
		return err
	}
	if o.New, err = p.nextKey(ctx, c, at); err != nil {
		return err
	}
	if o.Grace, err = p.chooseOrder(ctx, *o, op); err != nil {
		return err
	}
	o.Checklist = checklist.Emergency(o.Grace)
	o.Reason, err = askReason(ctx, fmt.Sprintf("%s is compromised", o.Old), op)
	return err
}

// chooseCompromised asks for the key: one in service, or one that only the
// vault still holds, since older deployments may accept it.
func (p *Program) chooseCompromised(ctx context.Context, at served, op checklist.Operator) (keygen.KeyID, error) {
	where := map[keygen.KeyID][]string{}
	inService := map[keygen.KeyID]bool{}
	for _, e := range []checklist.Environment{checklist.Staging, checklist.Production} {
		for id, since := range at[e] {
			inService[id] = true
			where[id] = append(where[id], fmt.Sprintf("in service in %s since %s", e, sinceWords(since)))
		}
	}
	entries, err := p.vault.List(ctx)
	if err != nil {
		return "", fmt.Errorf("list the vault: %w", err)
	}
	for _, entry := range entries {
		e, id, ok := keyOf(entry.Name)
		if _, served := at[e][id]; !ok || served || entry.Status != vault.Active && entry.Status != vault.Archived {
			continue
		}
		if words := fmt.Sprintf("in the vault for %s", e); !slices.Contains(where[id], words) {
			where[id] = append(where[id], words)
		}
	}
	if len(where) == 0 {
		return "", checklist.WithHint(errors.New("no key is in service, and the vault holds none"), "see that the targets are the right projects")
	}
	ids := make([]keygen.KeyID, 0, len(where))
	for id := range where {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b keygen.KeyID) int {
		return cmp.Or(-compareBool(inService[a], inService[b]), cmp.Compare(b.Version(), a.Version()), strings.Compare(string(a), string(b)))
	})
	q := checklist.Question{Kind: checklist.Choose, Title: "Which key is compromised?", Default: string(ids[0])}
	for _, id := range ids {
		q.Choices = append(q.Choices, checklist.Choice{ID: string(id), Label: id.Variable(), Help: strings.Join(where[id], ", ")})
	}
	a, err := op.Ask(ctx, q)
	if err != nil {
		return "", err
	}
	return keygen.ParseKeyID(a.Text)
}

func compareBool(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	}
	return -1
}

// chooseWhere asks for the environments: all of them unless told otherwise, also
// where nothing of the key is left at Vercel, since running deployments keep it.
func chooseWhere(ctx context.Context, id keygen.KeyID, at served, op checklist.Operator) ([]checklist.Environment, error) {
	both := []checklist.Environment{checklist.Staging, checklist.Production}
	q := checklist.Question{
		Kind: checklist.Choose, Title: fmt.Sprintf("Where is %s to be revoked?", id), Default: everywhere,
		Body:    "Each environment has a secret of its own under the key id. Leave one out only if you know that its secret is safe.",
		Choices: []checklist.Choice{{ID: everywhere, Label: "Everywhere", Help: "staging and production"}},
	}
	for _, e := range both {
		help := "not at Vercel any more"
		if since, ok := at[e][id]; ok {
			help = "there since " + sinceWords(since)
		}
		q.Choices = append(q.Choices, checklist.Choice{ID: string(e), Label: "Only " + string(e), Help: help})
	}
	a, err := op.Ask(ctx, q)
	if err != nil {
		return nil, err
	}
	if e := checklist.Environment(a.Text); slices.Contains(both, e) {
		return []checklist.Environment{e}, nil
	}
	return both, nil
}

// chooseOrder shows who breaks, and asks what comes first.
func (p *Program) chooseOrder(ctx context.Context, o checklist.Opening, op checklist.Operator) (grace bool, err error) {
	broken := p.outside.Requests().WhoBreaks(ctx, o.Old, o.Environments, p.clock())
	a, err := op.Ask(ctx, checklist.Question{
		Kind: checklist.Choose, Title: fmt.Sprintf("Revoke %s now?", o.Old), Default: checklist.ChoiceNow,
		Body: "Whoever signs with it is refused once it is revoked.\n" + strings.Join(broken.Words, "\n"),
		Choices: []checklist.Choice{
			{ID: checklist.ChoiceNow, Label: "Revoke now", Help: fmt.Sprintf("the runbook's order; %s follows in the same redeploy if it is ready within two minutes", o.New)},
			{ID: checklist.ChoiceGrace, Label: "New key first", Help: fmt.Sprintf("%s stays accepted until %s is in service, which takes one redeploy longer", o.Old, o.New)},
		},
	})
	return a.Text == checklist.ChoiceGrace, err
}
