//go:build unix

package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"keyturn/steps/program/programtest"
)

// operator works at a terminal as a person does: reads the screen, and presses
// the key that it names.
type operator struct {
	*terminal
	person  person
	w, h    int
	secrets *programtest.Secrets
	keep    func(*programtest.Secrets) // adds the secrets that there are now
	seen    watched                    // of the program's processes

	command string // with which the program was started last
	pressed int    // keys, for a bound
}

// start types a command and waits for the program's screen.
func (o *operator) start(command string) {
	o.t.Helper()
	o.command = command
	o.types(command + "\r")
	o.waits("the sandbox's screen", func(f string) bool {
		head, _, _ := strings.Cut(f, "\n")
		return strings.Contains(head, "SANDBOX")
	})
	o.full = true
	o.seen.look(o.t, o.shell())
}

// shell returns the process id of the shell in the terminal.
func (o *operator) shell() int {
	pid, err := strconv.Atoi(strings.Join(o.tmux("display-message -p '#{pane_pid}'"), ""))
	require.NoError(o.t, err)
	return pid
}

// leaves presses q until the shell is back, and asserts with which code the
// program ended. It returns what the terminal shows then.
func (o *operator) leaves(code int) string {
	o.t.Helper()
	if f, _ := o.screen(); strings.HasSuffix(f, "q back") { // from home one came, and there one goes
		o.types("q")
	}
	o.waits("home, or the session that was asked for", func(f string) bool { return strings.HasSuffix(f, "q quit") })
	o.full = false
	o.types("q")
	o.waits("the shell", prompted)
	o.types("echo the code was $?\r")
	return o.sees("the code was " + strconv.Itoa(code))
}

// returnsWith reads the command that returns from what the program said last.
func (o *operator) returnsWith(f string) string {
	o.t.Helper()
	lines := strings.Split(f, "\n")
	at := slices.IndexFunc(lines, returnCommand.MatchString)
	require.GreaterOrEqual(o.t, at, 0, "no command to return with:\n%s", f)
	said := lines[at]
	for _, line := range lines[at+1:] {
		if strings.HasPrefix(line, "$ ") { // the next prompt; the terminal wraps what is long
			break
		}
		said += line
	}
	return strings.TrimSpace(returnCommand.FindStringSubmatch(said)[1])
}

// walk goes on with the session until the screen shows what is asked for.
func (o *operator) walk(until func(frame) bool) frame {
	o.t.Helper()
	for {
		var keys string
		f := frame(o.waits("something to do", func(text string) bool {
			f := frame(text)
			var ready bool
			keys, ready = o.reads(f)
			return ready || until(f) || f.isCard()
		}))
		o.keep(o.secrets)
		o.seen.look(o.t, o.shell())
		if until(f) {
			return f
		}
		require.False(o.t, f.isCard(), "the session is over:\n%s", f)
		require.NotContains(o.t, f.bar(), "try again", "an item did not pass:\n%s", f)
		o.pressed++
		require.Less(o.t, o.pressed, 300, "the session does not come to its end:\n%s", f)
		if text, ok := strings.CutSuffix(keys, "\r"); ok && text != "" { // read what was typed, then send it
			o.types(text)
			f = frame(o.waits("what was typed", func(f string) bool { return frame(f).holds(text) }))
			keys = "\r"
		}
		o.types(keys)
		o.waits("an effect of "+strconv.Quote(keys), func(text string) bool { return !frame(text).sameAs(f) })
	}
}

// frame is what the screen shows.
type frame string

func (f frame) rows() []string { return strings.Split(string(f), "\n") }

// bar is the row with the keys, and status the one above it.
func (f frame) bar() string { return f.fromBottom(1) }

func (f frame) status() string { return f.fromBottom(2) }

func (f frame) fromBottom(n int) string {
	rows := f.rows()
	if len(rows) < n {
		return ""
	}
	return rows[len(rows)-n]
}

// isCard says that a text lies over the session, such as how it ended.
func (f frame) isCard() bool { return strings.Contains(f.bar(), "esc close") }

// holds says that a question has been answered with a text, which is not sent
// yet: it is in one of the rows of the field that is typed into.
func (f frame) holds(text string) bool {
	for n := 3; n <= 2+fieldRows+1; n++ {
		if strings.Trim(f.fromBottom(n), " ›") == text {
			return true
		}
	}
	return false
}

func (f frame) shows(text string) bool { return strings.Contains(string(f), text) }

// sameAs compares what does not change by itself: the header has the time, and
// a message above the keys goes away.
func (f frame) sameAs(other frame) bool {
	a, b := f.rows(), other.rows()
	if len(a) < 4 || len(a) != len(b) {
		return false
	}
	body := func(rows []string) string {
		return strings.Join(append(append([]string(nil), rows[1:len(rows)-2]...), rows[len(rows)-1]), "\n")
	}
	return body(a) == body(b)
}

var typeThis = regexp.MustCompile(`Type (\S+) to go on`)

// reads finds out which key the screen asks for, if any.
func (o *operator) reads(f frame) (keys string, ready bool) {
	bar := f.bar()
	offers := func(key string) bool { return strings.Contains(bar, key) }
	switch {
	case offers("y yes"):
		return "y", true
	case offers("ctrl+j new line"):
		return o.writes(f), true
	case offers("down/j choose"):
		return "\r", true
	case offers("enter accept") && typeThis.MatchString(string(f)):
		return typeThis.FindStringSubmatch(string(f))[1] + "\r", true
	case offers("enter do the next item"), offers("enter try again"):
		if offers("f turn the clock on") || strings.Contains(f.status(), "f turns the clock there") {
			return "f", true
		}
		return "\r", true
	case offers("enter finish"):
		return "\r", true
	}
	return "", false // at work
}

// fieldRows is the height of the field for a text.
const fieldRows = 3

// writes answers a question for a text: the one that is offered, or, where
// there is none, a word of its own.
func (o *operator) writes(f frame) string {
	for n := range fieldRows {
		if strings.TrimSpace(f.fromBottom(4+n)) != "" { // above the row that says what is wrong with it
			return "\r"
		}
	}
	return "as planned\r"
}

// working says that an item is being done.
func working(item string) func(frame) bool {
	return func(f frame) bool {
		return strings.Contains(f.status(), "working") && strings.Contains(f.status(), item) && strings.Contains(f.bar(), "ctrl+c cancel")
	}
}

// next says that an item is to be done next, as the list has it.
func next(item string) func(frame) bool {
	line := regexp.MustCompile("● " + regexp.QuoteMeta(item) + " +(next|opens) ")
	return func(f frame) bool {
		return strings.Contains(f.bar(), "enter do the next item") && line.MatchString(strings.ReplaceAll(string(f), "\n", " \n"))
	}
}

// isOver says that the session's closing card is shown.
func isOver(title string) func(frame) bool {
	return func(f frame) bool { return f.shows(title+": finished") && f.isCard() }
}

// driver returns the process that drives a person's session, as the journal's
// holder says it.
func (o *operator) driver() int {
	o.t.Helper()
	files, err := filepath.Glob(filepath.Join(o.person.sandbox(), "sessions", "*", "journal.holder"))
	require.NoError(o.t, err)
	require.Len(o.t, files, 1)
	text, err := os.ReadFile(files[0])
	require.NoError(o.t, err)
	words := strings.Fields(string(text))
	require.Greater(o.t, len(words), 1)
	pid, err := strconv.Atoi(words[1])
	require.NoError(o.t, err)
	return pid
}

// requireNoLeak looks for the secrets in all that the session left: on the
// screen, on the disk, and in what other users can see of its processes.
func (o *operator) requireNoLeak(t *testing.T, want ...string) {
	t.Helper()
	require.Subset(t, o.secrets.Names(), want, "secrets that were there")
	require.Empty(t, o.secrets.In(o.everything()), "on the screen")
	require.Greater(t, len(o.frames), 20)
	found, files, err := o.secrets.InFiles(o.person.home)
	require.NoError(t, err)
	require.Empty(t, found)
	require.Greater(t, files, 10)
	o.seen.requireNone(t, o.secrets)
}
