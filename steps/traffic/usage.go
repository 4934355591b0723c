package traffic

import (
	"context"
	"fmt"
	"time"

	"keyturn/checklist"
	"keyturn/steps/requestlog"
)

// usageWindow is how long requests are watched after the removal: silence
// proves nothing.
const usageWindow = time.Hour

// VerifyUsage proves that nobody used the old key since it was removed.
type VerifyUsage struct {
	checklist.LookOnly
	Requests
}

func (v VerifyUsage) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	return checklist.Plan{
		Summary: fmt.Sprintf("See that no request names %s any more", sc.Session.Key(checklist.OldKey)), Risk: checklist.Look,
		Actions: []checklist.Action{{Environment: checklist.Production, Words: "read the request log since the removal"}},
	}, nil
}

func (v VerifyUsage) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	now, old := sc.Now(), sc.Session.Key(checklist.OldKey)
	removed, err := PassedAt(sc, checklist.ItemRedeployRemoval)
	if err != nil {
		return checklist.Evidence{}, err
	}
	log, err := v.Read(ctx, checklist.Production, removed, now)
	if err != nil {
		return checklist.Evidence{}, err
	}
	usage := requestlog.Usage(log)
	until := removed.Add(usageWindow)
	if usage.Total == 0 && !now.Before(until) {
		until = now.Add(usageWindow)
	}
	if now.Before(until) {
		return checklist.Evidence{}, &checklist.NotYet{
			Why: fmt.Sprintf("an hour of requests is needed to tell; the log has %d since the removal", usage.Total), Until: until,
		}
	}
	evidence := checklist.Evidence{
		Summary: fmt.Sprintf("none of %d requests since %s named %s", usage.Total, removed.UTC().Format("2 Jan 15:04"), old),
		Tables:  UsageTables(log, old),
	}
	if n := usage.Of(old).Total; n > 0 {
		return evidence, checklist.WithHint(
			fmt.Errorf("%d requests named %s since it was removed, and were refused: %s", n, old, StragglerWords(requestlog.Stragglers(log, old))),
			"%s", OrRollBack(sc, "move these clients, or pass the item over and name them in the reason"))
	}
	return evidence, nil
}
