package hosting

import (
	"sync"
	"time"
)

// fresh is how long a list of variables may be handed on in place of another
// look.
const fresh = 2 * time.Second

// LastListing hands what a step has just listed on to the look for other people's
// changes that the engine has right after it: with many targets, listing all of
// them again costs minutes of Vercel's rate limit. It is handed on once, and not
// after anything was listed again or changed. Nil hands on nothing.
type LastListing struct {
	mu      sync.Mutex
	listing Listing
}

// show offers a list to the next look.
func (g *LastListing) show(l Listing) {
	if g == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.listing = l
}

// take returns what was offered, if that is fresh, and forgets it.
func (g *LastListing) take(now time.Time) (Listing, bool) {
	if g == nil {
		return Listing{}, false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	l, age := g.listing, now.Sub(g.listing.at)
	g.listing = Listing{}
	return l, l.variables != nil && age >= 0 && age < fresh
}
