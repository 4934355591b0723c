package ui

import (
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/ui/internal/standin"
)

// What a session deviated in is the same number wherever it is told, also where
// nobody reported it: an emergency's approval comes after its changes.
func TestTheMissingApprovalIsADeviationOnEveryCard(t *testing.T) {
	t.Parallel()
	s := newStage(t, 120, 40, asciiLook, Options{})
	s.begin("emergency")
	s.press("i")
	assert.NotContains(t, s.text(), "Deviations")
	s.press("esc")
	s.reach("approve-afterwards")
	s.press("i")
	const missing = "! production was changed before a second person had approved it: scheduled"
	assert.Regexp(t, regexp.QuoteMeta(missing)+` +\n`, s.text())
	s.press("esc")
	s.reach("")
	s.sees("Emergency revocation finished")
	assert.Regexp(t, `Deviations +1 `, s.text())
	require.Len(t, s.r.session.s.Deviations, 1)
	assert.Contains(t, s.flat(), missing+" (agreed by bob@example.com)")
}

func TestIssuesThatALaterAttemptSettledAreNotShown(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 40, asciiLook, Options{})
	s.desk.Steps["review"] = standin.Failing()
	s.begin("quarterly")
	s.doNext()
	assert.Contains(t, s.flat(), "429 too many requests; nothing was changed", "why, and what was changed")
	s.press("i")
	s.sees("For the next rotation")
	assert.Contains(t, s.flat(), "* Review last rotation notes failed: read the variables of orders-api: 429 too many requests; nothing was changed")
	s.press("esc")
	delete(s.desk.Steps, "review")
	s.doNext()
	s.press("i")
	assert.NotContains(t, s.text(), "For the next rotation")
}

// A session's id is whole where it fits, and short where it does not; the
// commands name it whole.
func TestTheIDOfASessionFits(t *testing.T) {
	t.Parallel()
	id := standin.SessionID("quarterly", 1)
	short := id[:len("quarterly-20251124-")+4]
	for _, size := range []struct {
		w, h   int
		header string
	}{{80, 24, short}, {120, 40, id}} {
		s := newStage(t, size.w, size.h, asciiLook, Options{})
		s.begin("quarterly")
		assert.Contains(t, strings.Split(s.text(), "\n")[1], "-- "+size.header+" --")
		s.press("i")
		assert.Contains(t, s.text(), "Session       "+id+" ")
		s.press("esc", "a", "wrong service", "enter")
		s.sees("-- Abandon " + id + " --")
		fits(t, s.r.View(), size.w, size.h)
		for _, c := range "abandon" {
			s.press(string(c))
		}
		s.press("enter")
		s.sees("Session       " + id + " ")
		fits(t, s.r.View(), size.w, size.h)
		s.press("esc", "q")
		s.sees("Ended")
		fits(t, s.r.View(), size.w, size.h)
	}
}
