package checklist

import (
	"fmt"
	"time"
)

// Deviation is something done otherwise than the checklist says. Kind is that
// of the event that reports it, and the fields are the event's; or Unapproved.
type Deviation struct {
	At   time.Time
	By   string
	Kind Kind
	Item string
	Gate string // overridden
	// Session is the one that rolled this one back, and Target the one that was
	// taken out.
	Session string
	Target  string
	Drift   *Drift // drifted
	Leaves  []Presence
	// Reason is what the operator wrote; where nobody was asked for one, it says
	// in the program's words why it was done.
	Reason   string
	Approved []string // the second persons who agreed
}

// Words says what was done otherwise, for people.
func (s *Session) Words(d Deviation) string {
	title := s.title(d.Item)
	switch d.Kind {
	case PassedOver:
		return "passed over " + title
	case Deferred:
		return "deferred " + title
	case Overridden:
		return fmt.Sprintf("gate %s overridden for %s", d.Gate, title)
	case Reopened:
		return "done again from " + title
	case RolledBack:
		return "rolled back by " + d.Session
	case Narrowed:
		return d.Target + " was taken out of the session, and not changed from then on"
	case Drifted:
		if d.Drift != nil {
			return "changed outside the session: " + d.Drift.String()
		}
	case Configured:
		if d.Drift != nil {
			return "the configuration changed: " + d.Drift.String()
		}
	case Unapproved:
		return "production was changed before a second person had approved it"
	case Abandoned:
		words := "abandoned before its end"
		if len(d.Leaves) > 0 {
			words += "; in service as far as the session knows: " + LeavesWords(d.Leaves)
		}
		return words
	}
	return string(d.Kind)
}
