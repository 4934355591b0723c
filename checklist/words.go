package checklist

import (
	"strings"
	"time"
)

// EventWords tells an event to somebody who was not there. It names the item, so
// that it stands alone in a time line, but neither the time nor who did it. Not
// every event is worth telling: callers choose by kind.
func (s *Session) EventWords(e Event) string {
	words := s.effectWords(e)
	if words == "" {
		words = s.itemWords(e)
	}
	if words == "" {
		words = s.sessionWords(e)
	}
	if words == "" {
		words = string(e.Kind) + Suffix(": ", e.Text)
	}
	return words
}

// effectWords tells what came of an effect; "" for any other event.
func (s *Session) effectWords(e Event) string {
	if e.Effect == nil {
		return ""
	}
	switch e.Kind {
	case Intended:
		return "about to " + e.Effect.Words()
	case Done:
		return e.Effect.String()
	case Unmade:
		return "refused: " + e.Effect.Words() + Suffix(": ", e.Text)
	case Unknown:
		return "not known whether this was made: " + e.Effect.Words() + Suffix(": ", e.Text)
	}
	return ""
}

// itemWords tells how an item goes on; "" for any other event.
func (s *Session) itemWords(e Event) string {
	title := s.title(e.Item)
	switch e.Kind {
	case Planned:
		if e.Plan != nil {
			return title + ": " + e.Plan.Summary
		}
	case Agreed:
		return title + ": agreed"
	case Declined:
		return title + ": not agreed to"
	case Started:
		return title + ": started"
	case Answered:
		return title + ": answered" + Suffix(" ", e.Text)
	case Measured, Passed:
		if e.Evidence != nil {
			return title + ": " + e.Evidence.Summary
		}
	case Left:
		return title + " was left: " + e.Text + Suffix("; ", e.Changed)
	case Waiting:
		return title + " waits: " + e.Text
	case Failed:
		return title + " failed: " + e.Text + Suffix("; ", e.Changed)
	case Requested:
		if e.Request != nil {
			return "a second person was asked to agree: " + s.ConsentWords(e.Request.Consent)
		}
	case Approved:
		if e.Approval != nil {
			return e.Approval.By + " agreed: " + s.ApprovedWords(*e.Approval)
		}
	case Refused:
		if e.Refusal != nil {
			return s.refusedWords(*e.Refusal)
		}
	}
	return ""
}

// sessionWords tells what became of the session as a whole, and what was done
// otherwise than the checklist says; "" for any other event.
func (s *Session) sessionWords(e Event) string {
	switch e.Kind {
	case Opened:
		if e.Opening != nil {
			return "opened: " + e.Opening.Reason
		}
	case Recovered:
		return "the journal's torn last line was dropped"
	case Turned:
		if e.Until != nil {
			return "the sandbox's clock was turned to " + e.Until.UTC().Format("2006-01-02 15:04:05")
		}
	case Observed:
		return "looked at the outside"
	case Noted:
		return "note" + Suffix(" on ", s.title(e.Item)) + ": " + e.Text
	case Drifted, Configured:
		words := "changed outside the session: "
		if e.Kind == Configured {
			words = "the configuration changed: "
		}
		return words + strings.Join(driftWords(e.Drift), "; ") + Suffix("; ", e.Text)
	case PassedOver, Deferred, Overridden, Reopened, RolledBack, Narrowed, Abandoned:
		words := s.Words(Deviation{Kind: e.Kind, Item: e.Item, Gate: e.Gate, Session: e.Session, Target: e.Target, Leaves: e.Leaves})
		if people := s.Approvers(e.Approvals); len(people) > 0 {
			words += ", with the consent of " + names(people)
		}
		return words + Suffix(": ", e.Text)
	}
	return ""
}

// ConsentWords says what a second person is asked for.
func (s *Session) ConsentWords(c Consent) string {
	switch {
	case c.Record != "":
		return "what was done, as the record tells it"
	case c.Deviation != "":
		words := s.Words(Deviation{Kind: c.Deviation, Item: c.Item, Gate: c.Gate, Target: c.Target})
		return words + Suffix(": ", c.Reason)
	}
	return s.title(c.Item)
}

// ApprovedWords says what an approval was given for.
func (s *Session) ApprovedWords(a Approval) string { return s.requestWords(a.Request, a.Item) }

// requestWords says what a request was made for.
func (s *Session) requestWords(id, item string) string {
	if r, ok := s.request(id); ok {
		return s.ConsentWords(r.Consent)
	}
	return s.title(item)
}

func (s *Session) refusedWords(r Refusal) string {
	return r.By + " refused: " + s.requestWords(r.Request, r.Item) + Suffix(": ", r.Reason)
}

// replyWords tells the operator which request a reply to another one was to.
func (s *Session) replyWords(r Reply) string {
	words := ""
	if r.Refusal != nil {
		words = s.refusedWords(*r.Refusal)
	} else {
		words = r.Approval.By + " agreed: " + s.ApprovedWords(*r.Approval)
	}
	return "Recorded: " + words + ". That answered another request; this one is still waiting."
}

// StandingWords says whether a request may be answered. It continues a sentence
// that names the request.
func (s *Session) StandingWords(r Request, now time.Time) string {
	switch s.Standing(r, now) {
	case RequestRefused:
		refusal, _ := s.refusal(r.ID)
		return "was refused by " + refusal.By + " at " + MomentWords(refusal.At) + Suffix(": ", refusal.Reason)
	case RequestRanOut:
		return "ran out at " + MomentWords(r.Expires)
	case RequestEnded:
		return "is void: its session is " + string(s.Outcome)
	case RequestReopened:
		return "is void: items were opened again since it was made"
	case RequestChanged:
		return "is void: what it asks for has changed since it was made"
	}
	return "can be answered until " + MomentWords(r.Expires)
}

// MomentWords writes a moment for a sentence.
func MomentWords(t time.Time) string { return t.UTC().Format("2 Jan 2006 15:04 MST") }
