package cli

import (
	"bytes"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// watched is a meter whose clock and terminal are the test's.
func watched(width int) (m *meter, out *bytes.Buffer, pass func(time.Duration)) {
	out, now := &bytes.Buffer{}, time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	m = &meter{out: out, clock: func() time.Time { return now }, began: now, width: func() int { return width }}
	return m, out, func(d time.Duration) { now = now.Add(d) }
}

func TestMeterIsOnlyForWhatTakesLong(t *testing.T) {
	t.Parallel()
	m, out, pass := watched(80)
	pass(499 * time.Millisecond)
	m.step(400, 5000)
	m.clear()
	assert.Empty(t, out.String())
	pass(time.Millisecond)
	m.step(500, 5000)
	assert.Equal(t, "\r\x1b[KVerifying ███░░░░░░░░░░░░░░░░░░░░░░░░░ 500 of 5,000 records, 5 s left", out.String())
	pass(99 * time.Millisecond)
	m.step(501, 5000)
	assert.Equal(t, 1, strings.Count(out.String(), "\r"), "it is not drawn for each record")
	out.Reset()
	m.clear()
	assert.Equal(t, "\r\x1b[K", out.String())
	assert.Equal(t, " after 501 of 5,000 records", m.reached())
}

func TestMeterFitsTheTerminal(t *testing.T) {
	t.Parallel()
	for width := 1; width <= 200; width++ {
		m, _, _ := watched(width)
		m.done, m.total, m.ascii = 1, 12345, true
		require.Less(t, len(m.line(time.Second, width)), width)
	}
	m, _, _ := watched(80)
	m.done, m.total, m.ascii = 12345, 12345, true
	assert.Equal(t, "Verifying ########################## 12,345 of 12,345 records, 0 s left", m.line(time.Minute, 80))
	m.done = 100
	assert.Equal(t, "Verifying 100 of 12,345 records, 122 min 27 s left", m.line(time.Minute, 55))
}

func TestMeterIsOnlyForTerminals(t *testing.T) {
	t.Parallel()
	file, err := os.CreateTemp(t.TempDir(), "stderr")
	require.NoError(t, err)
	defer file.Close()
	now := time.Date(2026, 1, 5, 9, 0, 0, 0, time.UTC)
	m := (&app{errOut: file}).meter(func() time.Time {
		now = now.Add(time.Hour)
		return now
	})
	m.step(1, 2)
	m.clear()
	is, err := file.Stat()
	require.NoError(t, err)
	assert.Zero(t, is.Size())
}
