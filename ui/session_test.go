package ui

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/ui/internal/standin"
)

func TestQuarterlyRotationByKeyboard(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24, asciiLook, Options{})
	s.begin("quarterly")
	s.reach("add-staging")
	s.press("enter")
	s.sees("day 1 opens")
	s.idle()
	s.press("q")
	s.sees("Add new key to staging, opens")
	s.press("enter") // the cursor is on the session that was left
	s.sees("resumed")
	s.idle()
	s.reach("")
	s.sees("Quarterly rotation finished")
	assert.Contains(t, s.text(), "ssh-keygen -Y verify")
	assert.Equal(t, checklist.Finished, s.r.session.s.Outcome)
	s.press("esc", "enter")
	s.sees("Took")
	s.press("esc", "q")
	s.sees("Ended")
	assert.Empty(t, s.r.result.Return)
	assert.Equal(t, checklist.Finished, s.r.result.Outcome)
}

func TestDrillByKeyboard(t *testing.T) {
	t.Parallel()
	s := newStage(t, 120, 40, darkLook, Options{})
	s.begin("drill")
	s.reach("")
	s.sees("Staging drill finished")
}

func TestDecliningLeavesTheItem(t *testing.T) {
	t.Parallel()
	for name, key := range map[string]string{"no": "n", "escape": "esc", "the default": "enter"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, 80, 24, asciiLook, Options{})
			s.begin("drill")
			s.reach("add-test")
			s.press("enter")
			s.sees("> No")
			s.press(key)
			s.sees("enter takes it up again")
			assert.Empty(t, s.r.session.s.State("add-test").Effects)
			s.doNext()
			assert.Equal(t, checklist.StatusPassed, s.r.session.s.State("add-test").Status)
		})
	}
}

func TestTypingMustBeExact(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24, asciiLook, Options{})
	s.begin("quarterly")
	s.reach("remove-old")
	s.press("enter")
	s.sees("Type v1 to go on")
	for _, wrong := range []string{"", "v", "v1 ", " v1", "V1"} {
		p := s.r.top().(*prompt)
		p.line.SetValue(wrong)
		s.press("enter")
		require.Same(t, p, s.r.top(), "%q", wrong)
	}
	s.r.top().(*prompt).line.SetValue("v1")
	s.press("enter")
	s.idle()
	assert.Equal(t, checklist.StatusPassed, s.r.session.s.State("remove-old").Status)
}

func TestFailureShowsItsHintAndCanBeTriedAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24, asciiLook, Options{})
	s.desk.Steps["review"] = standin.Failing()
	s.begin("quarterly")
	s.doNext()
	s.sees("hint: wait 60 s")
	assert.Contains(t, s.text(), "enter try again")
	delete(s.desk.Steps, "review")
	s.doNext()
	assert.Equal(t, checklist.StatusPassed, s.r.session.s.State("review").Status)
}

func TestPassOverRequiredItem(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24, asciiLook, Options{})
	s.begin("quarterly")
	s.reach("generate")
	s.press("s")
	s.sees("cannot be passed over")
}

func TestOverrideAsksWhichGateWhyAndASecondPerson(t *testing.T) {
	t.Parallel()
	s := newStage(t, 120, 40, asciiLook, Options{})
	s.begin("quarterly")
	s.reach("add-staging")
	s.press("o")
	s.sees("Closed because day 1 opens")
	s.press("enter")
	s.sees("write something")
	s.press("the window was moved", "enter")
	s.sees("gate overridden")
	assert.Empty(t, s.r.session.s.Closed(s.r.session.item(), s.desk.Now()))

	s.reach("remove-old")
	s.press("o")
	s.sees("Which gate of: Remove old key")
	s.press("2", "enter")
	s.sees("Override the gate")
	s.press("the team asked for it", "enter")
	s.sees("Ask bob@example.com")
	s.press("y")
	s.idle()
	assert.Equal(t, []string{"bob@example.com"}, s.r.session.s.Deviations[1].Approved)
	s.doNext()
	s.reach("redeploy-removal")
	s.press("o")
	s.sees("no gate of the next item")
}

func TestAbandon(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24, asciiLook, Options{})
	s.begin("quarterly")
	s.press("a", "wrong service", "enter")
	s.sees("Type abandon")
	for _, c := range "abandon" {
		s.press(string(c))
	}
	s.press("enter")
	s.sees("Quarterly rotation abandoned")
	assert.Equal(t, "wrong service", s.r.session.s.EndText)
	ended := s.text()
	for _, words := range []string{"In service, as far as this session knows: staging: v1; production: v1.", "It leaves no new key in service", "The record is signed: trail/000004-" + s.r.session.s.ID()} {
		assert.Contains(t, strings.Join(strings.Fields(ended), ""), strings.ReplaceAll(words, " ", "")) // wherever it was wrapped
	}
	s.press("esc", "enter")
	s.until("the end once more", func() bool { return s.text() == ended })
}

// A default stands where the text will: enter takes it, tab changes it, and what
// is typed replaces it.
func TestADefaultNeedNotBeDeleted(t *testing.T) {
	t.Parallel()
	q := checklist.Question{Kind: checklist.Write, Title: "How is it known?", Default: "not said"}
	optional := q
	optional.Optional = true
	for name, tc := range map[string]struct {
		q    checklist.Question
		keys []string
		want string
	}{
		"enter":                         {q, []string{"enter"}, "not said"},
		"typing":                        {q, []string{"a", "b", "enter"}, "ab"},
		"typing and taking it back":     {q, []string{"a", "backspace", "enter"}, "not said"},
		"tab":                           {q, []string{"tab", " yet", "enter"}, "not said yet"},
		"an empty text that is allowed": {optional, append(slices.Repeat([]string{"backspace"}, len(q.Default)), "enter"), ""},
		"a default that may be emptied": {optional, []string{"enter"}, "not said"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, 80, 24, asciiLook, Options{})
			s.begin("quarterly")
			answer := "none"
			s.r.ask(tc.q, func(text string) tea.Cmd {
				answer = text
				return nil
			})
			assert.Contains(t, s.text(), "not said")
			assert.Equal(t, !tc.q.Optional, strings.Contains(s.text(), "enter takes this, tab changes it"))
			s.press(tc.keys...)
			assert.Equal(t, tc.want, answer)
		})
	}
}

func TestClockOnlyTurnsWhereItHelps(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24, asciiLook, Options{})
	s.begin("quarterly")
	s.press("f")
	s.sees("nothing waits for time")
	s.r.session.sandbox = false
	s.press("f")
	s.sees("only the sandbox")
}

func TestRepeatableItemsCanBeDoneAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24, asciiLook, Options{})
	s.begin("quarterly")
	s.reach("approve-production")
	s.press("d")
	s.idle()
	assert.Equal(t, 2, s.r.session.s.State("test-staging").Attempts)
	assert.Equal(t, checklist.StatusPassed, s.r.session.s.State("redeploy-staging").Status, "nothing else is open again")
	s.press("G", "d")
	s.sees("has not been done yet")
}

func TestSettledItemsCanBeOpenedAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t, 120, 40, asciiLook, Options{})
	s.begin("quarterly")
	s.reach("approve-production")
	s.r.session.selectItem("redeploy-staging")
	assert.Contains(t, s.text(), "d open again")
	s.press("d")
	s.sees("Do again: Redeploy staging")
	assert.Contains(t, s.text(), "so is what was done behind it: Test in staging.")
	s.press("esc")
	assert.Equal(t, checklist.StatusPassed, s.r.session.s.State("redeploy-staging").Status)
	s.press("d", "enter")
	s.sees("write something")
	s.press("the build used an old commit", "enter")
	s.sees("Redeploy staging: open again")
	for _, id := range []string{"redeploy-staging", "test-staging"} {
		assert.Equal(t, checklist.StatusOpen, s.r.session.s.State(id).Status, id)
	}
	assert.Equal(t, checklist.StatusPassed, s.r.session.s.State("add-staging").Status)
	require.Len(t, s.r.session.s.Deviations, 1)
	assert.Equal(t, "the build used an old commit", s.r.session.s.Deviations[0].Reason)
	s.doNext()
	assert.Equal(t, checklist.StatusPassed, s.r.session.s.State("redeploy-staging").Status)
}

func TestOpeningAgainSaysThatApprovalsAreLost(t *testing.T) {
	t.Parallel()
	s := newStage(t, 120, 40, asciiLook, Options{})
	s.begin("quarterly")
	s.reach("redeploy-production")
	s.r.session.selectItem("redeploy-staging")
	s.press("d")
	s.sees("Approvals among them are asked for again.")
	assert.Contains(t, s.text(), "so are the 3 items that were done behind it")
}

func TestWhatCannotBeUndoneIsNotOpenedAgain(t *testing.T) {
	t.Parallel()
	s := newStage(t, 120, 40, asciiLook, Options{})
	s.begin("quarterly")
	s.reach("redeploy-removal")
	s.r.session.selectItem("add-staging")
	assert.NotContains(t, s.text(), "d open again")
	s.press("d")
	s.sees("cannot be undone")
	assert.Empty(t, s.r.overlays)
}

// TestProofIsNotRepeatedBehindAChange: a proof that would fail for good now is
// not offered by itself.
func TestProofIsNotRepeatedBehindAChange(t *testing.T) {
	t.Parallel()
	s := newStage(t, 120, 40, asciiLook, Options{})
	s.begin("quarterly")
	s.reach("redeploy-removal")
	s.r.session.selectItem("test-staging")
	require.Error(t, s.r.session.s.CanRepeat("test-staging"))
	s.press("d")
	s.sees("cannot be undone")
	assert.Equal(t, 1, s.r.session.s.State("test-staging").Attempts)
}

func TestFailureThatAnEarlierItemPutsRight(t *testing.T) {
	t.Parallel()
	s := newStage(t, 120, 40, asciiLook, Options{})
	s.desk.Steps["prove-both-keys"] = standin.Blaming("add-staging")
	s.begin("quarterly")
	s.reach("test-staging")
	s.doNext()
	s.sees(`d opens "Add new key to staging" again, and what was done behind it`)
	s.press("d")
	s.sees("Do again: Add new key to staging")
	s.press("a line feed was stored", "enter")
	s.sees("Add new key to staging: open again")
	next, _ := s.r.session.s.Next()
	assert.Equal(t, "add-staging", next.ID)
	assert.Equal(t, "add-staging", s.r.session.item().ID)
	s.desk.Steps = map[string]checklist.Step{}
	s.reach("approve-production")
	assert.Equal(t, checklist.StatusPassed, s.r.session.s.State("test-staging").Status)
}

func TestPatienceIsCountedDown(t *testing.T) {
	t.Parallel()
	s := newStage(t, 120, 40, asciiLook, Options{})
	s.begin("emergency")
	s.reach("backup-key")
	s.pass(28 * time.Second)
	assert.Contains(t, s.text(), "put off in 01:32 if not done")
	assert.Contains(t, s.r.session.status(s.r.session.now()), "put off in 01:32 if not done")
	s.pass(92 * time.Second)
	assert.Contains(t, s.text(), "its time is over: enter puts it off")
	s.doNext()
	s.sees("is put off; go on with the next item")
	assert.Equal(t, checklist.StatusPassedOver, s.r.session.s.State("backup-key").Status)
	assert.NotContains(t, s.text(), "did not pass")
}

func TestMilestonesAreOnTheCard(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 40, asciiLook, Options{})
	s.begin("quarterly")
	s.press("i")
	assert.NotContains(t, s.text(), "Milestones")
	s.press("esc", "q")
	s.begin("emergency")
	s.press("i")
	assert.Contains(t, s.text(), "Milestones, within 1 h")
	assert.Contains(t, s.text(), ". compromised key refused: not yet, 1 h left")
	s.press("esc")
	s.reach("prove-revoked")
	s.pass(10 * time.Minute)
	s.doNext()
	s.pass(52 * time.Minute)
	s.press("i")
	assert.Contains(t, s.text(), "+ compromised key refused: after 10 min, 50 min early")
	assert.Contains(t, s.text(), "x new key accepted: not yet, 2 min over")
	s.press("esc")
	s.doNext()
	s.press("i")
	assert.Contains(t, s.text(), "x new key accepted: after 1 h 2 min, 2 min late")
}

func TestReadOnlySessionRefusesEveryAct(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24, asciiLook, Options{})
	s.begin("quarterly")
	s.press("q")
	s.sees("In progress")
	s.desk.HeldBy = "bob"
	s.press("enter")
	s.sees("read-only")
	for _, k := range []string{"enter", "n", "s", "o", "f", "a", "d"} {
		s.press(k)
		assert.Nil(t, s.r.task, k)
		assert.Empty(t, s.r.overlays, k)
		assert.Contains(t, s.text(), "driven by bob")
	}
	s.desk.HeldBy = ""
	s.press("r")
	s.sees("read again")
	s.press("enter")
	s.idle()
	assert.Equal(t, checklist.StatusPassed, s.r.session.s.State("review").Status)
}

func TestCopy(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24, asciiLook, Options{})
	s.begin("quarterly")
	s.press("y")
	s.sees("no command to copy")
	s.reach("approve-production")
	s.press("y", "2", "enter")
	s.sees("handed to the test")
	want := s.r.session.s.State("test-staging").Evidence.Commands[1]
	assert.Equal(t, "copied:"+want, s.out.String())
}

func TestCopyFromAQuestion(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24, asciiLook, Options{})
	s.begin("quarterly")
	s.reach("notify")
	s.press("enter")
	s.sees("Has the team been told?")
	s.press("ctrl+y")
	s.sees("handed to the test")
	assert.Contains(t, s.text(), "Has the team been told?")
}

func TestScrollingAboveAQuestion(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24, asciiLook, Options{})
	s.begin("quarterly")
	s.reach("add-production")
	s.press("enter")
	s.sees("pgdn scroll")
	before := s.r.session.detail.top
	s.press("pgdown")
	assert.Greater(t, s.r.session.detail.top, before)
}

func TestPanelsScrollByFocus(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24, asciiLook, Options{})
	s.begin("quarterly")
	s.reach("approve-production")
	_ = s.r.View()
	cursor := s.r.session.cursor
	s.press("tab", "j", "j")
	_ = s.r.View()
	assert.Equal(t, 2, s.r.session.detail.top)
	assert.Equal(t, cursor, s.r.session.cursor)
	s.press("G")
	_ = s.r.View()
	assert.Greater(t, s.r.session.detail.top, 10)
	s.press("g", "h", "l", "left", "j")
	assert.Equal(t, cursor+1, s.r.session.cursor)
	assert.Zero(t, s.r.session.detail.top)
}

func TestLimitIsCountedInTheFrameAndTheTitle(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24, asciiLook, Options{})
	s.begin("emergency")
	s.pass(61 * time.Second)
	assert.Contains(t, s.text(), "58:59 left")
	assert.Equal(t, "SANDBOX keyturn Emergency revocation, 0 of 18, 58:59 left", s.r.windowTitle(s.r.session.now()))
	s.pass(time.Hour)
	assert.Contains(t, s.text(), "01:01 over")
	assert.Contains(t, s.r.windowTitle(s.r.session.now()), "01:01 over")
}

func TestFailedOpenings(t *testing.T) {
	t.Parallel()
	attempts := 0
	desk := standin.New()
	s := newStage(t, 80, 24, asciiLook, Options{Load: func(context.Context) (Desk, error) {
		if attempts++; attempts == 1 {
			return nil, checklist.WithHint(errors.New("open the vault: locked"), "unlock it")
		}
		return desk, nil
	}})
	s.sees("hint: unlock it")
	s.press("enter", "1", "j")
	s.press("r")
	s.sees("Quarterly rotation")
	s.press("4")
	s.press("G", "enter")
	s.sees("no session is in trouble")
}

// The numbers of the checklists are those of the first day, whatever was begun
// since, and a list that is longer than the screen says so.
func TestNumbersOfTheChecklistsStay(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24, asciiLook, Options{})
	s.sees("Quarterly rotation")
	before := s.r.homeView.entries
	for range 5 {
		s.begin("drill")
		s.press("q")
		s.until("home", func() bool { return s.r.session == nil })
	}
	s.until("the sessions", func() bool { return len(s.r.homeView.entries) == len(before)+5 })
	numbers := map[string]int{}
	for _, e := range s.r.homeView.entries {
		if e.offer != nil {
			numbers[e.offer.Checklist] = e.number
		}
	}
	for _, e := range before {
		assert.Equal(t, e.number, numbers[e.offer.Checklist], e.offer.Checklist)
	}
	assert.Regexp(t, `\.\.\. \d more below, down/j`, s.text())
	s.press("end")
	assert.Contains(t, s.text(), "... more above, up/k")
	assert.Contains(t, s.text(), "Vault")
	s.press("1")
	s.sees("Start: Quarterly rotation")
}
