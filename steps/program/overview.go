package program

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/checklist/journal"
	"keyturn/keygen"
	"keyturn/steps"
	"keyturn/steps/consent"
	"keyturn/steps/paperwork"
	"keyturn/vault"
)

// unreadable says which session cannot be shown, and why.
type unreadable struct {
	session string
	error
}

func (u *unreadable) Unwrap() error { return u.error }

// sessions folds every journal, the newest session first. A journal that
// cannot be read is a problem, and keeps none of the others from being shown.
func (p *Program) sessions() (all []*checklist.Session, problems []error, err error) {
	ids, err := journal.List(p.sessionsDir())
	if err != nil {
		return nil, nil, err
	}
	for _, id := range ids {
		events, err := journal.Read(p.sessionsDir(), id)
		if errors.Is(err, journal.ErrEmpty) {
			continue // a crash came before the session was opened
		}
		if err != nil {
			problems = append(problems, &unreadable{id, err})
			continue
		}
		s, err := checklist.Fold(events)
		if err != nil {
			problems = append(problems, &unreadable{id, fmt.Errorf("session %s: %w", id, err)})
			continue
		}
		if o := s.Opening; o.Setup.Service != p.service || o.Trail != p.trail.id() {
			problems = append(problems, checklist.WithHint(fmt.Errorf("session %s: it was opened for %s and the trail %s", id, o.Setup.Service, o.Trail),
				"it does not belong here; move the folder %s to where it was made", filepath.Join(p.sessionsDir(), id)))
			continue
		}
		all = append(all, s)
	}
	slices.SortFunc(all, func(a, b *checklist.Session) int {
		return cmp.Or(b.OpenedAt.Compare(a.OpenedAt), strings.Compare(b.ID(), a.ID()))
	})
	return all, problems, nil
}

// lastEvent returns the time of the newest event of all sessions.
func (p *Program) lastEvent() (time.Time, error) {
	latest := p.options.RealNow()
	sessions, _, err := p.sessions()
	for _, s := range sessions {
		if s.LastEvent.At.After(latest) {
			latest = s.LastEvent.At
		}
	}
	return latest, err
}

// Overview reads what the home screen shows.
func (p *Program) Overview(ctx context.Context) (checklist.Overview, error) {
	o := checklist.Overview{Sandbox: p.Sandbox(), Service: p.service, Now: p.clock().UTC(), Vault: p.vault.Describe()}
	if p.watched != nil {
		o.Problems = append(o.Problems, "sessions can only be watched here: "+p.watched.Error())
	}
	sessions, problems, err := p.sessions()
	if err != nil {
		return o, err
	}
	for _, problem := range slices.Concat(problems, p.lacking, p.unrecorded, p.unfit(sessions), p.voidRequests(sessions)) {
		o.Problems = append(o.Problems, problem.Error()+checklist.Suffix(" — ", checklist.Hint(problem)))
	}
	busy := map[string]string{}
	for _, s := range sessions {
		holder, err := journal.Holder(p.sessionsDir(), s.ID())
		if err != nil {
			o.Problems = append(o.Problems, err.Error())
		}
		o.Sessions = append(o.Sessions, checklist.Summarize(s, o.Now, holder))
		if s.Outcome == "" {
			busy[s.Checklist.ID] = s.ID()
		}
	}
	slices.SortStableFunc(o.Sessions, func(a, b checklist.Summary) int {
		return cmp.Compare(min(len(a.Outcome), 1), min(len(b.Outcome), 1))
	})
	old, err := p.oldSummaries()
	if err != nil {
		o.Problems = append(o.Problems, err.Error())
	}
	o.Sessions, o.Problems = append(o.Sessions, old...), append(o.Problems, p.notices...)
	for _, c := range checklist.All(p.dualKeyDays) {
		offer := checklist.Offer{Checklist: c.ID, Title: c.Title, Purpose: c.Purpose}
		switch {
		case !checklist.Complete(c, steps.NewCatalog(p.outside)):
			continue
		case p.watched != nil:
			offer.WhyNot = "another Keyturn runs here"
		case busy[c.ID] != "":
			offer.WhyNot = "one is in progress"
		}
		o.Offers = append(o.Offers, offer)
	}
	if err := p.keys(ctx, &o, sessions); err != nil {
		o.Problems = append(o.Problems, err.Error()+checklist.Suffix(" — ", checklist.Hint(err)))
	}
	return o, nil
}

// voidRequests tells of requests that a second person may still hold, although
// the session that made them has ended.
func (p *Program) voidRequests(sessions []*checklist.Session) []error {
	var all []error
	for _, s := range sessions {
		for _, r := range s.Requests {
			file := consent.FileSecond{Dir: filepath.Join(p.dir, requestsFolder)}.File(r.Text)
			if s.Standing(r, p.clock()) != checklist.RequestEnded || len(s.Agreed(r.Consent, p.clock())) >= s.Required() {
				continue
			}
			if _, err := os.Stat(file); err == nil {
				all = append(all, checklist.WithHint(fmt.Errorf("the request %s %s: %s", file, s.StandingWords(r, p.clock()), s.ConsentWords(r.Consent)),
					"tell the person who has it that no answer is needed; the file is removed some time after %s", checklist.MomentWords(r.Expires)))
			}
		}
	}
	return all
}

// keys fills in what the vault and Vercel know of each key.
func (p *Program) keys(ctx context.Context, o *checklist.Overview, sessions []*checklist.Session) error {
	type place struct {
		e  checklist.Environment
		id keygen.KeyID
	}
	known := map[place]checklist.KeyStatus{}
	entries, err := p.vault.List(ctx)
	if err != nil {
		return fmt.Errorf("list the vault: %w", err)
	}
	for _, e := range entries {
		environment, id, ok := keyOf(e.Name)
		if !ok {
			continue
		}
		k := checklist.KeyStatus{ID: id, Environment: environment, Fingerprint: e.Fingerprint, Created: e.Created, State: checklist.KeyInVault}
		switch e.Status {
		case vault.Archived:
			k.State = checklist.KeyArchived
		case vault.Sealed:
			k.State = checklist.KeySealed
		}
		known[place{environment, id}] = k // a later version stands for the name
	}
	at, err := p.served(ctx)
	for e, variables := range at {
		for id, since := range variables {
			k, inVault := known[place{e, id}]
			k.Concerns = nil
			switch {
			case !inVault:
				k.Concerns = append(k.Concerns, checklist.KeyNotInVault)
			case k.State == checklist.KeySealed:
				k.Concerns = append(k.Concerns, checklist.KeyCompromised)
			}
			// A row that was put back is new, and its secret is as old as before.
			if inVault && !since.IsZero() && k.Created.Before(since) {
				since = k.Created
			}
			if since.IsZero() {
				k.Concerns = append(k.Concerns, checklist.KeyAgeUnknown)
			}
			k.ID, k.Environment, k.State, k.Created = id, e, checklist.KeyInService, since
			if id != keygen.Test && id != keygen.Emergency && !since.IsZero() {
				k.RotateBy = cmp.Or(dueBy(sessions, e, id, k.Fingerprint), since.AddDate(0, 0, p.rotationDays))
			}
			known[place{e, id}] = k
		}
	}
	for _, k := range known {
		o.Keys = append(o.Keys, k)
	}
	slices.SortFunc(o.Keys, func(a, b checklist.KeyStatus) int {
		return cmp.Or(strings.Compare(string(a.Environment), string(b.Environment)), a.Created.Compare(b.Created), strings.Compare(string(a.ID), string(b.ID)))
	})
	o.NextRotation = nextRotation(o.Keys)
	return err
}

// dueBy is the day on which a key is to be replaced, as the session that made it
// wrote it everywhere; zero where none is known.
func dueBy(sessions []*checklist.Session, e checklist.Environment, id keygen.KeyID, made keygen.Fingerprint) time.Time {
	for _, s := range sessions {
		if s.Key(checklist.NewKey) == id && made != "" && s.Fingerprint(e, checklist.NewKey) == made {
			return paperwork.NextRotation(s)
		}
	}
	return time.Time{}
}

// nextRotation is when the newest key in service of an environment is due; the
// earliest of all environments. An older key in service is on its way out.
func nextRotation(keys []checklist.KeyStatus) time.Time {
	newest := map[checklist.Environment]time.Time{}
	for _, k := range keys {
		if k.RotateBy.After(newest[k.Environment]) {
			newest[k.Environment] = k.RotateBy
		}
	}
	var next time.Time
	for _, due := range newest {
		if next.IsZero() || due.Before(next) {
			next = due
		}
	}
	return next
}

// keyOf reads a vault name such as "staging/v2".
func keyOf(name vault.Name) (checklist.Environment, keygen.KeyID, bool) {
	environment, text, _ := strings.Cut(string(name), "/")
	id, err := keygen.ParseKeyID(text)
	e := checklist.Environment(environment)
	return e, id, err == nil && (e == checklist.Staging || e == checklist.Production)
}

// served returns since when each key is in service, by environment.
func (p *Program) served(ctx context.Context) (served, error) {
	if p.watched != nil {
		return served{checklist.Staging: {}, checklist.Production: {}}, nil
	}
	return p.outside.Hosting().InService(ctx)
}
