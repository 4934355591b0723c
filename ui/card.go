package ui

import (
	"github.com/charmbracelet/bubbles/key"
	tea "github.com/charmbracelet/bubbletea"
)

// card is a text over the whole screen that scrolls: help, a session's facts,
// the end of a session.
type card struct {
	name string
	draw func(*page)
	copy string // what the copy key takes

	keymap keymap
	host   host
	top    int
	fits   bool
	height int

	cache struct {
		look  *look
		dark  bool
		w     int
		lines []string
	}
}

func (c *card) title() string { return c.name }
func (c *card) typing() bool  { return false }

// sheet says that a card takes all the room.
func (c *card) sheet(*look, int, int) int { return 0 }

func (c *card) update(msg tea.Msg) (tea.Cmd, bool) {
	k, ok := msg.(tea.KeyMsg)
	if !ok {
		return nil, false
	}
	page := max(1, c.height-2)
	switch {
	case key.Matches(k, c.keymap.Up):
		c.top--
	case key.Matches(k, c.keymap.Down):
		c.top++
	case key.Matches(k, c.keymap.PageUp):
		c.top -= page
	case key.Matches(k, c.keymap.PageDown), k.String() == " ":
		c.top += page
	case key.Matches(k, c.keymap.Top):
		c.top = 0
	case key.Matches(k, c.keymap.Bottom):
		c.top = len(c.cache.lines)
	case key.Matches(k, c.keymap.Copy) && c.copy != "":
		return c.host.copyText(c.copy), false
	case key.Matches(k, c.keymap.Back, c.keymap.Quit, c.keymap.Help, c.keymap.Accept):
		return nil, true
	}
	return nil, false
}

func (c *card) rows(l *look, w, h int) []string {
	const margin = 3
	inner := min(w-2*margin, 96)
	if c.cache.look != l || c.cache.dark != l.dark || c.cache.w != w {
		p := l.page(inner)
		p.lines = append(p.lines, "")
		c.draw(p)
		for i, line := range p.lines {
			if line != "" {
				p.lines[i] = spaces(margin) + line
			}
		}
		c.cache.look, c.cache.dark, c.cache.w, c.cache.lines = l, l.dark, w, p.lines
	}
	c.height = h
	c.fits = len(c.cache.lines) <= h
	c.top = max(0, min(c.top, len(c.cache.lines)-h))
	return l.window(c.cache.lines, c.top, w, h)
}

func (c *card) keys() []key.Binding {
	keys := []key.Binding{as(c.keymap.Back, "close")}
	if !c.fits {
		keys = append(keys, as(c.keymap.Down, "scroll"), as(c.keymap.PageDown, "next page"))
	}
	if c.copy != "" {
		keys = append(keys, c.keymap.Copy)
	}
	return keys
}
