package notify

import (
	"fmt"
	"regexp"
	"strings"
	"time"
	"unicode"
)

// Message is a text for people. Only this package makes one.
type Message struct{ lines []string }

// String returns the message as it is read, and pasted.
func (m Message) String() string { return strings.Join(m.lines, "\n") }

// Mrkdwn returns the message as Slack wants it: with the three characters
// escaped that begin a mention, a link or an entity. Slack has no escape for
// its other marks, which can do no more than look odd.
func (m Message) Mrkdwn() string {
	return strings.NewReplacer("&", "&amp;", "<", "&lt;", ">", "&gt;").Replace(m.String())
}

// About is what every message says of its session.
type About struct {
	Service      string
	Session      string
	Sandbox      bool // nothing real is changed
	Operator     string
	Targets      []string
	Environments []string
}

// begin starts a message, with the sandbox's mark before all else.
func (a About) begin(format string, args ...any) *Message {
	m := &Message{}
	if a.Sandbox {
		m.lines = append(m.lines, "[SANDBOX: nothing real is changed]")
	}
	return m.add(format, args...)
}

// add adds a line. What looks like a key, or would not be seen, is replaced.
func (m *Message) add(format string, args ...any) *Message {
	m.lines = append(m.lines, clean(fmt.Sprintf(format, args...)))
	return m
}

func (a About) where() string {
	return strings.Join(a.Environments, " and ") + " of " + strings.Join(a.Targets, ", ")
}

// end ends a message with whom to ask.
func (m *Message) end(a About) Message {
	m.add("Questions to %s (session %s). Never post a key here.", a.Operator, a.Session)
	return *m
}

const dayFormat = "Mon 2 Jan 2006"

// utc returns a moment in words.
func utc(t time.Time) string { return t.UTC().Format("Mon 2 Jan 2006 15:04 UTC") }

// secretLike finds what a key of ours looks like, so that one which somebody
// pasted into a reason goes no further.
var secretLike = regexp.MustCompile(`[0-9A-Fa-f]{64,}`)

// clean makes one visible line of text.
func clean(text string) string {
	text = secretLike.ReplaceAllString(strings.Join(strings.Fields(strings.ToValidUTF8(text, "\ufffd")), " "), "[redacted]")
	var b strings.Builder
	for _, c := range text {
		if unicode.In(c, unicode.Cc, unicode.Cf, unicode.Co, unicode.Cs, unicode.Other_Default_Ignorable_Code_Point) {
			fmt.Fprintf(&b, "(%U)", c)
			continue
		}
		b.WriteRune(c)
	}
	return b.String()
}
