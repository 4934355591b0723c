package ui

import (
	"math"
	"strconv"
	"testing"

	"github.com/muesli/termenv"
	"github.com/stretchr/testify/assert"
)

func TestTakeAnswer(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		in, rest, held string
		dark, found    bool
	}{
		"keys alone":         {in: "abc", rest: "abc"},
		"an escape":          {in: "\x1b", rest: "\x1b"},
		"an arrow":           {in: "\x1b[A", rest: "\x1b[A"},
		"dark, bell":         {in: "\x1b]11;rgb:1e1e/1e1e/2e2e\a", dark: true, found: true},
		"light, terminator":  {in: "\x1b]11;rgb:ffff/ffff/ffff\x1b\\", found: true},
		"short digits":       {in: "\x1b]11;rgb:f/f/e\a", found: true},
		"between keys":       {in: "j\x1b]11;rgb:0000/0000/0000\ak", rest: "jk", dark: true, found: true},
		"half":               {in: "j\x1b]11;rgb:00", rest: "j", held: "\x1b]11;rgb:00"},
		"its beginning":      {in: "j\x1b]1", rest: "j", held: "\x1b]1"},
		"nonsense is eaten":  {in: "\x1b]11;what\aq", rest: "q"},
		"too long to be one": {in: "\x1b]11;" + string(make([]byte, 80)), rest: "\x1b]11;" + string(make([]byte, 80))},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rest, held, dark, found := takeAnswer([]byte(tt.in))
			assert.Equal(t, tt.rest, string(rest))
			assert.Equal(t, tt.held, string(held))
			assert.Equal(t, tt.found, found)
			assert.Equal(t, tt.dark, dark)
		})
	}
}

func FuzzTakeAnswer(f *testing.F) {
	f.Add([]byte("j\x1b]11;rgb:0000/0000/0000\ak"))
	f.Add([]byte("\x1b]11;rgb:ff"))
	f.Fuzz(func(t *testing.T, in []byte) {
		rest, held, _, found := takeAnswer(in)
		assert.LessOrEqual(t, len(rest)+len(held), len(in))
		assert.False(t, found && len(held) > 0)
	})
}

func TestChooseLook(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		opts                            Options
		env                             environment
		dark, ascii, colour, bold, asks bool
	}{
		"a usual terminal":      {env: environment{"TERM=xterm-256color", "LANG=en_US.UTF-8"}, dark: true, colour: true, bold: true, asks: true},
		"told light":            {opts: Options{Theme: "light"}, env: environment{"TERM=xterm", "LANG=C.UTF-8"}, colour: true, bold: true},
		"COLORFGBG light":       {env: environment{"TERM=xterm", "LANG=C.UTF-8", "COLORFGBG=0;15"}, colour: true, bold: true},
		"COLORFGBG dark":        {env: environment{"TERM=xterm", "LANG=C.UTF-8", "COLORFGBG=15;default;0"}, dark: true, colour: true, bold: true},
		"the option beats it":   {opts: Options{Theme: "dark"}, env: environment{"TERM=xterm", "LANG=C.UTF-8", "COLORFGBG=0;15"}, dark: true, colour: true, bold: true},
		"NO_COLOR keeps bold":   {env: environment{"TERM=xterm", "LANG=C.UTF-8", "NO_COLOR=1"}, dark: true, bold: true},
		"dumb with COLORTERM":   {env: environment{"TERM=dumb", "COLORTERM=truecolor", "LANG=C.UTF-8"}, dark: true},
		"the C locale":          {env: environment{"TERM=xterm", "LC_ALL=C", "LANG=en_US.UTF-8"}, dark: true, ascii: true, colour: true, bold: true, asks: true},
		"told unicode":          {opts: Options{Glyphs: "unicode"}, env: environment{"TERM=xterm"}, dark: true, colour: true, bold: true, asks: true},
		"two cells a character": {env: environment{"TERM=xterm", "LANG=ja_JP.UTF-8", "RUNEWIDTH_EASTASIAN=1"}, dark: true, ascii: true, colour: true, bold: true, asks: true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			l, asks := chooseLook(tt.opts, tt.env, true)
			assert.Equal(t, tt.dark, l.dark, "dark")
			assert.Equal(t, tt.ascii, l.passed == "+", "ascii")
			assert.Equal(t, tt.colour, l.profile != termenv.Ascii, "colour")
			assert.Equal(t, tt.bold, l.bold.open != "", "bold")
			assert.Equal(t, tt.asks, asks, "asks")
		})
	}
}

// TestContrast holds every text colour to 4.5:1 (WCAG 2.1, 1.4.3) against the
// backgrounds that terminals have.
func TestContrast(t *testing.T) {
	t.Parallel()
	papers := map[bool][]string{true: {"#000000", "#1e1e1e", "#282c34"}, false: {"#ffffff", "#fafafa"}}
	for dark, p := range map[bool]palette{true: darkPalette, false: lightPalette} {
		for _, paper := range papers[dark] {
			for name, ink := range map[string]string{"muted": p.muted, "accent": p.accent, "good": p.good, "warn": p.warn, "bad": p.bad} {
				assert.GreaterOrEqual(t, contrast(ink, paper), 4.5, "%s on %s", name, paper)
			}
		}
	}
	assert.GreaterOrEqual(t, contrast(sandboxInk, sandboxPaper), 7.0)
	assert.GreaterOrEqual(t, contrast("#d0d0d0", darkPalette.selected), 4.5)
	assert.GreaterOrEqual(t, contrast("#202020", lightPalette.selected), 4.5)
}

func contrast(a, b string) float64 {
	x, y := luminance(a), luminance(b)
	return (math.Max(x, y) + 0.05) / (math.Min(x, y) + 0.05)
}

func luminance(hex string) float64 {
	l := 0.0
	for i, weight := range []float64{0.2126, 0.7152, 0.0722} {
		v, _ := strconv.ParseUint(hex[1+2*i:3+2*i], 16, 8)
		c := float64(v) / 255
		if c <= 0.03928 {
			c /= 12.92
		} else {
			c = math.Pow((c+0.055)/1.055, 2.4)
		}
		l += weight * c
	}
	return l
}
