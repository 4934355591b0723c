package drill

import (
	"context"
	"fmt"
	"strings"
	"time"

	"keyturn/checklist"
	"keyturn/keygen"
	"keyturn/steps/paperwork"
	"keyturn/steps/probe"
	"keyturn/steps/proof"
	"keyturn/steps/requestlog"
	"keyturn/steps/target"
	"keyturn/steps/traffic"
)

// agentPatience is how long the test agent's first request is waited for, and
// agentPause the time between two looks at the log.
const (
	agentPatience = 2 * time.Minute
	agentPause    = 500 * time.Millisecond
)

// UpdateTestAgent lets the operator point the test agent at the test key, and
// waits until its requests are seen.
type UpdateTestAgent struct {
	checklist.AskOnly
	proof.Services
	traffic.Requests
	// Pause waits between two looks at the log.
	Pause func(context.Context, time.Duration) error
}

func (u UpdateTestAgent) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	return checklist.Plan{
		Summary: "Point the test agent at key id test", Risk: checklist.Look,
		Actions: []checklist.Action{
			{Environment: checklist.Staging, Words: "set keyId: 'test' in the test agent (you)", Command: "signRequest('POST', '/api/test', {}, 'test')"},
			{Environment: checklist.Staging, Words: "wait for its accepted requests in the log (Keyturn)"},
		},
	}, nil
}

func (u UpdateTestAgent) Do(ctx context.Context, sc *checklist.Scope) error {
	a, err := sc.Ask(ctx, checklist.Question{
		Kind: checklist.Confirm, Asked: checklist.Asked{ID: "agent-updated"}, Default: checklist.No, Title: "Does the test agent sign with key id test now?",
		Body: "Keyturn then looks for its requests in the log.",
	})
	if err != nil {
		return err
	}
	if a.Text != checklist.Yes {
		return checklist.WithHint(fmt.Errorf("the test agent was not changed"), "change it, then run the item again")
	}
	return nil
}

func (u UpdateTestAgent) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	served, err := traffic.PassedAt(sc, checklist.ItemRedeployAdd)
	if err != nil {
		return checklist.Evidence{}, err
	}
	for waited := time.Duration(0); ; waited += agentPause {
		log, err := u.Read(ctx, checklist.Staging, served.Truncate(time.Hour), sc.Now())
		if err != nil {
			return checklist.Evidence{}, err
		}
		used := requestlog.Usage(log).Of(keygen.Test)
		if used.Accepted == 0 && used.Refused > 0 {
			// The agent has moved and is refused: say why, instead of waiting.
			if err := u.whyRefused(ctx, sc); err != nil {
				return checklist.Evidence{}, err
			}
		}
		if used.Accepted > 0 {
			return checklist.Evidence{
				Summary: fmt.Sprintf("%d requests with key id test were accepted", used.Accepted),
				Tables:  traffic.UsageTables(log, sc.Session.Key(checklist.OldKey)),
			}, nil
		}
		if waited >= agentPatience {
			return checklist.Evidence{}, checklist.WithHint(fmt.Errorf("no accepted request with key id test in the log after %s", agentPatience),
				"see that the agent runs and signs with test, then run the item again")
		}
		sc.Report(checklist.Progress{Words: "waiting for the test agent's first request", Until: sc.Now().Add(agentPatience - waited)})
		if err := u.Pause(ctx, agentPause); err != nil {
			return checklist.Evidence{}, err
		}
	}
}

// whyRefused probes with the test key, and returns what is wrong with it.
func (u UpdateTestAgent) whyRefused(ctx context.Context, sc *checklist.Scope) error {
	for _, c := range u.Probed(sc.Environments()) {
		suite, err := u.Suite(ctx, sc, c, []proof.ExpectedKey{{Key: probe.Key{ID: keygen.Test, Expect: probe.Accepted}, Role: checklist.NewKey}})
		if err != nil {
			return err
		}
		report, err := suite.Run(ctx, nil)
		if err != nil {
			return err
		}
		if report.Failed() {
			return proof.ProbeFailure(sc, c, report)
		}
	}
	return nil
}

// TriggerAlerts sends badly signed requests until the alert's threshold is
// crossed in the log.
type TriggerAlerts struct {
	proof.Services
	traffic.Requests
}

const alertConcurrency = 8

func (t TriggerAlerts) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	return checklist.Plan{
		Summary: "Send badly signed requests to staging", Risk: checklist.Change,
		Actions: []checklist.Action{{
			Target: t.Verifiers()[0].Name, Environment: checklist.Staging,
			Words: fmt.Sprintf("%d requests with a wrong signature to %s, to cross the alert at %d an hour",
				requestlog.FailureThreshold+1, t.Verifiers()[0].URLs[checklist.Staging], requestlog.FailureThreshold),
		}},
		Warnings: []string{"Whoever is on call may be alerted: that is the purpose. Tell them."},
	}, nil
}

// failures counts what staging refused in the hours since the drill opened.
func (t TriggerAlerts) failures(ctx context.Context, sc *checklist.Scope) (requestlog.Failures, error) {
	// Keyturn's own requests are what is to be counted here.
	log, err := t.Log.Read(ctx, string(checklist.Staging), sc.Session.OpenedAt.Truncate(time.Hour), sc.Now())
	if err != nil {
		return requestlog.Failures{}, fmt.Errorf("read the request log of staging: %w", err)
	}
	return requestlog.FailuresOf(log), nil
}

func (t TriggerAlerts) Check(ctx context.Context, sc *checklist.Scope) (bool, error) {
	f, err := t.failures(ctx, sc)
	return f.Alert(), err
}

func (t TriggerAlerts) Do(ctx context.Context, sc *checklist.Scope) error {
	c := target.Place{Target: t.Verifiers()[0], Environment: checklist.Staging}
	suite, err := t.Suite(ctx, sc, c, []proof.ExpectedKey{{Key: probe.Key{ID: keygen.Test, Expect: probe.Accepted}, Role: checklist.NewKey}})
	if err != nil {
		return err
	}
	const n = requestlog.FailureThreshold + 1
	effect := checklist.Effect{Code: checklist.ProbeBurst, Target: c.Target.Name, Environment: c.Environment, Count: n}
	return sc.Effect(ctx, effect, func(ctx context.Context) (checklist.Result, error) {
		refused, err := suite.SendBad(ctx, n, alertConcurrency, func(done, total int, _ string) {
			sc.Report(checklist.Progress{Words: "sending badly signed requests", Done: done, Total: total})
		})
		return checklist.Result{Note: fmt.Sprintf("%d refused", refused)}, err
	})
}

func (t TriggerAlerts) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	f, err := t.failures(ctx, sc)
	if err != nil {
		return checklist.Evidence{}, err
	}
	if !f.Alert() {
		return checklist.Evidence{}, checklist.WithHint(
			fmt.Errorf("the log shows at most %d refused signatures in an hour, the alert is over %d", f.Worst.Count, requestlog.FailureThreshold),
			"run the item again; the hour may have ended in between")
	}
	return checklist.Evidence{
		Summary: fmt.Sprintf("the log shows %d refused signatures in the hour of %s: the alert condition is met", f.Worst.Count, f.Worst.Start.UTC().Format("2 Jan 15:04")),
	}, nil
}

// DocumentDrill ticks the runbook's test checklist from the evidence of the
// items before, and asks for what was noticed.
type DocumentDrill struct{ paperwork.Filing }

// drillChecks are the lines of the runbook's test checklist, each with the
// item that proves it. The last is proved by this item itself.
var drillChecks = []struct{ line, item string }{
	{"New key generated correctly", checklist.ItemGenerateTest},
	{"Added to Vercel without typos", checklist.ItemVerifyTest},
	{"Requests with new key succeed", checklist.ItemVerifyTest},
	{"Requests with old key fail after removal", checklist.ItemVerifyRemoved},
	{"Monitoring alerts triggered appropriately", checklist.ItemAlerts},
	{"Documentation updated", checklist.ItemDocumentIssues},
}

func (d DocumentDrill) Plan(ctx context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	plan, err := d.Filing.Plan(ctx, sc)
	plan.Summary = "Write down what was noticed"
	plan.Actions = append([]checklist.Action{{Words: "tick the runbook's test checklist from the evidence"}}, plan.Actions...)
	return plan, err
}

func (d DocumentDrill) Verify(ctx context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	evidence, err := d.Filing.Verify(ctx, sc)
	if err != nil {
		return evidence, err
	}
	noticed := evidence.Issues
	evidence.Issues = nil
	evidence.Tables = []checklist.Table{{Title: "Test checklist", Columns: []string{"", "Line", "Evidence"}}}
	done := 0
	for _, c := range drillChecks {
		st := sc.Session.State(c.item)
		tick, proof := "[ ]", "not proved: "+string(st.Status)
		switch {
		case c.item == sc.Item.ID:
			tick, proof = "[x]", d.Where(sc)
		case st.Status == checklist.StatusPassed && st.Evidence != nil:
			tick, proof = "[x]", st.Evidence.Summary
		default:
			evidence.Issues = append(evidence.Issues, "the drill did not show: "+strings.ToLower(c.line))
		}
		if tick == "[x]" {
			done++
		}
		evidence.Tables[0].Rows = append(evidence.Tables[0].Rows, []string{tick, c.line, proof})
	}
	evidence.Issues = append(evidence.Issues, noticed...)
	evidence.Summary = fmt.Sprintf("%d of %d lines of the test checklist are proved", done, len(drillChecks))
	return evidence, nil
}
