package ui

import (
	"context"
	"strings"
	"testing"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/steps/program/programtest"
)

// keyboard sits at the full-screen interface.
type keyboard struct {
	t testing.TB
	s *stage
}

func newKeyboard(t testing.TB) programtest.Driver { return &keyboard{t: t} }

func (k *keyboard) Start(d *programtest.WaitingDesk) {
	k.t.Helper()
	k.s = newStage(k.t, 120, 60, asciiLook, Options{
		Start: programtest.WaitingList, Load: func(context.Context) (Desk, error) { return d, nil },
	})
	k.s.until("the session", func() bool { return k.s.r.session != nil })
	k.s.idle()
}

// waits waits until something is asked, or nothing is under way.
func (k *keyboard) waits() {
	k.t.Helper()
	k.s.until("an answer or the end", func() bool { return k.s.r.task == nil || k.s.r.task.asking })
}

func (k *keyboard) press(keys ...string) {
	k.t.Helper()
	k.s.press(keys...)
	k.waits()
}

func (k *keyboard) Do() { k.press("enter") }

func (k *keyboard) PassOver(reason string) {
	k.t.Helper()
	k.s.press("s")
	if reason != "" {
		k.s.press(reason)
	}
	k.press("enter")
}

func (k *keyboard) Again() { k.press("p") }

func (k *keyboard) Answer(text string) {
	k.t.Helper()
	p, ok := k.s.r.top().(*prompt)
	require.True(k.t, ok, k.s.text())
	if p.q.Kind == checklist.Confirm {
		k.press(text[:1])
		return
	}
	if text != "" {
		k.s.update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(text), Paste: true})
		require.Same(k.t, p, k.s.r.top(), "what is pasted answers nothing by itself")
	}
	k.press("enter")
}

func (k *keyboard) Leave() { k.press("esc") }

func (k *keyboard) Quit() {
	k.t.Helper()
	k.s.press("q")
	k.ends()
}

// Interrupt presses ctrl+c twice: the first cancels, the second quits.
func (k *keyboard) Interrupt() {
	k.t.Helper()
	k.press("ctrl+c")
	k.s.idle()
	k.s.press("ctrl+c")
	k.ends()
}

// ends gives the session back, as Run does.
func (k *keyboard) ends() {
	k.t.Helper()
	k.s.until("the end", func() bool { return k.s.quit })
	_, err := k.s.r.farewell(nil, 0)
	require.NoError(k.t, err)
}

func (k *keyboard) Shows(text string) {
	k.t.Helper()
	flat := func(s string) string {
		return strings.Join(strings.FieldsFunc(s, func(r rune) bool { return strings.ContainsRune(" \n|", r) }), "")
	}
	k.s.until(text, func() bool { return strings.Contains(flat(k.s.text()), flat(text)) })
}

func TestRequestsWait(t *testing.T) {
	t.Parallel()
	programtest.RequestsWait(t, newKeyboard)
}

// A terminal that does not mark what is pasted sends its line ends as enter: they
// end no answer that has begun and not ended.
func TestPastedAnswersOfAPlainTerminal(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24, asciiLook, Options{})
	s.begin("quarterly")
	answer := ""
	s.r.ask(checklist.Question{Kind: checklist.Write, Title: "Where?", Default: "there.sig", Block: &checklist.Block{
		Begins: []string{"-----BEGIN"}, Ends: "-----END",
	}}, func(text string) tea.Cmd {
		answer = text
		return nil
	})
	s.press("-----BEGIN X", "enter", "U1", "enter", "enter", "NI", "enter", "-----END X")
	assert.Empty(t, answer)
	s.press("enter")
	assert.Equal(t, "-----BEGIN X\nU1\n\nNI\n-----END X", answer)
}
