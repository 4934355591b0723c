package ui

import (
	"context"
	"fmt"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"keyturn/checklist"
	"keyturn/ui/words"
)

func (m *session) askNote() {
	item := m.item()
	m.host.ask(checklist.Question{Kind: checklist.Write, Title: "Note on: " + item.Title}, func(text string) tea.Cmd {
		m.host.run(task{
			name: "Note", engine: m.engine,
			do: func(ctx context.Context, op checklist.Operator) error {
				return m.engine.Note(ctx, item.ID, text, op)
			},
			done: m.said("noted"),
		})
		return nil
	})
}

func (m *session) askPassOver() {
	next, ok := m.s.Next()
	switch {
	case !ok:
		m.host.say(plain, "every item is settled")
		return
	case next.Required:
		m.host.say(warn, next.Title+" cannot be passed over: without it nothing is proved")
		return
	}
	m.selectItem(next.ID)
	asked, waits := m.askedBefore(checklist.Consent{Item: next.ID, Deviation: checklist.PassedOver})
	m.host.ask(checklist.Question{
		Kind: checklist.Write, Title: "Pass over: " + next.Title, Default: asked,
		Body: "The reason is printed first in the signed record." + secondPerson(next) + waits,
	}, func(reason string) tea.Cmd {
		m.host.run(task{
			name: "Pass over: " + next.Title, item: next.ID, engine: m.engine,
			do: func(ctx context.Context, op checklist.Operator) error {
				return m.engine.PassOver(ctx, next.ID, reason, op)
			},
			done: m.said(next.Title + ": passed over"),
		})
		return nil
	})
}

func secondPerson(item checklist.Item) string {
	if item.In(checklist.Production) {
		return " It concerns production, so a second person must agree."
	}
	return ""
}

// overridable returns the next item's closed gates that take an override.
func (m *session) overridable(now time.Time) []checklist.Closed {
	var gates []checklist.Closed
	for _, c := range m.outlook(now).closed {
		if c.CanOverride {
			gates = append(gates, c)
		}
	}
	return gates
}

func (m *session) askOverride() {
	next, _ := m.s.Next()
	gates := m.overridable(m.now())
	switch len(gates) {
	case 0:
		m.host.say(warn, "no gate of the next item can be overridden now")
	case 1:
		m.selectItem(next.ID)
		m.askOverrideReason(next, gates[0])
	default:
		m.selectItem(next.ID)
		q := checklist.Question{Kind: checklist.Choose, Title: "Which gate of: " + next.Title}
		for _, g := range gates {
			q.Choices = append(q.Choices, checklist.Choice{ID: g.ID, Label: g.Why})
		}
		m.host.ask(q, func(id string) tea.Cmd {
			for _, g := range gates {
				if g.ID == id {
					m.askOverrideReason(next, g)
				}
			}
			return nil
		})
	}
}

func (m *session) askOverrideReason(item checklist.Item, gate checklist.Closed) {
	asked, waits := m.askedBefore(checklist.Consent{Item: item.ID, Deviation: checklist.Overridden, Gate: gate.ID})
	m.host.ask(checklist.Question{
		Kind: checklist.Write, Title: "Override the gate of: " + item.Title, Default: asked,
		Body: "Closed because " + gate.Why + ".\nThe reason is printed first in the signed record." + secondPerson(item) + waits,
	}, func(reason string) tea.Cmd {
		m.host.run(task{
			name: "Override a gate", item: item.ID, engine: m.engine,
			do: func(ctx context.Context, op checklist.Operator) error {
				return m.engine.Override(ctx, item.ID, gate.ID, reason, op)
			},
			done: m.said("gate overridden"),
		})
		return nil
	})
}

func (m *session) turn() {
	if !m.sandbox {
		m.host.say(warn, "only the sandbox has a clock that can be turned")
		return
	}
	now := m.now()
	to := m.s.NextOpens(now)
	if !to.After(now) {
		m.host.say(plain, "nothing waits for time now")
		return
	}
	m.host.run(task{
		name: "Turn the clock to " + words.Moment(to), engine: m.engine,
		do: func(ctx context.Context, op checklist.Operator) error {
			return m.desk.TurnClock(ctx, m.engine, to, op)
		},
		done: m.said("it is " + words.Moment(to) + " now"),
	})
}

// copy takes a command of the item to the clipboard, asking which if it has
// more than one.
func (m *session) copy() tea.Cmd {
	commands := copyable(m.s.State(m.item().ID))
	switch len(commands) {
	case 0:
		m.host.say(plain, "this item has no command to copy")
		return nil
	case 1:
		return m.host.copyText(commands[0].Label)
	}
	m.host.ask(checklist.Question{Kind: checklist.Choose, Title: "Copy which command?", Choices: commands}, func(id string) tea.Cmd {
		for _, c := range commands {
			if c.ID == id {
				return m.host.copyText(c.Label)
			}
		}
		return nil
	})
	return nil
}

// copyable lists the commands of an item's plan and evidence, once each.
func copyable(st checklist.ItemState) []checklist.Choice {
	var commands []checklist.Choice
	seen := map[string]bool{"": true}
	add := func(command string) {
		if !seen[command] {
			seen[command] = true
			commands = append(commands, checklist.Choice{ID: fmt.Sprint(len(commands)), Label: command})
		}
	}
	if st.Evidence != nil {
		for _, c := range st.Evidence.Commands {
			add(c)
		}
	}
	if st.Plan != nil {
		for _, a := range st.Plan.Actions {
			add(a.Command)
		}
	}
	return commands
}
