package checklist

import (
	"time"

	"keyturn/keygen"
)

// Overview is what the home screen and the status command show. As JSON, a time
// that is not known is left out.
type Overview struct {
	Sandbox bool
	Service string
	Now     time.Time
	Vault   string // where secrets are kept, in words
	Keys    []KeyStatus
	// NextRotation is when the oldest key in service reaches the rotation
	// period; zero when there is no such key.
	NextRotation time.Time `json:",omitzero"`
	Sessions     []Summary // in progress first, then the newest
	Offers       []Offer
	// Problems are what could not be read, each with what to do.
	Problems []string
}

// KeyStatus is one key in one environment.
type KeyStatus struct {
	ID          keygen.KeyID
	Environment Environment
	Fingerprint keygen.Fingerprint // empty when the vault does not hold the key
	State       KeyState
	Concerns    []KeyConcern `json:",omitempty"` // of a key that is in service
	Created     time.Time    `json:",omitzero"`  // zero when not known
	RotateBy    time.Time    `json:",omitzero"`  // zero when it is not due, such as an archived key
}

// KeyState says where a key stands, as a code.
type KeyState string

// The states of a key.
const (
	KeyInService KeyState = "in-service"
	KeyInVault   KeyState = "in-vault" // and nowhere else
	KeyArchived  KeyState = "archived"
	KeySealed    KeyState = "sealed" // as evidence: it is compromised
)

// KeyConcern is something that is wrong with a key in service, or not known of
// it, as a code.
type KeyConcern string

// The concerns.
const (
	KeyNotInVault  KeyConcern = "not-in-vault"
	KeyCompromised KeyConcern = "compromised"
	KeyAgeUnknown  KeyConcern = "age-unknown"
)

// Words says where the key stands, for people.
func (k KeyStatus) Words() string {
	words := map[KeyState]string{
		KeyInService: "in service", KeyInVault: "in vault only", KeyArchived: "archived", KeySealed: "sealed: compromised",
	}[k.State]
	for _, c := range k.Concerns {
		words += ", " + map[KeyConcern]string{
			KeyNotInVault: "not in vault", KeyCompromised: "although compromised", KeyAgeUnknown: "age not known",
		}[c]
	}
	return words
}

// Summary is one session in a list.
type Summary struct {
	ID        string
	Checklist string
	Title     string
	Opened    time.Time
	Day       int
	LastDay   int
	Settled   int
	Total     int
	Next      string    // title of the next item; empty when ended
	Opens     time.Time `json:",omitzero"` // when the next item opens; zero for now
	Why       string    // why it is not open
	Deadline  time.Time `json:",omitzero"` // when the checklist's limit ends; zero for none
	Outcome   Kind      // empty while in progress
	Holder    string    // who drives it now; empty for nobody
	Problem   string    // why it cannot be read
}

// Offer is a checklist that can be started, or why not.
type Offer struct {
	Checklist string
	Title     string
	Purpose   string
	WhyNot    string // empty when it can be started
}

// Summarize returns the summary of a session at a time.
func Summarize(s *Session, now time.Time, holder string) Summary {
	sum := Summary{
		ID: s.ID(), Checklist: s.Checklist.ID, Title: s.Checklist.Title,
		Opened: s.OpenedAt, Day: s.Day(now), LastDay: s.Checklist.LastDay(),
		Outcome: s.Outcome, Holder: holder,
	}
	sum.Settled, sum.Total = s.Settled()
	if end, limited := s.Deadline(); limited {
		sum.Deadline = end
	}
	next, ok := s.Next()
	if !ok {
		return sum
	}
	sum.Next, sum.Opens = next.Title, s.NextOpens(now)
	if closed := s.Closed(next, now); len(closed) > 0 {
		sum.Why = closed[0].Why
	} else if st := s.State(next.ID); st.Status == StatusWaiting {
		sum.Why = st.Text
	} else if waiting := s.waitingFor(next.ID, now); !waiting.IsZero() {
		sum.Why = "a second person was asked, and can answer until " + MomentWords(waiting)
	}
	return sum
}
