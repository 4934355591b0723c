package paper

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-ical"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// days are those of a rotation, in a place ahead of UTC.
func days(next time.Time) []Day {
	zone := time.FixedZone("", 2*60*60)
	var all []Day
	for i := range 10 {
		all = append(all, Day{
			ID: "day-" + string(rune('0'+i)), Date: time.Date(2026, 8, 25+i, 0, 0, 0, 0, zone),
			Title: "orders: key rotation v1 to v2", Words: "- Approval by a second person; commas, colons: and \\ backslashes\n- ünïcödé " + strings.Repeat("ß", 80),
		})
	}
	return append(all,
		Day{ID: "review-meeting", Date: time.Date(2026, 9, 3, 0, 0, 0, 0, zone), Title: "orders: review"},
		Day{ID: "next-rotation", Date: next.In(zone), Title: "orders: rotate\r\nBEGIN:VEVENT\u202e"})
}

func sampleCalendar() Calendar {
	return Calendar{
		Session: session, Service: "orders", Made: at(0, "09:12:00"), Version: 0, Days: days(at(91, "09:40:00")),
	}
}

// parsed reads a calendar with another library than the one that wrote it.
func parsed(t *testing.T, text string) (*ical.Calendar, map[string]ical.Event) {
	t.Helper()
	decoded, err := ical.NewDecoder(strings.NewReader(text)).Decode()
	require.NoError(t, err)
	events := map[string]ical.Event{}
	for _, e := range decoded.Events() {
		uid, err := e.Props.Text(ical.PropUID)
		require.NoError(t, err)
		require.NotContains(t, events, uid, "an id is used twice")
		events[uid] = e
	}
	return decoded, events
}

func prop(t *testing.T, e ical.Event, name string) string {
	t.Helper()
	text, err := e.Props.Text(name)
	require.NoError(t, err)
	return text
}

func TestCalendarIsReadByAnotherLibrary(t *testing.T) {
	t.Parallel()
	c := sampleCalendar()
	text, err := c.Text()
	require.NoError(t, err)
	decoded, events := parsed(t, text)
	product, err := decoded.Props.Text(ical.PropProductID)
	require.NoError(t, err)
	assert.Equal(t, "-//keyturn//keyturn//EN", product)
	require.Len(t, events, 12)

	day8 := events[session+".day-8@keyturn"]
	start, err := day8.DateTimeStart(time.UTC)
	require.NoError(t, err)
	end, err := day8.DateTimeEnd(time.UTC)
	require.NoError(t, err)
	assert.Equal(t, "2026-09-02 2026-09-03", start.Format("2006-01-02")+" "+end.Format("2006-01-02"), "the day where the operator is")
	assert.Equal(t, ical.ValueDate, day8.Props.Get(ical.PropDateTimeStart).ValueType())
	assert.Equal(t, "20260825T091200Z", day8.Props.Get(ical.PropDateTimeStamp).Value)
	assert.Equal(t, "0", day8.Props.Get(ical.PropSequence).Value)
	assert.Equal(t, c.Days[8].Words+"\nSession "+session, prop(t, day8, ical.PropDescription), "commas, line ends and long lines come back")
	assert.Equal(t, "orders: rotate BEGIN:VEVENT(U+202E)", prop(t, events[session+".next-rotation@keyturn"], ical.PropSummary))

	for _, line := range strings.Split(strings.TrimSuffix(text, "\r\n"), "\r\n") {
		assert.LessOrEqual(t, len(line), 75, "octets in a line, RFC 5545 section 3.1")
		assert.NotContains(t, line, "\n")
	}
}

func TestCalendarOfTheSandboxSaysSo(t *testing.T) {
	t.Parallel()
	c := sampleCalendar()
	c.Sandbox = true
	text, err := c.Text()
	require.NoError(t, err)
	_, events := parsed(t, text)
	for uid, e := range events {
		assert.True(t, strings.HasPrefix(prop(t, e, ical.PropSummary), "SANDBOX: "), uid)
		assert.True(t, strings.HasPrefix(prop(t, e, ical.PropDescription), "Nothing real is changed."), uid)
	}
}

func TestALaterCalendarUpdatesTheEarlierOne(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "calendar", session+".ics")
	first := sampleCalendar()
	there, err := first.Holds(path)
	require.NoError(t, err)
	assert.False(t, there)
	require.NoError(t, first.Write(path))
	before, events := parsed(t, mustRead(t, path))
	require.NotNil(t, before)

	later := sampleCalendar()
	later.Made, later.Version, later.Days = at(9, "10:00:00"), 777_000, days(at(92, "09:40:00"))
	there, err = later.Holds(path)
	require.NoError(t, err)
	assert.False(t, there, "the next rotation has moved")
	require.NoError(t, later.Write(path))
	there, err = later.Holds(path)
	require.NoError(t, err)
	assert.True(t, there)
	_, updated := parsed(t, mustRead(t, path))
	require.Len(t, updated, len(events))
	for uid, e := range updated {
		require.Contains(t, events, uid, "the ids are the same")
		assert.Equal(t, "777000", e.Props.Get(ical.PropSequence).Value)
	}
	assert.Equal(t, "20261125", updated[session+".next-rotation@keyturn"].Props.Get(ical.PropDateTimeStart).Value)
	mustBeAlone(t, path)
}

func TestACalendarReplacesNobodyElsesFile(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "x.ics")
	other := sampleCalendar()
	other.Session = "quarterly-20260525-0001"
	require.NoError(t, other.Write(path))
	require.ErrorIs(t, sampleCalendar().Write(path), ErrExists)

	require.NoError(t, os.WriteFile(path, []byte("not a calendar"), 0o600))
	require.ErrorIs(t, sampleCalendar().Write(path), ErrExists)
	_, err := sampleCalendar().Holds(path)
	require.Error(t, err)
}
