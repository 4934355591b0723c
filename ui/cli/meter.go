package cli

import (
	"fmt"
	"io"
	"os"
	"strconv"
	"time"

	"github.com/charmbracelet/bubbles/progress"
	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"
	"golang.org/x/term"
)

const (
	meterPatience = 500 * time.Millisecond // what is over by then shows no meter
	meterEvery    = 100 * time.Millisecond // how often it is drawn
	meterBar      = 40                     // columns; less where the terminal is narrow
	eraseLine     = "\r\x1b[K"
)

// meter shows on a terminal how far a verification is and how long it will take.
type meter struct {
	out   io.Writer // nil where nothing is shown
	width func() int
	ascii bool
	clock func() time.Time

	began, drawn time.Time
	done, total  int
}

// meter begins one on stderr. A file, a screen reader and a terminal that cannot
// erase a line get none.
func (a *app) meter(clock func() time.Time) *meter {
	m := &meter{clock: clock, began: clock(), ascii: a.ascii}
	f, ok := a.errOut.(*os.File)
	if !ok || !isTerminal(f) || a.plain || os.Getenv("ACCESSIBLE") == "1" || os.Getenv("TERM") == "dumb" {
		return m
	}
	m.out = f
	m.width = func() int {
		width, _, err := term.GetSize(int(f.Fd()))
		if err != nil || width <= 0 {
			return 80
		}
		return width
	}
	return m
}

// step takes in how many records are done.
func (m *meter) step(done, total int) {
	m.done, m.total = done, total
	now := m.clock()
	if m.out == nil || now.Sub(m.began) < meterPatience || now.Sub(m.drawn) < meterEvery {
		return
	}
	m.drawn = now
	fmt.Fprint(m.out, eraseLine+m.line(now.Sub(m.began), m.width()))
}

// line stays off the last column, where some terminals begin a new line.
func (m *meter) line(spent time.Duration, width int) string {
	left := spent * time.Duration(m.total-m.done) / time.Duration(m.done)
	words := fmt.Sprintf(" %s of %s records, %s left", grouped(m.done), grouped(m.total), roughly(left))
	// The bar keeps its length while the words change theirs.
	longest := len(fmt.Sprintf(" %[1]s of %[1]s records, 00 min 00 s left", grouped(m.total)))
	columns := min(meterBar, width-1-len("Verifying ")-max(longest, len(words)))
	if columns < 8 {
		return ansi.Truncate("Verifying"+words, width-1, "")
	}
	bar := progress.New(progress.WithWidth(columns), progress.WithoutPercentage(), progress.WithColorProfile(termenv.Ascii))
	if m.ascii {
		bar.Full, bar.Empty = '#', '.'
	}
	return "Verifying " + bar.ViewAs(float64(m.done)/float64(m.total)) + words
}

// clear takes the meter off the terminal.
func (m *meter) clear() {
	if !m.drawn.IsZero() {
		fmt.Fprint(m.out, eraseLine)
	}
}

// reached says how far it came, for a verification that was interrupted.
func (m *meter) reached() string {
	if m.total == 0 {
		return ""
	}
	return fmt.Sprintf(" after %s of %s records", grouped(m.done), grouped(m.total))
}

// roughly rounds up, so that no time is left only when nothing is.
func roughly(left time.Duration) string {
	seconds := int((left + time.Second - 1) / time.Second)
	if seconds < 60 {
		return fmt.Sprintf("%d s", seconds)
	}
	return fmt.Sprintf("%d min %d s", seconds/60, seconds%60)
}

// grouped writes a number with a comma before each three digits.
func grouped(n int) string {
	text := strconv.Itoa(n)
	for at := len(text) - 3; at > 0; at -= 3 {
		text = text[:at] + "," + text[at:]
	}
	return text
}
