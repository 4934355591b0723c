package ui

import (
	"context"

	tea "github.com/charmbracelet/bubbletea"

	"keyturn/checklist"
)

func (m *session) askAbandon() {
	m.host.ask(checklist.Question{
		Kind: checklist.Write, Title: "Abandon this session",
		Body: "Nothing outside is changed by this: keys that were added stay, and keys that were removed stay removed. A signed record says so. Why is it abandoned?",
	}, func(reason string) tea.Cmd {
		m.host.ask(checklist.Question{
			Kind: checklist.Type, Title: "Abandon " + m.s.ID(), Expect: "abandon",
			Body: "An abandoned session cannot be taken up again. Type abandon to go on.",
		}, func(string) tea.Cmd {
			m.abandon(reason)
			return nil
		})
		return nil
	})
}

// abandon ends the session and shows what it leaves, and its record.
func (m *session) abandon(reason string) {
	var recorded checklist.Evidence
	m.host.run(task{
		name: "Abandon", engine: m.engine,
		do: func(ctx context.Context, op checklist.Operator) error {
			err := m.engine.Abandon(ctx, reason, op)
			if err == nil {
				recorded, err = m.engine.Record(ctx)
			}
			return err
		},
		done: m.showEnd(&recorded),
	})
}

// recall shows how the session ended. The record of one that was abandoned is no
// item's, so that it is looked for, and made up for where it is missing.
func (m *session) recall() {
	if m.s.Outcome != checklist.Abandoned {
		m.host.show(m.closing(m.exported()))
		return
	}
	var recorded checklist.Evidence
	m.host.run(task{
		name: "Look for the record", engine: m.engine,
		do: func(ctx context.Context, _ checklist.Operator) (err error) {
			recorded, err = m.engine.Record(ctx)
			return err
		},
		done: m.showEnd(&recorded),
	})
}

// showEnd shows the end of an abandoned session, or why it has no record yet.
func (m *session) showEnd(recorded *checklist.Evidence) func(error) tea.Cmd {
	return func(err error) tea.Cmd {
		if err != nil {
			return m.said("")(err)
		}
		m.host.show(m.closing(recorded))
		return nil
	}
}

// exported is the evidence of the item that signed the record of a session that
// was finished; nil where there is none.
func (m *session) exported() *checklist.Evidence {
	for _, item := range m.s.Checklist.Items() {
		if st := m.s.State(item.ID); item.Step == "export-record" && st.Evidence != nil {
			return st.Evidence
		}
	}
	return nil
}
