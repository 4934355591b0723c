package checklisttest

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"

	"keyturn/checklist"
)

// Reply is one answer in a script, and what the question must be like.
type Reply struct {
	Item     string                 // must be the question's; empty for any
	Kind     checklist.QuestionKind // must be the question's; empty for any
	Contains string                 // must be in the title or the body
	Say      string
	Err      error // returned in place of an answer
}

// Agree says yes to an item's plan.
func Agree(item string) Reply { return Reply{Item: item, Kind: checklist.Confirm, Say: checklist.Yes} }

// Refuse says no to an item's plan.
func Refuse(item string) Reply { return Reply{Item: item, Kind: checklist.Confirm, Say: checklist.No} }

// Type types a text where exactly a text is asked for.
func Type(item, text string) Reply { return Reply{Item: item, Kind: checklist.Type, Say: text} }

// Leave leaves an item's question unanswered.
func Leave(item string) Reply { return Reply{Item: item, Err: checklist.ErrCancelled} }

var _ checklist.Operator = (*Script)(nil)

// Script is an operator that gives the replies it was told to, in order. A
// question that is not the next reply's fails the test, and so does a reply
// that nothing asked for by its end.
type Script struct {
	t testing.TB

	mu       sync.Mutex
	replies  []Reply
	asked    []checklist.Question
	events   []checklist.Event
	progress []checklist.Progress
}

// NewScript returns an operator that expects the questions of replies.
func NewScript(t testing.TB, replies ...Reply) *Script {
	s := &Script{t: t, replies: replies}
	t.Cleanup(func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		if len(s.replies) > 0 && !t.Failed() {
			t.Errorf("nobody asked for %d replies, the next is %+v", len(s.replies), s.replies[0])
		}
	})
	return s
}

// Expect adds replies.
func (s *Script) Expect(replies ...Reply) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.replies = append(s.replies, replies...)
}

// Ask implements checklist.Operator.
func (s *Script) Ask(ctx context.Context, q checklist.Question) (checklist.Answer, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.asked = append(s.asked, q)
	if err := ctx.Err(); err != nil {
		return checklist.Answer{}, err
	}
	if len(s.replies) == 0 {
		s.t.Errorf("unexpected question: %+v", q)
		return checklist.Answer{}, checklist.ErrCancelled
	}
	r := s.replies[0]
	if why := r.mismatch(q); why != "" {
		s.t.Errorf("unexpected question: %s: %+v", why, q)
		return checklist.Answer{}, checklist.ErrCancelled
	}
	s.replies = s.replies[1:]
	return checklist.Answer{Text: r.Say}, r.Err
}

func (r Reply) mismatch(q checklist.Question) string {
	switch {
	case r.Item != "" && r.Item != q.Item:
		return fmt.Sprintf("want one about %s", r.Item)
	case r.Kind != "" && r.Kind != q.Kind:
		return fmt.Sprintf("want one to %s", r.Kind)
	case !strings.Contains(q.Title+"\n"+q.Body, r.Contains):
		return fmt.Sprintf("want one about %q", r.Contains)
	}
	return ""
}

// Show implements checklist.Operator.
func (s *Script) Show(e checklist.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.events = append(s.events, e)
}

// Progress implements checklist.Operator.
func (s *Script) Progress(p checklist.Progress) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.progress = append(s.progress, p)
}

// Events returns what was shown.
func (s *Script) Events() []checklist.Event {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]checklist.Event(nil), s.events...)
}

// Kinds returns the kinds of what was shown.
func (s *Script) Kinds() []checklist.Kind {
	var kinds []checklist.Kind
	for _, e := range s.Events() {
		kinds = append(kinds, e.Kind)
	}
	return kinds
}

// Asked returns the questions that were asked.
func (s *Script) Asked() []checklist.Question {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]checklist.Question(nil), s.asked...)
}

// Reports returns the progress that was reported.
func (s *Script) Reports() []checklist.Progress {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]checklist.Progress(nil), s.progress...)
}
