package notify

import (
	"time"

	"keyturn/keygen"
)

// Rotation is what the announcement of a rotation tells.
type Rotation struct {
	About
	Old, New keygen.KeyID
	// Production is when the new key is added to production, Removal when the
	// old one is removed, End when the rotation is over.
	Production, Removal, End time.Time
}

// Window announces a rotation.
func Window(r Rotation) Message {
	m := r.begin("HMAC key rotation of %s: %s to %s", r.Service, r.Old, r.New)
	m.add("- %s: %s is added to production; %s stays valid", r.Production.Format(dayFormat), r.New, r.Old)
	m.add("- until %s: move every client to key id %s", r.Removal.Format(dayFormat), r.New)
	m.add("- %s: %s is removed", r.Removal.Format(dayFormat), r.Old)
	m.add("- %s: done", r.End.Format(dayFormat))
	m.add("Services: %s.", join(r.Targets))
	return m.end(r.About)
}

// Completion is what the end of a rotation tells.
type Completion struct {
	About
	Old, New keygen.KeyID
	Refused  time.Time // since when the old key is refused
	Next     time.Time // when the next rotation is due
	Issues   []string  // what the next rotation should look at
}

// Completed tells that a rotation is over.
func Completed(c Completion) Message {
	m := c.begin("HMAC key rotation of %s is complete: %s is the only key in use", c.Service, c.New)
	if !c.Refused.IsZero() {
		m.add("- %s is refused in %s since %s", c.Old, c.where(), utc(c.Refused))
	}
	if !c.Next.IsZero() {
		m.add("- the next rotation is due on %s", c.Next.Format(dayFormat))
	}
	for _, issue := range c.Issues {
		m.add("- open: %s", issue)
	}
	return m.end(c.About)
}
