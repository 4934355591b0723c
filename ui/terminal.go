package ui

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync"

	"github.com/charmbracelet/x/ansi"
)

// screenOut is the terminal as Bubble Tea writes to it. Its lock lets other
// sequences be written between two frames and never inside one.
type screenOut struct {
	*os.File
	mu sync.Mutex
	// entered says that the first frame is on the alternate screen already, so
	// that the renderer's own way in, which would blank it, is left out.
	entered bool
}

func (o *screenOut) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.entered && len(p) < 16 {
		switch string(p) {
		case ansi.SetModeAltScreenSaveCursor, ansi.EraseEntireScreen:
			return len(p), nil
		}
	} else {
		o.entered = false // the first frame of the renderer
	}
	return o.File.Write(p)
}

// WriteString keeps the file's own from going around the lock.
func (o *screenOut) WriteString(s string) (int, error) { return o.Write([]byte(s)) }

// paintFirst enters the alternate screen and draws a frame before the program
// has started.
func (o *screenOut) paintFirst(frame string) error {
	o.entered = true
	_, err := o.File.WriteString(ansi.SetModeAltScreenSaveCursor + ansi.HideCursor + ansi.EraseEntireScreen +
		ansi.CursorHomePosition + strings.ReplaceAll(frame, "\n", "\r\n"))
	if err != nil {
		return fmt.Errorf("draw the first frame: %w", err)
	}
	return nil
}

const askBackground = "\x1b]11;?\a"

// backgroundRead says whether the terminal's background is dark.
type backgroundRead struct{ dark bool }

// screenIn is the keyboard. It takes the terminal's answer about its
// background out of what is typed, whenever it comes, so that nothing waits
// for it and nothing takes it for keys.
type screenIn struct {
	*os.File
	answered func(dark bool) // called once, from the reading goroutine
	held     []byte          // the beginning of an answer that is not all here
}

const (
	answerStart = "\x1b]11;"
	answerMost  = 64 // bytes; a longer one is no answer
)

func (in *screenIn) Read(p []byte) (int, error) {
	if in.answered == nil {
		return in.File.Read(p)
	}
	buf := make([]byte, max(1, len(p)-len(in.held)))
	n, err := in.File.Read(buf)
	if err != nil {
		return 0, err
	}
	rest, held, dark, found := takeAnswer(append(in.held, buf[:n]...))
	in.held = bytes.Clone(held)
	if found {
		in.answered(dark)
		in.answered = nil
	}
	return copy(p, rest), nil
}

// takeAnswer splits input into what was typed and an answer to askBackground.
// held is the beginning of an answer whose end is still to come.
func takeAnswer(input []byte) (rest, held []byte, dark, found bool) {
	start := bytes.Index(input, []byte(answerStart))
	if start < 0 {
		// An escape alone is a key: more of the answer must be there.
		for n := len(answerStart) - 1; n >= 2; n-- {
			if bytes.HasSuffix(input, []byte(answerStart[:n])) {
				return input[:len(input)-n], input[len(input)-n:], false, false
			}
		}
		return input, nil, false, false
	}
	body := input[start+len(answerStart):]
	end, size := bytes.IndexByte(body, '\a'), 1
	if st := bytes.Index(body, []byte("\x1b\\")); st >= 0 && (end < 0 || st < end) {
		end, size = st, 2
	}
	switch {
	case end < 0 && len(body) > answerMost:
		return input, nil, false, false
	case end < 0:
		return input[:start], input[start:], false, false
	}
	dark, ok := parseBackground(string(body[:end]))
	rest = append(bytes.Clone(input[:start]), body[end+size:]...)
	return rest, nil, dark, ok
}

// parseBackground reads "rgb:1e1e/1e1e/2e2e" and tells whether it is dark.
func parseBackground(answer string) (dark, ok bool) {
	parts := strings.Split(strings.TrimPrefix(strings.TrimPrefix(answer, "rgba:"), "rgb:"), "/")
	if len(parts) < 3 {
		return false, false
	}
	var c [3]float64
	for i := range c {
		v, err := strconv.ParseUint(parts[i], 16, 32)
		if err != nil || len(parts[i]) > 4 {
			return false, false
		}
		c[i] = float64(v) / float64(uint64(1)<<(4*len(parts[i]))-1)
	}
	return 0.299*c[0]+0.587*c[1]+0.114*c[2] < 0.5, true
}
