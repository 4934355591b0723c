package proof

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"keyturn/checklist"
	"keyturn/steps/probe"
	"keyturn/steps/target"
)

// An environment's address leads to one deployment, and to another one as soon
// as somebody moves it. So a deployment is asked at its own address as well,
// which leads to it and to nothing else; and the deployments of an environment's other
// slots, to which the environment's address does not lead, are asked there alone.

// OwnProof is what a place's serving deployment answered at its own address.
type OwnProof struct {
	target.Place
	deployment Deployment
	Report     probe.Report
	Door       door
	why        string // what kept the deployment from judging, for people
}

// door says whether a deployment itself answered at its own address.
type door int

const (
	Open   door = iota // it judged the requests
	closed             // something in front of it answered in its place
	hidden             // nothing tells it from something in front of it
)

// Unproved reports whether nothing at all is known of the place: its environment's
// address does not lead to it.
func (o OwnProof) Unproved() bool { return o.Door != Open && !o.IsFirst() }

// AtOwnAddress asks the deployment that serves a place as suite asked its environment,
// which was answered with alias.
func (sv Services) AtOwnAddress(ctx context.Context, sc *checklist.Scope, s target.Place, suite probe.Suite, alias probe.Report) (OwnProof, error) {
	proof := OwnProof{Place: s}
	var err error
	if proof.deployment, _, err = sv.Deployments.Serving(ctx, s); err != nil {
		return proof, err
	}
	suite.URL, suite.Deployment = OwnAddress(s, proof.deployment), proof.deployment.ID
	suite.Name = fmt.Sprintf("%s, %s at its own address", s, proof.deployment.ID)
	suite.Brief = s.IsFirst() // of which the environment's address was asked everything
	if proof.Report, err = suite.Run(ctx, nil); err != nil {
		return proof, err
	}
	proof.Door, proof.why = blockedBy(proof.Report, alias)
	if proof.Door == Open && proof.Report.Failed() {
		return proof, Failure(sc, fmt.Sprintf("%s (%s at %s)", s, proof.deployment.ID, suite.URL), s.Environment, proof.Report)
	}
	return proof, nil
}

// blockedBy says whether something answered in the place of a deployment at its own
// address, and what it was, for people. Vercel protects these addresses by default, and
// not that of production.
//
// Not every gate says that it is one. But where each judgement at the environment's
// address names the deployment it is of, refusals of everything that name none are
// none of the service's.
func blockedBy(own, alias probe.Report) (is door, why string) {
	accepted := slices.ContainsFunc(own.Rows, func(row probe.Row) bool { return row.Got == probe.GotAccepted })
	stranger := !accepted && len(own.Deployments()) == 0 && namesItself(alias)
	for _, row := range own.Rows {
		words := ""
		switch {
		case row.Got == probe.GotBlocked:
			words = cmp.Or(row.Detail, "something in front of the service answered")
		case row.Got == probe.GotRedirect:
			words = "the address redirects, as to a login"
		case row.Got == probe.GotRefused && stranger:
			words = "something in front of the service refused"
		case row.Verdict != probe.OK && row.Got != probe.GotNotSent:
			return Open, "" // it was judged, or the service is broken
		default:
			continue
		}
		is, why = closed, cmp.Or(why, words)
	}
	if is == Open && !accepted && len(own.Deployments()) == 0 { // all were refused as they must be, by whomever
		return hidden, "nothing tells the service from something in front of it, since it accepts no request and does not name its deployment"
	}
	return is, why
}

// namesItself reports whether each answer that judged a signature named its
// deployment.
func namesItself(r probe.Report) bool {
	judged := 0
	for _, row := range r.Rows {
		if row.Got != probe.GotAccepted && row.Got != probe.GotRefused {
			continue
		}
		if judged++; row.Deployment == "" {
			return false
		}
	}
	return judged > 0
}

// TellOwn adds to the evidence what the deployments answered at their own
// addresses, and what is not known since something kept them from it.
func TellOwn(all []OwnProof, evidence *checklist.Evidence) {
	t := checklist.Table{Title: "At the deployments' own addresses", Columns: []string{"Service", "Deployment", "Address", "Requests", "Answers"}}
	var protected []target.Target
	var unproved []string
	for _, o := range all {
		if len(o.Report.Rows) == 0 {
			continue // it was not asked
		}
		answers := "as they must be"
		switch {
		case o.Door != Open:
			answers = "none: " + o.why
			if o.Door == closed && !slices.ContainsFunc(protected, func(t target.Target) bool { return t.Project == o.Target.Project }) {
				protected = append(protected, o.Target)
			}
		case o.Report.Failed():
			answers = "not as they must be"
			evidence.Tables = append(evidence.Tables, ProbeTable(o.Report))
			evidence.Commands = append(evidence.Commands, o.Report.Rows[0].Curl)
		}
		if o.Unproved() {
			unproved = append(unproved, o.String())
		}
		t.Rows = append(t.Rows, []string{o.String(), o.deployment.ID, o.Report.URL, fmt.Sprint(o.Report.Sent), answers})
	}
	if len(t.Rows) > 0 {
		evidence.Tables = append(evidence.Tables, t)
	}
	for _, t := range protected {
		evidence.Issues = append(evidence.Issues, closedDoor(t))
	}
	if len(unproved) > 0 {
		evidence.Summary += "; not proved: " + strings.Join(unproved, ", ")
		evidence.Issues = append(evidence.Issues, fmt.Sprintf(
			"%s: not proved, since nothing but a deployment's own address leads there; no key is removed that waits for this proof", strings.Join(unproved, ", ")))
	}
}

// Unaskable names the places that nobody can ask: without the API the own address
// of a deployment is not known, and the environment's leads to the first.
func (sv Services) Unaskable(cells []target.Place) []string {
	var names []string
	for _, c := range cells {
		known := sv.Deployments.Apart(c)
		for _, s := range c.Deployed()[1:] {
			if !slices.ContainsFunc(known, func(k target.Place) bool { return k.Slot == s.Slot }) {
				names = append(names, s.String())
			}
		}
	}
	return names
}

// closedDoor says, the same for every environment, how a target's deployments can
// be asked at their own addresses.
func closedDoor(t target.Target) string {
	words := fmt.Sprintf("something in front of the deployments of %s, such as Vercel's deployment protection, answers in their place at their own addresses, so that nothing was proved there: ", t.Name)
	if !t.Bypass.IsZero() {
		return words + fmt.Sprintf("the bypass secret did not pass it; make one in the project's settings (Deployment Protection, Protection Bypass for Automation) and store it with keyturn login bypass %s", t.Project)
	}
	return words + fmt.Sprintf("make a bypass secret in the project's settings (Deployment Protection, Protection Bypass for Automation), set protected = true under the [[targets]] of %s, and store it with keyturn login bypass %s", t.Name, t.Project)
}

// AddressOf returns where a place alone is asked: the environment's address leads
// to its first place, and to the others nothing but their deployments' own.
func (sv Services) AddressOf(ctx context.Context, s target.Place) (string, error) {
	if s.IsFirst() {
		return s.Target.URLs[s.Environment], nil
	}
	serving, _, err := sv.Deployments.Serving(ctx, s)
	if err != nil {
		return "", err
	}
	return OwnAddress(s, serving), nil
}

// OwnAddress returns where a deployment is reached whatever has its
// environment's address, with the path that is probed.
func OwnAddress(c target.Place, d Deployment) string {
	scheme := "https"
	if u, err := url.Parse(c.Target.URLs[c.Environment]); err == nil && u.Scheme != "" {
		scheme = u.Scheme
	}
	return scheme + "://" + d.Host + c.Target.Path
}
