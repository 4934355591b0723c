package steps

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"keyturn/steps/probe"
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
		want       string
	}{
		"all as it must be":                       {named, named, ""},
		"a gate that says so":                     {report(probe.Row{Got: probe.GotBlocked, Verdict: probe.Inconclusive, Detail: "a firewall"}, notSent), named, "a firewall"},
		"a gate in the middle of it":              {report(row(probe.GotAccepted, probe.OK, ""), probe.Row{Got: probe.GotBlocked, Verdict: probe.Inconclusive, Detail: "a firewall"}), unnamed, "a firewall"},
		"a login":                                 {report(row(probe.GotRedirect, probe.Inconclusive, ""), notSent), named, "the address redirects, as to a login"},
		"a key refused by the deployment":         {report(row(probe.GotRefused, probe.Failed, "dpl_1"), notSent), named, ""},
		"a key refused without a name":            {report(row(probe.GotRefused, probe.Failed, ""), notSent), named, stranger},
		"where no answer has a name":              {report(row(probe.GotRefused, probe.Failed, ""), notSent), unnamed, ""},
		"a deployment that does not say its name": {unnamed, named, ""},
		"a forgery accepted beside a gate":        {report(row(probe.GotAccepted, probe.Failed, ""), row(probe.GotBlocked, probe.Inconclusive, "")), named, ""},
		"a service that breaks":                   {report(row(probe.GotServerError, probe.Inconclusive, ""), notSent), named, ""},
		"a service that is away":                  {report(row(probe.GotNoAnswer, probe.Inconclusive, ""), notSent), named, ""},
	} {
		assert.Equal(t, tc.want, shut(tc.own, tc.alias), name)
	}
}
