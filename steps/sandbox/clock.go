package sandbox

import (
	"errors"
	"fmt"
	"time"
)

// ErrBackwards is returned for a time that the world's clock has passed.
var ErrBackwards = errors.New("the sandbox clock does not go backwards")

// Clock is the world's time: real time plus what it was advanced by.
type Clock struct{ world *World }

// Now returns the world's time in UTC.
func (c *Clock) Now() time.Time {
	_, now := c.world.look()
	return now
}

// AdvanceTo turns the clock forward to t. Builds finish, and clients have sent
// their requests, as if the time had passed. It is saved, so a restarted world
// goes on from there. An earlier time than Now gives ErrBackwards.
func (c *Clock) AdvanceTo(t time.Time) error {
	err := c.world.update(func(s *state, now time.Time) error {
		if t.Before(now) {
			return fmt.Errorf("from %s to %s: %w", now.Format(time.RFC3339), t.UTC().Format(time.RFC3339), ErrBackwards)
		}
		s.ClockOffset += t.Sub(now)
		return nil
	})
	if err != nil {
		return fmt.Errorf("advance sandbox clock: %w", err)
	}
	return nil
}

// now returns the world's time at a real time, without a monotonic reading,
// since it is stored and compared after a restart.
func (s *state) now(real time.Time) time.Time {
	return real.Round(0).Add(s.ClockOffset).UTC()
}

// keepClockForward makes up for a real clock that was set back while the world
// was closed: nothing that has happened may lie in the future.
func (s *state) keepClockForward(real time.Time) {
	if behind := s.ClockSeen.Sub(s.now(real)); behind > 0 {
		s.ClockOffset += behind
	}
}
