package programtest

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"

	"keyturn/checklist"
)

var _ checklist.Operator = (*Operator)(nil)

// Operator agrees to everything, types what is to be typed and takes the
// default of everything else. It remembers all that it was told.
type Operator struct {
	// Answer is asked first; its answer counts when ok. May be nil.
	Answer func(checklist.Question) (answer string, ok bool)

	mu     sync.Mutex
	events []checklist.Event
	asked  []checklist.Question
	heard  strings.Builder
}

// Show implements checklist.Operator.
func (o *Operator) Show(e checklist.Event) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.events = append(o.events, e)
	o.hear(e)
}

// Progress implements checklist.Operator.
func (o *Operator) Progress(p checklist.Progress) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.hear(p)
}

// Ask implements checklist.Operator.
func (o *Operator) Ask(ctx context.Context, q checklist.Question) (checklist.Answer, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.asked = append(o.asked, q)
	o.hear(q)
	if err := ctx.Err(); err != nil {
		return checklist.Answer{}, err
	}
	if o.Answer != nil {
		if answer, ok := o.Answer(q); ok {
			return checklist.Answer{Text: answer}, nil
		}
	}
	return checklist.Answer{Text: consented(q)}, nil
}

func consented(q checklist.Question) string {
	switch {
	case q.Kind == checklist.Confirm:
		return checklist.Yes
	case q.Kind == checklist.Type:
		return q.Expect
	case q.Default == "" && q.Kind == checklist.Choose && len(q.Choices) > 0:
		return q.Choices[0].ID
	case q.Default == "" && q.Kind == checklist.Write && !q.Optional:
		return "rehearsal"
	}
	return q.Default
}

// hear keeps what a person would have seen, and more. The caller holds mu.
func (o *Operator) hear(what any) {
	text, err := json.Marshal(what)
	if err != nil {
		fmt.Fprintf(&o.heard, "%v\n", err)
	}
	fmt.Fprintf(&o.heard, "%s\n%+v\n", text, what)
}

// Say keeps a sentence that a rehearsal says.
func (o *Operator) Say(format string, args ...any) {
	o.mu.Lock()
	defer o.mu.Unlock()
	fmt.Fprintf(&o.heard, format+"\n", args...)
}

// Heard returns everything that the operator was told, as text.
func (o *Operator) Heard() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.heard.String()
}

// Events returns what was shown.
func (o *Operator) Events() []checklist.Event {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]checklist.Event(nil), o.events...)
}

// Asked returns the questions that were asked.
func (o *Operator) Asked() []checklist.Question {
	o.mu.Lock()
	defer o.mu.Unlock()
	return append([]checklist.Question(nil), o.asked...)
}
