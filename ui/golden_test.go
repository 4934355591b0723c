package ui

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/ui/internal/standin"
)

var update = flag.Bool("update", false, "write the golden frames anew")

// scenes are the frames that are kept. Those in colour are kept in every look,
// the others as plain ASCII, which shows that no meaning is in the colour.
var scenes = []struct {
	name   string
	colour bool
	opts   Options
	play   func(*stage)
}{
	{name: "home", colour: true, play: func(s *stage) { s.sees("Start") }},
	{name: "home-opening", play: func(*stage) {}, opts: Options{Load: func(ctx context.Context) (Desk, error) {
		<-ctx.Done()
		return nil, ctx.Err()
	}}},
	{name: "home-failed", play: func(s *stage) { s.sees("locked") }, opts: Options{Load: func(context.Context) (Desk, error) {
		return nil, checklist.WithHint(errors.New("open the vault: the keychain is locked"), "unlock it and press r")
	}}},
	{name: "home-in-progress", play: func(s *stage) {
		s.begin("quarterly")
		s.reach("add-staging")
		s.press("q")
		s.sees("next: Add new key to staging")
	}},
	{name: "session-new", play: func(s *stage) { s.begin("quarterly") }},
	{name: "session-gate", play: func(s *stage) {
		s.begin("quarterly")
		s.reach("add-staging")
		s.press("enter")
		s.idle()
		s.r.toast.text = ""
	}},
	{name: "session-working", play: func(s *stage) {
		s.desk.Steps["review"] = standin.Scripted{DoFunc: func(ctx context.Context, sc *checklist.Scope) error {
			sc.Report(checklist.Progress{Words: "building orders-api", Done: 2, Total: 5, Until: sc.Now().Add(5 * time.Minute), Table: &checklist.Table{
				Columns: []string{"target", "state"}, Rows: [][]string{{"orders-api", "BUILDING"}, {"orders-worker", "QUEUED"}},
			}})
			<-ctx.Done()
			return ctx.Err()
		}}
		s.begin("quarterly")
		s.press("enter")
		s.sees("BUILDING")
	}},
	{name: "session-evidence", colour: true, play: func(s *stage) {
		s.begin("quarterly")
		s.reach("approve-production")
		s.r.toast.text = ""
	}},
	{name: "session-failed", play: func(s *stage) {
		s.desk.Steps["generate-key"] = standin.Failing()
		s.begin("quarterly")
		s.doNext()
		s.doNext()
		s.r.toast.text = ""
	}},
	{name: "session-waiting", play: func(s *stage) {
		s.begin("quarterly")
		s.reach("monitor")
		s.doNext()
		s.r.toast.text = ""
	}},
	{name: "session-passed-over", play: func(s *stage) {
		s.begin("quarterly")
		s.press("s")
		s.press("seen last week", "enter")
		s.idle()
		s.press("n")
		s.press("the last record was read by bob too", "enter")
		s.idle()
		s.r.toast.text = ""
	}},
	{name: "session-over-the-limit", play: func(s *stage) {
		s.begin("emergency")
		s.pass(time.Hour + 62*time.Second)
	}},
	{name: "session-put-right", play: func(s *stage) {
		s.desk.Steps["prove-both-keys"] = standin.Blaming("add-staging")
		s.begin("quarterly")
		s.reach("test-staging")
		s.doNext()
		s.r.toast.text = ""
	}},
	{name: "session-patience", play: func(s *stage) {
		s.begin("emergency")
		s.reach("generate")
		s.r.session.selectItem("generate")
		s.pass(28 * time.Second)
	}},
	{name: "session-read-only", play: func(s *stage) {
		s.begin("quarterly")
		s.press("q")
		s.sees("In progress")
		s.desk.HeldBy = "bob@example.com on laptop (pid 4711)"
		s.press("enter")
		s.sees("read-only")
	}},
	{name: "prompt-confirm", colour: true, play: func(s *stage) {
		s.begin("quarterly")
		s.reach("notify")
		s.press("enter")
		s.sees("Has the team been told?")
	}},
	{name: "prompt-type", colour: true, play: func(s *stage) {
		s.begin("quarterly")
		s.reach("remove-old")
		s.press("enter")
		s.sees("Type v1 to go on")
		s.press("v2", "enter")
	}},
	{name: "prompt-write", play: func(s *stage) {
		s.begin("quarterly")
		s.press("a", "the window moved")
	}},
	{name: "prompt-choose", play: func(s *stage) {
		s.begin("quarterly")
		s.reach("approve-production")
		s.press("y", "down")
	}},
	{name: "prompt-reopen", play: func(s *stage) {
		s.begin("quarterly")
		s.reach("redeploy-production")
		s.r.session.selectItem("add-staging")
		s.press("d", "a line feed was stored")
	}},
	{name: "about-milestones", play: func(s *stage) {
		s.begin("emergency")
		s.reach("new-key-in-service")
		s.pass(61 * time.Minute)
		s.press("i")
	}},
	{name: "help", colour: true, play: func(s *stage) { s.sees("Start"); s.press("?") }},
	{name: "about", play: func(s *stage) {
		s.begin("quarterly")
		s.reach("add-production")
		s.press("i")
	}},
	{name: "session-answered", play: func(s *stage) {
		s.begin("quarterly")
		s.reach("add-staging")
		s.r.session.selectItem("notify")
		s.r.toast.text = ""
	}},
	{name: "session-approved", play: func(s *stage) {
		s.begin("quarterly")
		s.reach("add-production")
		s.r.session.selectItem("approve-production")
		s.r.toast.text = ""
	}},
	{name: "session-asked", play: func(s *stage) {
		s.begin("quarterly")
		s.reach("approve-production")
		s.press("enter")
		s.sees("Ask bob@example.com")
		s.press("esc")
		s.idle()
		s.r.toast.text = ""
	}},
	{name: "session-refused", play: func(s *stage) {
		s.begin("quarterly")
		s.reach("approve-production")
		s.press("enter")
		s.sees("Ask bob@example.com")
		s.press("n")
		s.idle()
		s.r.toast.text = ""
	}},
	{name: "session-ran-out", play: func(s *stage) {
		s.begin("quarterly")
		s.reach("add-production")
		s.pass(25 * time.Hour)
		s.r.session.selectItem("add-production")
		s.r.toast.text = ""
	}},
	{name: "prompt-abandon", play: func(s *stage) {
		s.begin("quarterly")
		s.press("a", "wrong service", "enter")
		s.sees("Type abandon")
	}},
	{name: "finished-emergency", play: func(s *stage) {
		s.begin("emergency")
		s.reach("")
		s.sees("Took")
		s.r.toast.text = ""
	}},
	{name: "finished", play: func(s *stage) {
		s.begin("drill")
		s.reach("")
		s.sees("Took")
		s.r.toast.text = ""
	}},
}

func TestGoldenFrames(t *testing.T) {
	t.Parallel()
	for _, scene := range scenes {
		for _, size := range [][2]int{{80, 24}, {120, 40}, {200, 60}} {
			for name, lk := range map[string]looks{"dark": darkLook, "light": lightLook, "ascii": asciiLook} {
				if name != "ascii" && !scene.colour {
					continue
				}
				file := fmt.Sprintf("%s-%dx%d-%s", scene.name, size[0], size[1], name)
				t.Run(file, func(t *testing.T) {
					t.Parallel()
					s := newStage(t, size[0], size[1], lk, scene.opts)
					scene.play(s)
					frame := s.r.View()
					fits(t, frame, size[0], size[1])
					assert.Contains(t, ansi.Strip(strings.SplitN(frame, "\n", 2)[0]), "SANDBOX")
					golden(t, file, frame)
				})
			}
		}
	}
}

// fits asserts that a frame fills the screen exactly.
func fits(t testing.TB, frame string, w, h int) {
	t.Helper()
	lines := strings.Split(frame, "\n")
	assert.Len(t, lines, h)
	for i, line := range lines {
		assert.Equal(t, w, ansi.StringWidth(line), "row %d: %q", i, ansi.Strip(line))
	}
}

func golden(t *testing.T, name, frame string) {
	t.Helper()
	file := filepath.Join("testdata", "frames", name+".golden")
	if *update {
		require.NoError(t, os.MkdirAll(filepath.Dir(file), 0o755))
		require.NoError(t, os.WriteFile(file, []byte(frame+"\n"), 0o644))
		return
	}
	want, err := os.ReadFile(file)
	require.NoError(t, err, "run go test ./ui -update")
	require.Equal(t, string(want), frame+"\n")
}

func TestSelectionIsNotOnlyAColour(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24, asciiLook, Options{})
	s.sees("Start")
	before := s.r.View()
	s.press("down")
	assert.NotEqual(t, before, s.r.View(), "the home screen's cursor")
	s.begin("quarterly")
	before = s.r.View()
	s.press("down")
	assert.NotEqual(t, before, s.r.View(), "the list's cursor")
}

// TestEverySize draws each screen at every size down to the least.
func TestEverySize(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24, darkLook, Options{})
	s.begin("quarterly")
	s.reach("approve-production")
	for w := leastW; w < 140; w += 7 {
		for h := leastH; h < 50; h += 3 {
			s.r.w, s.r.h = w, h
			fits(t, s.r.View(), w, h)
		}
	}
	s.press("?")
	s.r.w, s.r.h = leastW, leastH
	fits(t, s.r.View(), leastW, leastH)
	s.r.w, s.r.h = 59, 24
	assert.Contains(t, s.text(), "needs 60x15")
	s.r.w, s.r.h = 120, 40
	assert.Contains(t, s.text(), "Anywhere", "what was open is still open")
}
