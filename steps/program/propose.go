package program

import (
	"cmp"
	"context"
	"encoding/base32"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps"
)

// served is since when each key is at Vercel, by environment.
type served map[checklist.Environment]map[keygen.KeyID]time.Time

// propose finds out what a new session is about, asking what it must.
func (p *Program) propose(ctx context.Context, checklistID string, op checklist.Operator) (checklist.Opening, error) {
	c, err := checklist.Find(checklistID, p.dualKeyDays, false)
	if err != nil {
		return checklist.Opening{}, err
	}
	if !checklist.Complete(c, steps.NewCatalog(p.outside)) {
		return checklist.Opening{}, fmt.Errorf("checklist %s is not complete in this version", c.ID)
	}
	if len(p.lacking) > 0 && !urgent(c.ID) {
		return checklist.Opening{}, p.lacking[0]
	}
	if err := p.mayOpen(c, op); err != nil {
		return checklist.Opening{}, err
	}
	at, err := p.served(ctx)
	if err != nil && p.byHand() && urgent(c.ID) {
		// A service that is down is what they are for, and the vault knows the keys.
		op.Progress(checklist.Progress{Words: "going on with what the vault knows: " + err.Error()})
		err = nil
	}
	if err != nil {
		return checklist.Opening{}, err
	}
	o, err := p.blank(c, op)
	if err != nil {
		return o, err
	}
	about := func() error { return p.aboutRotation(ctx, c, at, op, &o) }
	if c.ID == checklist.KindEmergency {
		about = func() error { return p.aboutEmergency(ctx, c, at, op, &o) }
	}
	if c.ID == checklist.KindRollback {
		about = func() error { return p.aboutRollback(ctx, at, op, &o) }
	}
	err = about()
	return o, err
}

// blank is an opening with all that nobody has to be asked. The operator is told
// what the roster will not let them do before its last day.
func (p *Program) blank(c checklist.Checklist, op checklist.Operator) (checklist.Opening, error) {
	id, err := p.newSessionID(c.ID)
	if err != nil {
		return checklist.Opening{}, err
	}
	head := p.trail.head()
	_, offset := p.options.RealNow().Zone()
	o := checklist.Opening{
		Session: id, Checklist: c, Sandbox: p.Sandbox(), Operator: p.operator,
		Setup: p.setup(), Environments: c.Environments, UTCOffset: offset,
		Trail: p.trail.id(), TrailHead: head.Digest, TrailSeq: head.Seq, Tool: "keyturn " + Version,
	}
	end := (&checklist.Session{OpenedAt: p.clock(), Opening: o}).DayOpens(c.LastDay() + 1)
	for _, problem := range p.rosterProblems(end) {
		op.Progress(checklist.Progress{Words: problem})
	}
	return o, nil
}

// aboutRotation fills in the keys and the reason of a rotation or a drill.
func (p *Program) aboutRotation(ctx context.Context, c checklist.Checklist, at served, op checklist.Operator, o *checklist.Opening) error {
	// The last environment of a checklist is the one that matters most.
	e := c.Environments[len(c.Environments)-1]
	var err error
	if o.Old, err = chooseKey(ctx, "Which key is to be replaced?", e, at[e], op); err != nil {
		return err
	}
	if o.New, err = p.nextKey(ctx, c, at); err != nil {
		return err
	}
	o.Reason, err = askReason(ctx, "scheduled: "+strings.ToLower(c.Title), op)
	return err
}

// sinceWords names a day that may not be known.
func sinceWords(t time.Time) string {
	if t.IsZero() {
		return "a day that is not known"
	}
	return t.Format("2 Jan 2006")
}

func askReason(ctx context.Context, usual string, op checklist.Operator) (string, error) {
	a, err := op.Ask(ctx, checklist.Question{
		Kind: checklist.Write, Title: "Why is this done?", Default: usual, Body: "The reason goes into the record.",
	})
	return cmp.Or(strings.TrimSpace(a.Text), "none given"), err
}

// chooseKey returns the key that is in service, asking where there are several.
func chooseKey(ctx context.Context, title string, e checklist.Environment, at map[keygen.KeyID]time.Time, op checklist.Operator) (keygen.KeyID, error) {
	var ids []keygen.KeyID
	for id := range at {
		if id != keygen.Test && id != keygen.Emergency {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b keygen.KeyID) int {
		return cmp.Or(cmp.Compare(b.Version(), a.Version()), strings.Compare(string(a), string(b)))
	})
	switch len(ids) {
	case 0:
		return "", checklist.WithHint(fmt.Errorf("no key is in service in %s", e), "there is nothing to rotate: see that the targets are the right projects")
	case 1:
		return ids[0], nil
	}
	q := checklist.Question{Kind: checklist.Choose, Title: title, Default: string(ids[0]),
		Body: "Several keys are in service in " + string(e) + "."}
	for _, id := range ids {
		q.Choices = append(q.Choices, checklist.Choice{ID: string(id), Label: id.Variable(), Help: "there since " + sinceWords(at[id])})
	}
	a, err := op.Ask(ctx, q)
	if err != nil {
		return "", err
	}
	return keygen.ParseKeyID(a.Text)
}

// nextKey returns the id of the key that a session of the checklist makes.
func (p *Program) nextKey(ctx context.Context, c checklist.Checklist, at served) (keygen.KeyID, error) {
	if c.ID == checklist.Drill().ID {
		return keygen.Test, nil
	}
	var existing []keygen.KeyID
	for _, ids := range at {
		for id := range ids {
			existing = append(existing, id)
		}
	}
	entries, err := p.vault.List(ctx)
	if err != nil {
		return "", fmt.Errorf("list the vault: %w", err)
	}
	for _, e := range entries {
		if _, id, ok := keyOf(e.Name); ok {
			existing = append(existing, id)
		}
	}
	// A compromised key may be destroyed; its id must not come back all the same.
	sessions, _, err := p.sessions()
	if err != nil {
		return "", err
	}
	for _, s := range sessions {
		if s.Checklist.ID == checklist.KindEmergency {
			existing = append(existing, s.Opening.Old)
		}
	}
	lost, err := p.lostKeys()
	return keygen.Next(append(existing, lost...)), err
}

func (p *Program) newSessionID(checklistID string) (string, error) {
	random, err := p.randomID()
	if err != nil {
		return "", fmt.Errorf("make a session id: %w", err)
	}
	return fmt.Sprintf("%s-%s-%s", checklistID, p.clock().UTC().Format("20060102"), random), nil
}

// randomID returns 128 random bits as 26 lower-case letters and digits.
func (p *Program) randomID() (string, error) {
	random := make([]byte, 16)
	if _, err := io.ReadFull(p.options.Random, random); err != nil {
		return "", err
	}
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(random)), nil
}
