//go:build unix

package ui

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// BenchmarkFirstFrame measures from exec to the first frame: the demo in a
// terminal that answers nothing, and a bare Bubble Tea program in one that
// answers, in turn.
func BenchmarkFirstFrame(b *testing.B) {
	_, err := programs()
	require.NoError(b, err)
	time1 := func(program, text string, says answers) time.Duration {
		start := time.Now()
		x := open(b, program, says)
		x.sees(text)
		took := time.Since(start)
		x.types("q")
		x.ends()
		_ = x.ptmx.Close()
		return took
	}
	var ours, bare []time.Duration
	for b.Loop() {
		bare = append(bare, time1("bare", "FIRST FRAME", lightTerminal))
		ours = append(ours, time1("demo", firstFrame, nil))
	}
	b.ReportMetric(milliseconds(median(ours)), "ms-ours")
	b.ReportMetric(milliseconds(median(bare)), "ms-bare")
	b.ReportMetric(float64(median(ours))/float64(median(bare)), "ratio")
}

// BenchmarkKeyToPaint measures from a key written to the terminal to the
// answer on the screen, at random moments between two ticks of the renderer.
func BenchmarkKeyToPaint(b *testing.B) {
	x := open(b, "demo", lightTerminal)
	x.sees("Rotate in")
	time.Sleep(50 * time.Millisecond) // let the first frames settle, for a fair start
	var waits []time.Duration
	for i := 0; b.Loop(); i++ {
		time.Sleep(time.Duration(10_000+i*7_919%9_000) * time.Microsecond)
		_, changed := x.output()
		start := time.Now()
		x.types([]string{"j", "k"}[i%2])
		<-changed
		waits = append(waits, time.Since(start))
	}
	b.ReportMetric(milliseconds(median(waits)), "ms-median")
	x.types("q")
	x.ends()
}
