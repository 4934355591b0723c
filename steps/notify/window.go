// Package notify writes the messages that people are to be sent. No message
// can hold a secret: none of the types it takes can.
package notify

import (
	"fmt"
	"strings"
	"time"

	"keyturn/keygen"
)

// Rotation is what a message tells about a rotation.
type Rotation struct {
	Service  string
	Session  string
	Sandbox  bool
	Operator string
	Old, New keygen.KeyID
	Targets  []string
	// Production is when the new key is added to production, Removal when the
	// old one is removed, End when the rotation is over.
	Production, Removal, End time.Time
}

// Window returns the announcement of a rotation, in plain text.
func Window(r Rotation) string {
	var b strings.Builder
	if r.Sandbox {
		b.WriteString("[SANDBOX: nothing real is changed]\n")
	}
	const date = "Mon 2 Jan 2006"
	fmt.Fprintf(&b, "HMAC key rotation of %s: %s to %s\n", r.Service, r.Old, r.New)
	fmt.Fprintf(&b, "- %s: %s is added to production; %s stays valid\n", r.Production.Format(date), r.New, r.Old)
	fmt.Fprintf(&b, "- until %s: move every client to key id %s\n", r.Removal.Format(date), r.New)
	fmt.Fprintf(&b, "- %s: %s is removed\n", r.Removal.Format(date), r.Old)
	fmt.Fprintf(&b, "- %s: done\n", r.End.Format(date))
	fmt.Fprintf(&b, "Services: %s. Questions to %s (session %s).", strings.Join(r.Targets, ", "), r.Operator, r.Session)
	return b.String()
}
