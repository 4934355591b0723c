package steps

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/probe"
	"keyturn/steps/requestlog"
)

// breakWindow is how far back "now" reaches when requests are counted.
const breakWindow = time.Hour

// topSenders is how many senders are named for each environment.
const topSenders = 5

// Breakage is who is refused once a key is revoked.
type Breakage struct {
	Words    []string // one for each environment
	Table    checklist.Table
	Problems []string // what could not be found out
}

// WhoBreaks counts the requests that sign with a key now. A log that cannot be
// read is a problem and no error: nobody waits for a log while a key is abused.
func (r Requests) WhoBreaks(ctx context.Context, id keygen.KeyID, environments []checklist.Environment, now time.Time) Breakage {
	b := Breakage{Table: checklist.Table{
		Title: fmt.Sprintf("Requests with %s", id), Columns: []string{"Environment", "Sender", "An hour", "Share"},
	}}
	for _, e := range environments {
		since := now.Add(-breakWindow).Truncate(time.Hour)
		log, err := r.traffic(ctx, e, since, now)
		if err == nil {
			err = speaks(log, now)
		}
		if err != nil {
			b.Problems = append(b.Problems, fmt.Sprintf("who breaks in %s is not known: %v", e, err))
			b.Words = append(b.Words, fmt.Sprintf("%s: not known, its request log does not say", e))
			continue
		}
		hours := log.Until.Sub(since).Hours()
		usage := requestlog.Usage(log)
		key := usage.Of(id)
		row := func(sender string, total int) {
			b.Table.Rows = append(b.Table.Rows, []string{string(e), sender, hourly(total, hours), percent(total, usage.Total)})
		}
		row("all that use "+string(id), key.Total)
		var names []string
		for _, s := range mostActive(requestlog.Stragglers(log, id)) {
			row(s.Sender, s.Total)
			names = append(names, s.Sender)
		}
		b.Words = append(b.Words, fmt.Sprintf("%s: %s of the requests sign with %s, %s an hour%s",
			e, percent(key.Total, usage.Total), id, hourly(key.Total, hours), checklist.Suffix(", most from ", strings.Join(names, ", "))))
	}
	return b
}

func mostActive(senders []requestlog.Straggler) []requestlog.Straggler {
	slices.SortStableFunc(senders, func(a, b requestlog.Straggler) int { return cmp.Compare(b.Total, a.Total) })
	return senders[:min(len(senders), topSenders)]
}

func hourly(total int, hours float64) string {
	if hours <= 0 {
		return "-"
	}
	return fmt.Sprintf("%.0f", float64(total)/hours)
}

// seeWhoBreaks puts the numbers behind the order of an emergency into the
// record, and looks, while the compromised key is still accepted, that the
// vault's copy of it is the one in service.
type seeWhoBreaks struct {
	checklist.LookOnly
	Services
	Requests
}

func (w seeWhoBreaks) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	old := sc.Session.Key(checklist.OldKey)
	plan := checklist.Plan{Summary: fmt.Sprintf("See who signs with %s now", old), Risk: checklist.Look}
	for _, e := range sc.Environments() {
		plan.Actions = append(plan.Actions, checklist.Action{
			Environment: e, Words: fmt.Sprintf("read the request log of the last hour; sign one request to each target with the vault's %s", secretName(e, old)),
		})
	}
	return plan, nil
}

func (w seeWhoBreaks) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
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
func (w seeWhoBreaks) compareCopy(ctx context.Context, sc *checklist.Scope, e checklist.Environment, evidence *checklist.Evidence) error {
	id := sc.Session.Key(checklist.OldKey)
	secret, held, err := w.compromised(ctx, sc, e)
	if err != nil {
		return err
	}
	if !held {
		evidence.Issues = append(evidence.Issues, fmt.Sprintf("the vault cannot give %s: its refusal cannot be proved by a signed request", secretName(e, id)))
		return nil
	}
	evidence.Facts[checklist.Fact(checklist.FactFingerprint, e, checklist.OldKey)] = string(secret.Fingerprint(sc.Session.Opening.Trail))
	targets := w.Verifiers()
	refused := make([]string, len(targets))
	err = eachIndex(ctx, targets, func(ctx context.Context, i int, t Target) error {
		row, err := w.Prober.Probe(ctx, t.probeTarget(e), probe.Key{ID: id, Secret: secret, Expect: probe.Accepted})
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
		evidence.Facts[seenFact(e)] = yes
	}
	return nil
}

// seenFact names the fact that the vault's copy of the compromised key was
// accepted before the removal: only then does its refusal prove anything.
func seenFact(e checklist.Environment) string { return "compromise/copy/" + string(e) }
