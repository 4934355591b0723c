package traffic

import (
	"context"
	"fmt"
	"time"

	"keyturn/checklist"
	"keyturn/steps/requestlog"
)

// Meter measures on the request log.
type Meter struct {
	Requests
	Now func() time.Time
}

// Measure implements checklist.Meter on the request log of production.
func (m Meter) Measure(ctx context.Context, s *checklist.Session, metric checklist.Metric) (checklist.Reading, error) {
	now := m.Now().UTC()
	log, err := m.Read(ctx, checklist.Production, now.Add(-Day), now)
	if err != nil {
		return checklist.Reading{}, err
	}
	if err := RequireFresh(log, now); err != nil {
		return checklist.Reading{}, err
	}
	reading := checklist.Reading{Metric: metric, At: now}
	switch metric {
	case checklist.OldKeyRequests:
		stragglers := requestlog.Stragglers(log, s.Key(checklist.OldKey))
		for _, st := range stragglers {
			reading.Value += float64(st.Total)
		}
		reading.Detail = StragglerWords(stragglers)
	case checklist.FailuresPerHour:
		failures := requestlog.FailuresOf(log)
		reading.Value = float64(failures.Last.Count)
		if len(failures.Causes) > 0 {
			reading.Detail = "most often " + failures.Causes[0].Name
		}
	default:
		return reading, fmt.Errorf("metric %q is not known", metric)
	}
	return reading, nil
}
