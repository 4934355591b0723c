package program

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/steps/httpclient"
	"keyturn/steps/requestlog"
	"keyturn/steps/sandbox"
)

// Trouble is a way in which a rehearsed rotation goes wrong, so that it has to
// be rolled back.
type Trouble string

// The troubles, in the order of the rotation.
const (
	StagingTrouble    Trouble = "staging"    // the new key is stored wrongly in staging
	ProductionTrouble Trouble = "production" // the new key is stored wrongly in production
	FailuresTrouble   Trouble = "failures"   // a client signs wrongly in the dual-key window
	UnprovedTrouble   Trouble = "unproved"   // the rotation stops between the removal and its proof
	RemovalTrouble    Trouble = "removal"    // a client was forgotten, and the old key is gone
)

// Troubles returns all troubles.
func Troubles() []Trouble {
	return []Trouble{StagingTrouble, ProductionTrouble, FailuresTrouble, UnprovedTrouble, RemovalTrouble}
}

// accident is what a trouble does to the world, and where it is noticed.
type accident struct {
	// before does harm, or ends it, right before an item is run.
	before map[string]func(context.Context) error
	// noticed is the item that fails, or is stopped at.
	noticed string
	// stop stops before the item is run, instead of when it fails.
	stop bool
}

func (p *Program) accident(t Trouble) (accident, error) {
	corrupt := func(f sandbox.Fault) func(context.Context) error {
		return func(context.Context) error { return p.world.SetFault(f) }
	}
	switch t {
	case StagingTrouble:
		return accident{noticed: checklist.ItemTestStaging, before: map[string]func(context.Context) error{
			checklist.ItemAddStaging: corrupt(sandbox.TrailingNewline), checklist.ItemRedeployStaging: corrupt(sandbox.None),
		}}, nil
	case ProductionTrouble:
		return accident{noticed: checklist.ItemVerifyProduction, before: map[string]func(context.Context) error{
			checklist.ItemAddProduction: corrupt(sandbox.EmptyValue), checklist.ItemRedeployProduction: corrupt(sandbox.None),
		}}, nil
	case FailuresTrouble:
		return accident{noticed: checklist.ItemMonitor, before: map[string]func(context.Context) error{
			checklist.ItemMonitor: func(ctx context.Context) error {
				return p.sendBad(ctx, "nightly-export", "v2", requestlog.FailureThreshold+20)
			},
		}}, nil
	case UnprovedTrouble:
		return accident{noticed: checklist.ItemVerifyRemoval, stop: true}, nil
	case RemovalTrouble:
		return accident{noticed: checklist.ItemVerifyAllNew, before: map[string]func(context.Context) error{
			checklist.ItemVerifyAllNew: func(ctx context.Context) error { return p.sendBad(ctx, "month-end-report", "v1", 12) },
		}}, nil
	}
	return accident{}, fmt.Errorf("trouble %q is not known", t)
}

// sendBad sends requests of a client to production whose signature is wrong.
func (p *Program) sendBad(ctx context.Context, client, keyID string, n int) error {
	service := httpclient.New(httpclient.Peer{Name: "the service"}, httpclient.Options{})
	profile := p.outside.Prober.Profile
	for i := range n {
		header := http.Header{"User-Agent": {client + "/1"}}
		header.Set(profile.KeyIDHeader, keyID)
		header.Set(profile.TimestampHeader, p.clock().UTC().Format(time.RFC3339))
		header.Set(profile.NonceHeader, fmt.Sprintf("%s-%d-%d", client, p.clock().UnixNano(), i))
		header.Set(profile.SignatureHeader, strings.Repeat("0", 64))
		_, err := service.Send(ctx, httpclient.Request{
			Method: http.MethodPost, URL: p.outside.Targets[0].URLs[checklist.Production], Header: header, Body: []byte("{}"),
		})
		if err != nil {
			return fmt.Errorf("send a request as %s: %w", client, err)
		}
	}
	return nil
}

// RollbackRehearsal walks a rotation into trouble, rolls it back, and goes on as
// decided.
type RollbackRehearsal struct {
	Program *Program
	Trouble Trouble
	// Decision is checklist.Resume or checklist.Abandon.
	Decision string
	// Fault is in force from the beginning of the rollback.
	Fault    sandbox.Fault
	Operator checklist.Operator
	Say      func(format string, args ...any)
	Know     func(checklist.Checklist) // told each checklist before it goes on; may be nil
	// BetweenItems is called after each item of the rollback. May be nil.
	BetweenItems func(item string) error
}

// errTroubled ends a rotation that has met its trouble.
var errTroubled = errors.New("the rotation is in trouble")

// Run does all of it, and returns the rollback.
func (r *RollbackRehearsal) Run(ctx context.Context) (*checklist.Session, error) {
	if err := r.IntoTrouble(ctx); err != nil {
		return nil, err
	}
	s, err := r.RollBack(ctx)
	if err != nil || r.Decision != checklist.Resume {
		return s, err
	}
	r.Say("going on with the rotation")
	r.know(checklist.KindQuarterly)
	_, err = r.rehearsal(checklist.KindQuarterly).Run(ctx)
	return s, err
}

// RollBack walks the rollback, or goes on with the one in progress.
func (r *RollbackRehearsal) RollBack(ctx context.Context) (*checklist.Session, error) {
	if err := r.Program.world.SetFault(r.Fault); err != nil {
		return nil, err
	}
	r.know(checklist.KindRollback)
	back := r.rehearsal(checklist.KindRollback)
	back.Operator = decider{r.Operator, r.Decision}
	back.BetweenItems = r.BetweenItems
	return back.Run(ctx)
}

// IntoTrouble walks a rotation until its trouble is noticed.
func (r *RollbackRehearsal) IntoTrouble(ctx context.Context) error {
	a, err := r.Program.accident(r.Trouble)
	if err != nil {
		return err
	}
	r.know(checklist.KindQuarterly)
	rotation := r.rehearsal(checklist.KindQuarterly)
	rotation.Before = func(ctx context.Context, item string) error {
		if a.stop && item == a.noticed {
			return errTroubled
		}
		if harm, ok := a.before[item]; ok {
			return harm(ctx)
		}
		return nil
	}
	rotation.OnFailure = func(item string, cause error) error {
		if item == a.noticed {
			return fmt.Errorf("%w: %w", errTroubled, cause)
		}
		return nil
	}
	_, err = rotation.Run(ctx)
	if errors.Is(err, errTroubled) {
		r.Say("the rotation has met its trouble: %v", err)
		return nil
	}
	if err == nil {
		err = fmt.Errorf("the rotation met no trouble %q", r.Trouble)
	}
	return err
}

func (r *RollbackRehearsal) rehearsal(id string) *Rehearsal {
	return &Rehearsal{Program: r.Program, Checklist: id, Operator: r.Operator, Say: r.Say}
}

func (r *RollbackRehearsal) know(id string) {
	if r.Know == nil {
		return
	}
	for _, c := range r.Program.Checklists() {
		if c.ID == id {
			r.Know(c)
		}
	}
}

// decider chooses what is to be decided, where it is one of the choices, and
// leaves everything else to another operator.
type decider struct {
	checklist.Operator
	decision string
}

func (d decider) Ask(ctx context.Context, q checklist.Question) (checklist.Answer, error) {
	if slices.ContainsFunc(q.Choices, func(c checklist.Choice) bool { return c.ID == d.decision }) {
		q.Default = d.decision
	}
	return d.Operator.Ask(ctx, q)
}
