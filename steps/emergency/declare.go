package emergency

import (
	"context"
	"errors"
	"fmt"
	"time"

	"keyturn/checklist"
)

// Declare asks since when a key is compromised and how that is known.
type Declare struct{ checklist.AskOnly }

// askedConfirm is the question whether a time is what was meant: its answer is
// the time itself. askedKnownBy is how the compromise is known.
func askedConfirm() checklist.Asked { return checklist.Asked{ID: "since-confirm"} }
func askedKnownBy() checklist.Asked { return checklist.Asked{ID: "known-by"} }

const (
	// sinceUnknown is what a bare enter means. The audit begins there, so that too
	// early is better than too late.
	sinceUnknown = "24h ago"
	// sinceAgain asks for the time once more.
	sinceAgain = "again"
	// sinceAttempts bounds how often one run of the item asks for a time.
	sinceAttempts = 10
)

func (d Declare) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	return checklist.Plan{
		Summary: fmt.Sprintf("Declare that %s is compromised", sc.Session.Key(checklist.OldKey)), Risk: checklist.Look,
		Actions: []checklist.Action{{Words: "ask you since when, and how it is known"}},
	}, nil
}

func (d Declare) Do(ctx context.Context, sc *checklist.Scope) error {
	if err := d.askSince(ctx, sc); err != nil {
		return err
	}
	_, err := sc.Ask(ctx, checklist.Question{
		Kind: checklist.Write, Asked: askedKnownBy(), Title: "How is it known?", Default: "not said",
		Body: "One sentence for the incident log: a leaked log, a report, an alert. No secret.",
	})
	return err
}

func (d Declare) askSince(ctx context.Context, sc *checklist.Scope) error {
	body := fmt.Sprintf("Such as 2h ago, 14:30, yesterday 14:30, 2026-11-24 14:30; times are %s.\n"+
		"Where it is not known, go back too far rather than not far enough: the audit begins there.", zoneWords(sc.Session))
	problem := ""
	for range sinceAttempts {
		a, err := sc.Ask(ctx, checklist.Question{
			Kind: checklist.Write, Asked: checklist.Asked{ID: "since"}, Title: "Since when is the key compromised?",
			Default: sinceUnknown, Body: problem + body,
		})
		if err != nil {
			return err
		}
		since, err := parseMoment(a.Text, sc.Now(), sc.Session.Opening.UTCOffset)
		if err != nil {
			problem = fmt.Sprintf("%v.\n\n", err)
			continue
		}
		// The answer is the time itself, so that the journal holds what was meant.
		meant := since.Format(time.RFC3339)
		a, err = sc.Ask(ctx, checklist.Question{
			Kind: checklist.Choose, Asked: askedConfirm(), Title: "Is this the time of the compromise?", Body: bothTimes(sc.Session, since), Default: meant,
			Choices: []checklist.Choice{{ID: meant, Label: "Yes"}, {ID: sinceAgain, Label: "No, ask again"}},
		})
		if err != nil || a.Text == meant {
			return err
		}
		problem = ""
	}
	return checklist.WithHint(fmt.Errorf("none of %d answers was a time", sinceAttempts), "run the item again; 2h ago and 14:30 are understood")
}

func (d Declare) Verify(_ context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	since, err := time.Parse(time.RFC3339, sc.Answer(askedConfirm()))
	if err != nil {
		return checklist.Evidence{}, checklist.WithHint(errors.New("the time of the compromise was not confirmed"), "run the item again, and confirm the time")
	}
	since = since.UTC()
	knownBy := sc.Answer(askedKnownBy())
	return checklist.Evidence{
		Summary: fmt.Sprintf("%s is compromised since %s; known by: %s", sc.Session.Key(checklist.OldKey), bothTimes(sc.Session, since), knownBy),
		Facts:   map[string]string{checklist.FactCompromisedSince: since.Format(time.RFC3339), checklist.FactKnownBy: knownBy},
	}, nil
}

// bothTimes shows a time in UTC and as the operator's clock shows it.
func bothTimes(s *checklist.Session, at time.Time) string {
	const layout = "Mon 2 Jan 2006 15:04:05"
	utc := at.UTC().Format(layout) + " UTC"
	if s.Opening.UTCOffset == 0 {
		return utc
	}
	return fmt.Sprintf("%s (%s %s)", utc, at.In(time.FixedZone("", s.Opening.UTCOffset)).Format(layout), offsetName(s))
}

// zoneWords says how a time without a zone is taken.
func zoneWords(s *checklist.Session) string {
	if s.Opening.UTCOffset == 0 {
		return "UTC"
	}
	return "at " + offsetName(s) + " unless UTC follows"
}

// offsetName is the operator's zone, such as +01:00.
func offsetName(s *checklist.Session) string {
	if s.Opening.UTCOffset == 0 {
		return "UTC"
	}
	return time.Unix(0, 0).In(time.FixedZone("", s.Opening.UTCOffset)).Format("-07:00")
}
