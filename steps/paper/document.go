package paper

import "time"

// Document is all that the templates can tell of a session. Times are in UTC.
type Document struct {
	Session Text
	Kind    Text // the checklist's id: quarterly, drill, emergency or rollback
	Title   Text // the checklist's title
	Service Text
	Sandbox bool // nothing real was changed
	Person  Text // who performs it
	Reason  Text
	Parent  Text // the session that a rollback is about; empty when it is alone

	Targets      []Text
	Environments []Text
	Old, New     Text // key ids; empty where there is none
	Keys         []Key

	Opened time.Time
	Now    time.Time     // when the document is written
	Limit  time.Duration // from Opened; zero where there is none
	// NextRotation is when the new key is due; zero where that is not known.
	NextRotation time.Time

	Reached   []Reached // what was to be proved, in order
	Approvals []Approval
	// NeedsApproval says that the checklist asks for a second person's consent.
	NeedsApproval bool
	Compromise    *Compromise // of an emergency, else nil
	Findings      []Finding
	Impact        *Impact // nil where nobody asked the request log
	Deviations    []Deviation
	Issues        []Text // what the next rotation should look at
	Noticed       Text   // what the person added; empty for nothing
	TimeLine      []Event
}

// Key is one key of the session in one environment.
type Key struct {
	Environment, Role, ID Text
	Fingerprint           Text // its short form
}

// Reached is something that the session has to prove.
type Reached struct {
	What  Text
	At    time.Time     // zero while it was not
	After time.Duration // from the opening to At
	Late  time.Duration // over the limit; zero or less when it was met
}

// Done reports whether it was proved.
func (r Reached) Done() bool { return !r.At.IsZero() }

// Approval is a second person's consent.
type Approval struct {
	At   time.Time
	By   Text
	What Text
}

// Compromise is what is known of how a key came into the wrong hands.
type Compromise struct {
	Since       time.Time // zero where that is not known
	KnownBy     Text
	NewKeyFirst bool // the new key was served before the old one was removed
	// AuditCSV and AuditJSONL are the SHA-256 of the exported requests in hex;
	// empty where none were.
	AuditCSV, AuditJSONL Digest
}

// Digest is a SHA-256 in hex. Anything else prints as nothing.
type Digest string

// String implements fmt.Stringer.
func (d Digest) String() string {
	if len(d) != 64 || !secretLike.MatchString(string(d)) {
		return ""
	}
	return string(d)
}

// Finding is what an item of the checklist found out.
type Finding struct{ Item, Result Text }

// Deviation is something done otherwise than the checklist says.
type Deviation struct {
	At       time.Time
	By       Text
	What     Text
	Reason   Text // empty where there is none but what was done
	Approved Text // the second persons who agreed, if any had to
}

// Event is one line of the time line.
type Event struct {
	At       time.Time
	By, What Text
}

// Impact is what the request log says of the time from From to Until.
type Impact struct {
	From, Until  time.Time
	Unknown      Text // why the log says nothing; empty when it does
	Environments []Traffic
	Senders      []Sender // who used the old key, most requests first
}

// Traffic is the requests of one environment.
type Traffic struct {
	Environment              Text
	Requests                 int
	OldAccepted, OldRefused  int // with the old key
	NewAccepted              int
	Unnamed                  int // without any key id
	Failures                 int // signatures refused
	WorstHour                time.Time
	WorstHourFailures, Alert int // in WorstHour; the number above which an alert is due
}

// Sender is one sender's requests with the old key.
type Sender struct {
	Environment, Name Text
	Accepted, Refused int
	LastSeen          time.Time // the hour
}

// Emergency reports whether the session revokes a compromised key.
func (d Document) Emergency() bool { return d.Kind == "emergency" }

// Subject names in one line what the document is about.
func (d Document) Subject() Text {
	of := string(d.Title) + " of " + string(d.Service)
	switch {
	case d.Kind == "emergency" && d.New != "":
		return Text(of + ": " + string(d.Old) + " is compromised, " + string(d.New) + " replaces it")
	case d.Kind == "emergency":
		return Text(of + ": " + string(d.Old) + " is compromised")
	case d.Kind == "rollback":
		return Text(of + ": " + string(d.Old) + " back in service")
	case d.Kind == "drill":
		return Text(of + " with key id " + string(d.New))
	case d.Old != "" && d.New != "":
		return Text(of + ": " + string(d.Old) + " to " + string(d.New))
	}
	return Text(of)
}
