package proof

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"keyturn/checklist"
	"keyturn/steps/probe"
	"keyturn/steps/target"
)

// What kept a deployment from judging is told from what it judged.
func TestShut(t *testing.T) {
	t.Parallel()
	report := func(rows ...probe.Row) probe.Report { return probe.Report{Rows: rows} }
	row := func(got probe.Outcome, verdict probe.Verdict, deployment string) probe.Row {
		return probe.Row{Got: got, Verdict: verdict, Deployment: deployment}
	}
	notSent := row(probe.GotNotSent, probe.Inconclusive, "")
	named := report(row(probe.GotAccepted, probe.OK, "dpl_1"), row(probe.GotRefused, probe.OK, "dpl_1"))
	unnamed := report(row(probe.GotAccepted, probe.OK, ""), row(probe.GotRefused, probe.OK, ""))
	const stranger = "something in front of the service refused"
	for name, tc := range map[string]struct {
		own, alias probe.Report
		door       door
		why        string
	}{
		"all as it must be":                       {named, named, Open, ""},
		"a gate that says so":                     {report(probe.Row{Got: probe.GotBlocked, Verdict: probe.Inconclusive, Detail: "a firewall"}, notSent), named, closed, "a firewall"},
		"a gate in the middle of it":              {report(row(probe.GotAccepted, probe.OK, ""), probe.Row{Got: probe.GotBlocked, Verdict: probe.Inconclusive, Detail: "a firewall"}), unnamed, closed, "a firewall"},
		"a login":                                 {report(row(probe.GotRedirect, probe.Inconclusive, ""), notSent), named, closed, "the address redirects, as to a login"},
		"a key refused by the deployment":         {report(row(probe.GotRefused, probe.Failed, "dpl_1"), notSent), named, Open, ""},
		"a key refused without a name":            {report(row(probe.GotRefused, probe.Failed, ""), notSent), named, closed, stranger},
		"where no answer has a name":              {report(row(probe.GotRefused, probe.Failed, ""), notSent), unnamed, Open, ""},
		"a deployment that does not say its name": {unnamed, named, Open, ""},
		"a forgery accepted beside a gate":        {report(row(probe.GotAccepted, probe.Failed, ""), row(probe.GotBlocked, probe.Inconclusive, "")), named, Open, ""},
		"a service that breaks":                   {report(row(probe.GotServerError, probe.Inconclusive, ""), notSent), named, Open, ""},
		"a gate that says nothing":                {report(row(probe.GotBlocked, probe.Inconclusive, ""), notSent), named, closed, "something in front of the service answered"},
		"refusals by whomever":                    {report(row(probe.GotRefused, probe.OK, "")), unnamed, hidden, "nothing tells the service from something in front of it, since it accepts no request and does not name its deployment"},
		"a service that is away":                  {report(row(probe.GotNoAnswer, probe.Inconclusive, ""), notSent), named, Open, ""},
	} {
		is, why := blockedBy(tc.own, tc.alias)
		assert.Equal(t, tc.door, is, name)
		assert.Equal(t, tc.why, why, name)
	}
}

func TestOwnAddressOfADeployment(t *testing.T) {
	t.Parallel()
	c := target.Place{Target: target.Target{Path: "/api/test", URLs: map[checklist.Environment]string{
		checklist.Staging: "http://127.0.0.1:1/p/orders/staging/api/test", checklist.Production: "https://orders.example.com/api/test",
	}}, Environment: checklist.Production}
	assert.Equal(t, "https://orders-x1-team.vercel.app/api/test", OwnAddress(c, Deployment{Host: "orders-x1-team.vercel.app"}))
	c.Environment = checklist.Staging
	assert.Equal(t, "http://127.0.0.1:1/d/dpl_1/api/test", OwnAddress(c, Deployment{Host: "127.0.0.1:1/d/dpl_1"}))
}
