package record

import (
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"keyturn/checklist"
	"keyturn/keygen/sshsig"
)

// agreed is a point at which somebody saw the trail: an approval that holds,
// or the opening of a session.
type agreed struct {
	id      string // of the approval request, single use
	by      string
	records int    // how many records the trail had
	head    string // digest of the last of them
}

// checkApprovals checks every approval: who signed, that it is a second
// person, that it was in time, and that every bound field is this record's.
func (c *checked) checkApprovals(_ string, o Options) {
	if !slices.Equal(c.record.Approvals, c.journal.approvals()) {
		c.fail(recordFile, "approvals", "they are not those of the journal")
		return
	}
	for i, a := range c.record.Approvals {
		field := fmt.Sprintf("approvals[%d]", i)
		values, err := o.Requests(a.Request)
		if err != nil {
			c.fail(recordFile, field+".request", "%v", err)
			return
		}
		member, ok := c.checkApprover(field, a, values, o.Roster)
		if !ok {
			return
		}
		c.checkBound(field, a, values)
		records, err := strconv.Atoi(values["Records"])
		if err != nil {
			c.fail(recordFile, field+".request Records", "%v", err)
		}
		if c.failure != nil {
			return
		}
		c.approvals = append(c.approvals, agreed{id: values["Request"], by: member.Principal, records: records, head: values["Head"]})
		c.approvedHead = max(c.approvedHead, records)
	}
}

// checkApprover checks who signed and when.
func (c *checked) checkApprover(field string, a Approval, values map[string]string, roster sshsig.Roster) (sshsig.Member, bool) {
	at, err := parseStamp(a.AcceptedAt)
	if err != nil {
		c.fail(recordFile, field+".accepted_at", "%v", err)
		return sshsig.Member{}, false
	}
	member, err := roster.Verify(a.Signature, sshsig.NamespaceApproval, []byte(a.Request), at)
	switch {
	case errors.Is(err, sshsig.ErrNotValid):
		c.fail(recordFile, field+".accepted_at", "%v", err)
	case err != nil:
		c.fail(recordFile, field+".signature", "%v", err)
	case member.Principal != a.Principal:
		c.fail(recordFile, field+".principal", "it says %q, and the key is of %s", a.Principal, member.Principal)
	case !c.second(member, values, roster):
		c.fail(recordFile, field+".principal", "%s approved their own request or record", member.Principal)
	// Times of one form compare as text.
	case a.AcceptedAt < values["Requested"] || a.AcceptedAt > values["Expires"]:
		c.fail(recordFile, field+".accepted_at", "it is %s, outside the request's window from %s to %s", a.AcceptedAt, values["Requested"], values["Expires"])
	}
	return member, c.failure == nil
}

// second reports whether whoever approved is another person, by name and by
// key, than the one who asked and the one who signed the record.
func (c *checked) second(member sshsig.Member, values map[string]string, roster sshsig.Roster) bool {
	owner, known := roster.Lookup(values["Requester-Key"])
	return member.Principal != values["Requester"] && member.Principal != c.record.Signer.Principal &&
		member.Key.Fingerprint() != values["Requester-Key"] && !(known && owner.Principal == member.Principal)
}

// checkBound compares what was approved with what the record says was done.
func (c *checked) checkBound(field string, a Approval, values map[string]string) {
	r := c.record
	keys := slices.IndexFunc(r.Keys, func(k Keys) bool { return k.Environment == values["Environment"] })
	if keys < 0 {
		c.fail(recordFile, field+".request Environment", "it is %q, which the session did not touch", values["Environment"])
		return
	}
	k := r.Keys[keys]
	for _, bound := range [][2]string{
		{"Trail", r.Trail.ID},
		{"Rotation", r.Rotation.ID},
		{"Old-Key", orNone(k.OldID)},
		{"New-Key", orNone(k.NewID)},
		{"Target-Sum", sumNames(r.Targets)},
		{"Plan", a.PlanSHA256},
	} {
		if got := values[bound[0]]; got != bound[1] {
			c.fail(recordFile, field+".request "+bound[0], "it is %q, and the record says %q", got, bound[1])
			return
		}
	}
	if count, _, _ := strings.Cut(values["Targets"], " "); count != strconv.Itoa(len(r.Targets)) {
		c.fail(recordFile, field+".request Targets", "it names %s, and the record %d", count, len(r.Targets))
		return
	}
	c.checkMoment(field, a, values)
}

// checkMoment finds the approval in the journal. The journal's head that it
// names must stand before it, and so must the fingerprints.
func (c *checked) checkMoment(field string, a Approval, values map[string]string) {
	accepted := slices.IndexFunc(c.journal.events, func(e checklist.Event) bool {
		found := approvalIn(e)
		return found != nil && found.Request == a.Request
	})
	events, err := strconv.Atoi(values["Events"])
	switch {
	case accepted < 0:
		c.fail(recordFile, field+".request", "the journal does not hold it")
		return
	case err != nil || events < 0 || events > accepted || c.journal.headAt(events) != values["Journal"]:
		c.fail(recordFile, field+".request Journal", "it names %s events and a head that are not this journal's", values["Events"])
		return
	case c.journal.events[accepted].By != values["Requester"]:
		c.fail(recordFile, field+".request Requester", "it is %q, and %s asked", values["Requester"], c.journal.events[accepted].By)
		return
	}
	environment := checklist.Environment(values["Environment"])
	for _, bound := range []struct {
		name string
		role checklist.Role
	}{{"Old-Key-Fp", checklist.OldKey}, {"New-Key-Fp", checklist.NewKey}} {
		fact := checklist.Fact(checklist.FactFingerprint, environment, bound.role)
		if want := orNone(factIn(c.journal.events[:accepted], fact)); values[bound.name] != want {
			c.fail(recordFile, field+".request "+bound.name, "it is %q, and the journal says %q", values[bound.name], want)
			return
		}
	}
	c.checkPlan(field, a, accepted)
}

// checkPlan computes the action again that an item's approval stands for, from
// what the journal said until then.
func (c *checked) checkPlan(field string, a Approval, accepted int) {
	event := c.journal.events[accepted]
	if event.Kind != checklist.Passed || !c.known {
		return // a deviation's own words are part of its plan
	}
	s, err := checklist.Fold(c.journal.events[:accepted], checklist.Find)
	if err != nil {
		c.fail(journalFile, "", "%v", err)
		return
	}
	if item, _, ok := s.Checklist.Item(event.Item); !ok || s.ActionDigest(item) != a.PlanSHA256 {
		c.fail(recordFile, field+".plan_sha256", "it is not what %q was about to do", event.Item)
	}
}

// factIn returns what the events say last about a fact.
func factIn(events []checklist.Event, name string) string {
	value := ""
	for _, e := range events {
		if e.Evidence != nil {
			if said, ok := e.Evidence.Facts[name]; ok {
				value = said
			}
		}
	}
	return value
}

// orNone is how a request writes what is not there.
func orNone(s string) string {
	if s == "" {
		return "none"
	}
	return s
}

func sumNames(names []string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(slices.Values(names)) {
		b.WriteString(name + "\n")
	}
	return digestOf([]byte(b.String()))
}

// The checklists that wait for nobody: in an emergency approval may come
// afterwards, and a rollback needs none, since it puts back what was approved
// before. Who made one and why stands in the record.
const (
	kindEmergency = "emergency"
	kindRollback  = "rollback"
)

// checkPolicy checks that production was changed only with the consent that
// the auditor demands.
func (c *checked) checkPolicy(_ string, o Options) {
	change := slices.IndexFunc(c.journal.events, changesProduction)
	if change < 0 {
		return // nothing to approve
	}
	if c.record.Rotation.Kind == kindEmergency {
		c.checkAfterwards(o)
		return
	}
	var people []string
	for _, a := range c.approvals {
		people = append(people, a.by)
	}
	slices.Sort(people)
	want := max(1, o.ApprovalsRequired)
	if c.record.Rotation.Kind == kindRollback {
		want = o.ApprovalsRequired
	}
	if got := len(slices.Compact(people)); got < want {
		c.fail(recordFile, "approvals", "production was changed with the consent of %d second persons, want %d", got, want)
		return
	}
	approved := slices.IndexFunc(c.journal.events, func(e checklist.Event) bool { return approvalIn(e) != nil })
	if approved < 0 { // a rollback
		c.note("Rolled back without a second person: production was put back to what was approved before, or the new key was given up")
		return
	}
	if approved < change {
		c.checkGates()
		return
	}
	c.fail(recordFile, "approvals", "production was changed in event %d, before anybody approved", change+1)
}

// checkGates checks that each change of production came after the approval
// that its item waits for, or after an override that a second person approved.
func (c *checked) checkGates() {
	list, err := checklist.Find(*c.journal.events[0].Opening)
	if err != nil || !c.known {
		return
	}
	approved, overridden := map[string]bool{}, map[string]bool{}
	for i, e := range c.journal.events {
		switch item, _, _ := list.Item(e.Item); {
		case changesProduction(e):
			for _, g := range item.Gates {
				if g.Kind == checklist.GateApproval && !approved[g.Item] && !overridden[e.Item+" "+string(g.Kind)+":"+g.Item] {
					c.fail(recordFile, "approvals", "%q changed production in event %d without the approval that it waits for", item.Title, i+1)
				}
			}
		case e.Kind == checklist.Passed && approvalIn(e) != nil:
			approved[e.Item] = true
		case e.Kind == checklist.Overridden && approvalIn(e) != nil:
			overridden[e.Item+" "+e.Gate] = true
		case e.Kind == checklist.PassedOver && item.BreakGlass:
		case (e.Kind == checklist.Overridden || e.Kind == checklist.PassedOver) && item.In(checklist.Production) && approvalIn(e) == nil:
			c.fail(recordFile, "approvals", "event %d deviates in production without a second person", i+1)
		}
	}
}

// changesProduction reports an effect on what serves production. The vault is
// the operator's own: what happens there changes no service.
func changesProduction(e checklist.Event) bool {
	return e.Effect != nil && e.Effect.Environment == checklist.Production && !strings.HasPrefix(e.Effect.Name, "vault.")
}
