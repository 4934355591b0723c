package checklist

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"
)

// Operator is whoever is shown what happens and answers questions: the TUI,
// the line mode, or a test's script. The engine calls it from one goroutine at
// a time.
type Operator interface {
	// Show is told of each event once it is durable.
	Show(Event)
	// Progress reports how a long act goes on. It is not journalled.
	Progress(Progress)
	// Ask waits for an answer. It returns ErrCancelled when the operator
	// leaves the question, and the context's error when that ends.
	Ask(context.Context, Question) (Answer, error)
}

// ErrCancelled says that the operator left a question unanswered.
var ErrCancelled = errors.New("cancelled by the operator")

// QuestionKind says what answers a question admits.
type QuestionKind string

// The kinds of question.
const (
	Confirm QuestionKind = "confirm" // Yes or No
	Choose  QuestionKind = "choose"  // the ID of a choice
	Write   QuestionKind = "write"   // free text
	Type    QuestionKind = "type"    // exactly the text in Expect
)

// The answers to Confirm.
const (
	Yes = "yes"
	No  = "no"
)

// Question is what the engine or a step wants to know.
type Question struct {
	Kind QuestionKind
	// Asked names the question of a step, whatever its title says; empty for a
	// question whose answer is not journalled.
	Asked
	Item  string
	Title string
	// Body explains, in plain text with line feeds.
	Body    string
	Choices []Choice // Choose
	// Default is the answer that a bare enter gives; empty for none.
	Default string
	Expect  string // Type
	// Optional allows an empty text for Write.
	Optional bool
	// Until is when the time ends that Body speaks of; zero for none.
	Until time.Time
	// Copy is text worth having on the clipboard, such as a message to post.
	Copy string
	// Block is what the answer to Write may be instead of a line; nil for none.
	Block *Block
}

// Block is an answer of several lines that is pasted, such as a signature.
type Block struct {
	Begins []string // of which its first line has one
	Ends   string   // which its last line has
}

// Unfinished reports whether a text begins a block and does not end it, so that
// the end of a line is not yet the end of the answer.
func (b *Block) Unfinished(text string) bool {
	first, _, _ := strings.Cut(strings.TrimSpace(text), "\n")
	begins := b != nil && slices.ContainsFunc(b.Begins, func(begin string) bool { return strings.Contains(first, begin) })
	return begins && !strings.Contains(text, b.Ends)
}

// Choice is one answer to Choose.
type Choice struct{ ID, Label, Help string }

// Answer is what the operator said.
type Answer struct{ Text string }

// Progress is how far a long act has come.
type Progress struct {
	Item  string
	Words string
	// Done of Total, where the act can be counted; Total is zero otherwise.
	Done, Total int
	// Until is when the act will be given up or is expected to end.
	Until time.Time
	Table *Table // interim results
}

// progressKey finds the running item's operator in a context.
type progressKey struct{}

// ReportProgress reports to whoever drives the item that ctx belongs to, and
// does nothing where there is none. It is for clients of outside systems that
// wait on their own, such as for a rate limit, and know no Scope.
func ReportProgress(ctx context.Context, p Progress) {
	if report, ok := ctx.Value(progressKey{}).(func(Progress)); ok {
		report(p)
	}
}
