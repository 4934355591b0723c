package program

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"keyturn/checklist"
	"keyturn/steps/proof"
	"keyturn/steps/sandbox"
	"keyturn/steps/traffic"
	"keyturn/vault"
)

// RehearseOptions say what Rehearse is to do.
type RehearseOptions struct {
	Flags     Flags
	Checklist string
	Fault     sandbox.Fault
	Operator  checklist.Operator
	Say       func(format string, args ...any)
	Know      func(checklist.Checklist) // told the checklist before it begins
	Explain   func(string)
}

// Rehearsed is a rehearsal that is over.
type Rehearsed struct {
	Session *checklist.Session
	Dir     string // the sandbox's folder, with its trail
	Took    time.Duration
}

// rehearsalBuildTime is short, since nobody watches the builds.
const rehearsalBuildTime = 30 * time.Millisecond

// Rehearse walks a checklist on a fresh sandbox in a folder of its own.
func Rehearse(ctx context.Context, r RehearseOptions) (Rehearsed, error) {
	started := time.Now()
	r.Flags.Sandbox, r.Flags.Config = true, ""
	o, err := r.Flags.Options()
	if err != nil {
		return Rehearsed{}, err
	}
	parent := filepath.Join(o.State, "rehearsals")
	if err := os.MkdirAll(parent, 0o700); err != nil {
		return Rehearsed{}, checklist.WithHint(fmt.Errorf("make the state folder: %w", err), "name a folder that you can write to with --state DIR")
	}
	if o.State, err = os.MkdirTemp(parent, r.Checklist+"-"+started.Format("20060102-150405")+"-"); err != nil {
		return Rehearsed{}, fmt.Errorf("make a folder for the rehearsal: %w", err)
	}
	// A keychain would keep the keys of every rehearsal; it is used when named.
	o.Vault = cmp.Or(o.Vault, vault.BackendFile)
	o.Explain, o.BuildTime = r.Explain, rehearsalBuildTime
	if r.Checklist != checklist.KindRollback { // which begins with a rotation; its own part comes later
		o.Fault = r.Fault
	}
	p, err := Open(ctx, o)
	if err != nil {
		return Rehearsed{}, err
	}
	s, err := r.walk(ctx, p)
	done := Rehearsed{Session: s, Dir: p.dir, Took: time.Since(started).Round(time.Millisecond)}
	return done, errors.Join(err, p.Close())
}

// walk walks the checklist. A rollback is walked with the rotation that it is
// about.
func (r RehearseOptions) walk(ctx context.Context, p *Program) (*checklist.Session, error) {
	if r.Checklist == checklist.KindRollback {
		return (&RollbackRehearsal{
			Program: p, Trouble: RemovalTrouble, Decision: checklist.Resume, Fault: r.Fault,
			Operator: r.Operator, Say: r.Say, Know: r.Know,
		}).Run(ctx)
	}
	c, err := checklist.Find(r.Checklist, p.dualKeyDays, false)
	if err != nil {
		return nil, err
	}
	r.Know(c)
	return (&Rehearsal{Program: p, Checklist: r.Checklist, Operator: r.Operator, Say: r.Say}).Run(ctx)
}

// rehearsalAttempts bounds how often one item is tried.
const rehearsalAttempts = 12

// Rehearsal walks a checklist on the sandbox from its first item to its last,
// turning the clock where a person would wait for days.
type Rehearsal struct {
	Program   *Program
	Checklist string
	// Operator answers every question and is shown every event.
	Operator checklist.Operator
	// Say is told in a sentence what the rehearsal itself does.
	Say func(format string, args ...any)
	// BetweenItems is called after each item; tests quit there. May be nil.
	BetweenItems func(item string) error
	// Before is called before each item is run for the first time; its error
	// ends the rehearsal. May be nil.
	Before func(ctx context.Context, item string) error
	// OnFailure is told of each item that did not pass; its error ends the
	// rehearsal. May be nil.
	OnFailure func(item string, cause error) error
}

// Run begins a session, or resumes the one in progress, and runs it to its end.
func (r *Rehearsal) Run(ctx context.Context) (*checklist.Session, error) {
	p := r.Program
	if p.world == nil {
		return nil, errors.New("a rehearsal runs on the sandbox only")
	}
	e, err := r.open(ctx)
	if err != nil {
		return nil, err
	}
	for {
		item, ok := e.Session().Next()
		if !ok {
			break
		}
		if err := r.item(ctx, e, item); err != nil {
			return e.Session(), errors.Join(err, e.Close())
		}
		if r.BetweenItems != nil {
			if err := r.BetweenItems(item.ID); err != nil {
				return e.Session(), errors.Join(err, e.Close())
			}
		}
	}
	if e.Session().Outcome == "" {
		if err := e.Finish(ctx, r.Operator); err != nil {
			return e.Session(), errors.Join(err, e.Close())
		}
	}
	return e.Session(), e.Close()
}

func (r *Rehearsal) open(ctx context.Context) (*checklist.Engine, error) {
	id, err := r.Program.InProgress(r.Checklist)
	if err != nil {
		return nil, err
	}
	if id == "" {
		return r.Program.Begin(ctx, r.Checklist, r.Operator)
	}
	e, err := r.Program.Open(ctx, id)
	if err != nil {
		return nil, err
	}
	r.Say("resuming %s", id)
	if err := e.Resume(ctx, r.Operator); err != nil {
		return nil, errors.Join(err, e.Close())
	}
	return e, nil
}

// item runs one item until it is settled, doing what a person would do.
func (r *Rehearsal) item(ctx context.Context, e *checklist.Engine, item checklist.Item) error {
	var last error
	for attempt := range rehearsalAttempts {
		if opens := e.Session().NextOpens(e.Now()); opens.After(e.Now()) {
			if err := r.turn(ctx, e, opens); err != nil {
				return err
			}
		}
		if attempt == 0 && r.Before != nil {
			if err := r.Before(ctx, item.ID); err != nil {
				return err
			}
		}
		err := e.Run(ctx, item.ID, r.Operator)
		if err == nil {
			return nil
		}
		if lost := (*checklist.LostError)(nil); ctx.Err() != nil || errors.As(err, &lost) {
			return err
		}
		last = err
		if r.OnFailure != nil && failed(err) {
			if err := r.OnFailure(item.ID, err); err != nil {
				return err
			}
		}
		if done, err := r.mend(ctx, e, item, err); done || err != nil {
			return err
		}
	}
	return fmt.Errorf("%s did not pass in %d attempts: %w", item.ID, rehearsalAttempts, last)
}

// failed reports whether an item was tried and did not do what it should.
func failed(err error) bool {
	var notYet *checklist.NotYet
	var gate *checklist.GateError
	return !errors.As(err, &notYet) && !errors.As(err, &gate)
}

// mend reacts to an item that did not pass. It reports whether another item
// comes first now.
func (r *Rehearsal) mend(ctx context.Context, e *checklist.Engine, item checklist.Item, cause error) (moved bool, err error) {
	var gate *checklist.GateError
	var notYet *checklist.NotYet
	var alert *traffic.AlertError
	var putOff *checklist.PutOff
	if errors.As(cause, &notYet) {
		return false, nil // no fault's doing: the loop turns the clock to its time
	}
	if errors.As(cause, &putOff) {
		r.Say("%v", putOff)
		return true, nil // a later item makes up for it
	}
	if err := r.liftFault(cause); err != nil {
		return false, err
	}
	switch {
	case errors.As(cause, &gate):
		return r.openGate(ctx, e, gate)
	case errors.As(cause, &alert):
		// A day later, the hour is no longer among those that are looked at.
		return false, r.turn(ctx, e, e.Now().Add(26*time.Hour))
	}
	// What was stored while the fault struck stays until it is replaced.
	again, ok := corrupted(e.Session(), item, cause)
	if ok && e.Session().State(again.ID).Round < rehearsalAttempts {
		r.Say("doing %q again, which replaces the value", again.Title)
		return true, e.Reopen(ctx, again.ID, "rehearsal: the stored value was corrupted", r.Operator)
	}
	return false, nil
}

// openGate waits for what a gate waits for.
func (r *Rehearsal) openGate(ctx context.Context, e *checklist.Engine, gate *checklist.GateError) (moved bool, err error) {
	for _, c := range gate.Closed {
		switch c.Gate.Kind {
		case checklist.GateMetric:
			// Usage counts a day back, and the log is written by the hour.
			return false, r.turn(ctx, e, e.Now().Add(26*time.Hour))
		case checklist.GateApproval:
			r.Say("asking for %q again", c.Gate.Item)
			return false, e.Run(ctx, c.Gate.Item, r.Operator)
		case checklist.GateProof:
			return false, r.proveAgain(ctx, e, gate)
		}
	}
	return false, nil
}

// proveAgain repeats the proofs that a rollback has overtaken.
func (r *Rehearsal) proveAgain(ctx context.Context, e *checklist.Engine, gate *checklist.GateError) error {
	again := 0
	for _, i := range e.Session().Checklist.Items() {
		if i.Step != checklist.StepProveBothKeys || e.Session().CanRepeat(i.ID) != nil {
			continue
		}
		r.Say("doing %q again", i.Title)
		if err := e.Run(ctx, i.ID, r.Operator); err != nil {
			return err
		}
		again++
	}
	if again == 0 {
		return gate
	}
	return nil
}

func (r *Rehearsal) turn(ctx context.Context, e *checklist.Engine, to time.Time) error {
	r.Say("turning the sandbox clock to %s", to.UTC().Format("Mon 2 Jan 2006 15:04 MST"))
	return r.Program.TurnClock(ctx, e, to, r.Operator)
}

// liftFault ends the sandbox's fault once it has done its harm.
func (r *Rehearsal) liftFault(cause error) error {
	w := r.Program.world
	if w.Fault() == sandbox.None {
		return nil
	}
	r.Say("the fault %s has struck: %v", w.Fault(), cause)
	r.Say("lifting the fault and going on")
	return w.SetFault(sandbox.None)
}

// corrupted returns the item that stored the value which a probe found wrong.
func corrupted(s *checklist.Session, item checklist.Item, cause error) (checklist.Item, bool) {
	var stored *proof.StoredValueError
	if !errors.As(cause, &stored) {
		return checklist.Item{}, false
	}
	for _, i := range s.Checklist.Items() {
		if stored.Item == i.ID {
			return i, s.CanReopen(i.ID) == nil
		}
		if stored.Item == "" && (i.Step == checklist.StepAddNewKey || i.Step == checklist.StepReAddOldKey) && i.In(item.Environments[0]) {
			return i, s.CanReopen(i.ID) == nil
		}
	}
	return checklist.Item{}, false
}
