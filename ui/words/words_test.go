package words

import (
	"strings"
	"testing"
	"time"

	"github.com/charmbracelet/x/ansi"
	"github.com/stretchr/testify/assert"

	"keyturn/checklist"
)

func TestDuration(t *testing.T) {
	t.Parallel()
	for want, d := range map[string]time.Duration{
		"0 s":         0,
		"12 s":        12 * time.Second,
		"4 min 5 s":   4*time.Minute + 5*time.Second,
		"4 min":       4 * time.Minute,
		"3 h 12 min":  3*time.Hour + 12*time.Minute + 3*time.Second,
		"1 day":       24 * time.Hour,
		"2 days 4 h":  52 * time.Hour,
		"90 days":     90 * 24 * time.Hour,
		"1 min":       -time.Minute,
		"1 min 1 s":   time.Minute + 700*time.Millisecond,
		"1 day 23 h":  47 * time.Hour,
		"59 min 59 s": time.Hour - time.Second,
	} {
		assert.Equal(t, want, Duration(d), d.String())
	}
}

func TestCountdown(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "59:04", Countdown(59*time.Minute+4*time.Second))
	assert.Equal(t, "00:07", Countdown(-7*time.Second))
	assert.Equal(t, "1:00:00", Countdown(time.Hour))
}

func TestUntil(t *testing.T) {
	t.Parallel()
	now := time.Date(2025, 11, 24, 9, 0, 0, 0, time.UTC)
	assert.Equal(t, "in 3 h", Until(now.Add(3*time.Hour), now))
	assert.Equal(t, "now", Until(now, now))
	assert.Equal(t, "2 days ago", Until(now.Add(-48*time.Hour), now))
	assert.Equal(t, "Mon 24 Nov 2025 09:00 UTC", Moment(now))
	assert.Equal(t, "Mon 24 Nov 2025", Date(now))
	assert.Equal(t, "12 days", Days(12*24*time.Hour+5))
	assert.Equal(t, "0 days", Days(-time.Hour))
}

func TestCodesAreWords(t *testing.T) {
	t.Parallel()
	assert.Equal(t, "passed over", Status(checklist.StatusPassedOver))
	assert.Equal(t, "open", Status(checklist.StatusOpen))
	assert.Equal(t, "rolled back", Kind(checklist.RolledBack))
	assert.Equal(t, "abandoned", Kind(checklist.Abandoned))
	assert.Equal(t, "no consent needed", Risk(checklist.Look))
	assert.Equal(t, "can be undone", Risk(checklist.Change))
	assert.Equal(t, "cannot be undone", Risk(checklist.Irreversible))
	assert.Equal(t, "not in this version", Risk("not-in-this-version"))
	assert.Equal(t, "delete which", Asked(checklist.Asked{ID: "delete-which"}))
	assert.Equal(t, "backup key (production)", Asked(checklist.Asked{ID: "backup-key", About: "production"}))
}

func TestSession(t *testing.T) {
	t.Parallel()
	const id = "quarterly-20261128-k7qm3fzd2x2pvn5ck7qm3fzd2x"
	for name, tc := range map[string]struct {
		id   string
		room int
		want string
	}{
		"room enough":    {id, len(id), id},
		"short of room":  {id, len(id) - 1, "quarterly-20261128-k7qm"},
		"no room at all": {id, 3, "quarterly-20261128-k7qm"},
		"another form":   {"session-1", 3, "session-1"},
		"no form":        {"k7qm3fzd2x2pvn5ck7qm3fzd2x", 3, "k7qm3fzd2x2pvn5ck7qm3fzd2x"},
		"hostile":        {"a\x1b[2J-b", 80, "a[2J-b"},
		"nothing":        {"", 80, ""},
	} {
		assert.Equal(t, tc.want, Session(tc.id, tc.room), name)
	}
}

func TestTableFits(t *testing.T) {
	t.Parallel()
	table := checklist.Table{
		Columns: []string{"probe", "want", "why"},
		Rows: [][]string{
			{"new key", "accepted", "a short one"},
			{"tampered body", "refused", "the body was changed after it had been signed, so the signature is wrong"},
			{"lonely"},
		},
	}
	for _, width := range []int{30, 48, 70, 200} {
		lines, head := Table(table, width)
		assert.Equal(t, 1, head)
		text := strings.Join(lines, "\n")
		for _, line := range lines {
			assert.LessOrEqual(t, ansi.StringWidth(line), width, line)
			assert.Equal(t, strings.TrimRight(line, " "), line)
		}
		for _, word := range []string{"tampered", "accepted", "signature", "lonely"} {
			assert.Contains(t, text, word)
		}
	}
	lines, head := Table(checklist.Table{}, 40)
	assert.Empty(t, lines)
	assert.Zero(t, head)
}

func FuzzClean(f *testing.F) {
	for _, seed := range []string{"", "plain", "a\tb\nc", "\x1b[31mred\x1b[0m", "\x1b]52;c;AAAA\a", "rtl \u202e txt", "日本\x9b1m"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		clean := Clean(text)
		assert.NotContains(t, clean, "\x1b")
		assert.NotContains(t, clean, "\u202e")
		assert.Equal(t, clean, Clean(clean))
		assert.NotContains(t, Line(text), "\n")
	})
}

func TestCommandStaysRunnable(t *testing.T) {
	t.Parallel()
	command := `curl -sS -w '%{http_code} ok\n' -H "Authorization: Bearer $TOKEN" -d '{"value":"'$SECRET'"}' http://127.0.0.1/a\ b`
	lines := Command(command, 40)
	assert.Equal(t, []string{
		`curl -sS -w '%{http_code} ok\n' -H \`,
		`  "Authorization: Bearer $TOKEN" -d \`,
		`  '{"value":"'$SECRET'"}' \`,
		`  http://127.0.0.1/a\ b`,
	}, lines)
	assert.Equal(t, []string{"ls -l"}, Command("ls -l", 40))
	assert.Equal(t, []string{"a", "", "b"}, Command("a\n\nb", 40))
}

func FuzzCommand(f *testing.F) {
	f.Add("curl -H 'a b' http://x", 12)
	f.Add(`a "b \" c`, 3)
	f.Fuzz(func(t *testing.T, text string, width int) {
		joined := strings.ReplaceAll(strings.Join(Command(text, width), "\n"), " \\\n  ", " ")
		if !strings.ContainsAny(text, "\\\n") {
			assert.Equal(t, strings.Trim(strings.Join(strings.Fields(strings.ReplaceAll(Clean(text), " ", " ")), " "), " "),
				strings.Join(strings.Fields(joined), " "))
		}
	})
}
