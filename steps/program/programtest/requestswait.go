package programtest

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
)

// Driver is an operator at one of the interfaces. What it does ends when a
// question is asked, or when there is nothing to wait for.
type Driver interface {
	Start(d *WaitingDesk)   // begins the session, or comes back to it
	Do()                    // does the next item
	PassOver(reason string) // passes over the next item; the same reason as before for ""
	Again()                 // asks again for the approval that the next item waits for
	Answer(text string)     // answers the question
	Leave()                 // leaves the question
	Quit()                  // ends the program between two items
	Interrupt()             // ends the program while it asks
	Shows(text string)      // waits until the interface has shown a text, however it wraps it
}

// secondWay has a request made, and answers it after something came between.
type secondWay struct {
	t      testing.TB
	desk   *WaitingDesk
	driver Driver
	anew   func(testing.TB) Driver
}

// approves gives the answer to a request that is asked about: yes in the
// sandbox, and else the signature.
func (w *secondWay) approves(r checklist.Request) {
	if w.desk.files {
		w.driver.Answer(w.desk.Approves(r))
		return
	}
	w.driver.Answer(checklist.Yes)
}

// between is what may come between a request and its answer.
func between() map[string]func(*secondWay, checklist.Request) {
	return map[string]func(*secondWay, checklist.Request){
		"esc": func(w *secondWay, _ checklist.Request) { w.driver.Leave() },
		"leaving": func(w *secondWay, _ checklist.Request) {
			w.driver.Leave()
			w.driver.Quit()
			w.restart(w.desk)
		},
		"killing":    func(w *secondWay, _ checklist.Request) { w.restart(w.desk.Killed()) },
		"restarting": func(w *secondWay, _ checklist.Request) { w.driver.Interrupt(); w.restart(w.desk) },
		"restarting after nearly a day": func(w *secondWay, _ checklist.Request) {
			w.driver.Interrupt()
			w.desk.Pass(24*time.Hour - time.Minute)
			w.restart(w.desk)
		},
		"another terminal": func(w *secondWay, _ checklist.Request) {
			other := w.anew(w.t)
			other.Start(w.desk)
			other.Shows("read-only")
			w.driver.Leave()
			w.driver.Quit()
			w.restart(w.desk)
		},
		"a second request that is left too": func(w *secondWay, _ checklist.Request) {
			w.driver.Leave()
			w.driver.PassOver("bob is away")
			w.driver.Leave()
		},
	}
}

// RequestsWait runs every way in which a request can be left open against a
// driver, with a second person in the sandbox and with one who is reached by
// files: the good answer always counts.
func RequestsWait(t *testing.T, anew func(testing.TB) Driver) {
	for name, comes := range between() {
		for _, files := range []bool{false, true} {
			t.Run(name+map[bool]string{false: ", in the sandbox", true: ", by files"}[files], func(t *testing.T) {
				t.Parallel()
				w := &secondWay{t: t, desk: NewWaitingDesk(t, files), driver: anew(t), anew: anew}
				w.driver.Start(w.desk)
				w.driver.Do()
				r := w.desk.Last()
				comes(w, r)
				w.driver.Do()
				w.approves(r)
				w.requireCounted(r)
			})
		}
	}
	t.Run("an answer to the first request at the second", func(t *testing.T) {
		t.Parallel()
		answerAtTheSecond(t, anew)
	})
	t.Run("a signature that lies beside the request", func(t *testing.T) {
		t.Parallel()
		w := &secondWay{t: t, desk: NewWaitingDesk(t, true), driver: anew(t), anew: anew}
		w.driver.Start(w.desk)
		w.driver.Do()
		r := w.desk.Last()
		require.NoError(t, os.WriteFile(w.desk.File(r)+".sig", []byte(w.desk.Approves(r)), 0o600))
		w.driver.Answer("") // enter takes it
		w.requireCounted(r)
	})
	t.Run("a refusal, and another request", func(t *testing.T) {
		t.Parallel()
		refusedAndAskedAgain(t, anew)
	})
	t.Run("an approval that ran out", func(t *testing.T) {
		t.Parallel()
		ranOut(t, anew)
	})
}

func (w *secondWay) restart(d *WaitingDesk) {
	w.driver = w.anew(w.t)
	w.desk = d
	w.driver.Start(d)
}

// requireCounted checks that a request was approved, and was the only one of its
// kind that was made.
func (w *secondWay) requireCounted(r checklist.Request) {
	w.t.Helper()
	s := w.desk.Session()
	require.Len(w.t, s.Approvals, 1)
	assert.Equal(w.t, []string{r.ID, WaitingSecond}, []string{s.Approvals[0].Request, s.Approvals[0].By})
	assert.Equal(w.t, checklist.StatusPassed, s.State(waitingApproval).Status)
	same := slices.DeleteFunc(s.Requests, func(o checklist.Request) bool { return o.Consent != r.Consent })
	assert.Equal(w.t, []checklist.Request{r}, same)
	w.driver.Do()
	assert.Equal(w.t, checklist.StatusPassed, w.desk.Session().State(waitingChange).Status)
}

// answerAtTheSecond gives the answer to one request where another is asked
// about: it counts for its own, and the other goes on waiting.
func answerAtTheSecond(t *testing.T, anew func(testing.TB) Driver) {
	w := &secondWay{t: t, desk: NewWaitingDesk(t, true), driver: anew(t), anew: anew}
	w.driver.Start(w.desk)
	w.driver.Do()
	first := w.desk.Last()
	w.driver.Leave()
	w.driver.PassOver("bob is away")
	second := w.desk.Last()
	require.NotEqual(t, first.ID, second.ID)
	w.driver.Shows("An answer to request " + first.ID + ", which waits too, counts as well")
	w.driver.Answer("> " + strings.ReplaceAll(strings.TrimSpace(w.desk.Approves(first)), "\n", "\r\n> ")) // as it was mailed
	w.driver.Shows("Recorded: " + WaitingSecond + " agreed: Approval of the change. That answered another request; this one is still waiting.")
	assert.Equal(t, []checklist.Request{second}, w.desk.Session().Waiting(w.desk.Now()))
	w.driver.Leave()
	w.driver.Do() // nobody is asked
	w.requireCounted(first)
}

func refusedAndAskedAgain(t *testing.T, anew func(testing.TB) Driver) {
	w := &secondWay{t: t, desk: NewWaitingDesk(t, true), driver: anew(t), anew: anew}
	w.driver.Start(w.desk)
	w.driver.Do()
	first := w.desk.Last()
	w.driver.Answer(w.desk.Refuses(first, "not on a Friday"))
	w.driver.Shows(WaitingSecond + " refused it: not on a Friday")
	assert.Equal(t, checklist.StatusFailed, w.desk.Session().State(waitingApproval).Status)
	w.driver.Do()
	again := w.desk.Last()
	require.NotEqual(t, first.ID, again.ID)
	w.driver.Answer(w.desk.Approves(first))
	w.driver.Shows("it answers request " + first.ID + " of 2 Mar 2026 09:00 UTC, which was refused by " + WaitingSecond)
	w.driver.Do()
	w.driver.Answer(w.desk.Approves(again))
	assert.Equal(t, again.ID, w.desk.Session().Approvals[0].Request)
}

// ranOut lets an approval run out, and asks for another where the closed gate is
// shown. A deviation that was asked about goes on with the reason of before.
func ranOut(t *testing.T, anew func(testing.TB) Driver) {
	w := &secondWay{t: t, desk: NewWaitingDesk(t, true), driver: anew(t), anew: anew}
	w.driver.Start(w.desk)
	w.driver.Do()
	w.driver.Answer(w.desk.Approves(w.desk.Last()))
	first := w.desk.Last()
	w.driver.Quit()
	w.desk.Pass(25 * time.Hour)
	w.restart(w.desk)
	w.driver.Shows("the approval by " + WaitingSecond + " ran out at 3 Mar 09:00; ask again")
	w.driver.PassOver("no need of it")
	over := w.desk.Last()
	w.driver.Leave()
	w.driver.PassOver("")
	assert.Equal(t, over, w.desk.Last(), "the same request")
	w.driver.Leave()

	w.driver.Again()
	again := w.desk.Last()
	require.NotContains(t, []string{first.ID, over.ID}, again.ID)
	assert.Equal(t, first.Consent, again.Consent)
	w.driver.Leave()
	w.driver.Again()
	assert.Equal(t, again, w.desk.Last(), "asked for again, and left, and asked for again: the same request")
	w.driver.Answer(w.desk.Approves(again))
	w.driver.Do()
	s := w.desk.Session()
	assert.Equal(t, checklist.StatusPassed, s.State(waitingChange).Status)
	assert.Empty(t, s.Deviations)
}
