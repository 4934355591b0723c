package standin

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"keyturn/checklist"
)

type catalog struct{ desk *Desk }

func (c catalog) Step(name string) (checklist.Step, bool) {
	if s, ok := c.desk.Steps[name]; ok {
		return s, true
	}
	return step{c.desk, name}, true
}

// step plays a step by its name.
type step struct {
	desk *Desk
	name string
}

func (s step) changes() bool {
	for _, word := range []string{"add", "redeploy", "remove", "archive", "re-add"} {
		if strings.HasPrefix(s.name, word) {
			return true
		}
	}
	return false
}

func (s step) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	if !s.changes() {
		return checklist.Plan{Summary: sc.Item.Title, Risk: checklist.Look}, nil
	}
	p := checklist.Plan{Summary: sc.Item.Title + " in " + fmt.Sprint(len(sc.Session.Setup().Targets)) + " targets", Risk: checklist.Change}
	if strings.HasPrefix(s.name, "remove") {
		p.Risk, p.Confirm = checklist.Irreversible, string(sc.Session.Opening.Old)
		p.Warnings = []string{"Whoever still signs with " + p.Confirm + " is refused after the next redeploy."}
	}
	for _, e := range sc.Environments() {
		for _, target := range sc.Session.Setup().TargetNames() {
			p.Actions = append(p.Actions, checklist.Action{
				Target: target, Environment: e, Words: "write HMAC_SECRET_V2 for " + string(e),
				Command: `curl -X POST https://api.vercel.com/v10/projects/` + target + `/env -H "Authorization: Bearer $TOKEN" -d '{"key":"HMAC_SECRET_V2","value":"'$SECRET'","type":"sensitive","target":["preview"]}'`,
			})
		}
	}
	return p, nil
}

func (s step) Check(context.Context, *checklist.Scope) (bool, error) { return false, nil }

func (s step) Do(ctx context.Context, sc *checklist.Scope) error {
	if s.name == "notify-window" {
		_, err := sc.Ask(ctx, checklist.Question{Kind: checklist.Confirm, Asked: checklist.Asked{ID: "team-told"}, Title: "Has the team been told?", Default: checklist.No,
			Body: "Key rotation of orders from v1 to v2:\nproduction on day 1, the old key goes on day 8.", Copy: "Key rotation of orders from v1 to v2"})
		return err
	}
	if s.approves() {
		_, err := sc.Approve(ctx, checklist.Consent{})
		return err
	}
	if !s.changes() {
		return s.wait(ctx, sc, 3, "asking")
	}
	for _, e := range sc.Environments() {
		for _, target := range sc.Session.Setup().TargetNames() {
			err := sc.Effect(ctx, s.effect(sc.Session.Opening, target, e), func(ctx context.Context) (checklist.Result, error) {
				return checklist.Result{ID: "dpl_4kQ9"}, s.wait(ctx, sc, 5, "building "+target)
			})
			if err != nil {
				return err
			}
		}
	}
	return nil
}

func (s step) approves() bool { return strings.HasPrefix(s.name, "approve") }

// effect is the change that a step of the name makes.
func (s step) effect(o checklist.Opening, target string, in checklist.Environment) checklist.Effect {
	e := checklist.Effect{Code: checklist.DeploymentCreate, Target: target, Environment: in}
	switch verb, _, _ := strings.Cut(s.name, "-"); verb {
	case "add":
		e.Code, e.Key = checklist.VariableCreate, o.New
	case "re":
		e.Code, e.Key = checklist.VariableCreate, o.Old
	case "remove":
		e.Code, e.Key = checklist.VariableDelete, o.Old
	case "archive":
		e.Code, e.Key, e.Object = checklist.VaultArchive, o.Old, string(in)+"/"+string(o.Old)
	}
	return e
}

// wait reports progress in n parts.
func (s step) wait(ctx context.Context, sc *checklist.Scope, n int, words string) error {
	for i := range n {
		sc.Report(checklist.Progress{Words: words, Done: i, Total: n, Until: sc.Now().Add(5 * time.Minute)})
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(s.desk.Pace / time.Duration(n)):
		}
	}
	return nil
}

func (s step) Verify(_ context.Context, sc *checklist.Scope) (checklist.Evidence, error) {
	e := checklist.Evidence{Summary: sc.Item.Title + ": proved from outside.", Facts: map[string]string{}}
	for _, env := range sc.Session.Checklist.Environments {
		e.Facts[checklist.Fact(checklist.FactAccepted, env, checklist.NewKey)] = "yes"
		e.Facts[checklist.Fact(checklist.FactRecoverable, env, checklist.OldKey)] = "yes"
	}
	switch {
	case s.approves():
		e.Summary = second + " signed the exact change."
	case s.name == "monitor":
		until := sc.Session.State("verify-production").At.AddDate(0, 0, 7)
		e.Summary, e.Tables = "The old key still has 4.1% of requests.", []checklist.Table{usage()}
		if sc.Now().Before(until) {
			return e, &checklist.NotYet{Why: "both keys stay accepted for 7 days", Until: until, Evidence: e}
		}
		e.Summary = "Nobody signs with the old key any more."
	case strings.HasPrefix(s.name, "prove-"):
		e.Summary = "Accepted what is signed with the new key, refused everything forged."
		e.Tables = []checklist.Table{suite(sc)}
		e.Commands = []string{
			`curl -sS -o /dev/null -w '%{http_code}\n' http://127.0.0.1:40721/p/orders-api/staging/api/test -H 'X-HMAC-KeyId: v2' -H 'X-HMAC-Timestamp: 1763976600' -H 'X-HMAC-Nonce: 6f0c2a9e' -H 'X-HMAC-Signature: 9be1c4f0a1'`,
			`curl -sS -o /dev/null -w '%{http_code}\n' http://127.0.0.1:40721/p/orders-worker/staging/api/test -H 'X-HMAC-KeyId: v2'`,
		}
	case s.name == "export-record":
		e.Summary = "Signed by alice@example.com with key SHA256:b7Rk…"
		e.Commands = []string{"ssh-keygen -Y verify -f allowed_signers -I alice@example.com -n keyturn-record -s record.json.sig < record.json"}
	}
	return e, nil
}

func suite(sc *checklist.Scope) checklist.Table {
	t := checklist.Table{Title: "Probes", Columns: []string{"probe", "target", "wanted", "got", "time", "verdict"}}
	for _, target := range sc.Session.Setup().TargetNames() {
		for _, p := range [][2]string{{"new key", "accepted"}, {"old key", "accepted"}, {"tampered body", "refused"}, {"unknown key id", "refused"}, {"stale timestamp", "refused"}, {"replayed nonce", "refused"}, {"empty key", "refused"}, {"wrong key", "refused"}} {
			status := "200"
			if p[1] == "refused" {
				status = "403"
			}
			t.Rows = append(t.Rows, []string{p[0], target, p[1], status, "3 ms", "ok"})
		}
	}
	return t
}

func usage() checklist.Table {
	return checklist.Table{Title: "Requests in the last 24 hours", Columns: []string{"key id", "requests", "share", "senders"}, Rows: [][]string{
		{"v2", "18,204", "95.9%", "checkout, billing, mobile-gateway"}, {"v1", "778", "4.1%", "warehouse-sync"}, {"none", "0", "0.0%", ""},
	}}
}

// Scripted is a step that does what its functions say, and nothing where they
// are nil.
type Scripted struct {
	Risk     checklist.Risk
	DoFunc   func(context.Context, *checklist.Scope) error
	Evidence checklist.Evidence
}

// Plan asks for no more than the risk says.
func (s Scripted) Plan(_ context.Context, sc *checklist.Scope) (checklist.Plan, error) {
	risk := s.Risk
	if risk == "" {
		risk = checklist.Look
	}
	return checklist.Plan{Summary: sc.Item.Title, Risk: risk, Confirm: "v1"}, nil
}

// Check says that nothing is done yet.
func (s Scripted) Check(context.Context, *checklist.Scope) (bool, error) { return false, nil }

// Do runs DoFunc.
func (s Scripted) Do(ctx context.Context, sc *checklist.Scope) error {
	if s.DoFunc == nil {
		return nil
	}
	return s.DoFunc(ctx, sc)
}

// Verify returns Evidence.
func (s Scripted) Verify(context.Context, *checklist.Scope) (checklist.Evidence, error) {
	return s.Evidence, nil
}

// Failing is a step that fails with a hint.
func Failing() checklist.Step {
	return Scripted{DoFunc: func(context.Context, *checklist.Scope) error {
		return checklist.WithHint(errors.New("read the variables of orders-api: 429 too many requests"), "wait %s and run the item again", "60 s")
	}}
}

// Blaming is a step that fails, and knows which item puts that right when it is
// done again.
func Blaming(itemID string) checklist.Step {
	return Scripted{DoFunc: func(_ context.Context, sc *checklist.Scope) error {
		item, _, _ := sc.Session.Checklist.Item(itemID)
		return checklist.WithHint(blame{errors.New("orders-api staging: the stored value ends with a line feed"), itemID},
			"store it without — do %q again, which replaces the value", item.Title)
	}}
}

// blame is a checklist.Redoer.
type blame struct {
	error
	item string
}

func (b blame) Redo() string { return b.item }

// Panicking is a step that panics with a value that must not be shown.
func Panicking(value string) checklist.Step {
	return Scripted{DoFunc: func(context.Context, *checklist.Scope) error { panic(value) }}
}
