package checklist

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"
)

// Journal keeps a session's events.
type Journal interface {
	// Append fills in Seq and Prev and returns once the event is durable. It
	// must complete even when ctx is cancelled meanwhile.
	Append(context.Context, Event) (Event, error)
	// Check returns a *LostError once the journal can no longer be trusted, and
	// nil for one that somebody else writes to.
	Check() error
	// Events returns all events from the first.
	Events() []Event
	// Holder says who writes to the journal, and is empty when it is us.
	Holder() string
	Close() error
}

// ErrReadOnly says that somebody else drives the session.
var ErrReadOnly = errors.New("session is open read-only")

// ErrBusy says that the engine is running an item already.
var ErrBusy = errors.New("an item is being done already")

// ErrDeclined says that the operator did not agree to a plan.
var ErrDeclined = errors.New("the operator did not agree")

// Config is what an engine needs. All fields are required except Meter,
// Observer and Approver, without which gates of their kind stay closed,
// Recorder, without which a session that is given up leaves no record, and
// Explainer, without which nobody knows who changed the outside.
type Config struct {
	Journal Journal
	Steps   Catalog
	// Setup is what the configuration says now.
	Setup     Setup
	Meter     Meter
	Observer  Observer
	Approver  Approver
	Recorder  Recorder
	Explainer Explainer
	Clock     func() time.Time
	Operator  string // the principal that events name in By
	Run       string // a random id of this run of the program
	// Skeletons are those that a session's checklist may have; those that were
	// released if nil.
	Skeletons []Skeleton
}

// Engine runs the items of one session.
type Engine struct {
	cfg Config

	// writing keeps events in one order in the journal, in the session and
	// before the operator: a note may be written while an item is being done.
	writing sync.Mutex

	mu      sync.Mutex
	session *Session
	busy    bool
}

// NewEngine folds the journal and returns an engine for its session.
func NewEngine(cfg Config) (*Engine, error) {
	if cfg.Skeletons == nil {
		cfg.Skeletons = Released()
	}
	s, err := Fold(cfg.Journal.Events())
	if err != nil {
		return nil, err
	}
	return &Engine{cfg: cfg, session: s}, nil
}

// Session returns a snapshot.
func (e *Engine) Session() *Session {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.session.Clone()
}

// Holder says who drives the session, and is empty when it is this engine.
func (e *Engine) Holder() string { return e.cfg.Journal.Holder() }

// Close ends the engine's hold on the journal.
func (e *Engine) Close() error { return e.cfg.Journal.Close() }

// Now returns the engine's time.
func (e *Engine) Now() time.Time { return e.clock() }

func (e *Engine) clock() time.Time { return e.cfg.Clock().UTC().Truncate(time.Millisecond) }

// record writes an event, folds it, and shows it, in that order. The operator
// must not write another from within Show.
func (e *Engine) record(ctx context.Context, op Operator, ev Event) error {
	e.writing.Lock()
	defer e.writing.Unlock()
	ev.At, ev.By = e.clock(), e.cfg.Operator
	e.mu.Lock()
	err := e.writable()
	if err == nil {
		err = e.session.admit(ev)
	}
	e.mu.Unlock()
	if err != nil {
		return fmt.Errorf("write %q to the journal: %w", ev.Kind, err)
	}
	// A cancelled context must not lose what has happened.
	written, err := e.cfg.Journal.Append(context.WithoutCancel(ctx), ev)
	if err != nil {
		return fmt.Errorf("write %q to the journal: %w", ev.Kind, err)
	}
	e.mu.Lock()
	err = e.session.apply(written)
	e.mu.Unlock()
	if err != nil {
		return fmt.Errorf("fold event %d: %w", written.Seq, err)
	}
	op.Show(written)
	return nil
}

// writable says why nothing may be written, and is nil when it may. The caller
// holds mu.
func (e *Engine) writable() error {
	if holder := e.Holder(); holder != "" {
		return fmt.Errorf("%w: it is driven by %s", ErrReadOnly, holder)
	}
	if e.session.Outcome != "" {
		return fmt.Errorf("session %s is %s", e.session.ID(), e.session.Outcome)
	}
	return nil
}

// acquire makes the engine busy, or says why it cannot be.
func (e *Engine) acquire() (release func(), err error) {
	if err := e.cfg.Journal.Check(); err != nil {
		return nil, err
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.busy {
		return nil, ErrBusy
	}
	if err := e.writable(); err != nil {
		return nil, err
	}
	e.busy = true
	return func() {
		e.mu.Lock()
		e.busy = false
		e.mu.Unlock()
	}, nil
}

// Resume writes that a driver came back, and compares the outside with what
// the session saw last. Drift is journalled, and the operator asked whether to
// go on with what is there now. Where nothing was seen since our own last
// effect there is nothing to compare; Run, whose Check resolves it, looks anew.
func (e *Engine) Resume(ctx context.Context, op Operator) error {
	release, err := e.acquire()
	if err != nil {
		return err
	}
	defer release()
	if err := CheckSkeleton(e.Session().Opening, e.cfg.Skeletons); err != nil {
		return err
	}
	if err := e.record(ctx, op, Event{Kind: Resumed, Run: e.cfg.Run}); err != nil {
		return err
	}
	item, ok := e.Session().Next()
	if !ok {
		return nil
	}
	if err := e.checkSetup(ctx, op, item); err != nil {
		return err
	}
	return e.checkDrift(ctx, op, item)
}

// Observes reports whether the outside can be looked at for changes by others.
func (e *Engine) Observes() bool { return e.cfg.Observer != nil }

// Run does one item: gates, plan, consent, check, do, verify. It returns nil
// when the item passed, a *NotYet when it waits, a *GateError when it may not
// be done, ErrDeclined or ErrCancelled when the operator left, and the cause
// when it failed. Whatever it returns, the session can be resumed, unless it
// wraps a *LostError: then the journal has to be put right first.
func (e *Engine) Run(ctx context.Context, itemID string, op Operator) error {
	release, err := e.acquire()
	if err != nil {
		return err
	}
	defer release()
	s := e.Session()
	item, _, ok := s.Checklist.Item(itemID)
	if !ok {
		return fmt.Errorf("checklist %s has no item %q", s.Checklist.ID, itemID)
	}
	if s.state(itemID).Status.Settled() {
		if err := s.CanRepeat(itemID); err != nil {
			return err
		}
	}
	step, ok := e.cfg.Steps.Step(item.Step)
	if !ok {
		return fmt.Errorf("item %s: this build has no step %q", itemID, item.Step)
	}
	if err := CheckSkeleton(s.Opening, e.cfg.Skeletons); err != nil {
		return err
	}
	if err := e.checkSetup(ctx, op, item); err != nil {
		return err
	}
	if err := e.measure(ctx, op, item); err != nil {
		return err
	}
	if closed := e.Session().Closed(item, e.clock()); len(closed) > 0 {
		return &GateError{Item: item, Closed: closed}
	}
	r := &run{engine: e, item: item, step: step, operator: op}
	putOff := e.Session().PutOffAt(item)
	if putOff.IsZero() {
		return r.stopped(r.do(ctx))
	}
	return r.stopped(e.runInTime(ctx, r, putOff))
}

// errPatience ends the context of an item that the others wait for no longer.
var errPatience = errors.New("the others wait no longer")

// PutOff says that an item was not done in the time that the others wait for
// it. It is passed over for now; a later item makes up for it.
type PutOff struct {
	Item  Item
	Cause error // why it was not done; nil when it was not tried
}

func (e *PutOff) Error() string {
	text := fmt.Sprintf("%q is put off: it was not done within %s", e.Item.Title, inWords(e.Item.Patience))
	if e.Cause != nil {
		text += ": " + e.Cause.Error()
	}
	return text
}

// inWords writes a length of time for people, in whole minutes or seconds.
func inWords(d time.Duration) string {
	n, unit := int(d.Round(time.Second)/time.Second), "second"
	if n >= 60 && n%60 == 0 {
		n, unit = n/60, "minute"
	}
	if n != 1 {
		unit += "s"
	}
	return fmt.Sprintf("%d %s", n, unit)
}

func (e *PutOff) Unwrap() error { return e.Cause }

// Hint says how it goes on.
func (e *PutOff) Hint() string { return "go on with the next item; a later one makes up for this" }

// runInTime runs an item for as long as the others wait for it, and then puts
// it off.
func (e *Engine) runInTime(ctx context.Context, r *run, until time.Time) error {
	var err error
	if remaining := until.Sub(e.clock()); remaining > 0 {
		limited, cancel := context.WithTimeoutCause(ctx, remaining, errPatience)
		err = r.do(limited)
		cancel()
	}
	over := !e.clock().Before(until)
	if !over || ctx.Err() != nil || e.Session().state(r.item.ID).Status.Settled() {
		return err
	}
	putOff := &PutOff{Item: r.item, Cause: err}
	if err := r.record(ctx, Event{Kind: Deferred, Text: putOff.Error()}); err != nil {
		return errors.Join(err, putOff)
	}
	return putOff
}

// measure refreshes the readings that the item's gates rely on. An overridden
// gate relies on none, so that a meter that is gone cannot hold the item up.
func (e *Engine) measure(ctx context.Context, op Operator, item Item) error {
	s := e.Session()
	for _, g := range item.Gates {
		if g.Kind != GateMetric || e.cfg.Meter == nil || s.overrides(item, g) {
			continue
		}
		r, err := e.cfg.Meter.Measure(ctx, s, g.Metric)
		if err != nil {
			return fmt.Errorf("read %s: %w", g.Metric, err)
		}
		if err := e.record(ctx, op, Event{Kind: Measured, Item: item.ID, Evidence: &Evidence{
			Summary: fmt.Sprintf("%s is %g", r.Metric, r.Value), Readings: []Reading{r},
		}}); err != nil {
			return err
		}
	}
	return nil
}

// Note journals a remark about an item, or about the session when item is "".
func (e *Engine) Note(ctx context.Context, itemID, text string, op Operator) error {
	if strings.TrimSpace(text) == "" {
		return errors.New("note is empty")
	}
	return e.record(ctx, op, Event{Kind: Noted, Item: itemID, Text: text})
}

// PassOver leaves the next item out, with a written reason. Where the item
// touches production, a second person must agree.
func (e *Engine) PassOver(ctx context.Context, itemID, reason string, op Operator) error {
	return e.deviate(ctx, itemID, reason, op, Event{Kind: PassedOver, Item: itemID, Text: reason}, func(item Item, s *Session) error {
		switch next, ok := s.Next(); {
		case item.Required:
			return WithHint(fmt.Errorf("%q cannot be passed over: a rotation without it proves nothing", item.Title),
				"run the item again, or leave; the session waits")
		case !ok || next.ID != itemID:
			return fmt.Errorf("%q is not the next item", item.Title)
		}
		return nil
	})
}

// Reopen makes an item, and all that were done after it, open again, with a
// written reason: such as adding a key once more after its value was found
// corrupted. Nothing outside is changed before the items are run. It is refused
// once something irreversible was done in between.
func (e *Engine) Reopen(ctx context.Context, itemID, reason string, op Operator) error {
	release, err := e.acquire()
	if err != nil {
		return err
	}
	defer release()
	if err := e.Session().CanReopen(itemID); err != nil {
		return err
	}
	if strings.TrimSpace(reason) == "" {
		return errors.New("a reason is needed: it is printed first in the record")
	}
	return e.record(ctx, op, Event{Kind: Reopened, Item: itemID, Text: reason})
}

// Override lets an item go on although one of its gates is closed, with a
// written reason and, in production, a second person's consent.
func (e *Engine) Override(ctx context.Context, itemID, gateID, reason string, op Operator) error {
	return e.deviate(ctx, itemID, reason, op, Event{Kind: Overridden, Item: itemID, Gate: gateID, Text: reason}, func(item Item, s *Session) error {
		for _, c := range s.Closed(item, e.clock()) {
			if c.ID == gateID && !c.CanOverride {
				return fmt.Errorf("gate %s of %q takes no override: %s", gateID, item.Title, c.Why)
			} else if c.ID == gateID {
				return nil
			}
		}
		return fmt.Errorf("%q has no closed gate %s", item.Title, gateID)
	})
}

func (e *Engine) deviate(ctx context.Context, itemID, reason string, op Operator, ev Event, allowed func(Item, *Session) error) error {
	release, err := e.acquire()
	if err != nil {
		return err
	}
	defer release()
	s := e.Session()
	item, _, ok := s.Checklist.Item(itemID)
	if !ok {
		return fmt.Errorf("checklist %s has no item %q", s.Checklist.ID, itemID)
	}
	if strings.TrimSpace(reason) == "" {
		return errors.New("a reason is needed: it is printed first in the record")
	}
	if err := allowed(item, s); err != nil {
		return err
	}
	if needsSecond := item.In(Production) && !(ev.Kind == PassedOver && item.BreakGlass); needsSecond {
		agreed, err := e.approve(ctx, op, Consent{Item: itemID, Deviation: ev.Kind, Gate: ev.Gate, Reason: reason})
		if err != nil {
			return err
		}
		ev.Approvals = requestsOf(agreed)
	}
	return e.record(ctx, op, ev)
}

// RollBack journals that another session put the old key back, and how the
// outside looks after that. Items from itemID on are open again; "" leaves all
// as they are.
func (e *Engine) RollBack(ctx context.Context, itemID, by string, seen map[string]string, op Operator) error {
	release, err := e.acquire()
	if err != nil {
		return err
	}
	defer release()
	return e.record(ctx, op, Event{Kind: RolledBack, Item: itemID, Session: by, Seen: seen})
}

// Turn journals that the sandbox's clock was turned to a time.
func (e *Engine) Turn(ctx context.Context, to time.Time, op Operator) error {
	return e.record(ctx, op, Event{Kind: Turned, Until: &to})
}

// Finish ends a session whose items are all settled.
func (e *Engine) Finish(ctx context.Context, op Operator) error {
	release, err := e.acquire()
	if err != nil {
		return err
	}
	defer release()
	if next, ok := e.Session().Next(); ok {
		return fmt.Errorf("%q is still to be done", next.Title)
	}
	return e.record(ctx, op, Event{Kind: Finished})
}

// Open writes the first event of a session to an empty journal. run is a random
// id of this run of the program.
func Open(ctx context.Context, j Journal, o Opening, run string, at time.Time) error {
	o.Format = Format
	_, err := j.Append(ctx, Event{Kind: Opened, At: at.UTC().Truncate(time.Millisecond), By: o.Operator, Run: run, Opening: &o})
	if err != nil {
		return fmt.Errorf("open session %s: %w", o.Session, err)
	}
	return nil
}
