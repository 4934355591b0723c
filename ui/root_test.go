package ui

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/ui/internal/standin"
)

func TestKeysReadTogetherAreEachPressed(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24, asciiLook, Options{})
	s.begin("quarterly")
	s.press("jjjjj")
	assert.Equal(t, 5, s.r.session.cursor)
	s.press("kkG")
	assert.Equal(t, len(s.r.session.items)-1, s.r.session.cursor)
}

func TestPasteIsNoPressingOfKeys(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24, asciiLook, Options{})
	s.begin("quarterly")
	s.update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("qjjs"), Paste: true})
	assert.Equal(t, 0, s.r.session.cursor)
	s.press("n")
	s.update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune("seen q\nby bob"), Paste: true})
	s.press("enter")
	s.idle()
	assert.Equal(t, "seen q\nby bob", s.r.session.s.Notes[0].Text)
}

func TestTextFieldsTakeEveryLetter(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24, asciiLook, Options{})
	s.begin("quarterly")
	s.press("n", "q?nsjk", "enter")
	s.idle()
	assert.Equal(t, "q?nsjk", s.r.session.s.Notes[0].Text)
}

func TestEscapeNeverQuits(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24, asciiLook, Options{})
	s.sees("Start")
	s.press("esc", "esc", "esc")
	s.begin("quarterly")
	s.press("?", "esc")
	require.NotNil(t, s.r.session)
	s.press("n", "half a note", "esc")
	require.NotNil(t, s.r.session)
	assert.Empty(t, s.r.overlays)
	s.press("tab", "esc")
	require.NotNil(t, s.r.session, "escape leaves the panel first")
	s.press("esc")
	s.sees("In progress")
	s.press("esc", "esc")
	assert.False(t, s.r.leaving)
}

func TestEscapeThatCameAlone(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24, asciiLook, Options{})
	s.sees("Start")
	s.press("esc", "[B")
	assert.Equal(t, 1, s.r.homeView.cursor, "the rest of a down key")
	s.mu.Lock()
	s.now = s.now.Add(time.Second)
	s.mu.Unlock()
	s.press("[B")
	assert.Equal(t, 1, s.r.homeView.cursor, "typed much later")
}

func TestQuit(t *testing.T) {
	t.Parallel()
	t.Run("from home", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, 80, 24, asciiLook, Options{})
		s.sees("Start")
		s.press("q")
		s.until("the end", func() bool { return s.quit })
		assert.False(t, s.r.result.Interrupted)
	})
	t.Run("back from a session, then from home", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, 80, 24, asciiLook, Options{})
		s.begin("quarterly")
		s.press("q")
		s.sees("In progress")
		assert.False(t, s.r.leaving)
		s.press("q")
		s.until("the end", func() bool { return s.quit })
		assert.Equal(t, "keyturn --sandbox resume "+standin.SessionID("quarterly", 1), s.r.result.Return)
	})
	t.Run("at once from a session that the command line named", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, 80, 24, asciiLook, Options{Start: "drill"})
		s.sees("Why is the key rotated?")
		s.press("enter")
		s.until("the session", func() bool { return s.r.session != nil })
		s.press("q")
		s.until("the end", func() bool { return s.quit })
	})
	t.Run("ctrl+c", func(t *testing.T) {
		t.Parallel()
		s := newStage(t, 80, 24, asciiLook, Options{})
		s.sees("Start")
		s.press("ctrl+c")
		s.until("the end", func() bool { return s.quit })
		assert.True(t, s.r.result.Interrupted)
	})
}

func TestCtrlCCancelsFirst(t *testing.T) {
	t.Parallel()
	s := newStage(t, 120, 40, asciiLook, Options{})
	cancelled := make(chan struct{})
	s.desk.Steps["review"] = standin.Scripted{DoFunc: func(ctx context.Context, _ *checklist.Scope) error {
		<-ctx.Done()
		<-cancelled
		return ctx.Err()
	}}
	s.begin("quarterly")
	s.press("enter")
	s.sees("working")
	s.press("q")
	s.sees("ctrl+c cancels it")
	require.NotNil(t, s.r.session, "q does not leave an item under way")
	s.press("ctrl+c")
	s.sees("cancelling")
	assert.False(t, s.r.leaving)
	close(cancelled)
	s.idle()
	assert.False(t, s.r.leaving)
	s.press("ctrl+c")
	s.until("the end", func() bool { return s.quit })
}

func TestCancelWithdrawsTheQuestion(t *testing.T) {
	t.Parallel()
	s := newStage(t, 120, 40, asciiLook, Options{})
	s.begin("quarterly")
	s.reach("notify")
	s.press("enter")
	s.sees("Has the team been told?")
	s.press("ctrl+c")
	s.idle()
	assert.Empty(t, s.r.overlays)
}

func TestStart(t *testing.T) {
	t.Parallel()
	desk := standin.New()
	load := func(context.Context) (Desk, error) { return desk, nil }
	s := newStage(t, 80, 24, asciiLook, Options{Load: load, Start: "quarterly"})
	s.sees("Why is the key rotated?")
	s.press("enter")
	s.until("the session", func() bool { return s.r.session != nil })
	id := s.r.session.s.ID()

	for name, start := range map[string]string{"a checklist in progress": "quarterly", "a session": id} {
		t.Run(name, func(t *testing.T) {
			s := newStage(t, 80, 24, asciiLook, Options{Load: load, Start: start})
			s.until("the session", func() bool { return s.r.session != nil && s.r.task == nil })
			assert.Equal(t, id, s.r.session.s.ID())
		})
	}
	t.Run("nothing of that name", func(t *testing.T) {
		s := newStage(t, 80, 24, asciiLook, Options{Load: load, Start: "yearly"})
		s.sees(`no session or checklist "yearly"`)
	})
	t.Run("left at its question", func(t *testing.T) {
		s := newStage(t, 80, 24, asciiLook, Options{Load: load, Start: "drill"})
		s.sees("Why is the key rotated?")
		s.press("esc")
		s.sees("nothing was started")
	})
}

func TestPanics(t *testing.T) {
	t.Parallel()
	const secret = "the-secret-of-the-panic"
	tests := map[string]func(*stage){
		"in a task": func(s *stage) {
			s.desk.Steps["review"] = standin.Panicking(secret)
			s.begin("quarterly")
			s.press("enter")
		},
		"in a command":   func(s *stage) { s.run(guarded(func() tea.Msg { panic(secret) })) },
		"in a batch":     func(s *stage) { s.run(guarded(tea.Batch(func() tea.Msg { panic(secret) }, tea.ClearScreen))) },
		"in the update":  func(s *stage) { s.sees("Start"); s.r.homeView.host = nil; s.press("q") },
		"in the drawing": func(s *stage) { s.sees("Start"); s.r.homeView.look = nil; _ = s.r.View() },
	}
	for name, play := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, 80, 24, asciiLook, Options{})
			play(s)
			s.until("the end", func() bool { return s.r.crash != nil && s.r.leaving })
			dir := filepath.Join(t.TempDir(), "crashes")
			file := s.r.crash.save(dir, time.Now())
			info, err := os.Stat(file)
			require.NoError(t, err)
			assert.Equal(t, os.FileMode(0o600), info.Mode().Perm())
			text, err := os.ReadFile(file)
			require.NoError(t, err)
			assert.Contains(t, string(text), "goroutine")
			assert.NotContains(t, string(text), secret)
			crashed := &CrashError{Part: s.r.crash.part, File: file}
			assert.NotContains(t, crashed.Error(), secret)
			assert.Contains(t, crashed.Hint(), file)
		})
	}
	assert.Empty(t, (&crash{}).save("", time.Now()))
	assert.Empty(t, (&crash{}).save(string([]byte{0}), time.Now()))
}

func TestNoticeFromOutsideCannotControlTheTerminal(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24, asciiLook, Options{})
	s.desk.Steps["review"] = standin.Scripted{Evidence: checklist.Evidence{
		Summary:  "evil \x1b]52;c;AAAA\a and \x1b[2J",
		Tables:   []checklist.Table{{Columns: []string{"a\x1b[1m"}, Rows: [][]string{{"b\x9b1m"}}}},
		Commands: []string{"echo \x1b]0;title\a"},
		Issues:   []string{"x\x1by"},
	}}
	s.begin("quarterly")
	s.doNext()
	assert.NotContains(t, s.r.View(), "\x1b")
	assert.NotContains(t, s.r.windowTitle(s.desk.Now()), "\x1b")
}

func TestBackgroundAnswerTurnsTheTheme(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24, darkLook, Options{})
	s.begin("quarterly")
	dark := s.r.View()
	s.update(backgroundRead{dark: false})
	light := s.r.View()
	assert.NotEqual(t, dark, light)
	s.update(backgroundRead{dark: true})
	assert.Equal(t, dark, s.r.View())
	assert.Equal(t, strings.Count(dark, "\n"), strings.Count(light, "\n"))
}

func TestResizeKeepsWhatWasTyped(t *testing.T) {
	t.Parallel()
	s := newStage(t, 120, 40, asciiLook, Options{})
	s.begin("quarterly")
	s.press("n", "half a note")
	s.update(tea.WindowSizeMsg{Width: 40, Height: 10})
	assert.Contains(t, s.text(), "needs 60x15")
	s.update(tea.WindowSizeMsg{Width: 80, Height: 24})
	assert.Contains(t, s.text(), "half a note")
}
