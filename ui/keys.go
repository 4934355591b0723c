package ui

import (
	"strings"

	"github.com/charmbracelet/bubbles/key"
)

// keymap holds every key. The help bar and the help card are made from it.
type keymap struct {
	Up, Down, Top, Bottom, PageUp, PageDown      key.Binding
	Focus, ToItems, ToText                       key.Binding
	Do, Again, Note, PassOver, Override, Turn    key.Binding
	AskAgain, Refresh, Copy, About, Abandon      key.Binding
	Help, Back, Quit, Interrupt, Suspend, Number key.Binding

	Yes, No, Switch, Accept, Leave, NewLine, CopyText key.Binding
}

func newKeymap() keymap {
	bind := func(keys []string, name, does string) key.Binding {
		return key.NewBinding(key.WithKeys(keys...), key.WithHelp(name, does))
	}
	one := func(k, does string) key.Binding { return bind([]string{k}, k, does) }
	return keymap{
		Up:       bind([]string{"up", "k"}, "up/k", "move up"),
		Down:     bind([]string{"down", "j"}, "down/j", "move down"),
		Top:      bind([]string{"home", "g"}, "g", "go to the top"),
		Bottom:   bind([]string{"end", "G"}, "G", "go to the bottom"),
		PageUp:   bind([]string{"pgup", "ctrl+u"}, "pgup", "scroll the text up"),
		PageDown: bind([]string{"pgdown", "ctrl+d"}, "pgdn", "scroll the text down"),
		Focus:    bind([]string{"tab", "shift+tab"}, "tab", "switch panel"),
		ToItems:  bind([]string{"left", "h"}, "left/h", "to the items"),
		ToText:   bind([]string{"right", "l"}, "right/l", "to the text"),

		Do:       one("enter", "do the next item"),
		Again:    one("d", "do again"),
		Note:     one("n", "note"),
		PassOver: one("s", "pass over"),
		Override: one("o", "override a gate"),
		Turn:     one("f", "turn the clock on"),
		AskAgain: one("p", "ask for approval"),
		Refresh:  one("r", "refresh"),
		Copy:     one("y", "copy"),
		About:    one("i", "about the session"),
		Abandon:  one("a", "abandon"),

		Help:      one("?", "help"),
		Back:      one("esc", "back"),
		Quit:      one("q", "leave"),
		Interrupt: one("ctrl+c", "cancel, then quit"),
		Suspend:   one("ctrl+z", "suspend"),
		Number:    bind([]string{"1", "2", "3", "4", "5", "6", "7", "8", "9"}, "1-9", "open"),

		Yes:      bind([]string{"y", "Y"}, "y", "yes"),
		No:       bind([]string{"n", "N"}, "n", "no"),
		Switch:   bind([]string{"left", "right", "tab", "shift+tab", "h", "l"}, "tab", "switch"),
		Accept:   one("enter", "accept"),
		Leave:    one("esc", "cancel"),
		NewLine:  bind([]string{"ctrl+j", "alt+enter"}, "ctrl+j", "new line"),
		CopyText: one("ctrl+y", "copy the text"),
	}
}

// as returns a binding under another name for what it does here.
func as(b key.Binding, does string) key.Binding {
	b.SetHelp(b.Help().Key, does)
	return b
}

// helpBar puts as many keys into w cells as fit, the first ones first, and the
// fixed ones at the right end.
func (l *look) helpBar(keys, fixed []key.Binding, w int) string {
	right, _ := l.helpKeys(fixed, w)
	left, all := l.helpKeys(keys, w-width(right)-width(l.ellipsis)-2)
	if !all {
		left += " " + l.muted.paint(l.ellipsis)
	}
	return l.ends(left, right, w)
}

// helpKeys reports whether all keys did fit.
func (l *look) helpKeys(keys []key.Binding, w int) (line string, all bool) {
	const gap = "   "
	used := 0
	for _, k := range keys {
		h := k.Help()
		n := width(h.Key) + 1 + width(h.Desc)
		if used > 0 {
			n += len(gap)
			line += gap
		}
		if used+n > w {
			return strings.TrimRight(line, " "), false
		}
		line += l.bold.paint(h.Key) + " " + l.muted.paint(h.Desc)
		used += n
	}
	return line, true
}
