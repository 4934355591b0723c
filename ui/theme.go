package ui

import (
	"runtime"
	"strings"

	"github.com/muesli/termenv"
)

// style is what is written before and after a text.
type style struct{ open, close string }

func (s style) paint(text string) string {
	if s.open == "" {
		return text
	}
	return s.open + text + s.close
}

const reset = "\x1b[0m"

// palette names every colour by its use, as "#rrggbb". Body text has none: it
// keeps the terminal's own foreground.
type palette struct {
	muted, accent, good, warn, bad, line, selected string
}

// Each text colour has a contrast of at least 4.5:1 against the backgrounds
// that terminals of its kind have.
var (
	darkPalette = palette{
		muted: "#9aa5b4", accent: "#7cb7ff", good: "#6fd08c", warn: "#f2c14e", bad: "#ff8078",
		line: "#4a5462", selected: "#22384f",
	}
	lightPalette = palette{
		muted: "#57606a", accent: "#0550ae", good: "#116329", warn: "#7d4e00", bad: "#a40e26",
		line: "#b4bcc6", selected: "#d6e6fa",
	}
)

// The sandbox's mark is the same on every background.
const (
	sandboxInk   = "#1f1600"
	sandboxPaper = "#f2b632"
)

// theme holds every style, made once.
type theme struct {
	muted, accent, good, warn, bad, line style
	bold, strong                         style // strong is bold in the accent
	selected                             style // the row under the cursor
	sandbox                              style // the mark and the rules of a sandbox
	sandboxLine                          style
	danger                               style
}

// look is how everything is drawn: a theme, a set of glyphs, and whether
// decoration may move.
type look struct {
	theme
	glyphs
	dark   bool
	motion bool
	// profile and attributes say what the terminal can do: NO_COLOR takes the
	// colours but leaves bold and reverse.
	profile    termenv.Profile
	attributes bool
}

func newLook(profile termenv.Profile, attributes, dark, ascii, motion bool) *look {
	l := &look{profile: profile, attributes: attributes, motion: motion, glyphs: unicodeGlyphs}
	if ascii {
		l.glyphs = asciiGlyphs
	}
	l.setDark(dark)
	return l
}

// setDark makes the theme for a dark or a light background.
func (l *look) setDark(dark bool) {
	l.dark = dark
	p := lightPalette
	if dark {
		p = darkPalette
	}
	l.theme = theme{
		muted:       l.style(p.muted, "", ""),
		accent:      l.style(p.accent, "", ""),
		good:        l.style(p.good, "", ""),
		warn:        l.style(p.warn, "", ""),
		bad:         l.style(p.bad, "", ""),
		line:        l.style(p.line, "", ""),
		bold:        l.style("", "", "1"),
		strong:      l.style(p.accent, "", "1"),
		selected:    l.style("", p.selected, "1"),
		sandbox:     l.style(sandboxInk, sandboxPaper, "1"),
		sandboxLine: l.style(p.warn, "", ""),
		danger:      l.style(p.bad, "", "1"),
	}
	if l.profile == termenv.Ascii { // no paper to tell it by
		l.sandbox = l.style("", "", "1;7")
	}
}

func (l *look) style(ink, paper, attributes string) style {
	var codes []string
	if l.attributes && attributes != "" {
		codes = append(codes, attributes)
	}
	if ink != "" && l.profile != termenv.Ascii {
		codes = append(codes, l.profile.Color(ink).Sequence(false))
	}
	if paper != "" && l.profile != termenv.Ascii {
		codes = append(codes, l.profile.Color(paper).Sequence(true))
	}
	if len(codes) == 0 {
		return style{}
	}
	return style{open: "\x1b[" + strings.Join(codes, ";") + "m", close: reset}
}

// glyphs are the signs that carry meaning beside a word. The ascii set is
// complete, for fonts without the others and for terminals that draw them two
// cells wide.
type glyphs struct {
	passed, passedOver, failed, waiting, unknown, open, next string
	cursor, bullet, warning, horizontal, vertical, down, up  string
	filled, empty, ellipsis, between                         string
	spinner                                                  []string
}

var (
	unicodeGlyphs = glyphs{
		passed: "✓", passedOver: "»", failed: "✗", waiting: "◔", unknown: "?", open: "○", next: "●",
		cursor: "›", bullet: "•", warning: "!", horizontal: "─", vertical: "│", down: "┬", up: "┴",
		filled: "█", empty: "░", ellipsis: "…", between: "·",
		spinner: []string{"◐", "◓", "◑", "◒"},
	}
	asciiGlyphs = glyphs{
		passed: "+", passedOver: "/", failed: "x", waiting: "~", unknown: "?", open: ".", next: "*",
		cursor: ">", bullet: "*", warning: "!", horizontal: "-", vertical: "|", down: "+", up: "+",
		filled: "#", empty: ".", ellipsis: "...", between: "-",
		spinner: []string{"|", "/", "-", "\\"},
	}
)

// environment answers for a list of "NAME=value".
type environment []string

func (e environment) Environ() []string { return e }

// Getenv returns the last value of a name, as the system does.
func (e environment) Getenv(name string) string {
	value := ""
	for _, pair := range e {
		if v, ok := strings.CutPrefix(pair, name+"="); ok {
			value = v
		}
	}
	return value
}

// chooseLook goes by the options, then the environment. asked reports whether
// the terminal is to be asked for its background.
func chooseLook(o Options, env environment, tty bool) (l *look, asked bool) {
	profile := termenv.NewOutput(nil, termenv.WithEnvironment(env), termenv.WithTTY(tty)).EnvColorProfile()
	dumb := env.Getenv("TERM") == "dumb"
	if dumb { // COLORTERM may say otherwise, and is wrong
		profile = termenv.Ascii
	}
	dark, known := true, false
	switch o.Theme {
	case "dark":
		known = true
	case "light":
		dark, known = false, true
	default:
		dark, known = darkByEnvironment(env)
	}
	ascii := o.Glyphs == "ascii" || o.Glyphs == "" && !utf8Locale(env)
	still := o.NoMotion || env.Getenv("REDUCE_MOTION") != ""
	l = newLook(profile, tty && !dumb, dark, ascii, !still)
	return l, !known && profile != termenv.Ascii && tty
}

// darkByEnvironment reads COLORFGBG, "ink;paper" or "ink;default;paper" in the
// sixteen colours, of which 7 and 9 to 15 are light.
func darkByEnvironment(env environment) (dark, known bool) {
	parts := strings.Split(env.Getenv("COLORFGBG"), ";")
	switch paper := parts[len(parts)-1]; {
	case len(parts) < 2 || paper == "" || paper == "default":
		return true, false
	case paper == "7", len(paper) == 2, paper == "9":
		return false, true
	}
	return true, true
}

// utf8Locale reports whether the locale can show more than ASCII, in one cell
// each.
func utf8Locale(env environment) bool {
	if env.Getenv("RUNEWIDTH_EASTASIAN") == "1" {
		return false
	}
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := strings.ToLower(env.Getenv(name)); value != "" {
			return strings.Contains(value, "utf-8") || strings.Contains(value, "utf8")
		}
	}
	return runtime.GOOS == "windows"
}
