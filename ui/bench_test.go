package ui

import (
	"testing"
	"time"

	"keyturn/checklist"
)

var benchSizes = []struct {
	name string
	w, h int
}{{"80x24", 80, 24}, {"120x40", 120, 40}, {"250x70", 250, 70}}

// BenchmarkFrame draws a session with a full item: when nothing has changed,
// when the cursor has moved, and when everything has.
func BenchmarkFrame(b *testing.B) {
	for _, size := range benchSizes {
		s := newStage(b, size.w, size.h, darkLook, Options{})
		s.begin("quarterly")
		s.reach("approve-production")
		run := func(name string, change func(i int)) {
			b.Run(name+"/"+size.name, func(b *testing.B) {
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					change(i)
					_ = s.r.View()
				}
			})
		}
		run("unchanged", func(int) {})
		run("moved", func(i int) { s.r.session.cursor = 5 + i%2 })
		snapshots := []*checklist.Session{s.r.session.s, s.r.session.s.Clone()}
		run("everything", func(i int) { s.r.session.replace(snapshots[i%2]) })
	}
}

// BenchmarkHome draws the home screen.
func BenchmarkHome(b *testing.B) {
	s := newStage(b, 120, 40, darkLook, Options{})
	s.sees("Start")
	for b.Loop() {
		_ = s.r.View()
	}
}

func median(d []time.Duration) time.Duration {
	sorted := append([]time.Duration(nil), d...)
	for i := range sorted {
		for j := i; j > 0 && sorted[j] < sorted[j-1]; j-- {
			sorted[j], sorted[j-1] = sorted[j-1], sorted[j]
		}
	}
	return sorted[len(sorted)/2]
}

func milliseconds(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
