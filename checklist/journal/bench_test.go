package journal

import (
	"bytes"
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"keyturn/checklist"
)

// BenchmarkAppend measures one event on the disk, with its fsync.
func BenchmarkAppend(b *testing.B) {
	f := mustCreate(b, b.TempDir())
	e := checklist.Event{
		Kind: checklist.Intended, At: morning, By: "ada@example.com", Item: "add-staging",
		Effect: &checklist.Effect{Code: checklist.VariableCreate, Target: "orders-api", Environment: checklist.Staging, Key: "v2", Place: "preview"},
	}
	for b.Loop() {
		if _, err := f.Append(context.Background(), e); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkFold measures how long a session of 10,000 events takes from the
// bytes on the disk to what may be done next.
func BenchmarkFold(b *testing.B) {
	const events = 10_000
	text := longJournal(b, events)
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		all, err := Decode(bytes.NewReader(text), "long")
		if err != nil {
			b.Fatal(err)
		}
		s, err := checklist.Fold(all)
		if err != nil {
			b.Fatal(err)
		}
		if _, ok := s.Next(); !ok || len(all) != events {
			b.Fatal("the session is not what it was made to be")
		}
	}
}

// longJournal makes a rotation whose monitoring was looked at many times.
func longJournal(tb testing.TB, events int) []byte {
	tb.Helper()
	m := NewMemory()
	add := func(e checklist.Event) {
		if len(m.events) == events {
			return
		}
		e.At, e.By = morning.Add(time.Duration(len(m.events))*time.Minute), "ada@example.com"
		_, err := m.Append(context.Background(), e)
		require.NoError(tb, err)
	}
	add(opening("rot"))
	for look := 0; len(m.events) < events; look++ {
		add(checklist.Event{Kind: checklist.Planned, Item: "monitor", Plan: &checklist.Plan{Summary: "Read the request log of production", Risk: checklist.Look}})
		add(checklist.Event{Kind: checklist.Started, Item: "monitor"})
		add(checklist.Event{Kind: checklist.Intended, Item: "monitor", Effect: &checklist.Effect{Code: checklist.MessagePost, Object: "security"}})
		add(checklist.Event{Kind: checklist.Done, Item: "monitor", Effect: &checklist.Effect{Code: checklist.MessagePost, Object: "security", How: checklist.Made, Result: "200"}})
		until := morning.AddDate(0, 0, 7)
		add(checklist.Event{Kind: checklist.Waiting, Item: "monitor", Text: "3 of 7 days are over", Until: &until, Evidence: &checklist.Evidence{
			Summary:  fmt.Sprintf("%d requests still name v1", look),
			Facts:    map[string]string{"looked": fmt.Sprint(look)},
			Readings: []checklist.Reading{{Metric: checklist.OldKeyRequests, Value: float64(look), At: morning, Detail: "checkout 12, billing 3"}},
			Tables:   []checklist.Table{{Title: "Requests by key id", Columns: []string{"key id", "share"}, Rows: [][]string{{"v1", "3%"}, {"v2", "97%"}}}},
		}})
	}
	text, err := m.Bytes()
	require.NoError(tb, err)
	return text
}
