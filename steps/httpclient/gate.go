package httpclient

import (
	"context"
	"sync"
	"time"
)

// gate holds back the requests of one operation while the server limits its rate, so
// that of several concurrent ones each need not find out by itself. Limits are by
// endpoint, as Vercel's are.
type gate struct {
	mu    sync.Mutex
	opens map[string]time.Time // by operation
}

// close keeps the operation's requests back until a time.
func (g *gate) close(operation string, until time.Time) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.opens == nil {
		g.opens = map[string]time.Time{}
	}
	if until.After(g.opens[operation]) {
		g.opens[operation] = until
	}
}

// pass waits until the operation may go on.
func (c *Client) pass(ctx context.Context, operation string) error {
	c.gate.mu.Lock()
	opens := c.gate.opens[operation]
	c.gate.mu.Unlock()
	wait := opens.Sub(c.options.Now())
	if wait <= 0 {
		return nil
	}
	c.options.OnWait(ctx, operation+": "+c.peer.Name+" limits the rate", opens)
	return c.options.Sleep(ctx, wait)
}
