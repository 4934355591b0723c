package record

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/keygen/sshsig"
)

// answers follows the requests of a session and what was answered: that each request
// was journalled before and says what the session was about to do then, who signed
// it, that it is a second person, and that it was in time.
type answers struct {
	*checked
	failures // of the approvals alone
	v        *verifier
	asked    map[string]*asked // by the request's id
}

// asked is a request that was made.
type asked struct {
	checklist.Request
	failures                   // nothing of it counts before it is answered
	at       int               // the event's index
	values   map[string]string // by their names in the text
	people   []string          // who has approved it
	refused  bool
}

func newAnswers(v *verifier, c *checked) *answers {
	return &answers{checked: c, failures: failures{folder: c.name}, v: v, asked: map[string]*asked{}}
}

// event checks one event, up to the first that does not hold; s is the session
// before it.
func (a *answers) event(s *checklist.Session, e checklist.Event) {
	if a.failure == nil && e.Request != nil {
		a.request(s, e)
	}
	if a.failure == nil && (e.Approval != nil || e.Refusal != nil) {
		a.answered(s, e)
	}
}

func (a *answers) request(s *checklist.Session, e checklist.Event) {
	r := *e.Request
	if first := a.asked[r.ID]; first != nil {
		// One that nobody has answered is made again as it was.
		if first.Text != r.Text || first.Consent != r.Consent || first.Mandate != r.Mandate {
			a.fail(journalFile, eventField(e), "request %s was made before, and was another", r.ID)
		}
		return
	}
	a.asked[r.ID] = a.v.ask(a.checked, s, e)
}

// ask compares the text of a request with what the session stood for when it was
// made.
func (v *verifier) ask(c *checked, s *checklist.Session, e checklist.Event) *asked {
	field := eventField(e)
	q := &asked{Request: *e.Request, failures: failures{folder: c.name}, at: e.Seq - 1}
	var err error
	if q.values, err = v.Requests.Fields(q.Text); err != nil {
		q.failWith(journalFile, field, err)
		return q
	}
	o := s.Opening
	m := mandate{session: s, consent: q.Consent, records: o.TrailSeq, head: o.TrailHead, requester: e.By, expires: stamp(q.Expires), id: q.ID}
	if m.events, err = strconv.Atoi(q.values["Events"]); err != nil || m.events > q.at {
		q.fail(journalFile, field+" Events", "it names %s events, and was made after %d", q.values["Events"], q.at)
		return q
	}
	m.journal = c.journal.headAt(m.events)
	if wrong := m.differs(q.values); wrong != nil {
		q.fail(journalFile, field+" "+wrong.field, "%s", wrong.reason)
	}
	switch {
	case q.Mandate != q.values["Plan"]:
		q.fail(journalFile, field, "its mandate is not the plan that its text names")
	case e.Item != q.Consent.Item:
		q.fail(journalFile, field, "it was made for item %q, and is about %q", e.Item, q.Consent.Item)
	}
	return q
}

// answered checks an event that approves or refuses. A request that was refused can
// be answered no more.
func (a *answers) answered(s *checklist.Session, e checklist.Event) {
	field, id, done := eventField(e), "", "refused"
	switch {
	case e.Approval != nil && e.Refusal != nil: // one of the two would count unseen
		a.fail(journalFile, field, "it both approves and refuses")
		return
	case e.Approval != nil:
		id, done = e.Approval.Request, "approved"
	default:
		id = e.Refusal.Request
	}
	q := a.asked[id]
	switch {
	case q == nil:
		a.fail(journalFile, field, "no request %q was made before it was %s", id, done)
	case q.refused:
		a.fail(journalFile, field, "request %s was refused before it was %s", id, done)
	default:
		a.failure = q.failure
	}
	if a.failure != nil {
		return
	}
	if len(q.people) == 0 {
		a.approvedHead = max(a.approvedHead, s.Opening.TrailSeq) // where the session was opened, which is compared
		a.used = append(a.used, used{q.ID, journalFile, fmt.Sprintf("event %d", q.at+1)})
	}
	if e.Refusal != nil {
		a.refusal(s, e, q)
		return
	}
	a.approval(e, q)
}

func (a *answers) approval(e checklist.Event, q *asked) {
	field := eventField(e)
	member := a.approver(field, e, q)
	if slices.Contains(q.people, member.Principal) {
		a.fail(journalFile, field, "%s has answered request %s already", member.Principal, q.ID)
	}
	q.people = append(q.people, member.Principal)
	a.consents++
}

// approver checks who approved a request, and when.
func (a *answers) approver(field string, e checklist.Event, q *asked) sshsig.Member {
	given := *e.Approval
	member, err := a.v.Roster.Verify(given.Signature, sshsig.NamespaceApproval, []byte(q.Text), given.At)
	switch {
	case err != nil:
		a.fail(journalFile, field+" signature", "%v", err)
	case member.Principal != given.By:
		a.fail(journalFile, field+" by", "it says %q, and the key is of %s", given.By, member.Principal)
	case e.Item != q.Consent.Item || given.Item != q.Consent.Item:
		a.fail(journalFile, field+" item", "it is an approval for item %q, and the request was about %q", given.Item, q.Consent.Item)
	case given.Mandate != q.Mandate:
		a.fail(journalFile, field+" mandate", "it is not the request's")
	default:
		if err := a.v.checkSecond(a.record.Signer.Principal, "approved", member, q.values); err != nil {
			a.failWith(journalFile, field, err)
		}
		if why := outside(given.At, q.values); why != "" {
			a.fail(journalFile, field+" at", "%s", why)
		}
	}
	return member
}

// outside says why a time lies outside a request's window; "" when it does not.
// Requests count whole seconds.
func outside(at time.Time, values map[string]string) string {
	if said := stamp(at); said < values["Requested"] || said > values["Expires"] { // times of one form compare as text
		return fmt.Sprintf("it is %s, outside the request's window from %s to %s", said, values["Requested"], values["Expires"])
	}
	return ""
}

// checkSecond checks that whoever approved or refused, as did says, is another
// person, by name and by key, than the one who asked and the one who signed the
// record.
func (v *verifier) checkSecond(signer, did string, member sshsig.Member, values map[string]string) error {
	owner, known := v.Roster.Lookup(values["Requester-Key"])
	switch {
	case member.Principal == values["Requester"], member.Key.Fingerprint() == values["Requester-Key"],
		known && owner.Principal == member.Principal:
		return fmt.Errorf("%s %s their own request", member.Principal, did)
	case member.Principal == signer:
		return fmt.Errorf("%s %s, and signed the record: %w", member.Principal, did, errOtherSigner)
	case known && owner.Principal != values["Requester"]:
		return fmt.Errorf("the request names the key of %s for %s", owner.Principal, values["Requester"])
	}
	return nil
}

// errOtherSigner says that whoever answered cannot sign the record as well.
var errOtherSigner = errors.New("another member has to sign it")

// mandate is what a request must say.
type mandate struct {
	session *checklist.Session // as it stood
	consent checklist.Consent

	records int // in the trail
	head    string
	events  int // in the journal
	journal string

	// Empty where whoever asks may say anything.
	id, requester, expires string
}

// mismatch is the first line of a request that is not what it must be.
type mismatch struct{ field, reason string }

// differs compares the lines of a request with what they must be.
func (m mandate) differs(values map[string]string) *mismatch {
	for _, line := range m.lines() {
		if got := values[line.name]; !slices.Contains(line.want, got) {
			return &mismatch{line.name, fmt.Sprintf("it is %q, and the session says %q", got, line.want[0])}
		}
	}
	reason := cmp.Or(m.consent.Reason, m.session.Opening.Reason)
	if got := values["Reason"]; !shows(got, reason) {
		return &mismatch{"Reason", fmt.Sprintf("it is %q, and the session says %q", got, reason)}
	}
	return nil
}

// line is one line of a request, and the values that it may have.
type line struct {
	name string
	want []string
}

func (m mandate) lines() []line {
	s := m.session
	approved := s.Mandate(m.consent)
	var items, environments []string
	for _, i := range approved.Items {
		items = append(items, i.String())
	}
	for _, e := range approved.Environments {
		environments = append(environments, string(e))
	}
	action := "items"
	switch {
	case m.consent.Record != "":
		action = "afterwards"
	case m.consent.Deviation != "":
		action = string(m.consent.Deviation)
	}
	fingerprint := func(e checklist.Environment, r checklist.Role) []string {
		return []string{orNone(string(s.Fingerprint(e, r)))}
	}
	lines := []line{
		{"Trail", []string{s.Opening.Trail}},
		{"Records", []string{strconv.Itoa(m.records)}},
		{"Head", []string{m.head}},
		{"Rotation", []string{s.ID()}},
		{"Events", []string{strconv.Itoa(m.events)}},
		{"Journal", []string{m.journal}},
		{"Service", []string{approved.Service}},
		{"Team", []string{orNone(approved.Team)}},
		{"Environments", []string{strings.Join(environments, " ")}},
		{"Action", []string{action}},
		{"Items", listed(strings.Join(items, " "), len(items))},
		{"Items-Sum", []string{sumNames(items)}},
		{"Gate", []string{orNone(m.consent.Gate)}},
		{"Target", []string{orNone(m.consent.Target), digestOf([]byte(m.consent.Target))}},
		{"Old-Key", []string{orNone(string(s.Key(checklist.OldKey)))}},
		{"Old-Stg-Fp", fingerprint(checklist.Staging, checklist.OldKey)},
		{"Old-Prd-Fp", fingerprint(checklist.Production, checklist.OldKey)},
		{"New-Key", []string{orNone(string(s.Key(checklist.NewKey)))}},
		{"New-Stg-Fp", fingerprint(checklist.Staging, checklist.NewKey)},
		{"New-Prd-Fp", fingerprint(checklist.Production, checklist.NewKey)},
		{"Targets", listed(strings.Join(append([]string{strconv.Itoa(len(approved.Targets))}, approved.Targets...), " "), len(approved.Targets))},
		{"Target-Sum", []string{sumNames(approved.Targets)}},
		{"Plan", []string{approved.Digest()}},
	}
	for name, want := range map[string]string{"Request": m.id, "Requester": m.requester, "Expires": m.expires} {
		if want != "" {
			lines = append(lines, line{name, []string{want}})
		}
	}
	return lines
}

// listed returns the two ways in which a request lists names: all of them, or
// their count where they do not fit into the line. Their sum binds both.
func listed(all string, count int) []string {
	return []string{all, fmt.Sprintf("%d (listed in the plan)", count)}
}

// shows reports whether a request's line shows a reason: its printable part, cut
// where it does not fit. The plan binds the whole.
func shows(line, reason string) bool {
	whole := strings.Map(func(c rune) rune {
		if c < ' ' || c > '~' {
			return '?'
		}
		return c
	}, strings.Join(strings.Fields(reason), " "))
	if line == cmp.Or(whole, "none given") {
		return true
	}
	const longest = 64 // of a reason that is cut; the line has 68 columns for it
	cut, was := strings.CutSuffix(line, "...")
	return was && len(whole) > longest && len(cut) > longest/2 && strings.HasPrefix(whole, cut)
}

// orNone is how a request writes what is not there.
func orNone(s string) string { return cmp.Or(s, "none") }

func sumNames(names []string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(slices.Values(names)) {
		b.WriteString(name + "\n")
	}
	return digestOf([]byte(b.String()))
}

// approveAfterwardsItem returns the item that asks for consent to the record.
func approveAfterwardsItem(s *checklist.Session) string {
	for i := range s.Checklist.All() {
		if i.Step == approveAfterwardsStep {
			return i.ID
		}
	}
	return ""
}
