package ui

import (
	"context"
	"sync"
	"time"

	tea "github.com/charmbracelet/bubbletea"

	"keyturn/checklist"
)

// pumpPause is the least time between two batches, so that a fast engine
// cannot keep a slow terminal busy with redrawing.
const pumpPause = 33 * time.Millisecond

// pump carries what tasks report to the program. It is the only sender, so
// that nothing overtakes anything, and it never makes a task wait.
type pump struct {
	mu      sync.Mutex
	pending batch
	changed bool // the session has new events
	engine  *checklist.Engine
	asked   int
	wake    chan struct{}
	pause   time.Duration // least time between two batches
}

// batch is the message with all that was reported since the last one.
type batch struct {
	session   *checklist.Session // the newest snapshot; nil if nothing changed
	now       time.Time          // the engine's time; zero without an engine
	progress  *checklist.Progress
	questions []question
	withdrawn []int
	ended     []ended
}

// question is one that a task waits for the answer to.
type question struct {
	id    int
	q     checklist.Question
	reply chan<- reply // holds one, so that answering never waits
}

type reply struct {
	answer checklist.Answer
	err    error
}

// ended says that a task has returned.
type ended struct {
	task int
	err  error
}

func newPump() *pump { return &pump{wake: make(chan struct{}, 1), pause: pumpPause} }

func (p *pump) add(change func(*pump)) {
	p.mu.Lock()
	change(p)
	p.mu.Unlock()
	select {
	case p.wake <- struct{}{}:
	default: // a wake-up is already due
	}
}

// watch takes snapshots from an engine from now on; none if it is nil.
func (p *pump) watch(e *checklist.Engine) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.engine, p.changed = e, false
}

// take returns what is pending, with a snapshot if there are new events.
func (p *pump) take() batch {
	p.mu.Lock()
	b, changed, engine := p.pending, p.changed, p.engine
	p.pending, p.changed = batch{}, false
	p.mu.Unlock()
	if engine != nil {
		b.now = engine.Now()
		if changed {
			b.session = engine.Session()
		}
	}
	return b
}

// loop sends batches until the context ends.
func (p *pump) loop(ctx context.Context, send func(tea.Msg)) {
	pause := time.NewTimer(0)
	defer pause.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-p.wake:
		}
		send(p.take())
		pause.Reset(p.pause)
		select {
		case <-ctx.Done():
			return
		case <-pause.C:
		}
	}
}

// operator is the checklist.Operator of one task.
type operator struct{ pump *pump }

var _ checklist.Operator = operator{}

// Show lets the screen take a new snapshot.
func (o operator) Show(checklist.Event) {
	o.pump.add(func(p *pump) { p.changed = true })
}

func (o operator) Progress(pr checklist.Progress) {
	o.pump.add(func(p *pump) { p.pending.progress = &pr })
}

// Ask waits for the answer to a prompt on the screen.
func (o operator) Ask(ctx context.Context, q checklist.Question) (checklist.Answer, error) {
	replies := make(chan reply, 1)
	id := 0
	o.pump.add(func(p *pump) {
		p.asked++
		id = p.asked
		p.pending.questions = append(p.pending.questions, question{id, q, replies})
	})
	select {
	case r := <-replies:
		return r.answer, r.err
	case <-ctx.Done():
		o.pump.add(func(p *pump) { p.pending.withdrawn = append(p.pending.withdrawn, id) })
		return checklist.Answer{}, ctx.Err()
	}
}
