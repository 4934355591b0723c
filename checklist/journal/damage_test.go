package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
)

// wholeLines returns the text without its last line.
func wholeLines(text []byte) []byte {
	return text[:bytes.LastIndexByte(text[:len(text)-1], '\n')+1]
}

func TestOpenRecoversFromATornLastLine(t *testing.T) {
	t.Parallel()
	text := threeLines(t)
	whole := wholeLines(text)
	torn := map[string][]byte{
		"zeros":                   append(bytes.Clone(whole), make([]byte, 50)...),
		"zeros and a line feed":   append(bytes.Clone(whole), append(make([]byte, 50), '\n')...),
		"a line feed alone":       append(bytes.Clone(whole), '\n'),
		"the middle of it zeroed": append(bytes.Clone(whole), append(make([]byte, 20), text[len(whole)+20:]...)...),
	}
	for cut := len(whole) + 1; cut < len(text); cut++ {
		torn[fmt.Sprintf("cut after %d bytes", cut-len(whole))] = text[:cut]
	}
	for name, left := range torn {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireRecovered(t, whole, left)
		})
	}
}

// requireRecovered opens a journal that a crash left with a torn last line.
func requireRecovered(t *testing.T, whole, left []byte) {
	t.Helper()
	dir := t.TempDir()
	path := mustWrite(t, dir, left)

	events, err := Read(dir, "rot")
	require.NoError(t, err, "an overview leaves the tail out")
	require.Len(t, events, 2)
	_, err = Decode(bytes.NewReader(left), "copy")
	var damaged *DamagedError
	require.ErrorAs(t, err, &damaged, "a record admits no torn line")
	assert.Equal(t, 3, damaged.Line)
	after, err := os.ReadFile(path)
	require.NoError(t, err)
	require.Equal(t, left, after, "readers change nothing")

	f, err := Open(dir, "rot", options())
	require.NoError(t, err)
	defer f.Close()
	events = f.Events()
	require.Len(t, events, 3)
	assert.Equal(t, checklist.Recovered, events[2].Kind)
	assert.Equal(t, checklist.LineDigest(left[len(whole):]), events[2].Torn)
	assert.Equal(t, "ada@example.com", events[2].By)
	_, err = f.Append(t.Context(), note("on"))
	require.NoError(t, err)
	text, err := os.ReadFile(path)
	require.NoError(t, err)
	assert.True(t, bytes.HasPrefix(text, whole))
	events, err = Decode(bytes.NewReader(text), path)
	require.NoError(t, err, "the journal is whole again")
	assert.Len(t, events, 4)
}

func TestACrashDuringRecoveryIsRecoveredFrom(t *testing.T) {
	t.Parallel()
	text := threeLines(t)
	whole := wholeLines(text)
	c, err := parse(whole, "whole")
	require.NoError(t, err)
	for name, torn := range map[string][]byte{
		"short": []byte(`{"se`), "long": bytes.Repeat([]byte("x"), 2000), "long with a line feed": append(bytes.Repeat([]byte("x"), 2000), '\n'),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := checklist.Event{Kind: checklist.Recovered, At: morning, By: "ada@example.com", Torn: checklist.LineDigest(torn)}
			_, line, _, err := c.chain.Seal(e)
			require.NoError(t, err)
			for cut := 0; cut < len(line); cut += 7 {
				left := append(bytes.Clone(whole), line[:cut]...)
				if cut < len(torn) {
					left = append(left, torn[cut:]...)
				}
				dir := t.TempDir()
				mustWrite(t, dir, left)
				f, err := Open(dir, "rot", options())
				require.NoError(t, err, "cut at %d", cut)
				require.Equal(t, checklist.Recovered, f.Events()[2].Kind)
				require.NoError(t, f.Close())
			}
			// The line is written, and what it is longer than is not cut off yet.
			if len(torn) > len(line) {
				left := append(bytes.Clone(whole), line...)
				left = append(left, torn[len(line):]...)
				dir := t.TempDir()
				mustWrite(t, dir, left)
				f, err := Open(dir, "rot", options())
				require.NoError(t, err)
				defer f.Close()
				assert.Len(t, f.Events(), 4, "two losses, two events")
			}
		})
	}
}

func TestDamage(t *testing.T) {
	t.Parallel()
	text := threeLines(t)
	lines := strings.SplitAfter(string(text), "\n")
	second := func(old, to string) string {
		return lines[0] + strings.Replace(lines[1], old, to, 1) + lines[2]
	}
	at := `"at":"2026-03-02T09:01:00Z"`
	for _, c := range []struct {
		name, text, reason string
		line               int
	}{
		{"no JSON in the middle", lines[0] + "not JSON\n" + lines[2], "invalid character", 2},
		{"a torn line in the middle", lines[0] + lines[1][:40] + "\n" + lines[2], "invalid character", 2},
		{"an empty line in the middle", lines[0] + "\n" + lines[1] + lines[2], "EOF", 2},
		{"two events on one line", lines[0] + strings.TrimSpace(lines[1]) + lines[1] + lines[2], "something follows the event", 2},
		{"an unknown field", second(`"text"`, `"extra":1,"text"`), `unknown field "extra"`, 2},
		{"a field twice", second(`"text"`, `"text":"other","text"`), "not written as Keyturn writes it, from character", 2},
		{"a field in another case", second(`"text"`, `"Text"`), "not written as Keyturn writes it", 2},
		{"white space", second(`,"text"`, `, "text"`), "not written as Keyturn writes it", 2},
		{"a carriage return", second("\n", "\r\n"), "not written as Keyturn writes it", 2},
		{"a changed text", second("first", "other"), "prev is", 3},
		{"a line left out", lines[0] + lines[2], "seq is 3, want 2", 2},
		{"the first line left out", lines[1] + lines[2], "seq is 2, want 1", 1},
		{"a line twice", lines[0] + lines[1] + lines[1] + lines[2], "seq is 2, want 3", 3},
		{"two lines exchanged", lines[0] + lines[2] + lines[1], "seq is 3, want 2", 2},
		{"a changed prev", second(`"prev":"`, `"prev":"00`), "prev is", 2},
		{"a time that is none", second(at, `"at":"yesterday"`), "parsing time", 2},
		{"a time in another zone", second(at, `"at":"2026-03-02T10:01:00+01:00"`), "not in UTC", 2},
		{"a damaged last line that is JSON", lines[0] + lines[1] + strings.Replace(lines[2], `"seq":3`, `"seq":4`, 1), "seq is 4, want 3", 3},
		{"a number for an object", second(`"text":"first <b>&</b>"`, `"plan":7`), "cannot unmarshal number", 2},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			path := mustWrite(t, dir, []byte(c.text))
			for name, open := range map[string]func() error{
				"open":   func() error { _, err := Open(dir, "rot", options()); return err },
				"read":   func() error { _, err := Read(dir, "rot"); return err },
				"decode": func() error { _, err := Decode(strings.NewReader(c.text), path); return err },
			} {
				err := open()
				var damaged *DamagedError
				require.ErrorAs(t, err, &damaged, name)
				assert.Equal(t, path, damaged.File, name)
				assert.Equal(t, c.line, damaged.Line, name)
				assert.Contains(t, damaged.Reason, c.reason, name)
				assert.NotEmpty(t, checklist.Hint(err), name)
			}
			after, err := os.ReadFile(path)
			require.NoError(t, err)
			assert.Equal(t, c.text, string(after), "the file was left untouched")
			holder, err := Holder(dir, "rot")
			require.NoError(t, err)
			assert.Empty(t, holder, "the failed opening gave the lock up")
			ids, err := List(dir)
			require.NoError(t, err)
			assert.Equal(t, []string{"rot"}, ids, "a damaged session is listed, so that its reader says why")
		})
	}
}

// Whatever byte of a whole line is changed, the chain breaks somewhere: only
// the last line has no later one to tell, so its text may change unseen until
// a record pins the head.
func TestEveryChangedByteBeforeTheLastLineIsNoticed(t *testing.T) {
	t.Parallel()
	text := threeLines(t)
	for i := range wholeLines(text) {
		changed := bytes.Clone(text)
		changed[i] ^= 0x01
		_, err := Decode(bytes.NewReader(changed), "changed")
		var damaged *DamagedError
		require.ErrorAs(t, err, &damaged, "byte %d", i)
	}
}

func FuzzDecode(f *testing.F) {
	text := threeLines(f)
	f.Add(text)
	f.Add(text[:len(text)-1])
	f.Add(wholeLines(text))
	f.Add([]byte(""))
	f.Add([]byte("\n"))
	f.Add([]byte(`{"seq":1,"prev":"` + checklist.NewChain().Head + `","at":"2026-03-02T09:00:00Z","by":"","kind":"noted"}` + "\n"))
	f.Add([]byte(`{"seq":1,"prev":"` + checklist.NewChain().Head + `","at":"2026-03-02T09:00:00Z","by":"","kind":"opened","opening":null}` + "\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		events, err := Decode(bytes.NewReader(text), "fuzzed")
		if err != nil {
			var newer *checklist.NewerError
			if errors.As(err, &newer) || errors.Is(err, checklist.ErrPreRelease) {
				return
			}
			var damaged *DamagedError
			if !errors.As(err, &damaged) || damaged.Line < 1 || damaged.Reason == "" {
				t.Fatalf("want a *DamagedError with a line and a reason, got %v", err)
			}
			return
		}
		// What is accepted is exactly what Keyturn would write.
		m := NewMemory()
		for _, e := range events {
			if _, err := m.Append(context.Background(), e); err != nil {
				t.Fatal(err)
			}
		}
		if again, _ := m.Bytes(); !bytes.Equal(again, text) {
			t.Fatalf("written again it differs:\n%s\n%s", text, again)
		}
	})
}
