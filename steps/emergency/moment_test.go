package emergency

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestParseMoment(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 30, 45, 0, time.UTC)
	const berlin = 3600 // there it is 13:30:45
	for text, want := range map[string]string{
		"now":                       "2026-11-24T12:30:45Z",
		"2h ago":                    "2026-11-24T10:30:45Z",
		"2h":                        "2026-11-24T10:30:45Z",
		" 2  Hours AGO ":            "2026-11-24T10:30:45Z",
		"an hour ago":               "2026-11-24T11:30:45Z",
		"90 min ago":                "2026-11-24T11:00:45Z",
		"90min ago":                 "2026-11-24T11:00:45Z",
		"1h30m ago":                 "2026-11-24T11:00:45Z",
		"1 hour and 30 minutes ago": "2026-11-24T11:00:45Z",
		"3 days ago":                "2026-11-21T12:30:45Z",
		"1 week ago":                "2026-11-17T12:30:45Z",
		"0s ago":                    "2026-11-24T12:30:45Z",
		"13:30":                     "2026-11-24T12:30:00Z",
		"14:30":                     "2026-11-23T13:30:00Z", // has not come today
		"9:05":                      "2026-11-24T08:05:00Z",
		"9:05:07":                   "2026-11-24T08:05:07Z",
		"14:30 UTC":                 "2026-11-23T14:30:00Z",
		"12:30 utc":                 "2026-11-24T12:30:00Z",
		"today 13:00":               "2026-11-24T12:00:00Z",
		"yesterday 14:30":           "2026-11-23T13:30:00Z",
		"yesterday at 14:30":        "2026-11-23T13:30:00Z",
		"2026-11-24 13:15":          "2026-11-24T12:15:00Z",
		"2026-11-24T13:15":          "2026-11-24T12:15:00Z",
		"2026-11-24 13:15:16":       "2026-11-24T12:15:16Z",
		"2026-11-24":                "2026-11-23T23:00:00Z",
		"2026-11-24T12:15:00Z":      "2026-11-24T12:15:00Z",
		"2026-11-24T07:15:00-05:00": "2026-11-24T12:15:00Z",
		"2026-11-24 12:15 UTC":      "2026-11-24T12:15:00Z",
	} {
		at, err := parseMoment(text, now, berlin)
		require.NoError(t, err, text)
		assert.Equal(t, want, at.Format(time.RFC3339), text)
	}
}

func TestParseMomentRefuses(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 24, 12, 30, 45, 0, time.UTC)
	for _, text := range []string{"2026-11-24 12:31", "2026-12-01", "today 14:30", "2026-11-24T12:30:46Z", "2026-11-24T12:30:00-05:00"} {
		_, err := parseMoment(text, now, 0)
		require.ErrorIs(t, err, errFuture, text)
	}
	for _, text := range []string{
		"", " ", "ago", "2", "2 ago", "2x ago", "h ago", "25:00", "12:60", "yesterday", "2026-13-01", "2006-01-02",
		"99999 weeks ago", "99999w99999w ago", "11/24/2026", "soon", "-2h ago",
	} {
		at, err := parseMoment(text, now, 0)
		require.Error(t, err, "%q gave %s", text, at)
		require.NotErrorIs(t, err, errFuture, text)
	}
}

func FuzzParseMoment(f *testing.F) {
	for _, text := range []string{
		"now", "2h ago", "90 min ago", "1h30m ago", "14:30", "yesterday 14:30", "2026-11-24 14:30", "2026-11-24T12:15:00Z", "14:30 utc", "99999w ago",
	} {
		f.Add(text, 3600)
	}
	now := time.Date(2026, 11, 24, 12, 30, 45, 0, time.UTC)
	f.Fuzz(func(t *testing.T, text string, offset int) {
		at, err := parseMoment(text, now, offset%(14*3600))
		if err != nil {
			require.Zero(t, at)
			require.NotEmpty(t, err.Error())
			return
		}
		require.False(t, at.After(now))
		require.LessOrEqual(t, now.Sub(at), oldestMoment)
		require.Equal(t, time.UTC, at.Location())
		again, err := parseMoment(at.Format(time.RFC3339), now, 0)
		require.NoError(t, err, "what is shown back is understood")
		require.Equal(t, at, again)
	})
}
