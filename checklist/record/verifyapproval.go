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

// checkAnswers checks every approval and refusal that the journal holds: that its
// request was journalled before and says what the session was about to do then,
// who signed it, that it is a second person, and that it was in time.
func (v *verifier) checkAnswers(c *checked) {
	people := map[string][]string{} // who has approved a request
	refused := map[string]bool{}
	made := map[string]checklist.Request{}
	for i, e := range c.journal.events {
		// One that nobody has answered is made again as it was.
		if r := e.Request; r != nil {
			if first, again := made[r.ID]; again && (first.Text != r.Text || first.Consent != r.Consent || first.Mandate != r.Mandate) {
				c.fail(journalFile, fmt.Sprintf("event %d", i+1), "request %s was made before, and was another", r.ID)
				return
			}
			made[r.ID] = *r
		}
		if e.Approval == nil && e.Refusal == nil {
			continue
		}
		field := fmt.Sprintf("event %d", i+1)
		r, first := v.answered(c, i, people, refused)
		if first && c.failure == nil {
			v.checkRequest(c, c.journal.requested(r.ID), r)
		}
		switch {
		case c.failure != nil:
			return
		case e.Refusal != nil:
			v.checkRefusal(c, i, r)
			refused[r.ID] = true
			continue
		}
		member := v.checkApproval(c, field, e, r)
		if c.failure != nil {
			return
		}
		if slices.Contains(people[r.ID], member.Principal) {
			c.fail(journalFile, field, "%s has answered request %s already", member.Principal, r.ID)
			return
		}
		people[r.ID] = append(people[r.ID], member.Principal)
		c.consents++
	}
}

// answered returns the request that an event answers, and whether nothing did so
// before. One that was refused can be answered no more.
func (v *verifier) answered(c *checked, at int, people map[string][]string, refused map[string]bool) (r checklist.Request, first bool) {
	field, id, done := fmt.Sprintf("event %d", at+1), "", "refused"
	e := c.journal.events[at]
	if e.Approval != nil {
		id, done = e.Approval.Request, "approved"
	} else {
		id = e.Refusal.Request
	}
	asked := c.journal.requested(id)
	switch {
	case asked < 0 || asked > at:
		c.fail(journalFile, field, "no request %q was made before it was %s", id, done)
		return r, false
	case refused[id]:
		c.fail(journalFile, field, "request %s was refused before it was %s", id, done)
	}
	return *c.journal.events[asked].Request, len(people[id]) == 0 && !refused[id]
}

// checkRequest compares the text of a request with what the session stood for
// when it was made.
func (v *verifier) checkRequest(c *checked, at int, r checklist.Request) {
	field := fmt.Sprintf("event %d", at+1)
	e := c.journal.events[at]
	s, err := checklist.Fold(c.journal.events[:at])
	if err != nil {
		c.failWith(journalFile, field, err)
		return
	}
	values, err := v.Requests.Fields(r.Text)
	if err != nil {
		c.failWith(journalFile, field, err)
		return
	}
	o := s.Opening
	m := mandate{session: s, consent: r.Consent, records: o.TrailSeq, head: o.TrailHead, requester: e.By, expires: stamp(r.Expires), id: r.ID}
	if m.events, err = strconv.Atoi(values["Events"]); err != nil || m.events > at {
		c.fail(journalFile, field+" Events", "it names %s events, and was made after %d", values["Events"], at)
		return
	}
	m.journal = c.journal.headAt(m.events)
	if wrong := m.differs(values); wrong != nil {
		c.fail(journalFile, field+" "+wrong.field, "%s", wrong.reason)
		return
	}
	switch {
	case r.Mandate != values["Plan"]:
		c.fail(journalFile, field, "its mandate is not the plan that its text names")
	case e.Item != r.Consent.Item:
		c.fail(journalFile, field, "it was made for item %q, and is about %q", e.Item, r.Consent.Item)
	}
	c.approvedHead = max(c.approvedHead, o.TrailSeq) // where the session was opened, which is compared
	c.used = append(c.used, used{r.ID, journalFile, field})
}

// checkApproval checks who approved a request, and when.
func (v *verifier) checkApproval(c *checked, field string, e checklist.Event, r checklist.Request) sshsig.Member {
	a := *e.Approval
	member, err := v.Roster.Verify(a.Signature, sshsig.NamespaceApproval, []byte(r.Text), a.At)
	values, _ := v.Requests.Fields(r.Text) // it was read before
	switch {
	case err != nil:
		c.fail(journalFile, field+" signature", "%v", err)
	case member.Principal != a.By:
		c.fail(journalFile, field+" by", "it says %q, and the key is of %s", a.By, member.Principal)
	case e.Item != r.Consent.Item || a.Item != r.Consent.Item:
		c.fail(journalFile, field+" item", "it is an approval for item %q, and the request was about %q", a.Item, r.Consent.Item)
	case a.Mandate != r.Mandate:
		c.fail(journalFile, field+" mandate", "it is not the request's")
	default:
		v.checkSecond(c, journalFile, field, "approved", member, values)
		if why := outside(a.At, values); why != "" {
			c.fail(journalFile, field+" at", "%s", why)
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
func (v *verifier) checkSecond(c *checked, file, field, did string, member sshsig.Member, values map[string]string) {
	owner, known := v.Roster.Lookup(values["Requester-Key"])
	switch {
	case member.Principal == values["Requester"], member.Key.Fingerprint() == values["Requester-Key"],
		known && owner.Principal == member.Principal:
		c.fail(file, field, "%s %s their own request", member.Principal, did)
	case member.Principal == c.record.Signer.Principal:
		c.failWith(file, field, fmt.Errorf("%s %s, and signed the record: %w", member.Principal, did, errOtherSigner))
	case known && owner.Principal != values["Requester"]:
		c.fail(file, field, "the request names the key of %s for %s", owner.Principal, values["Requester"])
	}
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
	for _, i := range s.Checklist.Items() {
		if i.Step == approveAfterwardsStep {
			return i.ID
		}
	}
	return ""
}
