package program

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"keyturn/checklist"
	"keyturn/keygen/sshsig"
	"keyturn/steps/probe"
	"keyturn/steps/requestlog"
	"keyturn/steps/target"
)

// setup returns what a session binds of the configuration, or of the sandbox.
// What the steps reach is made of the same values, so that a session which was
// opened with them acts on nothing else.
func (p *Program) setup() checklist.Setup {
	s := checklist.Setup{
		Service: p.service, Hosting: checklist.HostingAPI,
		Profile: profileFields(p.outside.Prober.Profile),
		Limits:  map[string]int{"failures_per_hour": requestlog.FailureThreshold},
		// A key's age and the days with two keys are promises to an auditor.
		RotationDays: p.rotationDays, DualKeyDays: p.dualKeyDays,
		Approval: checklist.ApprovalRule{Required: p.required(), Approvers: p.approvers()},
	}
	log := ""
	switch c := p.options.Config; {
	case c != nil:
		s.Team, log = c.Vercel.Team, c.RequestLog.URL
		if s.API = c.Vercel.API; p.byHand() {
			s.Hosting, s.API = checklist.HostingDashboard, ""
		}
	case p.world != nil:
		s.API, log = p.world.VercelURL(), p.world.LogURL()
	}
	if log != "" {
		s.Log = map[string]string{"url": log, "without_senders": probe.UserAgent}
	}
	for _, t := range p.outside.Targets {
		s.Targets = append(s.Targets, boundTarget(t))
	}
	return s
}

// boundTarget is a target as a session binds it. It holds no secret.
func boundTarget(t target.Target) checklist.Target {
	bound := checklist.Target{
		Name: t.Name, Platform: checklist.PlatformVercel, Project: t.Project, Role: cmp.Or(t.Role, target.RoleVerifier),
		Slots: map[checklist.Environment][]string{}, Probes: map[checklist.Environment]string{}, Protected: t.Protected,
	}
	for _, e := range []checklist.Environment{checklist.Staging, checklist.Production} {
		for _, slot := range t.SlotsOf(e) {
			bound.Slots[e] = append(bound.Slots[e], slot.String()+"="+slot.VariableType())
		}
		if address := t.URLs[e]; address != "" {
			bound.Probes[e] = address
		}
	}
	return bound
}

// profileFields is how requests are signed, field by field as the configuration
// names them.
func profileFields(p probe.Profile) map[string]string {
	var fields []string
	for _, f := range p.Fields {
		fields = append(fields, string(f))
	}
	return map[string]string{
		"name": p.Name, "key_id_header": p.KeyIDHeader, "timestamp_header": p.TimestampHeader, "nonce_header": p.NonceHeader,
		"signature_header": p.SignatureHeader, "separator": fmt.Sprintf("%q", p.Separator), "fields": strings.Join(fields, " "),
		"timestamp": string(p.Timestamp), "body": string(p.Body), "encoding": string(p.Encoding), "sign_query": fmt.Sprint(p.SignQuery),
	}
}

// required is how many people other than the operator must agree to a change of
// production.
func (p *Program) required() int {
	if c := p.options.Config; c != nil {
		return c.Approval.Required
	}
	return 1
}

// approvers are the principals of the roster who may approve what another person
// asks for; none where there is no roster that can be read.
func (p *Program) approvers() []string {
	roster, err := p.roster()
	if err != nil {
		return nil
	}
	return approversIn(roster)
}

// approversIn returns who in a roster may approve, sorted.
func approversIn(roster sshsig.Roster) []string {
	var people []string
	for _, m := range roster.Members() {
		if slices.Contains(m.Namespaces, sshsig.NamespaceApproval) && !slices.Contains(people, m.Principal) {
			people = append(people, m.Principal)
		}
	}
	slices.Sort(people)
	return people
}
