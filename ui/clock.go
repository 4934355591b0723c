package ui

import (
	"time"
)

// clock tells a time that was read once and goes on at the real pace.
type clock struct{ base, at time.Time }

func (c clock) now(realNow time.Time) time.Time {
	if c.base.IsZero() {
		return realNow
	}
	return c.base.Add(realNow.Sub(c.at))
}
