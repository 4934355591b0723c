package ui

import (
	"errors"

	tea "github.com/charmbracelet/bubbletea"
)

// copied says in words what became of a text that was copied, or why it was not.
type copied struct {
	way string
	err error
}

// copyText takes a text to the operator's clipboard.
func (r *root) copyText(text string) tea.Cmd {
	return safe("copying", func() tea.Msg {
		if r.opts.Copy == nil {
			return copied{err: errors.New("copy: no clipboard is known here")}
		}
		way, err := r.opts.Copy(r.ctx, r.out, text)
		return copied{way, err}
	})
}
