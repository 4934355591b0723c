package checklist

import (
	"slices"
	"time"
)

// Standing says whether a request may be answered, as a code.
type Standing string

// A request stays open whatever becomes of the run that made it: until its time
// runs out, until it is refused, or until something that it binds changes.
const (
	RequestOpen     Standing = "open"
	RequestRefused  Standing = "refused"
	RequestRanOut   Standing = "ran-out"
	RequestEnded    Standing = "ended"    // its session has
	RequestReopened Standing = "reopened" // items were opened again since it was made
	RequestChanged  Standing = "changed"  // what it asks for is another thing now
)

// Standing returns whether a request of the session may be answered at a time.
func (s *Session) Standing(r Request, now time.Time) Standing {
	at := slices.IndexFunc(s.Requests, func(o Request) bool { return o.ID == r.ID })
	_, refused := s.refusal(r.ID)
	switch {
	case refused:
		return RequestRefused
	case !now.Before(r.Expires):
		return RequestRanOut
	case s.Outcome != "":
		return RequestEnded
	case at >= 0 && at < s.reopenedAfter:
		return RequestReopened
	case s.Mandate(r.Consent).Digest() != r.Mandate:
		return RequestChanged
	}
	return RequestOpen
}

// Waiting returns the requests, oldest first, that may be answered at a time and
// to which not enough people have agreed.
func (s *Session) Waiting(now time.Time) []Request {
	return slices.DeleteFunc(slices.Clone(s.Requests), func(r Request) bool {
		return s.Standing(r, now) != RequestOpen || len(s.Agreed(r.Consent, now)) >= s.Required()
	})
}

// waitingFor returns until when a second person can answer what was asked about
// an item; zero where nobody is asked.
func (s *Session) waitingFor(item string, now time.Time) (until time.Time) {
	for _, r := range s.Waiting(now) {
		if r.Consent.Item == item {
			until = r.Expires
		}
	}
	return until
}

// AskedReason returns the reason of a deviation that a second person was asked
// for and has not answered yet, so that the operator can go on with it: the
// consent is the same only with the same reason. It is "" where nobody was asked.
func (s *Session) AskedReason(c Consent, now time.Time) string {
	for _, r := range slices.Backward(s.Waiting(now)) {
		asked := r.Consent
		c.Reason = asked.Reason
		if asked == c {
			return asked.Reason
		}
	}
	return ""
}

// AskAgain returns the item that gets the approval which a closed gate waits for
// when it is done again; ok is false where no gate waits for one.
func (s *Session) AskAgain(closed []Closed) (item Item, ok bool) {
	for _, c := range closed {
		if c.Gate.Kind != GateApproval {
			continue
		}
		item, _, ok := s.Checklist.Item(c.Gate.Item)
		if ok && s.state(item.ID).Status.Settled() && s.CanRepeat(item.ID) == nil {
			return item, true
		}
	}
	return Item{}, false
}

func (s *Session) request(id string) (Request, bool) {
	i := slices.IndexFunc(s.Requests, func(r Request) bool { return r.ID == id })
	if i < 0 {
		return Request{}, false
	}
	return s.Requests[i], true
}

// refusal returns who refused a request.
func (s *Session) refusal(request string) (Refusal, bool) {
	i := slices.IndexFunc(s.Refusals, func(r Refusal) bool { return r.Request == request })
	if i < 0 {
		return Refusal{}, false
	}
	return s.Refusals[i], true
}

// lastRefusal returns the refusal of the newest request for a consent; ok is
// false where that was not refused.
func (s *Session) lastRefusal(c Consent) (refusal Refusal, ok bool) {
	for _, r := range slices.Backward(s.Requests) {
		if r.Consent == c {
			return s.refusal(r.ID)
		}
	}
	return Refusal{}, false
}
