package traffic

import (
	"context"
	"fmt"

	"keyturn/checklist"
	"keyturn/steps/requestlog"
)

// Monitor takes readings during the dual-key days, and passes once they are over.
type Monitor struct {
	checklist.LookOnly
	Requests
}

func (m Monitor) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	return checklist.Plan{
		Summary: "Read the request log of production", Risk: checklist.Look,
		Actions: []checklist.Action{{
			Environment: checklist.Production,
			Words:       fmt.Sprintf("requests for each key id, senders still on %s, refused signatures for each hour", sc.Session.Key(checklist.OldKey)),
		}},
	}, nil
}

func (m Monitor) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	now := sc.Now()
	served, err := PassedAt(sc, checklist.ItemVerifyProduction)
	if err != nil {
		return checklist.Evidence{}, err
	}
	log, err := m.Read(ctx, checklist.Production, served, now)
	if err != nil {
		return checklist.Evidence{}, err
	}
	if err := RequireFresh(log, now); err != nil {
		return checklist.Evidence{}, err
	}
	old, recent := sc.Session.Key(checklist.OldKey), requestlog.Usage(log.Since(now.Add(-Day)))
	evidence := checklist.Evidence{
		Summary: fmt.Sprintf("%s has %.1f%% and %s %.1f%% of the requests of the last 24 hours",
			sc.Session.Key(checklist.NewKey), 100*recent.Of(sc.Session.Key(checklist.NewKey)).Share, old, 100*recent.Of(old).Share),
		Tables: UsageTables(log, old),
	}
	if none := recent.WithoutKeyID(); none.Total > 0 {
		evidence.Issues = append(evidence.Issues, "some requests to production name no key id: find out who sends them")
	}
	if failures := requestlog.FailuresOf(log.Since(now.Add(-Day))); failures.Alert() {
		return evidence, &AlertError{Hour: failures.Worst, hint: OrRollBack(sc, "find the cause before the old key goes")}
	}
	over := served.AddDate(0, 0, sc.Session.Opening.Setup.DualKeyDays)
	if now.Before(over) {
		return evidence, &checklist.NotYet{
			Why:   fmt.Sprintf("the dual-key period lasts until %s; %s", over.UTC().Format("Mon 2 Jan 15:04"), evidence.Summary),
			Until: over, Evidence: evidence,
		}
	}
	return evidence, nil
}

// ConfirmNoErrors reads a day of requests without the old key.
type ConfirmNoErrors struct {
	checklist.LookOnly
	Requests
}

func (c ConfirmNoErrors) Plan(context.Context, *checklist.Scope) (checklist.Plan, error) {
	return checklist.Plan{
		Summary: "See that signatures are not refused", Risk: checklist.Look,
		Actions: []checklist.Action{{Environment: checklist.Production, Words: "read the request log of the last 24 hours"}},
	}, nil
}

func (c ConfirmNoErrors) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	now := sc.Now()
	log, err := c.Read(ctx, checklist.Production, now.Add(-Day), now)
	if err != nil {
		return checklist.Evidence{}, err
	}
	failures := requestlog.FailuresOf(log)
	evidence := checklist.Evidence{
		Summary: fmt.Sprintf("%d signatures were refused in 24 hours, at most %d in one hour", failures.Total, failures.Worst.Count),
		Tables:  UsageTables(log, sc.Session.Key(checklist.OldKey)),
	}
	if err := RequireFresh(log, now); err != nil {
		return evidence, err
	}
	if failures.Alert() {
		return evidence, &AlertError{Hour: failures.Worst, hint: OrRollBack(sc, "find the cause; the old key is still in the vault")}
	}
	return evidence, nil
}
