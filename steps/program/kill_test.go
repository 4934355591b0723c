package program_test

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/checklist/journal"
	"keyturn/steps/program"
	"keyturn/steps/program/programtest"
	"keyturn/steps/sandbox"
)

// sample says of how many cuts one is made: usually, and where everything is
// required, which must end within the time of a whole check. The numbers are odd,
// so that cuts before events and behind them take turns, and prime to the rhythm
// of the events.
type sample struct{ usually, required int }

var (
	eventsSampled    = sample{25, 3}
	drawsSampled     = sample{53, 17}
	linesSampled     = sample{31, 11}
	emergencySampled = sample{61, 13}
	rollbackSampled  = sample{97, 23}
	rollbackDraws    = sample{241, 97}
)

// skipShort leaves out what takes minutes under the race detector, and finds
// nothing there: the races would be in processes that are killed.
func skipShort(t *testing.T) {
	t.Helper()
	if testing.Short() {
		t.Skip("short: kills take minutes")
	}
}

// sampled reports whether a cut is made in this run.
func sampled(n int, of sample) bool {
	if requireAll() {
		return n%of.required == 0
	}
	return n%of.usually == 0
}

// TestKillAtEveryEvent kills a rehearsal right before and right behind each of
// its events is durable, and lets another process go on.
func TestKillAtEveryEvent(t *testing.T) {
	skipShort(t)
	t.Parallel()
	for id := range endings() {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			whole := open(t, program.Options{State: memoryDir(t)})
			rehearse(t, whole, id, &programtest.Operator{Answer: noDrift})
			requireEnding(t, whole, id)
			_, events := onlySession(t, whole)
			require.Greater(t, len(events), 50)
			for i, e := range events {
				for _, durable := range []bool{false, true} {
					cut := 2*i + map[bool]int{true: 1}[durable]
					if !sampled(cut, eventsSampled) {
						continue
					}
					name := fmt.Sprintf("%s %d %s %s", map[bool]string{true: "behind", false: "before"}[durable], i+1, e.Kind, e.Item)
					t.Run(strings.TrimSpace(name), func(t *testing.T) {
						t.Parallel()
						l := life{State: memoryDir(t), Checklist: id, Event: i + 1, Durable: durable}
						require.True(t, l.run(t), "this life was to be cut")
						requireRestOfLife(t, l)
					})
				}
			}
		})
	}
}

// requireRestOfLife lets another process go on with what a killed one left, and
// checks that the end is as if nothing had happened.
func requireRestOfLife(t *testing.T, cut life) *program.Program {
	t.Helper()
	rest := life{State: cut.State, Checklist: cut.Checklist}
	require.False(t, rest.run(t))
	p := open(t, options(cut.State))
	requireEnding(t, p, cut.Checklist)
	return p
}

// TestKillInsideEffects kills a rehearsal whenever it draws random bytes: while
// a vault, a world or a roster is made for the first time, while a key is made
// and stored, between a probe and its answer, and while the sandbox itself does
// what it was asked.
func TestKillInsideEffects(t *testing.T) {
	skipShort(t)
	t.Parallel()
	for id := range endings() {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			counted := life{State: memoryDir(t), Checklist: id, DrawsTo: filepath.Join(t.TempDir(), "draws")}
			require.False(t, counted.run(t))
			text, err := os.ReadFile(counted.DrawsTo)
			require.NoError(t, err)
			draws, err := strconv.Atoi(string(text))
			require.NoError(t, err)
			require.Greater(t, draws, 50)
			for draw := 1; draw < draws; draw++ {
				if !sampled(draw, drawsSampled) {
					continue
				}
				t.Run(strconv.Itoa(draw), func(t *testing.T) {
					t.Parallel()
					l := life{State: memoryDir(t), Checklist: id, Draw: draw}
					require.True(t, l.run(t), "this life was to be cut")
					requireRestOfLife(t, l)
				})
			}
		})
	}
}

// TestKillWhileARequestWaits kills a rehearsal right behind each of its requests for
// an approval is in the journal: the process that goes on asks for the same, so that
// an answer that is on its way still counts.
func TestKillWhileARequestWaits(t *testing.T) {
	skipShort(t)
	t.Parallel()
	for n := range 2 {
		t.Run(fmt.Sprintf("request %d", n+1), func(t *testing.T) {
			t.Parallel()
			l := life{State: memoryDir(t), Checklist: "quarterly", Event: n + 1, Durable: true, Kind: checklist.Requested}
			require.True(t, l.run(t), "this life was to be cut")
			s := findSession(t, l.State, l.Checklist)
			require.Len(t, s.Requests, n+1)
			waits := s.Requests[n]

			requireRestOfLife(t, l)
			s = findSession(t, l.State, l.Checklist)
			same := slices.DeleteFunc(slices.Clone(s.Requests), func(r checklist.Request) bool { return r.Consent != waits.Consent })
			assert.Equal(t, []checklist.Request{waits}, same, "nobody was asked a second time")
			assert.True(t, slices.ContainsFunc(s.Approvals, func(a checklist.Approval) bool { return a.Request == waits.ID }), "its answer counts")
		})
	}
}

// findSession folds the one session of a checklist in a state that no process has open.
func findSession(t *testing.T, state, checklistID string) *checklist.Session {
	t.Helper()
	dir := filepath.Join(state, "sandbox", "sessions")
	ids, err := journal.List(dir)
	require.NoError(t, err)
	var found []*checklist.Session
	for _, id := range ids {
		events, err := journal.Read(dir, id)
		require.NoError(t, err)
		s, err := checklist.Fold(events)
		require.NoError(t, err)
		if s.Checklist.ID == checklistID {
			found = append(found, s)
		}
	}
	require.Len(t, found, 1)
	return found[0]
}

// TestKillBehindALostAnswer kills a rehearsal whose writes took effect without
// an answer, when it has found that out and before it could say so, and behind
// that.
func TestKillBehindALostAnswer(t *testing.T) {
	skipShort(t)
	t.Parallel()
	const strikes = 3
	for id := range endings() {
		for n := 1; n <= strikes; n++ {
			for _, durable := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%d, in the journal %v", id, n, durable), func(t *testing.T) {
					t.Parallel()
					l := life{
						State: memoryDir(t), Checklist: id, Fault: sandbox.TimeoutAfterWrite,
						Event: n, Durable: durable, Outcome: checklist.Found,
					}
					require.True(t, l.run(t), "the fault strikes %d times", strikes)
					requireRestOfLife(t, l)
				})
			}
		}
	}
}

// TestKillInTheMiddleOfALine leaves a torn last line behind, as a machine that
// loses power does.
func TestKillInTheMiddleOfALine(t *testing.T) {
	skipShort(t)
	t.Parallel()
	for id := range endings() {
		t.Run(id, func(t *testing.T) {
			t.Parallel()
			whole := open(t, program.Options{State: memoryDir(t)})
			rehearse(t, whole, id, &programtest.Operator{Answer: noDrift})
			_, events := onlySession(t, whole)
			for i := 1; i < len(events)-1; i++ {
				if !sampled(i, linesSampled) {
					continue
				}
				t.Run(fmt.Sprintf("%d %s", i+1, events[i].Kind), func(t *testing.T) {
					t.Parallel()
					l := life{State: memoryDir(t), Checklist: id, Event: i + 1, Durable: true}
					require.True(t, l.run(t), "this life was to be cut")
					tearLastLine(t, l.State, i)
					p := requireRestOfLife(t, l)
					_, events := onlySession(t, p)
					require.Equal(t, checklist.Recovered, events[i].Kind, "the loss is told where it was")
				})
			}
		})
	}
}

// tearLastLine cuts the last line of the only journal, at a place that differs
// from cut to cut.
func tearLastLine(t *testing.T, state string, cut int) {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(state, "sandbox", "sessions", "*", "journal.jsonl"))
	require.NoError(t, err)
	require.Len(t, paths, 1)
	text, err := os.ReadFile(paths[0])
	require.NoError(t, err)
	whole := strings.LastIndexByte(strings.TrimSuffix(string(text), "\n"), '\n') + 1
	line := len(text) - whole
	require.NoError(t, os.Truncate(paths[0], int64(whole+1+(cut*37)%(line-1))))
}
