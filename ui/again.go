package ui

import (
	"context"
	"fmt"
	"slices"
	"strings"

	tea "github.com/charmbracelet/bubbletea"

	"keyturn/checklist"
)

// canRepeat reports whether an item can be done again by itself.
func (m *session) canRepeat(item checklist.Item) bool {
	return m.s.State(item.ID).Status.Settled() && m.s.CanRepeat(item.ID) == nil
}

// reopens returns the item that would be opened again, with all behind it, to
// put this one right or to do it anew.
func (m *session) reopens(item checklist.Item) (checklist.Item, bool) {
	switch st := m.s.State(item.ID); {
	case st.Status == checklist.StatusFailed:
		if cause, ok := m.putRightBy(st); ok {
			return cause, true
		}
	case !st.Status.Settled():
		return checklist.Item{}, false
	}
	return item, m.s.CanReopen(item.ID) == nil
}

// putRightBy finds the item that puts a failure right, if it can be done again.
func (m *session) putRightBy(failed checklist.ItemState) (checklist.Item, bool) {
	item, _, ok := m.s.Checklist.Item(failed.Redo)
	st := m.s.State(failed.Redo).Status
	return item, ok && (st.Settled() || st == checklist.StatusFailed) && m.s.CanReopen(item.ID) == nil
}

// again does an item again: by itself where that is enough, else with all that
// was done behind it.
func (m *session) again() {
	item := m.item()
	if m.canRepeat(item) {
		m.do(item)
		return
	}
	if from, ok := m.reopens(item); ok {
		m.askReopen(from)
		return
	}
	m.host.say(warn, m.whyNotAgain(item))
}

func (m *session) whyNotAgain(item checklist.Item) string {
	switch st := m.s.State(item.ID).Status; {
	case st == checklist.StatusOpen:
		return item.Title + " has not been done yet"
	case !st.Settled() && st != checklist.StatusFailed:
		return item.Title + " is not settled; enter goes on with it"
	}
	if err := m.s.CanReopen(item.ID); err != nil {
		return err.Error()
	}
	return item.Title + " cannot be done again"
}

// askReopen asks why an item is done again. It is not done at once: others can
// have a look first, and enter goes on as ever.
func (m *session) askReopen(from checklist.Item) {
	m.selectItem(from.ID)
	m.host.ask(checklist.Question{
		Kind: checklist.Write, Title: "Do again: " + from.Title,
		Body: m.reopening(from) + "\nNothing outside is changed by this. The reason is printed first in the signed record.",
	}, func(reason string) tea.Cmd {
		m.host.run(task{
			name: "Do again: " + from.Title, item: from.ID, engine: m.engine,
			do: func(ctx context.Context, op checklist.Operator) error {
				return m.engine.Reopen(ctx, from.ID, reason, op)
			},
			done: m.said(from.Title + ": open again"),
		})
		return nil
	})
}

// reopening says what opens again with an item.
func (m *session) reopening(from checklist.Item) string {
	var behind []string
	approvals, reached := false, false
	for _, i := range m.items {
		if reached && m.s.State(i.ID).Status != checklist.StatusOpen {
			behind = append(behind, i.Title)
		}
		reached = reached || i.ID == from.ID
		approvals = approvals || reached && slices.ContainsFunc(m.s.Approvals, func(a checklist.Approval) bool { return a.Item == i.ID })
	}
	text := "It is open again then."
	switch n := len(behind); {
	case n == 1:
		text = "It is open again then, and so is what was done behind it: " + behind[0] + "."
	case n > 1:
		text = fmt.Sprintf("It is open again then, and so are the %d items that were done behind it: %s.", n, strings.Join(behind, ", "))
	}
	if approvals {
		text += " Approvals among them are asked for again."
	}
	return text
}

// askAgain asks second persons again for the approval that the next item waits
// for: it ran out, was refused, or is of something that has changed.
func (m *session) askAgain() {
	item, ok := m.s.AskAgain(m.outlook(m.now()).closed)
	if !ok {
		m.host.say(plain, "the next item waits for no approval that can be asked for again")
		return
	}
	m.do(item)
}

// askedBefore returns the reason with which a second person was asked to agree
// to a deviation and has not answered, and says so.
func (m *session) askedBefore(c checklist.Consent) (reason, says string) {
	if reason = m.s.AskedReason(c, m.now()); reason != "" {
		says = "\nA second person has been asked with the reason below. Another reason is another request."
	}
	return reason, says
}
