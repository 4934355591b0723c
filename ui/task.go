package ui

import (
	"context"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"keyturn/checklist"
)

// task is one act that runs beside the screen. There is one at a time.
type task struct {
	name   string // for the status line
	item   string // the item that it does, if it does one
	engine *checklist.Engine
	do     func(context.Context, checklist.Operator) error
	// done is called on the screen's goroutine with what do returned.
	done func(error) tea.Cmd
}

// running is the task under way.
type running struct {
	task
	id         int
	started    time.Time // real time
	cancel     context.CancelFunc
	cancelling bool
	asking     bool // waits for the operator's answer
	progress   *checklist.Progress
}

func (r *running) verb() string {
	switch {
	case r.cancelling:
		return "cancelling"
	case r.asking:
		return "asking"
	}
	return "working"
}

// tone is the colour and the sign of a message to the operator.
type tone int

const (
	plain tone = iota
	good
	warn
	bad
)

// host is what a screen may ask of the root.
type host interface {
	// run starts a task, or says that one is under way.
	run(task)
	current() *running
	// spin is the sign of a task under way.
	spin(*running) string
	// ask opens a prompt; then gets the answer, and is not called when the
	// operator leaves it.
	ask(q checklist.Question, then func(answer string) tea.Cmd)
	say(t tone, text string)
	show(c *card)
	copyText(text string) tea.Cmd
	// enter opens a session's screen, and home leaves it.
	enter(e *checklist.Engine, resumed bool)
	home() tea.Cmd
	quit() tea.Cmd
	// reload tries again to open the desk.
	reload() tea.Cmd
	// aside makes a command of what may take a while.
	aside(part string, f func(context.Context) tea.Msg) tea.Cmd
	realNow() time.Time
}
