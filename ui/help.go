package ui

import "github.com/charmbracelet/bubbles/key"

// help is the card with every key, from the same bindings that act.
func (r *root) help() *card {
	k := r.keymap
	groups := []struct {
		name string
		keys []key.Binding
	}{
		{"Anywhere", []key.Binding{k.Help, k.Interrupt, k.Suspend, as(k.Quit, "leave the session, then the program"), as(k.Back, "one level back; never quits")}},
		{"Home", []key.Binding{k.Up, k.Down, as(k.Do, "start or resume"), as(k.Number, "start or resume"), k.Refresh}},
		{"Session: the work", []key.Binding{
			k.Do, as(k.Again, "do an item again: a reading alone, others with all behind them"), as(k.Note, "note on the item under the cursor"),
			as(k.PassOver, "pass over the next item, with a reason"),
			as(k.AskAgain, "ask again for the approval that the next item waits for"),
			as(k.Override, "override a closed gate of the next item, with a reason"),
			as(k.Turn, "turn the clock to when the next item opens (sandbox only)"),
			as(k.Abandon, "abandon the session, with a reason"),
		}},
		{"Session: reading", []key.Binding{
			k.Up, k.Down, k.Top, k.Bottom, as(k.Focus, "switch between the items and the text"), k.ToItems, k.ToText, k.PageUp, k.PageDown,
			as(k.Copy, "copy a command"), as(k.About, "what the session is about, and what was noticed"), k.Refresh,
		}},
		{"Questions", []key.Binding{
			k.Yes, k.No, k.Switch, k.Accept, k.NewLine, as(k.CopyText, "copy the text worth having"), as(k.Leave, "leave the question; nothing is done"),
		}},
	}
	return &card{name: "Keys", draw: func(p *page) {
		for _, g := range groups {
			p.heading(g.name)
			for _, b := range g.keys {
				const column = 10
				h := b.Help()
				p.hanging(style{}, p.bold.paint(p.fit(h.Key, column)), spaces(column), h.Desc)
			}
		}
		p.heading("Signs")
		for _, sign := range []struct {
			s           style
			glyph, does string
		}{
			{p.accent, p.next, "next"}, {p.muted, p.open, "open: its turn has not come"},
			{p.good, p.passed, "passed, with evidence"}, {p.warn, p.passedOver, "passed over, with a reason"},
			{p.warn, p.waiting, "waiting for time"}, {p.bad, p.failed, "failed; it can be tried again"},
			{p.warn, p.unknown, "unknown: it was started, and nobody knows how it ended"},
		} {
			p.item(sign.s, sign.glyph, style{}, sign.does)
		}
		p.gap()
		p.text(p.muted, "Leaving is harmless: nothing outside changes, and the session waits.")
	}}
}
