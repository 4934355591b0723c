package ui

import (
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/stretchr/testify/assert"

	"keyturn/checklist"
)

// A question about something that ends says how much is left of it.
func TestAQuestionCountsDown(t *testing.T) {
	t.Parallel()
	s := newStage(t, 80, 24, asciiLook, Options{})
	s.sees("Start")
	s.r.ask(checklist.Question{
		Kind: checklist.Choose, Title: "At Vercel", Body: "1. Open a page", Until: s.now.Add(45 * time.Second),
		Choices: []checklist.Choice{{ID: "copy", Label: "Copy"}, {ID: "done", Label: "It is saved"}},
	}, func(string) tea.Cmd { return nil })
	s.sees("45 s left")
	s.pass(7 * time.Second)
	s.sees("38 s left")
	s.pass(time.Minute)
	s.sees("The time is over.")
	assert.Contains(t, s.text(), "It is saved")
}
