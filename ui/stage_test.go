package ui

import (
	"context"
	"io"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	tea "github.com/charmbracelet/bubbletea"
	"github.com/charmbracelet/x/ansi"
	"github.com/muesli/termenv"
	"github.com/stretchr/testify/require"

	"keyturn/checklist"
	"keyturn/ui/internal/standin"
)

// stage plays the program: it runs commands and feeds back their messages, on
// the test's goroutine, with a clock that stands still.
type stage struct {
	t    testing.TB
	r    *root
	desk *standin.Desk
	msgs chan tea.Msg
	quit bool

	mu  sync.Mutex
	now time.Time
	out strings.Builder // what was written beside the frames
}

// stageWait is how long anything may take before a test gives up.
const stageWait = 5 * time.Second

type looks struct {
	dark, ascii bool
	profile     termenv.Profile
}

var (
	darkLook  = looks{dark: true, profile: termenv.TrueColor}
	lightLook = looks{profile: termenv.TrueColor}
	asciiLook = looks{dark: true, ascii: true, profile: termenv.Ascii}
)

func newStage(t testing.TB, w, h int, lk looks, o Options) *stage {
	t.Helper()
	desk := standin.New()
	s := &stage{t: t, desk: desk, msgs: make(chan tea.Msg, 100), now: time.Date(2025, 11, 24, 9, 30, 0, 0, time.UTC)}
	ctx, cancel := context.WithCancel(context.Background())
	o.Now = func() time.Time {
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.now
	}
	if o.Load == nil {
		o.Load = func(context.Context) (Desk, error) { return desk, nil }
	}
	o.Sandbox, o.Service = true, "orders"
	look := newLook(lk.profile, !lk.ascii, lk.dark, lk.ascii, false)
	pump, crew := newPump(), &crew{report: func(c crash) { s.msgs <- c }}
	pump.pause = 0
	if o.Copy == nil {
		o.Copy = func(_ context.Context, terminal io.Writer, text string) (string, error) {
			_, err := io.WriteString(terminal, "copied:"+text)
			return "handed to the test", err
		}
	}
	s.r = newRoot(ctx, o, look, pump, crew, &s.out)
	t.Cleanup(func() {
		cancel()
		crew.wait(stageWait)
	})
	go pump.loop(ctx, func(m tea.Msg) {
		select {
		case s.msgs <- m:
		case <-ctx.Done():
		}
	})
	s.update(tea.WindowSizeMsg{Width: w, Height: h})
	s.run(s.r.Init())
	return s
}

func (s *stage) update(msg tea.Msg) {
	_, cmd := s.r.Update(msg)
	s.run(cmd)
}

// run runs a command beside the test, as Bubble Tea does. Ticks do not come:
// tests turn the clock themselves.
func (s *stage) run(cmd tea.Cmd) {
	if cmd == nil {
		return
	}
	go func() {
		msg := cmd()
		switch v := reflect.ValueOf(msg); {
		case msg == nil:
		case v.Kind() == reflect.Slice && v.Type().Elem() == reflect.TypeOf(tea.Cmd(nil)): // Batch or Sequence
			for i := range v.Len() {
				c, _ := v.Index(i).Interface().(tea.Cmd)
				s.run(c)
			}
		default:
			s.msgs <- msg
		}
	}()
}

// until handles messages until the condition holds.
func (s *stage) until(what string, holds func() bool) {
	s.t.Helper()
	deadline := time.After(stageWait)
	for !holds() {
		select {
		case msg := <-s.msgs:
			if _, ok := msg.(tea.QuitMsg); ok {
				s.quit = true
			} else if _, ok := msg.(tick); !ok {
				s.update(msg)
			}
		case <-deadline:
			require.FailNow(s.t, "nothing came of waiting for "+what, s.text())
		}
	}
}

// sees waits until the frame shows a text.
func (s *stage) sees(text string) {
	s.t.Helper()
	s.until(text, func() bool { return strings.Contains(s.text(), text) })
}

// idle waits until no task is under way.
func (s *stage) idle() {
	s.t.Helper()
	s.until("the task to end", func() bool { return s.r.task == nil })
}

func (s *stage) text() string { return ansi.Strip(s.r.View()) }

// flat is text on one line, for what is wrapped.
func (s *stage) flat() string { return strings.Join(strings.Fields(s.text()), " ") }

var keyNames = map[string]tea.KeyType{
	"enter": tea.KeyEnter, "esc": tea.KeyEsc, "up": tea.KeyUp, "down": tea.KeyDown, "left": tea.KeyLeft, "right": tea.KeyRight,
	"tab": tea.KeyTab, "pgup": tea.KeyPgUp, "pgdown": tea.KeyPgDown, "ctrl+c": tea.KeyCtrlC, "ctrl+y": tea.KeyCtrlY,
	"ctrl+j": tea.KeyCtrlJ, "ctrl+z": tea.KeyCtrlZ, "backspace": tea.KeyBackspace, "home": tea.KeyHome, "end": tea.KeyEnd,
}

// press sends keys one by one, by their names or as runes.
func (s *stage) press(keys ...string) {
	for _, k := range keys {
		if t, ok := keyNames[k]; ok {
			s.update(tea.KeyMsg{Type: t})
			continue
		}
		s.update(tea.KeyMsg{Type: tea.KeyRunes, Runes: []rune(k)})
	}
}

// pass lets real time go by for the interface, and the desk's with it.
func (s *stage) pass(d time.Duration) {
	s.mu.Lock()
	s.now = s.now.Add(d)
	s.mu.Unlock()
	s.desk.Set(s.desk.Now().Add(d))
	s.update(tick{s.r.ticks})
}

// begin starts a checklist from the home screen.
func (s *stage) begin(id string) {
	s.t.Helper()
	s.sees("Quarterly rotation")
	for i, e := range s.r.homeView.entries {
		if e.offer != nil && e.offer.Checklist == id {
			s.r.homeView.cursor = i
		}
	}
	s.press("enter")
	s.sees("Why is the key rotated?")
	s.press("enter")
	s.until("the session", func() bool { return s.r.session != nil })
}

// doNext does the next item and agrees to whatever is asked.
func (s *stage) doNext() {
	s.t.Helper()
	s.press("enter")
	for {
		s.until("an answer or the end", func() bool { return s.r.task == nil || s.r.task.asking })
		if s.r.task == nil {
			return
		}
		p := s.r.top().(*prompt)
		switch p.q.Kind {
		case checklist.Type:
			for _, c := range p.q.Expect {
				s.press(string(c))
			}
			s.press("enter")
		case checklist.Confirm:
			s.press("y")
		default:
			s.press("enter")
		}
	}
}

// reach does items until one is next, turning the clock as needed.
func (s *stage) reach(item string) {
	s.t.Helper()
	for range 100 {
		next, ok := s.r.session.s.Next()
		if !ok || next.ID == item {
			return
		}
		if opens := s.r.session.s.NextOpens(s.desk.Now()); opens.After(s.desk.Now()) {
			s.press("f")
			s.idle()
		}
		s.doNext()
	}
	require.FailNow(s.t, "never reached "+item, s.text())
}
