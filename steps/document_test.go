package steps_test

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/emersion/go-ical"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/checklisttest"
	"keyturn/steps/paperwork"
	"keyturn/steps/requestlog"
)

// stopBehind is a step whose process ends when all is done and nothing is
// written down.
type stopBehind struct{ checklist.Step }

func (s stopBehind) Do(ctx context.Context, sc *checklist.Scope) error {
	if err := s.Step.Do(ctx, sc); err != nil {
		return err
	}
	return checklist.ErrCancelled
}

func writes(item, text string) checklisttest.Reply {
	return checklisttest.Reply{Item: item, Kind: checklist.Write, Say: text}
}

func agrees(item, to, say string) checklisttest.Reply {
	return checklisttest.Reply{Item: item, Kind: checklist.Confirm, Contains: to, Say: say}
}

func (d *desk) read(t *testing.T, path ...string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(append([]string{d.outside.Documents}, path...)...))
	require.NoError(t, err)
	return string(text)
}

func TestDocument(t *testing.T) {
	t.Parallel()
	const item = "update-docs"
	open := func(t *testing.T) *desk {
		return newDesk(t, checklist.Quarterly(7), item, map[string]checklist.Evidence{
			"generate": {Summary: "made", Facts: map[string]string{"fingerprint/production/new": strings.Repeat("90e2", 16)}},
			"monitor":  {Summary: "v2 has 97.0% and v1 3.0% of the requests"},
		})
	}

	t.Run("is shown, agreed to and written", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		require.NoError(t, os.WriteFile(filepath.Join(d.outside.Documents, "decisions.md"), []byte("# Our decisions\n\nOld ones.\n"), 0o600))
		script, err := d.run(t, item, writes(item, "- [x](http://evil.example)\n# big"), agrees(item, "decisions.md", checklist.Yes))
		require.NoError(t, err)
		diff := script.Asked()[1].Body
		assert.Contains(t, diff, "\n Old ones.\n+\n+<!-- keyturn session-1 -->\n+## 2026-03-10: Quarterly rotation of orders: v1 to v2\n")
		text := d.read(t, "decisions.md")
		assert.True(t, strings.HasPrefix(text, "# Our decisions\n\nOld ones.\n"))
		for _, line := range []string{
			"- **Person:** ada@example.com", "- **Reason:** scheduled", "- **Noticed:** \\- \\[x\\](http\\://evil.example) \\# big",
			"- **Monitor for 7 days:** v2 has 97.0% and v1 3.0% of the requests", "- **Next rotation:** 2026-06-01", "- **Session:** session-1",
			"| production | new | v2 | 90e2 90e2 90e2 90e2 |", "  - new key accepted in production, 2026-03-03 00:",
			"passed over Notify team of rotation window; reason: not part of this test",
		} {
			assert.Contains(t, text, line)
		}
		assert.Equal(t, []string{"- [x](http://evil.example)\n# big"}, d.engine.Session().State(item).Evidence.Issues)
		assert.Equal(t, []checklist.Kind{checklist.Intended, checklist.Done}, d.kinds(item, checklist.DocumentDecisions))
	})

	t.Run("is not written when the operator does not agree", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		_, err := d.run(t, item, writes(item, ""), agrees(item, "decisions.md", checklist.No))
		require.ErrorIs(t, err, checklist.ErrDeclined)
		assert.NoFileExists(t, filepath.Join(d.outside.Documents, "decisions.md"))
		assert.Equal(t, checklist.StatusOpen, d.engine.Session().State(item).Status, "it is no failure")
		assert.Empty(t, d.engine.Session().Issues())
		_, err = d.run(t, item, writes(item, ""), agrees(item, "decisions.md", checklist.Yes))
		require.NoError(t, err)
	})

	t.Run("is not written over what somebody wrote meanwhile", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		path := filepath.Join(d.outside.Documents, "decisions.md")
		script := &meanwhile{Script: checklisttest.NewScript(t, writes(item, ""), agrees(item, "decisions.md", checklist.Yes)), do: func() {
			require.NoError(t, os.WriteFile(path, []byte("# Theirs\n"), 0o600))
		}}
		err := d.engine.Run(t.Context(), item, script)
		require.ErrorContains(t, err, "changed since it was shown")
		assert.Contains(t, checklist.Hint(err), "nothing was written")
		assert.Equal(t, "# Theirs\n", d.read(t, "decisions.md"))
	})

	t.Run("is asked for and written once, whatever ends in between", func(t *testing.T) {
		t.Parallel()
		d := open(t)
		steps := d.Config.Steps.(checklisttest.Steps)
		real := steps["document"]
		steps["document"] = stopBehind{real}
		d.reopen(t)
		_, err := d.run(t, item, writes(item, "one thing"), agrees(item, "decisions.md", checklist.Yes))
		require.ErrorIs(t, err, checklist.ErrCancelled)
		before := d.read(t, "decisions.md")
		steps["document"] = real
		d.reopen(t)
		_, err = d.run(t, item)
		require.NoError(t, err)
		assert.Equal(t, before, d.read(t, "decisions.md"))
		assert.Equal(t, []string{"one thing"}, d.engine.Session().State(item).Evidence.Issues)
	})
}

// meanwhile is an operator while whose agreeing something happens.
type meanwhile struct {
	*checklisttest.Script
	do func()
}

func (m *meanwhile) Ask(ctx context.Context, q checklist.Question) (checklist.Answer, error) {
	if q.Kind == checklist.Confirm {
		m.do()
	}
	return m.Script.Ask(ctx, q)
}

func TestRollbackAsksForTheCause(t *testing.T) {
	t.Parallel()
	d := newDesk(t, checklist.Rollback(), "document", map[string]checklist.Evidence{
		"decide": {Summary: "the rotation goes on"},
	})
	script, err := d.run(t, "document", writes("document", "a build argument"), agrees("document", "decisions.md", checklist.Yes))
	require.NoError(t, err)
	assert.Contains(t, script.Asked()[0].Title, "What was the cause?")
	text := d.read(t, "decisions.md")
	assert.Contains(t, text, "Rollback of orders: v1 back in service")
	assert.Contains(t, text, "- **Decide: resume or abandon:** the rotation goes on")
	assert.Contains(t, text, "- **Approved by:** not needed")
}

func TestPaperOfAnEmergency(t *testing.T) {
	t.Parallel()
	key := "v1"
	said := map[string]checklist.Evidence{
		"declare": {Summary: "v1 is compromised", Facts: map[string]string{
			checklist.FactCompromisedSince: "2026-03-02T07:30:00Z", checklist.FactKnownBy: "a gist | <b>",
		}},
		"audit": {Summary: "48 requests", Facts: map[string]string{
			checklist.FactAuditCSV: strings.Repeat("c0", 32), checklist.FactAuditJSONL: strings.Repeat("d1", 32),
		}},
	}

	t.Run("incident log", func(t *testing.T) {
		t.Parallel()
		const item = "incident-log"
		d := newDesk(t, checklist.Emergency(false), item, said)
		_, err := d.run(t, item, writes(item, "called the provider"), agrees(item, "incidents.md", checklist.Yes))
		require.NoError(t, err)
		text := d.read(t, "incidents.md")
		for _, line := range []string{
			"# Incident log\n\n<!-- keyturn session-1 -->\n## 2026-03-02 09:00 UTC: Emergency revocation of orders: v1 is compromised, v2 replaces it\n",
			"- **Compromised since:** 2026-03-02 07:30 UTC, 1h 30m before it was declared\n- **Known by:** a gist \\| &lt;b&gt;\n",
			"- **Compromised key refused:** 2026-03-02 09:08 UTC, 8m after the start, within the limit of 1h\n",
			"- **Noticed:** called the provider\n",
		} {
			assert.Contains(t, text, line)
		}
	})

	t.Run("post-mortem", func(t *testing.T) {
		t.Parallel()
		const item, name = "post-mortem", "2026-03-02-session-1.md"
		d := newDesk(t, checklist.Emergency(false), item, said)
		d.log.rows = []requestlog.Row{
			{Bucket: checklisttest.Morning(), Sender: "checkout", KeyID: &key, Status: 200, Count: 70},
			{Bucket: checklisttest.Morning(), Sender: "checkout", KeyID: &key, Status: 401, Error: "unknown key", Count: 130},
			{Bucket: checklisttest.Morning(), Sender: "keyturn-probe/1", KeyID: &key, Status: 200, Count: 999},
		}
		script, err := d.run(t, item, agrees(item, name, checklist.Yes))
		require.NoError(t, err)
		assert.True(t, strings.HasPrefix(script.Asked()[0].Body, "--- /dev/null\n+++ b/"))
		text := d.read(t, "post-mortems", name)
		for _, line := range []string{
			"<!-- keyturn session-1 -->\n# Post-mortem: Emergency revocation of orders: v1 is compromised, v2 replaces it\n",
			"From 2026-03-02 07:00 UTC to 2026-03-02 09:", "| production | 200 | 70 | 130 | 0 | 0 | 130 | 130 from 2026-03-02 09:00 UTC, over the alert at 100 |",
			"| production | checkout | 70 | 130 | 2026-03-02 09:00 UTC |", "| Compromised key refused | 2026-03-02 09:08 UTC | 8m | met |",
			"- CSV: `" + strings.Repeat("c0", 32) + "`", "| 2026-03-02 09:00:00 | ada@example.com | opened: scheduled |",
			"| 2026-03-02 09:01:00 | ada@example.com | Declare the compromise: v1 is compromised |",
		} {
			assert.Contains(t, text, line)
		}
		assert.NotContains(t, text, "999", "our own probes are no impact")
		assert.Equal(t, filepath.Join(d.outside.Documents, "post-mortems", name)+" is there for you to complete", d.summary(t, item))
	})

	t.Run("post-mortem without a request log", func(t *testing.T) {
		t.Parallel()
		const item = "post-mortem"
		d := newDesk(t, checklist.Emergency(false), item, said)
		d.log.err = errors.New("the server answered 503")
		_, err := d.run(t, item, agrees(item, "post-mortems", checklist.Yes))
		require.NoError(t, err)
		assert.Contains(t, d.read(t, "post-mortems", "2026-03-02-session-1.md"),
			"The request log could not be read: read the request log of staging: the server answered 503")
	})

	t.Run("post-mortem where another file is", func(t *testing.T) {
		t.Parallel()
		const item = "post-mortem"
		d := newDesk(t, checklist.Emergency(false), item, said)
		dir := filepath.Join(d.outside.Documents, "post-mortems")
		require.NoError(t, os.Mkdir(dir, 0o700))
		require.NoError(t, os.WriteFile(filepath.Join(dir, "2026-03-02-session-1.md"), []byte("theirs"), 0o600))
		_, err := d.run(t, item)
		require.ErrorContains(t, err, "another file of this name")
		assert.Contains(t, checklist.Hint(err), "move that file away")
		assert.Equal(t, "theirs", d.read(t, "post-mortems", "2026-03-02-session-1.md"))
	})
}

// dates returns the first day of each appointment of a calendar, by its id.
func dates(t *testing.T, text string) map[string]string {
	t.Helper()
	calendar, err := ical.NewDecoder(strings.NewReader(text)).Decode()
	require.NoError(t, err)
	all := map[string]string{}
	for _, e := range calendar.Events() {
		id, err := e.Props.Text(ical.PropUID)
		require.NoError(t, err)
		start, err := e.DateTimeStart(time.UTC)
		require.NoError(t, err)
		all[id] = start.Format("2006-01-02")
	}
	return all
}

func TestCalendarOfARotation(t *testing.T) {
	t.Parallel()
	announced := newDesk(t, checklist.Quarterly(7), "notify", nil)
	_, err := announced.run(t, "notify", confirm(checklist.Yes))
	require.NoError(t, err)
	planned := dates(t, announced.read(t, "calendar", "session-1.ics"))
	assert.Len(t, planned, 12, "ten days, the review and the next rotation")
	assert.Equal(t, []string{"2026-03-02", "2026-03-10", "2026-03-11", "2026-06-01"}, []string{
		planned["session-1.day-0@keyturn"], planned["session-1.day-8@keyturn"], planned["session-1.review-meeting@keyturn"], planned["session-1.next-rotation@keyturn"],
	})
	assert.Contains(t, announced.summary(t, "notify"), filepath.Join("calendar", "session-1.ics")+" has the days for your calendar")

	ended := newDesk(t, checklist.Quarterly(7), "schedule-next", nil)
	_, err = ended.run(t, "schedule-next")
	require.NoError(t, err)
	assert.Equal(t, "2026-06-01", dates(t, ended.read(t, "calendar", "session-1.ics"))["session-1.next-rotation@keyturn"])
	assert.Contains(t, ended.summary(t, "schedule-next"), "the next rotation is due on Monday 1 June 2026; import ")
	assert.Equal(t, "2026-06-01", ended.engine.Session().Facts[paperwork.FactNextRotation])
	assert.Equal(t, []checklist.Kind{checklist.Intended, checklist.Done}, ended.kinds("schedule-next", checklist.DocumentCalendar))
}
