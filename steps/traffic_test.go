package steps_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/steps/probe"
	"keyturn/steps/requestlog"
)

// spoken is a request log that says, for each hour, what a test wants it to.
type spoken func(hour time.Time) []requestlog.Row

// Read implements requestlog.Source.
func (f spoken) Read(_ context.Context, environment string, since, until time.Time) (requestlog.Log, error) {
	log := requestlog.Log{Until: until}
	for hour := since.UTC().Truncate(time.Hour); hour.Before(until); hour = hour.Add(time.Hour) {
		for _, r := range f(hour) {
			r.Bucket, r.Project = hour, "orders-api"
			log.Rows = append(log.Rows, r)
		}
	}
	return log, nil
}

// behind is a log that is written late.
type behind struct {
	requestlog.Source
	by time.Duration
}

// Read implements requestlog.Source.
func (b behind) Read(ctx context.Context, environment string, since, until time.Time) (requestlog.Log, error) {
	return b.Source.Read(ctx, environment, since, until.Add(-b.by))
}

func count(sender, key string, status, n int) requestlog.Row {
	r := requestlog.Row{Sender: sender, Status: status, Count: n}
	if key != "" {
		r.KeyID = &key
	}
	if status != 200 {
		r.Error = "invalid signature: signature mismatch"
	}
	return r
}

func always(rows ...requestlog.Row) spoken { return func(time.Time) []requestlog.Row { return rows } }

// newTrafficStage is a stage whose item runs after others that a test need not
// do for real.
func newTrafficStage(t *testing.T, log requestlog.Source, given string, item string) *stage {
	t.Helper()
	s := newStage(t, given, item)
	s.outside.Log = log
	s.begin(t, part(t, []string{given, item}))
	i, _, _ := s.engine.Session().Checklist.Item(given)
	catalog := checklisttest.Steps{}
	for _, name := range []string{"monitor", "verify-usage", "update-clients"} {
		catalog[name], _ = s.config.Steps.Step(name)
	}
	catalog[i.Step] = &checklisttest.Step{}
	s.config.Steps = catalog
	s.reopen(t)
	s.look(t, given)
	return s
}

// turn turns the sandbox's clock.
func (s *stage) turn(t *testing.T, d time.Duration) {
	t.Helper()
	require.NoError(t, s.sandbox.Clock().AdvanceTo(s.sandbox.Clock().Now().Add(d)))
}

func TestMeasure(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		log    requestlog.Source
		metric checklist.Metric
		want   float64
		detail string
		refuse string
	}{
		"requests with the old key, by sender": {
			always(count("checkout", "v2", 200, 90), count("billing", "v1", 200, 2), count("cron", "v1", 200, 1)), checklist.OldKeyRequests, 72, "billing (", "",
		},
		"our own probes are not counted": {
			always(count("checkout", "v2", 200, 90), count(probe.UserAgent+"/1", "v1", 200, 5)), checklist.OldKeyRequests, 0, "", "",
		},
		"refused signatures of the last hour": {
			always(count("checkout", "v2", 200, 90), count("billing", "v1", 401, 7)), checklist.FailuresPerHour, 7, "most often", "",
		},
		"a silent log proves nothing": {
			always(), checklist.OldKeyRequests, 0, "", "proves nothing",
		},
		"an old log proves nothing": {
			behind{always(count("checkout", "v2", 200, 9)), 3 * time.Hour}, checklist.FailuresPerHour, 0, "", "proves nothing",
		},
		"a metric that is not known": {
			always(count("checkout", "v2", 200, 90)), "moon-phase", 0, "", `metric "moon-phase" is not known`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, "generate")
			s.outside.Log = tc.log
			reading, err := s.outside.Measure(t.Context(), s.engine.Session(), tc.metric)
			if tc.refuse != "" {
				require.ErrorContains(t, err, tc.refuse)
				return
			}
			require.NoError(t, err)
			assert.Equal(t, tc.metric, reading.Metric)
			assert.InDelta(t, tc.want, reading.Value, 4, "a day has an hour more or less at its ends")
			assert.Contains(t, reading.Detail, tc.detail)
		})
	}
}

func TestMonitorWaitsForTheDaysToBeOver(t *testing.T) {
	t.Parallel()
	moving := spoken(func(hour time.Time) []requestlog.Row {
		if hour.Before(checklisttest.Morning().AddDate(0, 0, 3)) {
			return []requestlog.Row{count("checkout", "v1", 200, 60), count("billing", "", 200, 40)}
		}
		return []requestlog.Row{count("checkout", "v2", 200, 99), count("billing", "v1", 200, 1)}
	})
	s := newTrafficStage(t, moving, "verify-production", "monitor")
	served := s.engine.Session().State("verify-production").PassedAt
	s.turn(t, 50*time.Hour)

	var notYet *checklist.NotYet
	err := s.engine.Run(t.Context(), "monitor", checklisttest.NewScript(t))
	require.ErrorAs(t, err, &notYet)
	assert.Equal(t, served.AddDate(0, 0, 7), notYet.Until)
	assert.ErrorContains(t, err, "the dual-key period lasts until")
	st := s.engine.Session().State("monitor")
	assert.Equal(t, checklist.StatusWaiting, st.Status)
	assert.Equal(t, served.AddDate(0, 0, 7), st.Until)
	require.NotNil(t, st.Evidence, "what was seen meanwhile is kept")
	assert.Contains(t, st.Evidence.Summary, "v1 60.0%")
	assert.Contains(t, texts(s.engine.Session().Issues()), nameless)

	s.turn(t, 5*24*time.Hour)
	require.NoError(t, s.engine.Run(t.Context(), "monitor", checklisttest.NewScript(t)))
	st = s.engine.Session().State("monitor")
	assert.Equal(t, checklist.StatusPassed, st.Status)
	assert.Contains(t, st.Evidence.Summary, "v2 has 99.0%")
	days := table(t, st.Evidence, "Share of v1 by day")
	require.Len(t, days.Rows, 8)
	assert.Equal(t, "60.0%", days.Rows[0][2])
	assert.Equal(t, strings.Repeat("#", 12), days.Rows[0][3])
	assert.Equal(t, "1.0%", days.Rows[6][2])
	assert.Equal(t, "#", days.Rows[6][3], "any share above zero is seen")
	senders := table(t, st.Evidence, "Senders seen with v1")
	require.Len(t, senders.Rows, 2)
}

// nameless is an issue that a rotation finds in the traffic.
const nameless = "some requests to production name no key id: find out who sends them"

func table(t *testing.T, e *checklist.Evidence, title string) checklist.Table {
	t.Helper()
	for _, tb := range e.Tables {
		if tb.Title == title {
			return tb
		}
	}
	t.Fatalf("no table %q in %v", title, e.Tables)
	return checklist.Table{}
}

func TestMonitorStopsAtTheAlert(t *testing.T) {
	t.Parallel()
	s := newTrafficStage(t, always(count("checkout", "v2", 200, 900), count("billing", "v2", 401, 101)), "verify-production", "monitor")
	s.turn(t, 3*time.Hour)
	err := s.engine.Run(t.Context(), "monitor", checklisttest.NewScript(t))
	require.ErrorContains(t, err, "101 signatures were refused in the hour of")
	require.ErrorContains(t, err, "over the alert at 100")
	assert.NotEmpty(t, checklist.Hint(err))
	assert.Equal(t, checklist.StatusFailed, s.engine.Session().State("monitor").Status)
}

func TestVerifyUsageNamesWhoWasForgotten(t *testing.T) {
	t.Parallel()
	s := newTrafficStage(t, always(count("checkout", "v2", 200, 90), count("partner-sync", "v1", 401, 3)), "redeploy-removal", "verify-all-new")
	s.turn(t, 5*time.Hour)
	err := s.engine.Run(t.Context(), "verify-all-new", checklisttest.NewScript(t))
	require.ErrorContains(t, err, "requests named v1 since it was removed, and were refused: partner-sync (")
	assert.Contains(t, checklist.Hint(err), "move these clients, or pass the item over")
}

func TestUpdateClientsNeedsThemTold(t *testing.T) {
	t.Parallel()
	s := newTrafficStage(t, always(count("billing", "v1", 200, 2), count("checkout", "v2", 200, 90)), "verify-production", "update-clients")
	s.turn(t, 2*time.Hour)
	err := s.engine.Run(t.Context(), "update-clients", checklisttest.NewScript(t, checklisttest.Refuse("update-clients")))
	require.ErrorContains(t, err, "the clients have not been told")
	assert.Contains(t, checklist.Hint(err), "tell them")
	plan := s.engine.Session().State("update-clients").Plan
	require.NotNil(t, plan)
	require.Len(t, plan.Actions, 1, "only who still has to move")
	assert.Contains(t, plan.Actions[0].Words, "billing: ")
	require.NoError(t, s.engine.Run(t.Context(), "update-clients", checklisttest.NewScript(t, checklisttest.Agree("update-clients"))))
}

// Where the item from which on a log is read was never done, nothing is proved by
// all that the log has ever seen.
func TestALogIsNotReadFromTheBeginningOfTime(t *testing.T) {
	t.Parallel()
	for item, before := range map[string]string{
		"monitor": "verify-production", "verify-all-new": "redeploy-removal", "update-agent": "redeploy-add",
	} {
		t.Run(item, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, item)
			s.outside.Log = always(count("agent", "test", 200, 90), count("checkout", "v2", 200, 90))
			err := s.engine.Run(t.Context(), item, &willing{})
			require.ErrorContains(t, err, "not proved: the log is read from when \""+before+"\" passed, and it has not")
			assert.Contains(t, checklist.Hint(err), "do that item first")
			assert.Equal(t, checklist.StatusFailed, s.engine.Session().State(item).Status)
		})
	}
}
