package plain

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"

	"keyturn/checklist"
	"keyturn/ui/words"
)

// width is how wide tables and wrapped text may be.
const width = 100

// Answerer gives the answer to a question.
type Answerer func(context.Context, checklist.Question) (checklist.Answer, error)

// Transcript is an operator that prints every event as lines.
type Transcript struct {
	out    io.Writer
	answer Answerer

	mu       sync.Mutex
	titles   map[string]string // of items, by id
	asked    map[asked]string  // titles of the questions that were asked here
	item     string            // the item whose lines are being printed
	progress map[string]bool   // what was printed of the item's progress since its last event
}

// asked is one question of an item.
type asked struct {
	item string
	checklist.Asked
}

var _ checklist.Operator = (*Transcript)(nil)

// NewTranscript returns an operator that prints to out and takes its answers
// from answer.
func NewTranscript(out io.Writer, answer Answerer) *Transcript {
	return &Transcript{out: out, answer: answer, titles: map[string]string{}, asked: map[asked]string{}, progress: map[string]bool{}}
}

// Unattended answers for a rehearsal: it agrees, types what is to be typed,
// and takes the default of everything else.
func Unattended(_ context.Context, q checklist.Question) (checklist.Answer, error) {
	switch {
	case q.Kind == checklist.Confirm:
		return checklist.Answer{Text: checklist.Yes}, nil
	case q.Kind == checklist.Type:
		return checklist.Answer{Text: q.Expect}, nil
	case q.Default == "" && q.Kind == checklist.Choose && len(q.Choices) > 0:
		return checklist.Answer{Text: q.Choices[0].ID}, nil
	case q.Default == "" && q.Kind == checklist.Write && !q.Optional:
		return checklist.Answer{Text: "rehearsal"}, nil
	}
	return checklist.Answer{Text: q.Default}, nil
}

// Know tells the transcript the titles of a checklist's items.
func (t *Transcript) Know(c checklist.Checklist) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, i := range c.Items() {
		t.titles[i.ID] = i.Title
	}
}

// Say prints a sentence that belongs to no item.
func (t *Transcript) Say(format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.line("* ", fmt.Sprintf(format, args...))
}

// line prints text, cleaned and wrapped, with a first indent.
func (t *Transcript) line(indent, text string) {
	rest := strings.Repeat(" ", len(indent))
	for _, part := range strings.Split(words.Clean(text), "\n") {
		for _, wrapped := range words.Wrap(part, width-len(indent)) {
			fmt.Fprintf(t.out, "%s%s\n", indent, wrapped)
			indent = rest
		}
	}
}

// labelled prints text behind a label of ten columns.
func (t *Transcript) labelled(label, text string) {
	t.line(fmt.Sprintf("   %-10s ", label), text)
}

// Show implements checklist.Operator.
func (t *Transcript) Show(e checklist.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if e.Item != "" && e.Item != t.item {
		t.item = e.Item
		title := t.titles[e.Item]
		if title == "" {
			title = e.Item
		}
		fmt.Fprintf(t.out, "\n%s  %s\n", e.At.UTC().Format("2006-01-02 15:04"), words.Line(title))
	}
	t.progress = map[string]bool{}
	if !t.showStanding(e) {
		t.showAct(e)
	}
}

// showStanding prints an event that says how the item or the session stands;
// false for any other.
func (t *Transcript) showStanding(e checklist.Event) bool {
	label := words.Kind(e.Kind)
	cause := checklist.ItemState{Text: e.Text, Changed: e.Changed}.Words()
	switch e.Kind {
	case checklist.Left:
		t.labelled(label, cause)
	case checklist.Passed:
		t.labelled(label, e.Evidence.Summary)
	case checklist.Failed:
		t.labelled(strings.ToUpper(label), cause)
		if e.Hint != "" {
			t.labelled("hint", e.Hint)
		}
	case checklist.Waiting, checklist.Deferred, checklist.PassedOver, checklist.Overridden, checklist.Reopened, checklist.Abandoned:
		t.labelled(label, e.Text)
	case checklist.RolledBack:
		t.labelled(label, "by "+e.Session)
	case checklist.Narrowed:
		t.labelled(label, e.Target+" is no longer part of the session: "+e.Text)
	case checklist.Finished:
		fmt.Fprintln(t.out)
		t.line("", label)
	default:
		return false
	}
	if e.Evidence != nil {
		t.evidence(*e.Evidence)
	}
	return true
}

// showAct prints an event that says what was planned, asked, done or seen.
func (t *Transcript) showAct(e checklist.Event) {
	label := words.Kind(e.Kind)
	switch e.Kind {
	case checklist.Planned:
		t.plan(*e.Plan)
	case checklist.Agreed, checklist.Unknown, checklist.Noted, checklist.Recovered:
		t.labelled(label, e.Text)
	case checklist.Declined:
		t.labelled(label, "nothing was changed")
	case checklist.Done, checklist.Unmade:
		t.labelled(label, e.Effect.String())
	case checklist.Answered:
		t.labelled(label, t.question(e)+" "+orNothing(e.Text))
	case checklist.Requested:
		t.labelled(label, "a second person's approval, until "+words.Moment(e.Request.Expires))
	case checklist.Approved:
		t.labelled(label, "by "+e.Approval.By)
	case checklist.Refused:
		cause := "by " + e.Refusal.By
		if e.Refusal.Reason != "" {
			cause += ": " + e.Refusal.Reason
		}
		t.labelled(label, cause)
	case checklist.Measured:
		t.labelled(label, e.Evidence.Summary)
	case checklist.Configured, checklist.Drifted:
		for _, d := range e.Drift {
			t.labelled(label, d.String())
		}
	}
}

// question is the title under which an answered question was asked here, or what
// its id says.
func (t *Transcript) question(e checklist.Event) string {
	if title := t.asked[asked{e.Item, *e.Question}]; title != "" {
		return title
	}
	return words.Asked(*e.Question) + ":"
}

func orNothing(text string) string {
	if text == "" {
		return "(nothing)"
	}
	return text
}

func (t *Transcript) plan(p checklist.Plan) {
	t.labelled("plan", p.Summary)
	for _, a := range p.Actions {
		where := strings.TrimSpace(a.Target + " " + string(a.Environment))
		if where != "" {
			where += ": "
		}
		t.labelled("", "- "+where+a.Words)
		if a.Command != "" {
			t.labelled("", "  "+a.Command)
		}
	}
	for _, w := range p.Warnings {
		t.labelled("warning", w)
	}
}

func (t *Transcript) evidence(e checklist.Evidence) {
	for _, table := range e.Tables {
		t.labelled("", table.Title+":")
		lines, _ := words.Table(table, width-14)
		for _, l := range lines {
			fmt.Fprintf(t.out, "%14s%s\n", "", strings.TrimRight(l, " "))
		}
	}
	for _, command := range e.Commands { // in one line, as it is run
		fmt.Fprintf(t.out, "   %-10s %s\n", "by hand", words.Clean(command))
	}
	for _, issue := range e.Issues {
		t.labelled("issue", issue)
	}
}

// Progress implements checklist.Operator. A line is printed once for each act,
// not for each count, also where several acts go on at a time.
func (t *Transcript) Progress(p checklist.Progress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	act, _, _ := strings.Cut(p.Words, " (")
	if t.progress[act] {
		return
	}
	t.progress[act] = true
	t.labelled("...", p.Words)
}

// Ask implements checklist.Operator.
func (t *Transcript) Ask(ctx context.Context, q checklist.Question) (checklist.Answer, error) {
	t.mu.Lock()
	t.asked[asked{q.Item, q.Asked}] = q.Title
	t.labelled("question", q.Title)
	if !q.Until.IsZero() {
		t.labelled("", "The time for this ends at "+q.Until.UTC().Format("15:04:05 MST")+".")
	}
	if q.Body != "" {
		t.labelled("", q.Body)
	}
	t.mu.Unlock()
	a, err := t.answer(ctx, q)
	if err == nil && q.Kind != checklist.Write {
		t.mu.Lock()
		t.labelled("answer", a.Text)
		t.mu.Unlock()
	}
	return a, err
}
