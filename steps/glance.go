package steps

import (
	"context"
	"sync"
	"time"

	"keyturn/steps/vercel"
)

// fresh is how long a list of variables may be handed on in place of another
// look.
const fresh = 2 * time.Second

// glance hands what a step has just listed on to the look for other people's
// changes that the engine has right after it: with many targets, listing all of
// them again costs minutes of Vercel's rate limit. It is handed on once, and not
// after anything was listed again or changed. Nil hands on nothing.
type glance struct {
	mu   sync.Mutex
	at   time.Time
	seen map[string][]vercel.Variable // by project
}

// show offers a list to the next look.
func (g *glance) show(at time.Time, seen map[string][]vercel.Variable) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.at, g.seen = at, seen
}

// take returns what was offered, if that is fresh, and forgets it.
func (g *glance) take(now time.Time) (map[string][]vercel.Variable, bool) {
	if g == nil {
		return nil, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	seen, age := g.seen, now.Sub(g.at)
	g.seen = nil
	return seen, seen != nil && age >= 0 && age < fresh
}

// glanced returns the variables of every target, by project: those that a step
// has listed this moment, or else those that a new look finds.
func (o *Outside) glanced(ctx context.Context) (map[string][]vercel.Variable, error) {
	if o.Hand == nil {
		if seen, ok := o.glance.take(o.Vercel.Now()); ok && len(seen) == len(o.Targets) {
			return seen, nil
		}
	}
	return o.variables(ctx)
}
